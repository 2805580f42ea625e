"""A listening socket in the file system: there whole, with its mode, or not at all; gone again when we are."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytrust.trust.files import PRIVATE

_ADDRESS_MAX_BYTES: Final = 107  # unix(7)


def listen_at(path: Path, mode: int, backlog: int) -> socket.socket:
    """A socket that does not block, and takes the place of what lies at ``path`` in one step.

    Others find the old one or the new one. Raises ``OSError``.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~PRIVATE)
    try:
        with short(temporary) as address:
            listening.bind(address)
        listening.listen(backlog)
        listening.setblocking(False)
        temporary.chmod(mode)
        temporary.rename(path)
    except BaseException:
        listening.close()
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.umask(before)
    return listening


@contextmanager
def removed_after(path: Path) -> Iterator[None]:
    """Remove the socket at ``path`` in the end, unless another has taken its place."""
    ours = _identity(path)
    try:
        yield
    finally:
        if _identity(path) == ours:
            path.unlink(missing_ok=True)


@contextmanager
def short(path: Path) -> Iterator[str]:
    """``path`` as the address of a socket, also where it is longer than an address may be."""
    if len(os.fsencode(path)) <= _ADDRESS_MAX_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
