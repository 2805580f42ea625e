"""What a compiled AppArmor policy says about a path: the kernel's own walk through the tables, in Python.

It reads what apparmor_parser made and nothing of how the product reads patterns, so that each can be held against the
other (``security/apparmor/match.c``, ``include/match.h``, ``file.c`` of Linux 6.1).
"""

from __future__ import annotations

import struct
from array import array
from typing import Final, NamedTuple

_MAGIC: Final = 0x1B5E783D
_START: Final = 1
_ACCEPT, _BASE, _CHECK, _DEFAULT, _CLASSES, _NEXT = 1, 2, 3, 4, 5, 8
_TYPES: Final = {1: ("B", 1), 2: ("H", 2), 4: ("I", 4)}
_DIFFERENCE: Final = 0x80000000  # MATCH_FLAG_DIFF_ENCODE
_LETTERS: Final = {"x": 1, "w": 2, "r": 4, "a": 8, "l": 16, "k": 32, "m": 64}
_OTHERS: Final = 14  # bits that the permissions of others lie above those of owners


class Tables(NamedTuple):
    """The automaton for files."""

    accept: array[int]
    base: array[int]
    check: array[int]
    default: array[int]
    next: array[int]
    classes: array[int] | None

    def permissions(self, path: bytes, *, owner: bool = True) -> frozenset[str]:
        """Letters of ``rwalkmx`` that the policy gives for a path."""
        state = self.begin()
        for byte in path:
            state = self.step(state, byte)
        return self.letters(state, owner=owner)

    def begin(self) -> int:
        """The state before the first byte."""
        return _START

    def letters(self, state: int, *, owner: bool = True) -> frozenset[str]:
        """What is given for a path that ends in a state."""
        bits = self.accept[state] >> (0 if owner else _OTHERS)
        return frozenset(letter for letter, bit in _LETTERS.items() if bits & bit)

    def step(self, state: int, byte: int) -> int:
        """The state after a byte."""
        column = self.classes[byte] if self.classes else byte
        while True:
            base = self.base[state]
            place = (base & 0xFFFFFF) + column
            if self.check[place] == state:
                return self.next[place]
            state = self.default[state]
            if not base & _DIFFERENCE:
                return state


def read_tables(policy: bytes) -> Tables:
    """The automaton for files of a compiled profile, which is its last."""
    start = policy.rindex(struct.pack(">I", _MAGIC))
    head, size = struct.unpack_from(">II", policy, start + 4)
    at, tables = start + head, dict[int, "array[int]"]()
    while at < start + size:
        number, width, _, length = struct.unpack_from(">HHII", policy, at)
        code, each = _TYPES[width]
        table = array(code, policy[at + 12 : at + 12 + length * each])
        table.byteswap()
        tables[number] = table
        at += -(-(12 + length * each) // 8) * 8
    accept, base, check, default, after = (tables[each] for each in (_ACCEPT, _BASE, _CHECK, _DEFAULT, _NEXT))
    return Tables(accept, base, check, default, after, tables.get(_CLASSES))
