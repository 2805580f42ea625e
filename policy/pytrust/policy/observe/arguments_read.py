"""The arguments of a call that waits: what it points to is read in the memory of the thread that makes it.

Another thread may change it before the kernel reads it: that fools a guard, but not somebody who takes notes, for the
profile that comes of them is proven by running the image under it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytrust.policy.observe.call_files import AT_FDCWD, PathArgument, descriptor_letters, path_arguments, signed
from pytrust.policy.observe.container_files import resolve, resolve_new, shown
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seen import Argument

_PROC: Final = Path("/proc")
_PAGE: Final = 4096
_PATH_MAX: Final = 4096
_SIGNALS: Final = 0xFF  # CSIGNAL, in the flags of clone
_KINDS: Final = 0xF  # SOCK_TYPE_MASK
_AF_UNIX: Final = 1
_SOCKETS: Final = {"bind": "w", "connect": "rw"}
_MAPPED: Final = 6  # words of a line of proc's maps, the last one a path


def argument_of(pid: int, call: Syscall, arguments: tuple[int, ...]) -> Argument | None:
    """The numbers that a rule can be made of."""
    if call in {"socket", "socketpair"}:
        return Argument(call, (signed(arguments[0]), arguments[1] & _KINDS))
    if call == "clone":
        return Argument(call, (arguments[0] & 0xFFFFFFFF & ~_SIGNALS,))
    if call == "clone3":
        data = _memory(pid, arguments[0], 8)
        return Argument(Syscall("clone"), (struct.unpack("=Q", data)[0],)) if len(data) == 8 else None  # noqa: PLR2004
    if call == "personality":
        return Argument(call, (arguments[0] & 0xFFFFFFFF,))
    return None


def files_of(pid: int, call: Syscall, arguments: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """The files that a call means, and what it does to them."""
    how = 0
    if call == "openat2":
        how = struct.unpack("=Q", _memory(pid, arguments[2], 8).ljust(8, b"\0"))[0]
    for argument in path_arguments(call, arguments, how):
        path = _path(pid, argument, arguments) if argument.letters else None
        if path:
            yield path, argument.letters
    if held := descriptor_letters(call, arguments):
        yield from _file(_descriptor(pid, held[0]), held[1])
    if call in _SOCKETS:
        yield from _file(_unix_path(pid, arguments), _SOCKETS[call])


def program_files(pid: int) -> Iterator[tuple[str, str]]:
    """What a process consists of that has just begun a program: the program, and its loader."""
    yield from _file(shown(_PROC / str(pid) / "exe"), "rmx")
    try:
        lines = (_PROC / str(pid) / "maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return
    for words in (line.split(maxsplit=5) for line in lines):
        if len(words) == _MAPPED and "x" in words[1] and words[5].startswith("/"):
            yield words[5], "rm"


def _file(path: str | None, letters: str) -> Iterator[tuple[str, str]]:
    if path:
        yield path, letters


def _path(pid: int, argument: PathArgument, arguments: tuple[int, ...]) -> str | None:
    text = _text(pid, arguments[argument.path])
    if not text:
        return None
    whole = _absolute(pid, text, None if argument.begin is None else signed(arguments[argument.begin]))
    if whole is None:
        return None
    there = resolve(pid, whole, follow=argument.follow)
    if there or not argument.new:
        return None if argument.only_new else there
    path = resolve_new(pid, whole)
    return f"{path}/" if path and argument.folder else path


def _absolute(pid: int, text: str, folder: int | None) -> str | None:
    """A path from the container's root; None where its beginning cannot be told."""
    if text.startswith("/"):
        root = shown(_PROC / str(pid) / "root") or "/"
        return f"{root.rstrip('/')}{text}"
    begins_here = folder is None or folder == AT_FDCWD
    start = shown(_PROC / str(pid) / "cwd") if begins_here else _descriptor(pid, folder or 0)
    return f"{start.rstrip('/')}/{text}" if start else None


def _descriptor(pid: int, number: int) -> str | None:
    return shown(_PROC / str(pid) / "fd" / str(number)) if number >= 0 else None


def _unix_path(pid: int, arguments: tuple[int, ...]) -> str | None:
    """The path of a unix socket's address; None for any other address, and those without a file."""
    data = _memory(pid, arguments[1], min(arguments[2] & 0xFFFFFFFF, 110))
    if len(data) < 3 or data[2] == 0 or struct.unpack_from("=H", data)[0] != _AF_UNIX:  # noqa: PLR2004
        return None
    whole = _absolute(pid, os.fsdecode(data[2:].partition(b"\0")[0]), None)
    return resolve_new(pid, whole) if whole else None


def _text(pid: int, place: int) -> str:
    """Text up to its zero; empty where there is none."""
    data = _memory(pid, place, _PAGE - place % _PAGE)
    if b"\0" not in data and data:
        data += _memory(pid, place + len(data), _PATH_MAX)
    text, zero, _ = data.partition(b"\0")
    return os.fsdecode(text) if zero else ""


def _memory(pid: int, place: int, size: int) -> bytes:
    """What lies there, as far as it can be read."""
    try:
        memory = os.open(_PROC / str(pid) / "mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(memory, size, place)
    except (OSError, OverflowError):
        return b""
    finally:
        os.close(memory)
