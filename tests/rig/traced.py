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

_CALLS: Final = "open,openat,creat,execve,mmap,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,bind,flock,fcntl"
_OPENED: Final = re.compile(r'open(?:at)?\(.*"(?:[^"\\]|\\.)*", ([A-Z_|]+).* = \d+<(/[^<>]*)>$')
_MAPPED: Final = re.compile(r"mmap\([^,]*, [^,]*, [A-Z_|]*PROT_EXEC[A-Z_|]*, [^,]*, \d+<(/[^<>]*)>")
_LOCKED: Final = re.compile(r"(?:flock|fcntl)\(\d+<(/[^<>]*)>, (?:LOCK|F_SETLK|F_OFD_SETLK)")
_NAMED: Final = re.compile(r"(execve|unlink|rename|mkdir|bind)[a-z0-9]*\(.* = 0$")
_PATH: Final = re.compile(r'"(/(?:[^"\\]|\\.)*)"')


def files_of(command: list[str], log: Path, ready: Callable[[], bool], work: Callable[[], None]) -> dict[str, str]:
    """Start a server, let it work, stop it; what it did with files that lie at a place."""
    trace = log.with_suffix(".strace")
    words = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", "signal=none", "-e", f"trace={_CALLS}", "-o", str(trace)]
    with running([*words, *command], log=log, ready=ready, deadline=20.0):
        work()
    found = defaultdict[str, set[str]](set)
    for line in trace.read_text(errors="surrogateescape").splitlines():
        for path, letters in _seen(line.partition(" ")[2].strip()):
            found[path] |= set(letters)
    return {path: "".join(sorted(letters)) for path, letters in found.items()}


def _seen(call: str) -> list[tuple[str, str]]:
    if found := _OPENED.match(call):
        flags, path = found.groups()
        return [(f"{path}/" if os.path.isdir(path) and path != "/" else path, _letters(flags))]
    if found := _MAPPED.match(call):
        return [(found[1], "m")]
    if found := _LOCKED.match(call):
        return [(found[1], "k")]
    if found := _NAMED.match(call):
        return [_named(found[1], path) for path in _PATH.findall(call)[: 1 if found[1] == "execve" else 2]]
    return []


def _letters(flags: str) -> str:
    if "O_RDWR" in flags:
        return "rw"
    return ("a" if "O_APPEND" in flags and "O_CREAT" not in flags else "w") if "O_WRONLY" in flags else "r"


def _named(call: str, path: str) -> tuple[str, str]:
    if call == "execve":
        return os.path.realpath(path), "x"
    place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return (f"{place}/", "w") if call == "mkdir" else (place, "w")
