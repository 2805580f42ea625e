"""One function as a graph: which instruction may come before which, and how the stack lies at each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pytrust.policy.profiles.elf.machine import Instruction
from pytrust.trust.limits import ELF_JUMPS_MAX

_JUMPS: Final = frozenset({"jmp", "notrack jmp", "bnd jmp"})
_STOPS: Final = _JUMPS | {"ret", "bnd ret", "repz ret", "ud2", "hlt"}
_MEMORY: Final = re.compile(r"\[(rsp|rbp)(?: ([+-]) (0x[0-9a-f]+|[0-9]+))?\]")
_NUMBER: Final = re.compile(r"-?(?:0x[0-9a-f]+|[0-9]+)")
_STEPS: Final = {"push": -8, "pop": 8}
_WORD: Final = 8  # bytes that push, pop and call move the stack by


@dataclass(frozen=True, slots=True)
class Body:
    """A function, instruction by instruction.

    ``before`` are the indices that may come before each; ``stack`` says how far the stack pointer is from where it was
    when the function was entered, None where that cannot be told; ``frame`` the same for the frame pointer, once it is
    set.
    """

    listing: tuple[Instruction, ...]
    index: dict[int, int]
    before: tuple[tuple[int, ...], ...]
    stack: tuple[int | None, ...]
    frame: int | None

    def offset(self, number: int, operand: str) -> int | None:
        """Where in the stack an operand of an instruction lies, from where the stack was at the entry."""
        found = _MEMORY.search(operand)
        if found is None:
            return None
        base = self.stack[number] if found[1] == "rsp" else self.frame
        distance = int(found[3], 0) if found[3] else 0
        return None if base is None else base + (-distance if found[2] == "-" else distance)

    def pads(self, number: int) -> bool:
        """It only aligns what comes next."""
        return "nop" in self.listing[number][2] or self.listing[number][2] == "int3"

    def jumps_on_zero(self, source: int, to: int, registers: frozenset[str]) -> bool:
        """It jumps there because one of these registers, just tested, is zero."""
        _, _, name, operands = self.listing[source]
        if name != "je" or operands != f"{self.listing[to][0]:#x}" or source == 0:
            return False
        _, _, tested, both = self.listing[source - 1]
        left, _, right = both.partition(", ")
        return tested == "test" and left == right and left in registers

    def calls(self, source: int, to: int) -> bool:
        """It calls what begins there, in the same stretch of code."""
        _, _, name, operands = self.listing[source]
        return name == "call" and operands == f"{self.listing[to][0]:#x}"

    def leaves(self, number: int) -> bool:
        """It is a call or a jump."""
        name = self.listing[number][2]
        return name == "call" or name[0] == "j" or name in _JUMPS

    def ends_at_call(self, number: int) -> bool:
        """The call does not come back: behind it is padding, or what others jump to."""
        after = number + 1
        return after == len(self.listing) or self.pads(after) or len(self.before[after]) > 1


def read_body(listing: list[Instruction]) -> Body | None:
    """Find the ways through a function; None where it has more than can be followed."""
    index = {instruction[0]: number for number, instruction in enumerate(listing)}
    before = _before(listing, index)
    if before is None:
        return None
    stack, frame = _stack(listing, before)
    return Body(tuple(listing), index, before, stack, frame)


def _before(listing: list[Instruction], index: dict[int, int]) -> tuple[tuple[int, ...], ...] | None:
    found: list[list[int]] = [[] for _ in listing]
    anywhere = []
    for number, (_, _, name, operands) in enumerate(listing):
        if name not in _STOPS and number + 1 < len(listing):
            found[number + 1].append(number)
        if (name[0] == "j" or name == "call") and operands[:2] == "0x":
            target = index.get(int(operands, 16))
            if target is not None and target != number + 1:
                found[target].append(number)
        elif name in _JUMPS:
            anywhere.append(number)
    if len(anywhere) > ELF_JUMPS_MAX:
        return None
    for number in range(1, len(listing)):
        if listing[number - 1][2] in _STOPS:  # what a table of jumps may lead to
            found[number] += anywhere
    return tuple(tuple(before) for before in found)


def _stack(
    listing: list[Instruction], before: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int | None, ...], int | None]:
    after: list[list[int]] = [[] for _ in listing]
    for number, sources in enumerate(before):
        for source in sources:
            if listing[source][2] != "call" or number == source + 1:
                after[source].append(number)
    depth: list[int | None] = [None] * len(listing)
    frame: int | None = None
    todo = [(0, 0)] if listing else []
    while todo:
        number, here = todo.pop()
        if depth[number] is not None:
            continue
        depth[number] = here
        _, _, name, operands = listing[number]
        if operands == "rbp, rsp" and name == "mov" and frame is None:
            frame = here
        then = _moved(name, operands, here, frame)
        if then is not None:
            todo += [(follower, then) for follower in after[number]]
    return tuple(depth), frame


def _moved(name: str, operands: str, here: int, frame: int | None) -> int | None:
    """How deep the stack is after an instruction; None where that cannot be told."""
    if name in _STEPS:
        return here + _STEPS[name]
    if name == "leave":
        return None if frame is None else frame + _WORD
    if not operands.startswith("rsp, ") or name in {"cmp", "test"}:
        return here
    return _set(name, operands[5:], here, frame)


def _set(name: str, value: str, here: int, frame: int | None) -> int | None:
    """What the stack pointer is set to."""
    if name in {"add", "sub"} and _NUMBER.fullmatch(value):
        return here + int(value, 0) * (1 if name == "add" else -1)
    if name == "mov" and value == "rbp":
        return frame
    found = _MEMORY.fullmatch(value) if name == "lea" else None
    if found is None:
        return None
    base = here if found[1] == "rsp" else frame
    distance = int(found[3], 0) if found[3] else 0
    return None if base is None else base + (-distance if found[2] == "-" else distance)
