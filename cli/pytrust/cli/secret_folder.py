"""Folders of secrets in memory, for plain programs: each belongs to one process, and goes when that has ended.

A folder lies on a tmpfs, so that its files are on no disk (they may be swapped out, as all memory may). Its name
carries who it is for: user, process namespace, process and its start. What was left behind by a killed process is
therefore told from what is in use, and swept at the next start.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.trust.errors import Unsound
from pytrust.trust.limits import MOUNTINFO_MAX_BYTES

_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_PLACES: Final = (Path("/dev/shm"), Path("/run"))  # noqa: S108 - who may write there matters not: see ``make_folder``
_READ_ONLY: Final = 0o400
_FOLDER: Final = 0o700
_FOLDER_READ_ONLY: Final = 0o500
_NAME: Final = re.compile(r"pytrust-([0-9]{1,10})-([0-9]{1,20})-([0-9]{1,9})-([0-9]{1,20})-[0-9a-f]{16}")
_ENDED: Final = frozenset({b"Z", b"X"})
_AFTER_NAME: Final = 19  # fields of /proc/PID/stat between the program's name and its start (proc_pid_stat(5): 22)


class Process(NamedTuple):
    """A process, told from every other that has or had its number: ``namespace`` of numbers, ``start`` in ticks."""

    namespace: int
    pid: int
    start: int


def find_memory() -> Path:
    """Where folders of secrets go; raises ``Unsound`` where nothing is on a tmpfs."""
    for place in _memory_places():
        return place
    raise Unsound(
        "no folder in memory can be written to, and secrets are written to no disk",
        hint="mount a tmpfs at /dev/shm, or set XDG_RUNTIME_DIR",
    )


def make_folder(place: Path, owner: Process, files: Mapping[str, bytes]) -> Path:
    """A folder for ``owner`` with one read-only file for each value; whole, or not there.

    Whoever else may write to ``place`` cannot guess the name, and ``mkdir`` follows no link.
    """
    words = map(str, (os.geteuid(), *owner))
    folder = place / f"pytrust-{'-'.join(words)}-{secrets.token_hex(8)}"
    folder.mkdir(_FOLDER)
    try:
        for name, value in files.items():
            _write(folder / name, value)
        folder.chmod(_FOLDER_READ_ONLY)
    except BaseException:
        remove_folder(folder)
        raise
    return folder


def remove_folder(folder: Path) -> None:
    """It and all that its program put into it; nothing where it is gone already."""
    with suppress(FileNotFoundError):
        folder.chmod(_FOLDER)
    shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of this user whose processes have ended."""
    for place in _memory_places():
        for folder in list(_left_behind(place)):
            remove_folder(folder)


def find_process(pid: int) -> Process | None:
    """The process that has this number now; None where there is none, or one that has ended already."""
    try:
        return read_process(Path(f"/proc/{pid}/stat").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return None


def read_process(stat_: bytes) -> Process | None:
    """The process of this very namespace that proc_pid_stat(5) tells of; None where it has ended."""
    number, fields = stat_.partition(b" ")[0], stat_.rpartition(b")")[2].split()
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    return None if fields[0] in _ENDED else Process(namespace, int(number), int(fields[_AFTER_NAME]))


def filesystem_of(mountinfo: bytes, device: int) -> str | None:
    """The type of the file system on ``device`` (``st_dev``), from proc_pid_mountinfo(5)."""
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    for line in mountinfo.splitlines():
        before, _, after = line.partition(b" - ")
        fields = before.split(b" ")
        if len(fields) > 2 and fields[2] == wanted:  # noqa: PLR2004 - the third field
            return after.partition(b" ")[0].decode("ascii", "replace")
    return None


def _memory_places() -> Iterator[Path]:
    """The user's own runtime folder comes first: nobody else sees even the names in it."""
    try:
        with Path("/proc/self/mountinfo").open("rb") as file:
            mounts = file.read(MOUNTINFO_MAX_BYTES)
    except FileNotFoundError:
        return
    for place in _places():
        with suppress(OSError):
            found = place.stat()
            if filesystem_of(mounts, found.st_dev) in _MEMORY and _is_fit(place, found):
                yield place


def _places() -> Iterator[Path]:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/"):
        yield Path(given)
    yield from _PLACES


def _is_fit(place: Path, found: os.stat_result) -> bool:
    """Whether we may write there, and nobody can rename what is ours: sticky, or not open to others."""
    safe = not found.st_mode & 0o022 or found.st_mode & stat.S_ISVTX
    return bool(safe) and found.st_uid in {0, os.geteuid()} and os.access(place, os.W_OK | os.X_OK)


def _left_behind(place: Path) -> Iterator[Path]:
    uid, us = os.geteuid(), find_process(os.getpid())
    for entry in place.iterdir():
        name = _NAME.fullmatch(entry.name)
        if name is None or us is None:
            continue
        owner, *process = map(int, name.groups())
        of = Process(*process)
        if owner == uid and of.namespace == us.namespace and _is_ours(entry) and _has_ended(of):
            yield entry


def _has_ended(process: Process) -> bool:
    """Not where /proc hides it (``hidepid``): that of a program that became another user, or has not begun yet."""
    try:
        found = find_process(process.pid)
    except PermissionError:
        return False
    return found != process and not (found is None and _is_hidden(process.pid))


def _is_hidden(pid: int) -> bool:
    """One that has ended, and that nobody waited for, is shown."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_ours(entry: Path) -> bool:
    try:
        found = entry.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _write(path: Path, value: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _READ_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, _READ_ONLY)
        file.write(value)
