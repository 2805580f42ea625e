"""Classic BPF as seccomp has it: programs as values, run without a kernel; and runc's stub before them. Pure.

Sources: ``linux/bpf_common.h``, ``kernel/seccomp.c`` (what a filter may hold), ``linux/seccomp.h`` (``seccomp_data``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import Resolved
from pytrust.policy.profiles.names import X86_64, Arch, Syscall
from pytrust.policy.profiles.seccomp.runc import filter_of
from pytrust.policy.profiles.seccomp.syscalls import AUDIT_ARCHES, KNOWN_ARCHES, X32, X32_BIT
from pytrust.policy.profiles.seccomp.verdict import UNKNOWN, Verdict, from_value, to_value
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import SECCOMP_PROGRAM_MAX

_HINT: Final = "a program for seccomp is what libseccomp exports: instructions of 8 bytes, answers of 32 bits"
_FORMAT: Final = "=HBBI"
_SIZE: Final = struct.calcsize(_FORMAT)
_WORD: Final = 0xFFFFFFFF
_DATA_WORDS: Final = 16  # struct seccomp_data: number, architecture, address of the instruction, six arguments

_LOAD: Final = 0x20  # A = a word of the data
_AND: Final = 0x54
_JUMP: Final = 0x05
_EQUAL: Final = 0x15
_GREATER: Final = 0x25
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_CODES: Final = frozenset({_LOAD, _AND, _JUMP, _EQUAL, _GREATER, _AT_LEAST, _ANY_BIT, _RETURN})
_CONDITIONAL: Final = frozenset({_EQUAL, _GREATER, _AT_LEAST, _ANY_BIT})


class Instruction(NamedTuple):
    """``struct sock_filter``."""

    code: int
    if_true: int
    if_false: int
    operand: int


Program = tuple[Instruction, ...]


def parse_program(data: bytes, what: str) -> Program:
    """A program that ``run`` can run: what libseccomp and runc make of instructions, and no jump leaves it.

    Raises:
        BadContent: it is none.
    """
    if not data or len(data) % _SIZE or len(data) > SECCOMP_PROGRAM_MAX * _SIZE:
        raise BadContent(
            f"{what} has {len(data)} bytes, which is no program of 1 to {SECCOMP_PROGRAM_MAX} instructions"
        )
    program = tuple(map(Instruction._make, struct.iter_unpack(_FORMAT, data)))
    for place, instruction in enumerate(program):
        if not _sound(instruction, len(program) - place - 1):
            raise BadContent(
                f"{what} has instruction {place}, {tuple(instruction)}, which no filter of runc has", hint=_HINT
            )
    return program


def program_bytes(program: Program) -> bytes:
    """As the kernel takes it."""
    return b"".join(struct.pack(_FORMAT, *instruction) for instruction in program)


def words_of(arch: Arch, number: int, args: Sequence[int]) -> tuple[int, ...]:
    """A call as the words of ``struct seccomp_data``; its address is 0."""
    a, b, c, d, e, f = args
    upper = (a >> 32 & _WORD, b >> 32 & _WORD, c >> 32 & _WORD, d >> 32 & _WORD, e >> 32 & _WORD, f >> 32 & _WORD)
    lower = (a & _WORD, b & _WORD, c & _WORD, d & _WORD, e & _WORD, f & _WORD)
    return (number & _WORD, AUDIT_ARCHES[arch], 0, 0, *chain.from_iterable(zip(lower, upper, strict=True)))


def run(program: Program, words: Sequence[int]) -> Verdict:
    """What a program that ``parse_program`` took says of a call."""
    place = accumulator = 0
    while True:
        code, if_true, if_false, operand = program[place]
        place += 1
        if code == _EQUAL:
            place += if_true if accumulator == operand else if_false
        elif code == _AT_LEAST:
            place += if_true if accumulator >= operand else if_false
        elif code == _GREATER:
            place += if_true if accumulator > operand else if_false
        elif code == _LOAD:
            accumulator = words[operand >> 2]
        elif code == _RETURN:
            return from_value(operand)
        elif code == _JUMP:
            place += operand
        elif code == _AND:
            accumulator &= operand
        else:
            place += if_true if accumulator & operand else if_false


def unknown_calls_stub(resolved: Resolved, unknown: frozenset[Syscall] = frozenset()) -> Program:
    """What runc puts before the filter: numbers above those that are named fail with ENOSYS; empty where it does not.

    Architectures whose numbers we do not know are left out: no kernel of those that we know makes their calls.

    Raises:
        BadContent: runc refuses the profile.
    """
    arches = filter(KNOWN_ARCHES.__contains__, dict.fromkeys(resolved.architectures))
    lasts = {arch: filter_of(resolved, arch, unknown).last for arch in arches}
    return tuple(_stub({arch: last for arch, last in lasts.items() if last is not None}))


def _stub(lasts: Mapping[Arch, int]) -> Iterator[Instruction]:
    for arch, last in lasts.items():
        by_mode = [Instruction(_ANY_BIT, 2, 0, X32_BIT)] if arch == X86_64 else []
        by_mode = [Instruction(_ANY_BIT, 0, 2, X32_BIT)] if arch == X32 else by_mode
        yield Instruction(_LOAD, 0, 0, 4)
        yield Instruction(_EQUAL, 0, 3 + len(by_mode), AUDIT_ARCHES[arch])
        yield Instruction(_LOAD, 0, 0, 0)
        yield from by_mode
        yield Instruction(_GREATER, 0, 1, last)
        yield Instruction(_RETURN, 0, 0, to_value(UNKNOWN))


def _sound(instruction: Instruction, left: int) -> bool:
    code, if_true, if_false, operand = instruction
    if code == _LOAD:
        return operand % 4 == 0 and operand >> 2 < _DATA_WORDS and left > 0
    if code in _CONDITIONAL:
        return max(if_true, if_false) < left
    if code == _JUMP:
        return operand < left
    return code == _RETURN or (code == _AND and left > 0)
