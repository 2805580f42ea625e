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

_SHARED: Final = 0o666
_PATH_MAX_BYTES: Final = 107  # of an address, unix(7)


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
            found = _taken_over(inherited) if inherited else _listen(path, _SHARED if shared else PRIVATE)
        except OSError as error:
            raise UsageError(f"cannot listen at {path}: {error.strerror or error}") from error
        listening = held.enter_context(found)
        kept = os.dup(listening.fileno())
        held.callback(os.close, kept)
        ours = _identity(path)
        try:
            yield Claim(listening, Descriptors(kept, lock))
        finally:
            if _identity(path) == ours:
                path.unlink(missing_ok=True)


@contextmanager
def short(path: Path) -> Iterator[str]:
    """``path`` as the address of a socket, also where it is longer than an address may be."""
    if len(os.fsencode(path)) <= _PATH_MAX_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


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


def _listen(path: Path, mode: int) -> socket.socket:
    """Takes the place of a socket that was left behind in one step; others find the old one or the new one."""
    _check_place(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~PRIVATE)
    try:
        with short(temporary) as address:
            listening.bind(address)
        listening.listen(AGENT_BACKLOG)
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


def _check_place(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise UsageError(f"{path} exists and is no socket", hint="remove it")
    if found.st_uid not in {0, os.geteuid()}:
        raise BadPermissions(f"{path} belongs to user {found.st_uid}", hint="remove it")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
