"""The place in memory where secrets lie for containers: a tmpfs, never a disk.

Where we may mount, it is a file system of its own: bounded, without programs and devices, and not swapped out where
the kernel knows how (tmpfs(5), ``noswap``, Linux 6.4). Where we may not, it has to lie on a tmpfs already. Nobody
but root passes through it: a container gets one folder from within, and does not come by this way.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path
from typing import Final

from pytrust.trust.errors import BadPermissions, Unsound
from pytrust.trust.files import check_owned
from pytrust.trust.limits import DELIVERY_FILES_MAX, DELIVERY_MAX_BYTES

_TMPFS_MAGIC: Final = 0x01021994  # statfs(2)
_STATFS_BYTES: Final = 256  # more than any architecture's
_FLAGS: Final = 0x2 | 0x4 | 0x8  # mount(2): MS_NOSUID, MS_NODEV, MS_NOEXEC
_OPTIONS: Final = f"mode=0700,size={DELIVERY_MAX_BYTES},nr_inodes={DELIVERY_FILES_MAX}"
_PASSAGE: Final = 0o710  # for root, and for the root of a user namespace, which has to find the folder to mount it
_OTHERS: Final = 0o022
_PARENT: Final = 0o755
_ELSEWHERE: Final = "below /run there are such folders"
_MAKE_ONE: Final = "mount a tmpfs there, or run the proxy as root"


def prepare_place(place: Path, group: int) -> None:
    """Make ``place`` ready, on a tmpfs; ``group``, where it is not root's, may pass through it. What lies there stays.

    Raises:
        Unsound: it would be on a disk, or cannot be made.
        BadPermissions: others can write to it, or put another in its place.
    """
    try:
        if not place.parent.exists():
            place.parent.mkdir(parents=True)
            place.parent.chmod(_PARENT)
        check_owned(place.parent)
        _check_way(place.parent)
        place.mkdir(0o700, exist_ok=True)
        check_owned(place)
        if not place.is_dir():
            raise BadPermissions(f"{place} is not a folder", hint="remove it")
        if not _is_own_tmpfs(place):
            _mount_or_accept(place)
        _open_passage(place, group)
    except OSError as error:
        raise Unsound(f"{place} cannot be made: {(error.strerror or str(error)).lower()}", hint=_MAKE_ONE) from error


def is_in_memory(path: Path) -> bool:
    """Whether ``path`` lies on a tmpfs; raises ``OSError``."""
    found = ctypes.create_string_buffer(_STATFS_BYTES)
    if _libc.statfs(os.fsencode(path), found):
        raise _failed(path)
    return ctypes.c_long.from_buffer(found).value == _TMPFS_MAGIC


def _check_way(folder: Path) -> None:
    """Nobody can put another folder in its place: those above are root's or ours, and others do not rename there."""
    for above in folder.absolute().parents:
        found = above.stat()
        if found.st_uid not in {0, os.geteuid()} or (found.st_mode & _OTHERS and not found.st_mode & stat.S_ISVTX):
            raise BadPermissions(f"{above}, above {folder}, belongs to others or is open to them", hint=_ELSEWHERE)


def _is_own_tmpfs(place: Path) -> bool:
    return place.is_mount() and is_in_memory(place)


def _mount_or_accept(place: Path) -> None:
    """Anew only where nothing lies: what is in use must not be hidden."""
    in_memory = is_in_memory(place)
    if any(place.iterdir()):
        if not in_memory:
            raise Unsound(f"{place} holds files, and is on a disk", hint="look what they are, and remove them")
        return
    try:
        _mount(place)
    except PermissionError as error:
        if not in_memory:
            text = f"{place} is on a disk, and no tmpfs can be mounted there; secrets are written to no disk"
            raise Unsound(text, hint=_MAKE_ONE) from error


def _mount(place: Path) -> None:
    try:
        _mount_with(place, f"{_OPTIONS},noswap")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _mount_with(place, _OPTIONS)


def _mount_with(place: Path, options: str) -> None:
    if _libc.mount(b"pytrust-secrets", os.fsencode(place), b"tmpfs", ctypes.c_ulong(_FLAGS), options.encode()):
        raise _failed(place)


def _open_passage(place: Path, group: int) -> None:
    if not group:
        return  # root passes anyway; and nothing is closed that another container's root passes through
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_gid != group:
            os.fchown(descriptor, -1, group)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != _PASSAGE:
            os.fchmod(descriptor, _PASSAGE)
    finally:
        os.close(descriptor)


def _failed(path: Path) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), str(path))


_libc: Final = ctypes.CDLL(None, use_errno=True)
