"""Tiny images, and the stock docker client to handle them."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig.processes import RigError, environment, find

_APPLETS: Final = ("sh", "cat", "echo", "id", "ls", "sleep", "true", "false", "wget", "httpd", "touch", "mkdir")
_TIMEOUT: Final = 120.0  # seconds for one docker command
_PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Docker:
    """The docker client, talking to ``host``, with its configuration in ``config`` and nowhere else."""

    host: str
    config: Path

    def run(self, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """What ``docker WORDS`` prints; raises ``RigError`` with its complaint if it fails."""
        done = self.attempt(*words, stdin=stdin, env=env)
        if done.returncode:
            complaint = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise RigError(f"docker {' '.join(words)}: {complaint}")
        return done.stdout.decode().strip()

    def attempt(
        self, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """``docker WORDS``, however it ends."""
        self.config.mkdir(parents=True, exist_ok=True)
        settings = {"DOCKER_CONFIG": str(self.config), "HOME": str(self.config), **(env or {})}
        return subprocess.run(
            ["docker", "--host", self.host, *words],
            env=environment(settings),
            input=b"" if stdin is None else stdin,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )

    def make_image(self, name: str, content: str = "one") -> str:
        """Make the image ``name`` with busybox and the file ``/content``; gives its id."""
        return self.run("import", "--change", 'CMD ["/bin/sh"]', "-", name, stdin=root_tar(content))

    def tag(self, source: str, name: str) -> None:
        """Give an image one more name."""
        self.run("tag", source, name)

    def push(self, name: str, env: Mapping[str, str] | None = None) -> str:
        """Push one tag; gives the digest that docker says it pushed."""
        found = _PUSHED.search(self.run("push", name, env=env))
        if found is None:
            raise RigError(f"docker push {name} names no digest")
        return found[1]


def missing() -> str:
    """Why no image can be made here, as a sentence; empty if it can."""
    if find("docker") is None:
        return "tiny images need the docker client: scripts/install-packages"
    if find("busybox") is None:
        return "tiny images need busybox-static: scripts/install-packages"
    return ""


def root_tar(content: str) -> bytes:
    """A root file system: busybox, links to it, a few folders, and ``content`` in ``/content``; 2 MB."""
    busybox = find("busybox")
    if busybox is None:
        raise RigError(missing())
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for folder in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            _add(tar, folder, tarfile.DIRTYPE)
        _add(tar, "bin/busybox", tarfile.REGTYPE, Path(busybox).read_bytes())
        _add(tar, "content", tarfile.REGTYPE, content.encode())
        for applet in _APPLETS:
            _add(tar, f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
    return output.getvalue()


def _add(tar: tarfile.TarFile, name: str, kind: bytes, data: bytes = b"", link: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.mode, member.linkname = kind, len(data), 0o755, link
    tar.addfile(member, io.BytesIO(data))
