"""Files that a running container opens, by whomever: fanotify(7) on its mounts, which no other container has.

This is for processes that ``docker exec`` brings in, which the recorder of files cannot see. It begins when the
container runs, and does not tell of links, renames and removals: alone, it is not enough.
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self, cast

from pytrust.policy.observe.container_files import shown
from pytrust.trust.limits import MOUNTINFO_MAX_BYTES

_EVENT: Final = struct.Struct("=IBBHQii")  # fanotify_event_metadata
_CLOSE_ON_EXEC: Final = 0x1
_NONBLOCK: Final = 0x2
_UNLIMITED: Final = 0x30  # queue and marks
_ADD_MOUNT: Final = 0x11  # FAN_MARK_ADD, FAN_MARK_MOUNT
_ACCESS: Final = 0x1
_CLOSE_WRITE: Final = 0x8
_OPEN: Final = 0x20
_OPEN_EXEC: Final = 0x1000
_FOLDERS: Final = 0x40000000  # FAN_ONDIR; is asked for, and not told
_ALL: Final = _ACCESS | _CLOSE_WRITE | _OPEN | _OPEN_EXEC | _FOLDERS
_READ_AT_ONCE: Final = 64 * 1024
_AT_FDCWD: Final = -100
_PROC: Final = Path("/proc")
_LIBRARY: Final = re.compile(r".*\.so(\.[^/]*)?")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_INTERVAL: Final = 0.05  # seconds
_KERNELS: Final = ("/proc", "/sys", "/dev", "/.pytrust-recorder")  # file systems of the kernel's, and ours
_libc: Final = ctypes.CDLL(None, use_errno=True)


class FileWatch:
    """Files and what is done with them, in letters of ``rwmx``; sees nothing where we may not look."""

    def __init__(self) -> None:
        self._group = -1
        self._found: dict[str, set[str]] = defaultdict(set)
        self._over, self._reader = Event(), cast("Thread | None", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._reader is not None:
            self._reader.join()
        if self._group >= 0:
            self._read()
            os.close(self._group)

    def begin(self, pid: int) -> None:
        """Watch every mount of the container whose process is ``pid``."""
        flags = _CLOSE_ON_EXEC | _NONBLOCK | _UNLIMITED
        self._group = int(_libc.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE))
        if self._group < 0:
            return
        root = _PROC / str(pid) / "root"
        for place in _mounts(pid):
            path = os.fsencode(f"{root}{place}")
            _libc.fanotify_mark(self._group, _ADD_MOUNT, ctypes.c_uint64(_ALL), _AT_FDCWD, path)
        self._reader = Thread(target=self._keep_reading, name="files", daemon=True)
        self._reader.start()

    def files(self) -> Mapping[str, str]:
        """All of it, by path, when the block is over."""
        return {path: "".join(sorted(letters)) for path, letters in self._found.items()}

    def _keep_reading(self) -> None:
        """The kernel's queue has no limit, so it is emptied in time."""
        while not self._over.wait(_INTERVAL):
            self._read()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._group, _READ_AT_ONCE)
            except OSError:
                return
            for mask, file in _events(data):
                self._take(mask, file)

    def _take(self, mask: int, file: int) -> None:
        try:
            path = shown(_PROC / "self/fd" / str(file))
            folder = stat.S_ISDIR(os.fstat(file).st_mode)
        finally:
            os.close(file)
        if path is None or path.startswith(_KERNELS):
            return
        if letters := _letters(mask, path, folder=folder):
            self._found[f"{path.rstrip('/')}/" if folder else path].update(letters)


def _letters(mask: int, path: str, *, folder: bool) -> str:
    library = _LIBRARY.fullmatch(path) is not None  # the loader is one, though the kernel opens it as a program
    letters = "w" if mask & _CLOSE_WRITE else ""
    if mask & _OPEN_EXEC:
        return letters + ("rm" if library else "rmx")
    if mask & _ACCESS or (folder and mask & _OPEN):
        letters += "rm" if library else "r"
    return letters


def _events(data: bytes) -> Iterator[tuple[int, int]]:
    """What was done, and a descriptor of what it was done to."""
    at = 0
    while at + _EVENT.size <= len(data):
        length, _, _, _, mask, file, _ = _EVENT.unpack_from(data, at)
        if file >= 0:
            yield mask, file
        at += max(length, _EVENT.size)


def _mounts(pid: int) -> Iterator[str]:
    """Where the container has something mounted that is not the kernel's."""
    with suppress(OSError):
        with (_PROC / str(pid) / "mountinfo").open(errors="surrogateescape") as file:
            lines = file.read(MOUNTINFO_MAX_BYTES).splitlines()
        places = (_OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4]) for line in lines)
        yield from (place for place in places if not place.startswith(_KERNELS))
