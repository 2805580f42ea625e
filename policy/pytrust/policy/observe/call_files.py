"""Which files a system call means, by its arguments, and what is done to them in AppArmor's letters. Pure.

What AppArmor does not look at (stat, access, readlink, chdir) is not here. A folder's path ends with ``/``, where it is
read, made and removed. After Linux's security/apparmor (``file.c``, ``lsm.c``).
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from pytrust.policy.profiles.names import Syscall

AT_FDCWD: Final = -100
_MAP_ANONYMOUS: Final = 0x20
_PROT_EXEC: Final = 4
_LOCKS: Final = frozenset({6, 7, 37, 38})  # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW


class PathArgument(NamedTuple):
    """An argument that points to a path.

    ``begin`` is the argument with the descriptor of the folder it begins at, or None; ``new``: it may not be there
    yet, ``only_new``: it must not; ``follow``: a link in the last place is followed; ``folder``: it becomes one.
    """

    path: int
    begin: int | None
    letters: str
    new: bool = False
    only_new: bool = False
    follow: bool = True
    folder: bool = False


# The call, then for each path: [begin:]path, letters, and + for what may be new, ! for what must, / for a new folder, -
# for what is no link.
_TABLE: Final = """
creat 0 w+
truncate 0 w
mkdir 0 w!/
mkdirat 0:1 w!/
rmdir 0 w-
unlink 0 w-
unlinkat 0:1 w-
mknod 0 w!
mknodat 0:1 w!
symlink 1 w!
symlinkat 1:2 w!
link 1 l!
linkat 2:3 l!
rename 0 rw- 1 w+
renameat 0:1 rw- 2:3 w+
renameat2 0:1 rw- 2:3 w+
chmod 0 w
fchmodat 0:1 w
fchmodat2 0:1 w
chown 0 w
lchown 0 w-
fchownat 0:1 w
utime 0 w
utimes 0 w
futimesat 0:1 w
utimensat 0:1 w
execve 0 x
execveat 0:1 x
inotify_add_watch 1 r
"""


def _argument(place: str, what: str) -> PathArgument:
    begin, _, path = place.rpartition(":")
    return PathArgument(
        int(path),
        int(begin) if begin else None,
        what.rstrip("+!/-"),
        new="+" in what or "!" in what,
        only_new="!" in what,
        follow="-" not in what,
        folder="/" in what,
    )


_PATHS: Final = {
    Syscall(words[0]): tuple(map(_argument, words[1::2], words[2::2]))
    for words in (line.split() for line in _TABLE.split("\n") if line)
}


def path_arguments(call: Syscall, arguments: tuple[int, ...], open_how: int = 0) -> tuple[PathArgument, ...]:
    """The paths that a call names; ``open_how`` are the flags of ``openat2``, which lie in memory."""
    if call == "open":
        return (_opening(0, None, arguments[1]),)
    if call == "openat":
        return (_opening(1, 0, arguments[2]),)
    if call == "openat2":
        return (_opening(1, 0, open_how),)
    return _PATHS.get(call, ())


def descriptor_letters(call: Syscall, arguments: tuple[int, ...]) -> tuple[int, str] | None:
    """The descriptor of the file that a call does more with than it was opened for: maps it as code, or locks it."""
    if call == "mmap" and arguments[2] & _PROT_EXEC and not arguments[3] & _MAP_ANONYMOUS:
        return signed(arguments[4]), "m"
    if call == "flock" or (call == "fcntl" and arguments[1] in _LOCKS):
        return signed(arguments[0]), "k"
    return None


def signed(argument: int) -> int:
    """An argument as C's int."""
    low = argument & 0xFFFFFFFF
    return low - 2**32 if low >= 2**31 else low


def _opening(path: int, begin: int | None, flags: int) -> PathArgument:
    new, follow = bool(flags & os.O_CREAT), not flags & os.O_NOFOLLOW
    return PathArgument(path, begin, _letters(flags), new=new, follow=follow)


def _letters(flags: int) -> str:
    if flags & os.O_PATH:
        return ""
    access = flags & os.O_ACCMODE
    reads = "" if access == os.O_WRONLY else "r"
    if access == os.O_RDONLY:
        return "rw" if flags & (os.O_CREAT | os.O_TRUNC) else "r"
    appends = flags & os.O_APPEND and not flags & (os.O_CREAT | os.O_TRUNC)
    return reads + ("a" if appends else "w")
