"""Folders that are handed out: key, certificate, CA certificates and lists, changed together or not at all.

DIR/cert.pem -> .live/cert.pem     what programs are told to read; likewise ca.pem, key.pem, crl.pem
DIR/.live    -> .7                 replaced by one rename
DIR/.7/                            the files; never changed once ``.live`` leads to them
DIR/.next/key.pem                  a new key, while its certificate is being recorded
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import Busy, UsageError
from pytrust.trust.pki.within import flush, names_in, opened, read_at, remove_link, remove_tree, target_of, write_tree

CA: Final = "ca.pem"
CERT: Final = "cert.pem"
KEY: Final = "key.pem"
CRL: Final = "crl.pem"
NAMES: Final = (CA, CERT, KEY, CRL)

_LIVE: Final = ".live"
_LIVE_NEXT: Final = ".live.new"
_NEXT: Final = ".next"
_GENERATION: Final = re.compile(r"\.[1-9][0-9]{0,15}")
_READ_TRIES: Final = 20  # a generation goes away only while a newer one comes


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
    with opened(folder, create=True) as inside:
        _refuse_foreign(inside, folder)
        fresh = f".{max(_generations(inside), default=0) + 1}"
        with _undone(inside, fresh):
            write_tree(inside, fresh, files, private=KEY, sync=sync)
            for name in files:
                _link(inside, name)
            _swap(inside, fresh, sync=sync)
        _clear(inside, keep=fresh, names=files)


def stage_key(folder: Path, key: bytes, *, sync: bool = True) -> None:
    """Put a private key into the folder before there is a certificate for it; see ``publish`` for what is raised."""
    with opened(folder, create=True) as inside:
        _refuse_foreign(inside, folder)
        with _undone(inside, _NEXT):
            write_tree(inside, _NEXT, {KEY: key}, private=KEY, sync=sync)
        flush(inside, sync=sync)


def staged_key(folder: Path) -> bytes | None:
    """What ``stage_key`` put there, as long as nothing was published since."""
    with opened(folder) as inside:
        return read_at(inside, f"{_NEXT}/{KEY}", f"{folder}/{_NEXT}/{KEY}", private=True)


def read(folder: Path) -> dict[str, bytes]:
    """The files of the folder, all of one moment; what is missing is not in it.

    A folder that something else wrote is read too, as it is. Each file has at most ``FILE_MAX_BYTES``.

    Raises:
        NotSetUp: there is no such folder.
        BadPermissions: the folder is a symbolic link; it or a file belongs to somebody else, or others can write to it;
            or others can read the key.
        Damaged: a file is no regular file or too large.
    """
    with opened(folder) as inside:
        for _ in range(_READ_TRIES):
            live = _live(inside)
            found = {name: _read_one(inside, f"{live}/{name}" if live else name, folder) for name in NAMES}
            if live == _live(inside):
                return {name: data for name, data in found.items() if data is not None}
    raise Busy(f"{folder} changes faster than it can be read", hint="try again")


def _read_one(inside: int, name: str, folder: Path) -> bytes | None:
    return read_at(inside, name, str(folder / Path(name).name), private=name.endswith(KEY))


def _refuse_foreign(inside: int, folder: Path) -> None:
    for name in NAMES:
        if name in names_in(inside) and target_of(inside, name) != f"{_LIVE}/{name}":
            raise UsageError(
                f"{folder} holds a {name} that pytrust did not write", hint="give an empty folder, or move it away"
            )


@contextmanager
def _undone(inside: int, name: str) -> Iterator[None]:
    """Take a generation away again where the block fails before ``.live`` leads to it."""
    try:
        yield
    except BaseException:
        if _live(inside) != name:
            remove_link(inside, _LIVE_NEXT)
            remove_tree(inside, name)
        raise


def _swap(inside: int, fresh: str, *, sync: bool) -> None:
    remove_link(inside, _LIVE_NEXT)
    os.symlink(fresh, _LIVE_NEXT, dir_fd=inside)
    flush(inside, sync=sync)  # nothing may lead to a folder that a power cut could take back
    os.rename(_LIVE_NEXT, _LIVE, src_dir_fd=inside, dst_dir_fd=inside)
    flush(inside, sync=sync)


def _clear(inside: int, *, keep: str, names: Mapping[str, bytes]) -> None:
    for number in _generations(inside):
        if f".{number}" != keep:
            remove_tree(inside, f".{number}")
    remove_tree(inside, _NEXT)
    for name in set(NAMES) - set(names):
        remove_link(inside, name)


def _link(inside: int, name: str) -> None:
    with suppress(FileExistsError):
        os.symlink(f"{_LIVE}/{name}", name, dir_fd=inside)


def _generations(inside: int) -> list[int]:
    return [int(name[1:]) for name in names_in(inside) if _GENERATION.fullmatch(name)]


def _live(inside: int) -> str | None:
    """The generation that counts; None where the folder is not one of ours."""
    target = target_of(inside, _LIVE)
    return target if _GENERATION.fullmatch(target) else None
