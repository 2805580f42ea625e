"""A home with a vault, and ``pytrust`` typed at it: real commands and a real vault, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.secret_shell import Said, piped

from pytrust.cli.root import run


@dataclass(frozen=True, slots=True)
class VaultShell:
    """One user with one home; ``key`` is the file with its unlock key."""

    folder: Path
    capture: pytest.CaptureFixture[bytes]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    def type(self, *words: str, stdin: bytes = b"") -> Said:
        """``pytrust WORDS``, with nothing that opens the vault."""
        self.capture.readouterr()
        with piped(stdin):
            code = run(["--home", str(self.home), *words])
        said = self.capture.readouterr()
        return Said(code, said.out, said.err.decode())

    def open(self, *words: str, stdin: bytes = b"", key: Path | None = None) -> Said:
        """``pytrust --unlock-file KEY WORDS``."""
        return self.type("--unlock-file", str(key or self.key), *words, stdin=stdin)

    def must(self, *words: str, stdin: bytes = b"") -> bytes:
        done = self.open(*words, stdin=stdin)
        assert done.code == 0, (words, done)
        return done.out

    def init(self) -> None:
        done = self.type("vault", "init", "--unlock-key-only", "--unlock-key-file", str(self.key))
        assert done.code == 0, done

    def put(self, name: str, value: bytes) -> None:
        self.must("secret", "put", name, stdin=value)

    def slots(self) -> dict[str, str]:
        """Identities by kind."""
        return {slot["kind"]: slot["id"] for slot in self.header()["slots"]}

    def header(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "vault" / "vault.json").read_bytes().partition(b"\n")[0])
        return found

    def tree(self) -> dict[str, bytes]:
        """Every file of the home and of its anchor, but for locks."""
        found = (path for root in (self.home, self.anchor) for path in root.rglob("*"))
        return {str(path): path.read_bytes() for path in found if path.is_file() and path.name != "lock"}

    @property
    def anchor(self) -> Path:
        return self.folder / "home.anchor"
