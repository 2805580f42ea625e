"""A home with a vault, the installed programs that use it, and its agent."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.rig.processes import Running, environment, running

from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import create_vault

PROGRAMS: Final = Path(sys.executable).parent
"""Where ``pytrust`` and ``docker-credential-pytrust`` are installed."""
_PATIENCE: Final = 60.0  # seconds


@dataclass
class VaultHome:
    """``folder/home``; what opens it is in ``key``, and nowhere else. ``runtime`` is the user's runtime folder."""

    folder: Path
    runtime: Path = Path("/nonexistent")
    key: Path = field(init=False)

    def __post_init__(self) -> None:
        text, made = unlock_key.make()
        self.key = self.folder / "unlock-key"
        self.key.touch(0o600)
        self.key.write_text(text)
        self.home.mkdir(0o700)
        slot = NewSlot(unlock_key.KIND, "", made.seed, made.params)
        create_vault(self.home / "vault", self.folder / "home.anchor", [slot], now=int(time.time())).close()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """In which the programs find the home, and docker finds its helper."""
        path = f"{PROGRAMS}:{environment()['PATH']}"
        own = {"PATH": path, "PYTRUST_HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.runtime)}
        return environment({**own, **(more or {})})

    def command(self, *words: str | Path) -> list[str]:
        """``pytrust`` with what opens the vault."""
        return [str(PROGRAMS / "pytrust"), "--unlock-file", str(self.key), *map(str, words)]

    def run(self, *words: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*words), input=stdin, env=self.environment(), capture_output=True, timeout=_PATIENCE
        )

    def must(self, *words: str | Path, stdin: bytes = b"") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.decode()

    @contextmanager
    def agent(self) -> Iterator[Running]:
        """Run the agent, open."""
        log = self.folder / f"agent-{time.monotonic_ns()}.log"
        words = self.command("vault", "agent")
        ready = "the vault is open"
        with running(words, log=log, ready=lambda: ready in log.read_text(), env=self.environment()) as process:
            yield process
