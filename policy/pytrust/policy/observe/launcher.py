"""The launcher: an ELF file of some 350 bytes with which a recorded container begins; it needs nothing of the image.

Made of its machine code (``launcher_code``) and of headers that are written here: one segment, read and executed
(ELF-64, System V ABI). Pure.
"""

from __future__ import annotations

import struct
from typing import Final

from pytrust.policy.observe.launcher_code import FLOOR_PROGRAM, LAUNCHER

FOLDER: Final = "/.pytrust-recorder"
"""Where it lies in the container, with the socket of its supervisor."""
PROGRAM: Final = f"{FOLDER}/launcher"
SOCKET_NAME: Final = "socket"

_ADDRESS: Final = 0x400000
_PAGE: Final = 0x1000
_IDENT: Final = b"\x7fELF" + bytes((2, 1, 1, 0)) + bytes(8)  # 64 bits, little-endian, version 1, System V
_FILE: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_EXECUTABLE: Final = 2
_X86_64: Final = 62
_LOAD: Final = 1
_READ_EXECUTE: Final = 5


def launcher() -> bytes:
    """The launcher's file."""
    return _file(LAUNCHER)


def floor_program() -> bytes:
    """A program that stays, or ends well where it has an argument: in it the runtime's floor is measured."""
    return _file(FLOOR_PROGRAM)


def _file(code: bytes) -> bytes:
    head = _FILE.size + _SEGMENT.size
    size = head + len(code)
    parts = (_FILE.size, _SEGMENT.size, 1, 0, 0, 0)  # sizes of the headers, one segment, no section
    begin = _FILE.pack(_IDENT, _EXECUTABLE, _X86_64, 1, _ADDRESS + head, _FILE.size, 0, 0, *parts)
    return begin + _SEGMENT.pack(_LOAD, _READ_EXECUTE, 0, _ADDRESS, _ADDRESS, size, size, _PAGE) + code
