"""The files of a container as its processes see them, looked up from outside without being led out of it.

Symbolic links are followed inside the container's root by the kernel itself (openat2(2), RESOLVE_IN_ROOT).
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OPENAT2: Final = 437  # on every architecture
_HOW: Final = struct.Struct("=QQQ")  # open_how: flags, mode, resolve
_IN_ROOT: Final = 0x10
_PROC: Final = Path("/proc")
_SELF: Final = ("/proc/self/", "/proc/thread-self/")  # whoever looks it up
_OWN: Final = re.compile(r"/proc/(?:thread-)?self/(exe|cwd|root|fd/[0-9]{1,9})(/.*)?", re.DOTALL)
_GONE: Final = " (deleted)"
_libc: Final = ctypes.CDLL(None, use_errno=True)


def resolve(pid: int, path: str, *, follow: bool = True) -> str | None:
    """An absolute path in the container of ``pid`` without links, with ``/`` at the end of a folder; None: not there.

    ``follow``: a link in the last place is followed, too.
    """
    if own := _OWN.fullmatch(path):
        start = shown(_PROC / str(pid) / own[1])
        return resolve(pid, f"{start}{own[2] or ''}", follow=follow) if start else None
    if path.startswith(_SELF):
        return os.path.normpath(path)
    with _opened(pid, path, follow=follow) as file:
        if file is None:
            return None
        found = shown(_PROC / "self/fd" / str(file))
        return f"{found.rstrip('/')}/" if found and stat.S_ISDIR(os.fstat(file).st_mode) else found


def resolve_new(pid: int, path: str) -> str | None:
    """The same for what may not be there yet: then its folder has to be."""
    if found := resolve(pid, path):
        return found
    folder, _, name = path.rstrip("/").rpartition("/")
    above = resolve(pid, folder or "/")
    return f"{above}{name}" if above and above.endswith("/") and name not in {"", ".", ".."} else None


def find_program(pid: int, name: str) -> str:
    """What a container's first process becomes: a path as it is, a name along its PATH as runc looks it up."""
    if "/" in name:
        return name
    for folder in _search(pid):
        path = f"{folder}/{name}"
        with _opened(pid, path, follow=True) as file:
            if file is not None and _is_program(os.fstat(file)):
                return path
    return name


def shown(link: Path) -> str | None:
    """What a link of proc(5) shows; None if it is no file with a name."""
    try:
        target = str(link.readlink())
    except OSError:
        return None
    return target if target.startswith("/") and not target.endswith(_GONE) else None


@contextmanager
def _opened(pid: int, path: str, *, follow: bool) -> Iterator[int | None]:
    """A file, only as a place (O_PATH)."""
    try:
        root = os.open(_PROC / str(pid) / "root", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    how = _HOW.pack(os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW), 0, _IN_ROOT)
    try:
        file = int(_libc.syscall(_OPENAT2, root, os.fsencode(path), how, len(how)))
    finally:
        os.close(root)
    if file < 0:
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)


def _search(pid: int) -> list[str]:
    try:
        words = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
    paths = [os.fsdecode(word[5:]) for word in words if word.startswith(b"PATH=")]
    return [folder or "." for folder in paths[0].split(":")] if paths else []


def _is_program(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and bool(found.st_mode & 0o111)
