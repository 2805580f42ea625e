"""Files within a folder that is held by its descriptor: what was looked at is what is read and written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, Unsound
from pytrust.trust.files import PRIVATE, PRIVATE_FOLDER, PUBLIC

FILE_MAX_BYTES: Final = 64 * 1024 * 1024  # a list of 100,000 entries is 7 MB, and there may be some lists
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE: Final = 0o022
_OTHERS: Final = 0o077


@contextmanager
def opened(folder: Path, *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder; ``create``: made with mode 0700 where it is missing.

    Raises:
        NotSetUp: it is not there.
        BadPermissions: a symbolic link, somebody else's, or others can write to it.
        Unsound: what the system complains of within the block.
    """
    try:
        made = create and _made(folder)
        with _held(folder) as descriptor:
            _check(os.fstat(descriptor), str(folder), forbidden=_OTHERS_WRITE)
            if made:
                os.fchmod(descriptor, PRIVATE_FOLDER)  # a umask may have taken bits away
            yield descriptor
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unsound(f"{folder}: {reason}", hint="free space, or check permissions") from error


def write_tree(inside: int, name: str, files: Mapping[str, bytes], *, private: str, sync: bool) -> None:
    """A new folder (0700) with new files: 0600 the one called ``private``, 0644 the rest, whatever the umask."""
    remove_tree(inside, name)
    os.mkdir(name, PRIVATE_FOLDER, dir_fd=inside)
    os.chmod(name, PRIVATE_FOLDER, dir_fd=inside)
    descriptor = os.open(name, _FOLDER, dir_fd=inside)
    try:
        for file, data in files.items():
            _write(descriptor, file, data, mode=PRIVATE if file == private else PUBLIC, sync=sync)
        flush(descriptor, sync=sync)
    finally:
        os.close(descriptor)


def remove_tree(inside: int, name: str) -> None:
    """Delete a folder of files, if it is there."""
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=inside)
    except FileNotFoundError:
        return
    try:
        for file in names_in(descriptor):
            os.unlink(file, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=inside)


def remove_link(inside: int, name: str) -> None:
    """Delete a symbolic link, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=inside)


def target_of(inside: int, name: str) -> str:
    """Where a symbolic link leads; empty for anything else."""
    try:
        return os.readlink(name, dir_fd=inside)
    except OSError:
        return ""


def names_in(inside: int) -> list[str]:
    """What is in the folder."""
    return os.listdir(inside)


def flush(inside: int, *, sync: bool) -> None:
    """Make what happened to a file or folder durable."""
    if sync:
        os.fsync(inside)


def read_at(inside: int, name: str, what: str, *, private: bool) -> bytes | None:
    """A file, or None where there is none; ``what`` names it in errors.

    Raises:
        Damaged: no regular file, or larger than ``FILE_MAX_BYTES``.
        BadPermissions: it is somebody else's, others can write to it, or it is ``private`` and others can read it.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)
    except FileNotFoundError:
        return None
    try:
        return _read(descriptor, what, private=private)
    finally:
        os.close(descriptor)


def _made(folder: Path) -> bool:
    """Whether it had to be made; what stands at its path afterwards may be something else already."""
    try:
        folder.mkdir(PRIVATE_FOLDER)
    except FileExistsError:
        return False
    return True


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    try:
        descriptor = os.open(folder, _FOLDER)
    except FileNotFoundError:
        raise NotSetUp(f"{folder} does not exist", hint="see which folders there are: pytrust ca list") from None
    except NotADirectoryError:
        raise BadPermissions(f"{folder} is not a folder, or a symbolic link to one", hint="give the real one") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check(found: os.stat_result, what: str, *, forbidden: int) -> None:
    if found.st_uid not in {os.geteuid(), 0}:
        raise BadPermissions(f"{what} belongs to user {found.st_uid}", hint=f"sudo chown {os.geteuid()} {what}")
    if mode := found.st_mode & forbidden:
        wanted = stat.S_IMODE(found.st_mode) & ~mode
        raise BadPermissions(
            f"{what} is open to others (mode {stat.S_IMODE(found.st_mode):04o})", hint=f"chmod {wanted:04o} {what}"
        )


def _write(inside: int, name: str, data: bytes, *, mode: int, sync: bool) -> None:
    with os.fdopen(os.open(name, _NEW_FILE, mode, dir_fd=inside), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        flush(file.fileno(), sync=sync)


def _read(descriptor: int, what: str, *, private: bool) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Damaged(f"{what} is not a regular file")
    _check(found, what, forbidden=_OTHERS if private else _OTHERS_WRITE)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise Damaged(f"{what} is larger than {FILE_MAX_BYTES} bytes")
    return data
