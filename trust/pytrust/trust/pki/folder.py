"""Folders that are handed out: key, certificate, CA certificates and lists, changed together or not at all.

    DIR/cert.pem -> .live/cert.pem     what programs are told to read; likewise ca.pem, key.pem, crl.pem
    DIR/.live    -> .7                 replaced by one rename
    DIR/.7/                            the files; never changed once ``.live`` leads to them
    DIR/.next/key.pem                  a new key, while its certificate is being recorded

Everything goes through a descriptor of the folder that was looked at, so nobody can swap the folder in between.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import BadPermissions, Busy, Damaged, NotSetUp, Unsound, UsageError
from pytrust.trust.files import PRIVATE, PRIVATE_FOLDER, PUBLIC

CA: Final = "ca.pem"
CERT: Final = "cert.pem"
KEY: Final = "key.pem"
CRL: Final = "crl.pem"
NAMES: Final = (CA, CERT, KEY, CRL)

FILE_MAX_BYTES: Final = 64 * 1024 * 1024  # a list of 100,000 entries is 5 MB, and there may be some lists
_LIVE: Final = ".live"
_NEXT: Final = ".next"
_GENERATION: Final = re.compile(r"\.[1-9][0-9]{0,15}")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_TRIES: Final = 20  # a generation goes away only while a newer one comes
_OTHERS_WRITE: Final = 0o022
_OTHERS: Final = 0o077


def publish(folder: Path, files: Mapping[str, bytes], *, sync: bool = True) -> None:
    """Let ``files`` (named as in ``NAMES``) be all that the folder holds, whatever the umask.

    The folder is made (0700) where it is missing; ``key.pem`` is 0600 from its first moment, the rest 0644.

    Args:
        folder: its parent must be there.
        files: a name that is not given is taken away.
        sync: False where the caller flushes many folders at once (``os.sync``) before it counts on them.

    Raises:
        BadPermissions: the folder is a symbolic link, belongs to somebody else, or others can write to it.
        UsageError: it holds a file of that name that was not written here.
        Unsound: the disk is full, or the like; the folder is as before.
    """
    with _reported(folder), _opened(folder, create=True) as inside:
        _refuse_foreign(inside, folder)
        fresh = f".{max(_generations(inside), default=0) + 1}"
        with _undone(inside, fresh):
            _write_generation(inside, fresh, files, sync=sync)
            for name in files:
                _link(inside, name)
            _swap(inside, fresh, sync=sync)
        _clear(inside, keep=fresh, names=files)


def stage_key(folder: Path, key: bytes, *, sync: bool = True) -> None:
    """Put a private key into the folder before there is a certificate for it; see ``publish`` for what is raised."""
    with _reported(folder), _opened(folder, create=True) as inside:
        _refuse_foreign(inside, folder)
        with _undone(inside, _NEXT):
            _write_generation(inside, _NEXT, {KEY: key}, sync=sync)


def staged_key(folder: Path) -> bytes | None:
    """What ``stage_key`` put there, as long as nothing was published since."""
    with _reported(folder), _opened(folder) as inside:
        return _read_at(inside, f"{_NEXT}/{KEY}", folder)


def read(folder: Path) -> dict[str, bytes]:
    """The files of the folder, all of one moment; what is missing is not in it.

    A folder that something else wrote is read too, as it is. Each file has at most ``FILE_MAX_BYTES``.

    Raises:
        NotSetUp: there is no such folder.
        BadPermissions: the folder is a symbolic link, belongs to somebody else, or others can write to it or read the
            key.
        Damaged: a file is no regular file or too large.
    """
    with _reported(folder), _opened(folder) as inside:
        for _ in range(_READ_TRIES):
            live = _live(inside)
            where = f"{live}/" if live else ""
            found = {name: _read_at(inside, where + name, folder) for name in NAMES}
            if live == _live(inside):
                return {name: data for name, data in found.items() if data is not None}
    raise Busy(f"{folder} changes faster than it can be read", hint="try again")


@contextmanager
def _opened(folder: Path, *, create: bool = False) -> Iterator[int]:
    if create:
        with suppress(FileExistsError):
            folder.mkdir(PRIVATE_FOLDER)
            folder.chmod(PRIVATE_FOLDER)  # a umask may have taken bits away
    try:
        descriptor = os.open(folder, _FOLDER)
    except FileNotFoundError:
        raise NotSetUp(f"{folder} does not exist", hint="see which folders there are: pytrust ca list") from None
    except NotADirectoryError:
        raise BadPermissions(f"{folder} is not a folder, or a symbolic link to one", hint="give the real one") from None
    try:
        _check(os.fstat(descriptor), str(folder), forbidden=_OTHERS_WRITE)
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


def _refuse_foreign(inside: int, folder: Path) -> None:
    for name in set(NAMES) & set(os.listdir(inside)):
        if not _is_ours(inside, name):
            raise UsageError(
                f"{folder} holds a {name} that pytrust did not write", hint="give an empty folder, or move it away"
            )


def _is_ours(inside: int, name: str) -> bool:
    try:
        return os.readlink(name, dir_fd=inside) == f"{_LIVE}/{name}"
    except OSError:
        return False


def _write_generation(inside: int, name: str, files: Mapping[str, bytes], *, sync: bool) -> None:
    _remove_tree(inside, name)
    os.mkdir(name, PRIVATE_FOLDER, dir_fd=inside)
    os.chmod(name, PRIVATE_FOLDER, dir_fd=inside)
    descriptor = os.open(name, _FOLDER, dir_fd=inside)
    try:
        for file, data in files.items():
            _write(descriptor, file, data, sync=sync)
        _flush(descriptor, sync=sync)
    finally:
        os.close(descriptor)


def _write(inside: int, name: str, data: bytes, *, sync: bool) -> None:
    mode = PRIVATE if name == KEY else PUBLIC
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, mode, dir_fd=inside), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        _flush(file.fileno(), sync=sync)


def _swap(inside: int, fresh: str, *, sync: bool) -> None:
    temporary = f"{_LIVE}.new"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=inside)
    os.symlink(fresh, temporary, dir_fd=inside)
    _flush(inside, sync=sync)  # nothing may lead to a folder that a power cut could take back
    os.rename(temporary, _LIVE, src_dir_fd=inside, dst_dir_fd=inside)
    _flush(inside, sync=sync)


def _clear(inside: int, *, keep: str, names: Mapping[str, bytes]) -> None:
    for number in _generations(inside):
        if f".{number}" != keep:
            _remove_tree(inside, f".{number}")
    _remove_tree(inside, _NEXT)
    for name in set(NAMES) - set(names):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=inside)


def _link(inside: int, name: str) -> None:
    with suppress(FileExistsError):
        os.symlink(f"{_LIVE}/{name}", name, dir_fd=inside)


@contextmanager
def _undone(inside: int, name: str) -> Iterator[None]:
    """Take a folder away again where the block fails before ``.live`` leads to it."""
    try:
        yield
    except BaseException:
        if _live(inside) != name:
            _remove_tree(inside, name)
        raise


def _generations(inside: int) -> list[int]:
    return [int(name[1:]) for name in os.listdir(inside) if _GENERATION.fullmatch(name)]


def _live(inside: int) -> str | None:
    """The generation that counts; None where the folder is not one of ours."""
    try:
        target = os.readlink(_LIVE, dir_fd=inside)
    except OSError:
        return None
    return target if _GENERATION.fullmatch(target) else None


def _remove_tree(inside: int, name: str) -> None:
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=inside)
    except FileNotFoundError:
        return
    try:
        for file in os.listdir(descriptor):  # noqa: PTH208 - pathlib does not work within a descriptor
            os.unlink(file, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=inside)


def _read_at(inside: int, name: str, folder: Path) -> bytes | None:
    what = str(folder / Path(name).name)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)
    except FileNotFoundError:
        return None
    try:
        return _read_checked(descriptor, what, private=name.endswith(KEY))
    finally:
        os.close(descriptor)


def _read_checked(descriptor: int, what: str, *, private: bool) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Damaged(f"{what} is not a regular file")
    if private:
        _check(found, what, forbidden=_OTHERS)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise Damaged(f"{what} is larger than {FILE_MAX_BYTES} bytes")
    return data


def _flush(descriptor: int, *, sync: bool) -> None:
    if sync:
        os.fsync(descriptor)


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unsound(f"{folder}: {reason}", hint="free space, or check permissions") from error
