"""User notifications of seccomp on the wire: ``struct seccomp_notif`` and its answer (linux/seccomp.h)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_RECEIVE: Final = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV: both ways, 80 bytes, '!', 0
_SEND: Final = 0xC0182101
_NOTICE: Final = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; seccomp_data: number, architecture, place, arguments
_ANSWER: Final = struct.Struct("=QqiI")  # id, value, error, flags
_CONTINUE: Final = 1
_PIDFD_GETFD: Final = 438
_PROC: Final = Path("/proc")
_LISTENER: Final = "anon_inode:seccomp notify"
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Notice(NamedTuple):
    """A thread waits to be let into a call; ``pid`` is the thread's on this host."""

    id: int
    pid: int
    arch: int
    call: int
    arguments: tuple[int, ...]


def receive(listener: int) -> Notice | None:
    """The next one; None if whoever called is gone."""
    data = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, data)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.EINTR}:
            return None
        raise
    id_, pid, _, call, arch, _, *arguments = _NOTICE.unpack(data)
    return Notice(id_, pid, arch, call & 0xFFFFFFFF, tuple(arguments))


def let_go(listener: int, notice: Notice) -> None:
    """The call is made as if nobody had looked."""
    with suppress(FileNotFoundError):  # killed meanwhile
        fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(notice.id, 0, 0, _CONTINUE)))


def take_listener(pid: int) -> int | None:
    """The listener that a process has made, as a descriptor of our own; None if it has none yet, or is gone."""
    try:
        links = [link for link in (_PROC / str(pid) / "fd").iterdir() if str(link.readlink()) == _LISTENER]
        process = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        taken = int(_libc.syscall(_PIDFD_GETFD, process, int(links[0].name), 0)) if links else -1
    finally:
        os.close(process)
    return taken if taken >= 0 else None
