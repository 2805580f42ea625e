"""The code of one file: its functions, and what each refers to.

Where functions begin is told by the table that unwinds the stack, by symbols, and for Go by its own table. Where none
of them says anything (hand-written code, libraries without frames such as musl's), a function begins where something
calls or points.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.header import Heads
from pytrust.policy.profiles.elf.machine import Disassembler, Instruction
from pytrust.trust.limits import ELF_PIECES_MAX

_PADDING: Final = 64  # bytes; code is aligned to no more
_SYSCALL: Final = b"\x0f\x05"
_KERNEL: Final = (_SYSCALL, b"\x0f\x34", b"\xcd\x80")  # syscall, sysenter, int 0x80
_OFTEN: Final = 20
_BY_CHANCE: Final = 16 * 1024  # bytes of code, in which two bytes are found that mean something else
_NUMBER: Final = re.compile(r"0x[0-9a-f]+")
_ENDS: Final = frozenset({"ret", "jmp", "ud2", "hlt", "int3", "call", "notrack jmp", "bnd jmp", "bnd ret", "repz ret"})
_ENTERS: Final = frozenset({"syscall", "sysenter", "int"})
_ODD: Final = ".byte"
_ODD_MAX: Final = 65536  # that are counted in one function
_ODD_FEW: Final = 4  # of them may be near what enters the kernel: instructions that capstone does not know
_AROUND: Final = 128  # bytes on either side
_PADS: Final = frozenset({"nop", "int3", "endbr64", ".byte"})
_WIDTHS: Final = (("xmmword ptr", 16), ("ymmword ptr", 32), ("zmmword ptr", 64), ("qword ptr", 8))  # in bytes
_STUB: Final = re.compile(rb"(?s)(?:\xf3\x0f\x1e\xfa)?\xf2?\xff\x25(....)")  # a jump through a word of the linker's


class Function(NamedTuple):
    """A stretch of code: from ``start`` to ``end``."""

    start: int
    end: int


class References(NamedTuple):
    """What one function refers to.

    ``branches`` are (place, target) of calls and jumps out of it, ``through`` (place, word) of those by way of a word;
    ``loads`` are words that it reads or writes, ``addresses`` what it takes the address of, code or data. ``sites`` are
    places where it enters the kernel, and by which instruction.
    """

    branches: tuple[tuple[int, int], ...]
    through: tuple[tuple[int, int], ...]
    loads: tuple[int, ...]
    addresses: tuple[int, ...]
    sites: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one file.

    ``low`` and ``high`` bound what is loaded; ``ranges`` are where code is, the widest first; ``starts`` and ``ends``
    those of functions, in order.
    """

    heads: Heads
    disassembler: Disassembler
    low: int
    high: int
    ranges: tuple[tuple[int, int], ...]
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    known: dict[int, References] = field(default_factory=dict)

    def is_code(self, address: int) -> bool:
        """Code lies there."""
        for start, end in self.ranges:  # noqa: SIM110 - asked a million times: any() takes three times as long
            if start <= address < end:
                return True
        return False

    def begins(self, address: int) -> bool:
        """A function begins there."""
        index = bisect_left(self.starts, address)
        return index < len(self.starts) and self.starts[index] == address

    def function(self, address: int) -> Function | None:
        """The function that an address lies in."""
        index = bisect_right(self.starts, address) - 1
        if index < 0 or address >= self.ends[index]:
            return None
        return Function(self.starts[index], self.ends[index])

    def functions(self) -> Iterator[Function]:
        """All of them, in order."""
        return map(Function, self.starts, self.ends)

    def enters(self, function: Function) -> bool:
        """Its bytes may hold an instruction that enters the kernel."""
        code = self.heads.at(function.start, function.end - function.start)
        return any(word in code for word in _KERNEL)

    def instructions(self, function: Function) -> Iterator[Instruction]:
        """What it does."""
        code = self.heads.at(function.start, function.end - function.start)
        return self.disassembler.instructions(code, function.start)

    def stub(self, address: int) -> int | None:
        """The word that is jumped through at once by what lies there: a call of another file's function."""
        offset = self.heads.offset_of(address)
        found = None if offset is None else _STUB.match(self.heads.data, offset)
        if offset is None or found is None:
            return None
        return address + found.end() - offset + int.from_bytes(found[1], "little", signed=True)

    def references(self, function: Function) -> References:
        """What it refers to."""
        if (found := self.known.get(function.start)) is None:
            found = self.known[function.start] = self._read(function)
        return found

    def _read(self, function: Function) -> References:
        reader = _Reader(self, function, not self.heads.shared)
        reader.read(self.instructions(function))
        branches = [(place, target) for place, target, _ in reader.branches]
        place, last = reader.last or (function.start, "")
        if last not in _ENDS and self.begins(function.end):
            branches.append((place, function.end))
        return References(
            tuple(branches),
            tuple(reader.through),
            tuple(reader.loads),
            tuple(reader.addresses),
            tuple(site for site in reader.sites if reader.in_code(site[0])),
        )

    def survey(self, ranges: Iterable[tuple[int, int]]) -> Survey:
        """What some of the code calls and takes the address of, reached or not."""
        reader = _Reader(self, Function(0, 0), not self.heads.shared)
        fresh: set[int] = set()
        for start, end in ranges:
            reader.read(_noting_ends(self.instructions(Function(start, end)), fresh))
        called = {target for _, target, call in reader.branches if call}
        addresses = set(reader.addresses)
        pointed = {address for address in addresses if self.is_code(address)}
        return Survey(called | pointed | (reader.numbers & fresh), addresses - pointed)


class Survey(NamedTuple):
    """Where functions and data begin, as far as references tell."""

    code: set[int]
    data: set[int]


class _Reader:
    """Collects references from instructions; branches that stay in ``function`` are none."""

    def __init__(self, code: Code, function: Function, fixed: bool) -> None:
        self._code = code
        self._start, self._end = function
        self._fixed = fixed  # addresses are written as they are, not as distances
        self.branches: list[tuple[int, int, bool]] = []
        self.through: list[tuple[int, int]] = []
        self.loads: list[int] = []
        self.addresses: list[int] = []
        self.sites: list[tuple[int, str]] = []
        self.numbers: set[int] = set()  # that would be addresses in the code
        self.odd: list[int] = []  # places of what is no instruction, in order
        self.last: tuple[int, str] | None = None  # instruction that does something: place and name

    def read(self, listing: Iterable[Instruction]) -> None:
        fixed, last, what = self._fixed, 0, ""
        for place, length, name, operands in listing:
            if name in _PADS:
                if name == _ODD and len(self.odd) < _ODD_MAX:
                    self.odd.append(place)
                continue
            last, what = place, name
            if (name == "call" or name[0] == "j") and operands[:2] == "0x":
                self._branch(place, int(operands, 16), called=name == "call")
            elif "rip" in operands:
                self._relative(place, place + length, name, operands)
            elif name in _ENTERS and (name != "int" or operands == "0x80"):
                self.sites.append((place, name))
            elif fixed and "0x" in operands:
                self._absolute(operands)
        self.last = (last, what) if what else self.last

    def in_code(self, place: int) -> bool:
        """What is around a place is code, and no table."""
        near = bisect_left(self.odd, place + _AROUND) - bisect_left(self.odd, place - _AROUND)
        return near < _ODD_FEW

    def _branch(self, place: int, target: int, *, called: bool) -> None:
        if not self._start <= target < self._end and self._code.is_code(target):
            self.branches.append((place, target, called))

    def _relative(self, place: int, after: int, name: str, operands: str) -> None:
        at = operands.index("rip")
        end = operands.find("]", at)
        distance = int(operands[at + 6 : end], 16) if end > at + 6 else 0
        target = after - distance if operands[at + 4 : at + 5] == "-" else after + distance
        if name == "lea":
            self.addresses.append(target)
        elif name == "call" or "jmp" in name:
            self.through.append((place, target))
        else:
            width = next((width for word, width in _WIDTHS if word in operands), 0)
            self.loads += range(target, target + width, 8)
        if self._fixed and operands.count("0x") > 1:
            self._absolute(operands)

    def _absolute(self, operands: str) -> None:
        code = self._code
        for text in _NUMBER.findall(operands):
            value = int(text, 16)
            if not code.low <= value < code.high:
                continue
            if not code.is_code(value) or code.begins(value):
                self.addresses.append(value)
            else:
                self.numbers.add(value)


def _noting_ends(listing: Iterable[Instruction], fresh: set[int]) -> Iterator[Instruction]:
    """The same, and in ``fresh`` where something begins that nothing falls into."""
    ended = True
    for instruction in listing:
        if ended:
            fresh.add(instruction[0])
        ended = instruction[2] in _ENDS or (ended and instruction[2] in _PADS)
        yield instruction


def empty_code(heads: Heads, disassembler: Disassembler) -> Code:
    """The code of a file, functions unknown."""
    low = min((segment.address for segment in heads.loaded), default=0)
    high = max((segment.address + segment.memory for segment in heads.loaded), default=0)
    return Code(heads, disassembler, low, high, _ranges(heads))


def divide(code: Code, known: list[tuple[int, int]], begins: set[int], *, whole: bool = False) -> set[int]:
    """Find the functions: those that are ``known`` (start and end), and between them what begins at ``begins``.

    Gives addresses of data that the code names, of a C library all, for there it pays to know. Where the ``whole`` of
    the code counts as reached, none of it is read for that.
    """
    pieces: list[tuple[int, int, bool]] = []
    known = _apart(known)
    for start, end in sorted(code.ranges):
        at = start
        inside = known[bisect_left(known, (start, 0)) : bisect_left(known, (end, 0))]
        for begin, finish in (pair for pair in inside if pair[0] < pair[1] <= end):
            pieces += [(at, begin, False), (begin, finish, True)]
            at = finish
        pieces.append((at, end, False))
    padding = _PADDING if known else 0
    unnamed = [
        (start, end)
        for start, end, named in pieces
        if not named and end - start > padding and code.stub(start) is None  # nor the linker's
    ]
    surveyed = () if whole else code.ranges if _enters_often(code) else unnamed
    survey = code.survey(surveyed)
    cuts = sorted(begins | survey.code)
    for start, end, named in pieces:
        whole = named or end - start <= padding
        for begin, finish in [(start, end)] if whole else _between(start, end, cuts):
            if begin < finish:
                code.starts.append(begin)
                code.ends.append(finish)
    return survey.data


def _enters_often(code: Code) -> bool:
    """So often as a C library, where each datum that is told from the next spares some calls."""
    size = sum(end - start for start, end in code.ranges)
    count = sum(code.heads.at(start, end - start).count(_SYSCALL) for start, end in code.ranges)
    return count > _OFTEN + size // _BY_CHANCE


def _between(start: int, end: int, cuts: list[int]) -> list[tuple[int, int]]:
    """What no table names, cut where something calls or points at it."""
    inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
    return list(pairwise([start, *inside, end]))


def _ranges(heads: Heads) -> tuple[tuple[int, int], ...]:
    """Where code is: sections tell it more narrowly than segments, which may hold tables and texts too."""
    named = [section for section in heads.sections if section.executable and section.size]
    sections = [(section.address, section.address + section.size) for section in named]
    segments = [(part.address, part.address + part.size) for part in heads.loaded if part.executable and part.size]
    if len(sections) > ELF_PIECES_MAX:
        sections = []
    inside = [pair for pair in sections if any(start <= pair[0] and pair[1] <= end for start, end in segments)]
    return tuple(sorted(_apart(inside or segments), key=lambda pair: pair[0] - pair[1]))  # the widest first


def _apart(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, without what overlaps an earlier one: honest files have nothing of it."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(pairs):
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return found
