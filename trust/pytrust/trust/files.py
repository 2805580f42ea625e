"""Files that are whole or absent, and secrets that only their owner can read.

Everything pytrust writes goes to a temporary file in the same folder, is flushed to the disk, and takes its name in
one rename: kill -9 at any moment leaves the old file or the new one.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import BadPermissions, Busy, Damaged, NotSetUp

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
PRIVATE_FOLDER: Final = 0o700
_MAKE_HOME: Final = "create a pytrust home with: pytrust init"


def write_atomic(
    path: Path, data: bytes, *, mode: int = PRIVATE, replace: bool = True, group: int | None = None
) -> None:
    """Write ``data`` to ``path``, whole or not at all, with exactly ``mode``, and for ``group`` (None: our own).

    Raises:
        FileExistsError: ``replace`` is false and the path is taken.
    """
    temporary = path.with_name(f".{os.getpid()}.{time.monotonic_ns()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        error.filename = str(path)  # nobody asked for the temporary one
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames inside ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a regular file; raises ``Damaged`` beyond ``max_bytes`` or where it is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)  # a folder cannot even be wrapped
        raise Damaged(f"{path} is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise Damaged(f"{path} is larger than {max_bytes} bytes")
    return data


def read_private(path: Path, max_bytes: int, *, missing: str = _MAKE_HOME) -> bytes:
    """Read a secret; raises what ``check_owned`` does where others could read or replace it."""
    check_owned(path, forbidden=0o077, missing=missing)
    return read_bounded(path, max_bytes)


def check_owned(path: Path, *, forbidden: int = 0o022, missing: str = _MAKE_HOME) -> None:
    """Refuse a path that belongs to another user, is a symbolic link, or has a ``forbidden`` mode bit.

    Raises:
        NotSetUp: there is nothing at the path; ``missing`` is its hint.
        BadPermissions: others could have written (or, for secrets, read) it.
    """
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise NotSetUp(f"{path} does not exist", hint=missing) from error
    except PermissionError as error:
        raise BadPermissions(f"{path} cannot be read by this user", hint="run as its owner") from error
    if stat.S_ISLNK(found.st_mode):
        raise BadPermissions(f"{path} is a symbolic link", hint="replace it by the real file or folder")
    if found.st_uid not in {os.geteuid(), 0}:
        raise BadPermissions(f"{path} belongs to user {found.st_uid}", hint=f"sudo chown {os.geteuid()} {path}")
    if found.st_mode & forbidden:
        wanted = stat.S_IMODE(found.st_mode) & ~forbidden
        raise BadPermissions(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o})",
            hint=f"chmod {wanted:04o} {path}",
        )


@contextmanager
def locked(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` (created empty) across processes.

    Raises:
        Busy: another process held it for ``timeout`` seconds.
    """
    end = time.monotonic() + timeout
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
        try:
            _wait_for_lock(descriptor, path, end)
            if _is_at(descriptor, path):  # else its folder was replaced meanwhile: others lock what is there now
                yield
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _wait_for_lock(descriptor: int, path: Path, end: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise Busy(f"{path} is locked by another process", hint="wait for it, or end it") from None
            time.sleep(0.005)
        else:
            return
