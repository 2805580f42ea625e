"""``pytrust secret`` over a vault in memory: real commands, real streams, a clock that stands still."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from tests.fakes.vaulted import FakeVaulted

from pytrust.cli.root import fail
from pytrust.cli.secret import secret
from pytrust.cli.workspace import Workspace

NOW = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: bytes
    err: str


class _Workspace(Workspace):
    @staticmethod
    def now() -> datetime:
        return datetime.fromtimestamp(NOW, UTC)


class SecretShell:
    """Runs ``pytrust secret WORDS`` over ``vault``."""

    def __init__(self, vault: FakeVaulted, capture: pytest.CaptureFixture[bytes], folder: Path) -> None:
        self.vault, self._capture = vault, capture
        self._workspace = _Workspace(folder / "home", None, None)
        self._workspace.__dict__["vaulted"] = vault

    def __call__(self, *words: str, stdin: bytes = b"") -> Said:
        self._capture.readouterr()
        with piped(stdin):
            code = self._run(words)
        said = self._capture.readouterr()
        return Said(code, said.out, said.err.decode())

    def _run(self, words: tuple[str, ...]) -> int:
        try:
            result = secret.main(list(words), obj=self._workspace, prog_name="pytrust secret", standalone_mode=False)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - as root.run
            return fail(error)
        return result if isinstance(result, int) else 0


@contextmanager
def piped(data: bytes) -> Iterator[None]:
    """``data`` where a pipe would be."""
    kept = os.dup(0)
    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
