"""The real notary client with a folder and passphrases of its own."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig.processes import environment

PASSPHRASES: Final = {
    "NOTARY_ROOT_PASSPHRASE": "rootpass-rig",
    "NOTARY_TARGETS_PASSPHRASE": "repopass-rig",
    "NOTARY_SNAPSHOT_PASSPHRASE": "repopass-rig",
    "NOTARY_DELEGATION_PASSPHRASE": "repopass-rig",
}
_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class NotaryClient:
    """``notary`` with its keys and its cache in ``folder``, asking the server at ``url``."""

    folder: Path
    url: str
    ca: Path
    login: tuple[str, str] | None = None

    def attempt(self, *words: str, stdin: str = "") -> Said:
        """``notary WORDS``, however it ends; its complaints are on standard output."""
        self.folder.mkdir(parents=True, exist_ok=True)
        flags = ["-d", str(self.folder), "-s", self.url, "--tlscacert", str(self.ca)]
        auth = {"NOTARY_AUTH": base64.b64encode(":".join(self.login).encode()).decode()} if self.login else {}
        done = subprocess.run(
            ["notary", *flags, *words],
            env=environment({**PASSPHRASES, **auth, "HOME": str(self.folder)}),
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def metadata(self, gun: str, role: str) -> Path:
        """The file of a role in its cache."""
        return self.folder / "tuf" / gun / "metadata" / f"{role}.json"
