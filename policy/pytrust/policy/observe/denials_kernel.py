"""What the kernel tells of its tracepoint ``raw_syscalls:sys_exit``, and calls that Python has no name for."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.observe.denials_ring import Layout, parse_layout
from pytrust.policy.profiles.names import Arch, GoArch, Syscall
from pytrust.policy.profiles.seccomp.syscalls import arch_of, table
from pytrust.trust.errors import NotSetUp

_GO_ARCHES: Final = {"x86_64": GoArch("amd64"), "aarch64": GoArch("arm64")}
_MOUNTED: Final = Path("/sys/kernel/tracing")
_EVENT: Final = "events/raw_syscalls/sys_exit"
_FILE_MAX: Final = 64 * 1024
_CREATE: Final = 6  # FSCONFIG_CMD_CREATE
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_NEEDS: Final = "it needs CONFIG_FTRACE_SYSCALLS"

_libc: Final = ctypes.CDLL(None, use_errno=True)


class Tracepoint(NamedTuple):
    """Its number in this kernel, and how its events are laid out."""

    number: int
    layout: Layout


def tracepoint(arch: Arch) -> Tracepoint:
    """Raises ``OSError`` where we may not look, and ``NotSetUp`` where there is none."""
    folder = _tracefs(arch)
    try:
        identity, layout = _text(folder, "id"), parse_layout(_text(folder, "format"))
    except FileNotFoundError as error:
        raise NotSetUp("this kernel does not trace calls", hint=_NEEDS) from error
    finally:
        os.close(folder)
    if not identity.strip().isdigit():
        raise NotSetUp("this kernel does not number its tracepoints", hint=_NEEDS)
    return Tracepoint(int(identity), layout)


def _tracefs(arch: Arch) -> int:
    """Its folder: where it is mounted, else a mount of our own that nobody sees."""
    if (_MOUNTED / _EVENT).is_dir():
        return os.open(_MOUNTED, os.O_PATH | os.O_CLOEXEC)
    context = call(arch, "fsopen", b"tracefs", _FSOPEN_CLOEXEC)
    try:
        call(arch, "fsconfig", context, _CREATE, None, None, 0)
        return call(arch, "fsmount", context, _FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)


def _text(folder: int, name: str) -> str:
    file = os.open(f"{_EVENT}/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(file, _FILE_MAX).decode("ascii", "replace")
    finally:
        os.close(file)


def own_arch() -> Arch:
    """The architecture of this kernel; raises ``NotSetUp`` where we do not know its calls."""
    machine = os.uname().machine
    if machine not in _GO_ARCHES:
        raise NotSetUp(f"refused calls cannot be watched on {machine}")
    return arch_of(_GO_ARCHES[machine])


def call(arch: Arch, name: str, *arguments: bytes | int | None) -> int:
    """A call that Python has no name for; raises ``OSError``."""
    given = int(_libc.syscall(table(arch)[Syscall(name)], *arguments))
    if given < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return given
