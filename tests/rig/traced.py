"""What a program of this machine does with files, seen by strace: paths as the kernel spells them, and letters.

A recorder of the tests' own, which shares nothing with the product's: what it saw is what rules are made of.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.rig.processes import running

_CALLS: Final = (
    "chdir,open,openat,creat,execve,mmap,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,flock,fcntl"
)
_OPENED: Final = re.compile(r'open(?:at)?\(.*"(?:[^"\\]|\\.)*", ([A-Z_|]+).* = \d+<(/[^<>]*)>$')
_MAPPED: Final = re.compile(r"mmap\([^,]*, [^,]*, [A-Z_|]*PROT_EXEC[A-Z_|]*, [^,]*, \d+<(/[^<>]*)>")
_LOCKED: Final = re.compile(r"(?:flock|fcntl)\(\d+<(/[^<>]*)>, (?:LOCK|F_SETLK|F_OFD_SETLK)")
_NAMED: Final = re.compile(r"(execve|unlink|rename|mkdir)[a-z0-9]*\(.* = 0$")
_PATH: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MOVED: Final = re.compile(r'chdir\("([^"]*)"\) += 0$')


def files_of(command: list[str], log: Path, ready: Callable[[], bool], work: Callable[[], None]) -> dict[str, str]:
    """Start a server, let it work, stop it; what it did with files that lie at a place."""
    trace = log.with_suffix(".strace")
    words = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", "signal=none", "-e", f"trace={_CALLS}", "-o", str(trace)]
    with running([*words, *command], log=log, ready=ready, deadline=20.0):
        work()
    found = defaultdict[str, set[str]](set)
    here = "/"  # of the server; none of those that are traced has children that go elsewhere
    for line in trace.read_text(errors="surrogateescape").splitlines():
        call = line.partition(" ")[2].strip()
        here = os.path.join(here, moved[1]) if (moved := _MOVED.match(call)) else here  # noqa: PTH118  (keeps ..)
        for path, letters in _seen(call, here):
            found[path] |= set(letters)
    return {path: "".join(sorted(letters)) for path, letters in found.items()}


def _seen(call: str, here: str) -> list[tuple[str, str]]:
    if found := _OPENED.match(call):
        flags, path = found.groups()
        return [(f"{path}/" if Path(path).is_dir() and path != "/" else path, _letters(flags))]
    if found := _MAPPED.match(call):
        return [(found[1], "m")]
    if found := _LOCKED.match(call):
        return [(found[1], "k")]
    if found := _NAMED.match(call):
        paths = _PATH.findall(call)[: 2 if found[1] == "rename" else 1]
        return [
            _named(found[1], place, f"{here}/{path}" if path[:1] != "/" else path) for place, path in enumerate(paths)
        ]
    return []


def _letters(flags: str) -> str:
    if "O_RDWR" in flags:
        return "rw"
    return ("a" if "O_APPEND" in flags and "O_CREAT" not in flags else "w") if "O_WRONLY" in flags else "r"


def _named(call: str, place: int, path: str) -> tuple[str, str]:
    """What is renamed is read, too (``security/apparmor/lsm.c``, ``apparmor_path_rename``)."""
    if call == "execve":
        return os.path.realpath(path), "x"
    kept = f"{os.path.realpath(Path(path).parent)}/{Path(path).name}"
    return (f"{kept}/" if call == "mkdir" else kept), ("rw" if call == "rename" and not place else "w")
