"""A container that waits at its very beginning until its recorder is ready: the launcher, and the socket it asks at.

Both lie in a folder of ours that is mounted into the container. Only root gets to the socket from this host, and the
container's users only inside of it.
"""

from __future__ import annotations

import os
import platform
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.observe.container_files import find_program
from pytrust.policy.observe.launcher import FOLDER, PROGRAM, SOCKET_NAME, launcher
from pytrust.policy.observe.trial import RunOptions
from pytrust.trust.errors import AccessDenied

BECOME: Final = b"g"
BECOME_WATCHED: Final = b"n"
_PEER: Final = struct.Struct("=iII")
_RUN: Final = Path("/run")


class Command(NamedTuple):
    """What an image runs where nobody says otherwise."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]


class Waiting(NamedTuple):
    """A launcher that waits: the process id on this host, and the way to let it go on."""

    pid: int
    line: socket.socket

    def go(self, how: bytes, words: tuple[str, ...]) -> None:
        """Let it become the program of ``words``."""
        self.line.sendall(how + os.fsencode(find_program(self.pid, words[0])) + b"\0")
        self.line.close()


class Gate(NamedTuple):
    """``folder`` is mounted into the container; ``socket`` listens there."""

    folder: Path
    socket: socket.socket

    def options(self, options: RunOptions, words: tuple[str, ...]) -> RunOptions:
        """The same run, that begins at the gate and goes on with ``words``."""
        mounts = (*options.mounts, f"{self.folder}:{FOLDER}:ro")
        return options._replace(entrypoint=(PROGRAM,), command=words, mounts=mounts)

    def wait(self, seconds: float) -> Waiting | None:
        """A launcher that came; None if none does."""
        self.socket.settimeout(seconds)
        try:
            line, _ = self.socket.accept()
        except TimeoutError:
            return None
        pid, _, _ = _PEER.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        return Waiting(pid, line)


def words_of(options: RunOptions, image: Command) -> tuple[str, ...]:
    """The words of a container's first process, as Docker puts them together."""
    if options.entrypoint:
        return (*options.entrypoint, *options.command)
    return (*image.entrypoint, *(options.command or image.command))


def missing() -> str:
    """Why no container can wait, as a sentence; empty if it can."""
    if os.geteuid() != 0:
        return "containers are watched by root only"
    machine = platform.machine()
    return "" if machine == "x86_64" else f"there is no launcher for {machine}"


@contextmanager
def gate() -> Iterator[Gate]:
    """Open one; it goes with the block.

    Raises:
        AccessDenied: we may not make it.
    """
    place = _RUN if os.access(_RUN, os.W_OK) else None
    try:
        with (
            tempfile.TemporaryDirectory(prefix="pytrust-", dir=place) as outside,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening,
        ):
            yield Gate(_furnished(Path(outside), listening), listening)
    except PermissionError as error:
        raise AccessDenied(f"a container cannot be made to wait: {error.strerror}", hint="run as root") from error


def _furnished(outside: Path, listening: socket.socket) -> Path:
    folder = outside / "gate"  # open to the container's users; the folder around it is not
    folder.mkdir()
    program, place = folder / "launcher", folder / SOCKET_NAME
    program.write_bytes(launcher())
    listening.bind(str(place))
    listening.listen()
    for path, mode in ((program, 0o755), (place, 0o666), (folder, 0o755)):
        path.chmod(mode)
    return folder
