"""The stock docker client with content trust."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.rig import images
from tests.rig.images import Docker
from tests.rig.notary_client import Said
from tests.rig.processes import environment

_PASSPHRASES: Final = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "rootpass-rig",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "repopass-rig",
}
_LAST: Final = 28  # the last version of the client that checks by itself


def missing() -> str:
    """Why no client with content trust is here, as a sentence; empty if there is one."""
    if reason := images.missing():
        return reason
    said = subprocess.run(["docker", "--version"], env=environment(), capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)", said.stdout)
    if found is None or int(found[1]) > _LAST:
        return f"content trust needs a docker client of version {_LAST} or earlier"
    return ""


@dataclass(frozen=True, slots=True)
class DockerTrust:
    """``docker`` with content trust at the server ``url``."""

    docker: Docker
    url: str

    def attempt(self, *words: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Said:
        """``docker WORDS``, however it ends."""
        done = self.docker.attempt(*words, stdin=stdin.encode(), env={**self.environment(), **(env or {})})
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def environment(self) -> dict[str, str]:
        """What switches content trust on."""
        settings = {"DOCKER_CONTENT_TRUST": "1", "DOCKER_CONTENT_TRUST_SERVER": self.url, "DOCKER_BUILDKIT": "0"}
        return {**settings, **_PASSPHRASES}
