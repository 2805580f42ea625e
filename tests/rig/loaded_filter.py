"""The seccomp filters that a process really has, read out of the kernel (``PTRACE_SECCOMP_GET_FILTER``)."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from tests.rig.processes import RigError

_ATTACH: Final = 16
_DETACH: Final = 17
_GET_FILTER: Final = 0x420C
_INSTRUCTION: Final = 8  # bytes
_WALL: Final = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def filters_of(pid: int) -> list[bytes]:
    """Its programs, the last that was loaded first. The process stands still for a moment. Needs root."""
    _ptrace(_ATTACH, pid)
    try:
        os.waitpid(pid, _WALL)
        found: list[bytes] = []
        while (program := _filter(pid, len(found))) is not None:
            found.append(program)
        return found
    finally:
        _ptrace(_DETACH, pid)


def _filter(pid: int, place: int) -> bytes | None:
    try:
        count = _ptrace(_GET_FILTER, pid, place)
    except FileNotFoundError:
        return None
    held = ctypes.create_string_buffer(count * _INSTRUCTION)
    _ptrace(_GET_FILTER, pid, place, ctypes.addressof(held))
    return held.raw


def _ptrace(request: int, pid: int, place: int = 0, data: int = 0) -> int:
    done: int = _libc.ptrace(request, pid, place, data)
    if done < 0:
        number = ctypes.get_errno()
        if number == 2:
            raise FileNotFoundError(number, os.strerror(number))
        raise RigError(f"ptrace {request:#x} of {pid}: {os.strerror(number)}")
    return done
