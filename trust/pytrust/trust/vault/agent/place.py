"""The agent's socket in the file system: one agent, and nobody else's socket."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.trust.errors import BadPermissions, Busy, UsageError
from pytrust.trust.files import PRIVATE, check_owned
from pytrust.trust.limits import AGENT_BACKLOG
from pytrust.trust.socket_file import listen_at, removed_after

_SHARED: Final = 0o666


class Descriptors(NamedTuple):
    """What a claim is made of: the socket, and the lock that keeps others away."""

    socket: int
    lock: int


class Claim(NamedTuple):
    """``kept`` is a second hold on it, for whoever closes ``listening`` and goes on in another program."""

    listening: socket.socket
    kept: Descriptors


@contextmanager
def claimed(path: Path, *, shared: bool, inherited: Descriptors | None = None) -> Iterator[Claim]:
    """A listening socket at ``path``, for the owner alone, or ``shared``; removed in the end.

    ``inherited`` is what another program of this process kept of its claim: it goes on, and nobody saw a gap.

    Raises:
        Busy: an agent listens there already.
        BadPermissions: others could put their own there.
        UsageError: what lies there is no socket, or the system does not let us.
    """
    check_owned(path.parent)
    with ExitStack() as held:
        lock = inherited.lock if inherited else _lock(path)
        held.callback(os.close, lock)
        try:
            found = _taken_over(inherited) if inherited else _fresh(path, _SHARED if shared else PRIVATE)
        except OSError as error:
            raise UsageError(f"cannot listen at {path}: {error.strerror or error}") from error
        listening = held.enter_context(found)
        kept = os.dup(listening.fileno())
        held.callback(os.close, kept)
        with removed_after(path):
            yield Claim(listening, Descriptors(kept, lock))


def _taken_over(inherited: Descriptors) -> socket.socket:
    for descriptor in inherited:
        os.set_inheritable(descriptor, False)
    listening = socket.socket(fileno=inherited.socket)
    listening.setblocking(False)
    return listening


def _lock(path: Path) -> int:
    """Held by the one agent; the kernel lets go of it whatever ends the process."""
    beside = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, PRIVATE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadPermissions(f"{beside} is a symbolic link", hint="remove it") from error
        raise UsageError(f"cannot listen at {path}: {beside}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy(f"an agent listens at {path} already", hint="pytrust vault status") from None
    return descriptor


def _fresh(path: Path, mode: int) -> socket.socket:
    _check_place(path)
    return listen_at(path, mode, AGENT_BACKLOG)


def _check_place(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise UsageError(f"{path} exists and is no socket", hint="remove it")
    if found.st_uid not in {0, os.geteuid()}:
        raise BadPermissions(f"{path} belongs to user {found.st_uid}", hint="remove it")
