"""One file of a program: what it offers to others, its code, and the words through which it refers to them."""

from __future__ import annotations

import struct
from bisect import bisect_left, insort
from dataclasses import dataclass, field

from pytrust.policy.profiles.elf.code import Code, divide, empty_code
from pytrust.policy.profiles.elf.dynamic import Dynamic, Pointer, Symbol, read_dynamic, section_symbols
from pytrust.policy.profiles.elf.frames import framed_functions
from pytrust.policy.profiles.elf.golang import GoTable, branches, read_go
from pytrust.policy.profiles.elf.header import X86_64, Heads, read_heads
from pytrust.policy.profiles.elf.machine import Disassembler
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import ELF_ENTRIES_MAX, ELF_WHOLE_BYTES


@dataclass(frozen=True, slots=True)
class Module:
    """A program or library as it was read.

    ``exports`` are addresses by symbol; ``pointers`` what lies in words, by address; ``slots`` their addresses in
    order, but for the linker's own; ``edges`` where a datum is known to begin or end, in order. ``go`` is the table of
    a Go program, and ``callers`` the places that call each of its functions. ``whole``: all of it counts as reached,
    since it is a Go program, whose linker saw to that, or a library too large to be read.
    """

    path: str
    heads: Heads
    dynamic: Dynamic
    code: Code
    exports: dict[str, tuple[int, ...]]
    pointers: dict[int, Pointer]
    slots: list[int]
    edges: list[int]
    names: dict[int, str]
    go: GoTable | None = None
    callers: dict[int, list[int]] = field(default_factory=dict)
    whole: bool = False

    def place(self, address: int) -> str:
        """An address for people: in the function whose name is known, or as a number."""
        function = self.code.function(address)
        name = "" if function is None else self.names.get(function.start, "")
        where = f"{name}+{address - function.start:#x}" if function and name else f"{address:#x}"
        return f"{self.path}: {where}"

    def add_edge(self, address: int) -> None:
        """A datum begins there."""
        index = bisect_left(self.edges, address)
        if index == len(self.edges) or self.edges[index] != address:
            insort(self.edges, address)

    def slots_of(self, address: int) -> list[int]:
        """The words of pointers in the datum that an address lies in."""
        index = bisect_left(self.edges, address + 1)
        start = self.edges[index - 1] if index else address
        end = self.edges[index] if index < len(self.edges) else self.code.high
        return self.slots[bisect_left(self.slots, start) : bisect_left(self.slots, end)]


def read_module(path: str, data: bytes, disassembler: Disassembler) -> Module:
    """Read a file.

    Raises:
        BadContent: it is no program or library.
        UsageError: it is one for another machine.
    """
    heads = read_heads(path, data)
    if heads.machine != X86_64:
        raise UsageError(
            f"{path} is made for another machine than x86-64, which alone can be looked at without being run",
            hint="record it: pytrust profile record IMAGE -- WORKLOAD",
        )
    dynamic = read_dynamic(heads)
    symbols = (*dynamic.symbols, *section_symbols(heads))
    code = empty_code(heads, disassembler)
    pointers = ({} if heads.shared else _fixed_pointers(code)) | dynamic.pointers
    go = read_go(heads, dynamic)
    known = _known(heads, symbols) + ([] if go is None else go.functions)
    whole = go is not None or _is_large(dynamic, code)
    surveyed = divide(code, known, _begins(heads, dynamic, symbols, pointers), whole=whole)
    return Module(
        path=path,
        heads=heads,
        dynamic=dynamic,
        code=code,
        exports=_exports(dynamic),
        pointers=pointers,
        slots=sorted(place for place, pointer in pointers.items() if not pointer.linkage),
        edges=sorted(_edges(code, symbols, pointers) | _apart(surveyed, pointers)),
        names=_names(symbols) | ({} if go is None else go.names),
        go=go,
        callers={} if go is None else branches(heads, go),
        whole=whole,
    )


def _is_large(dynamic: Dynamic, code: Code) -> bool:
    size = sum(end - start for start, end in code.ranges)
    return bool(dynamic.soname) and not dynamic.interpreter and size > ELF_WHOLE_BYTES


def _names(symbols: tuple[Symbol, ...]) -> dict[int, str]:
    return {symbol.address: symbol.name for symbol in symbols if symbol.function and symbol.address}


def _known(heads: Heads, symbols: tuple[Symbol, ...]) -> list[tuple[int, int]]:
    framed = framed_functions(heads)
    starts = {start for start, _ in framed}
    sized = (symbol for symbol in symbols if symbol.function and symbol.address and symbol.size)
    return framed + [(one.address, one.address + one.size) for one in sized if one.address not in starts]


def _begins(heads: Heads, dynamic: Dynamic, symbols: tuple[Symbol, ...], pointers: dict[int, Pointer]) -> set[int]:
    begins = {symbol.address for symbol in symbols if symbol.function and symbol.address}
    begins |= {pointer.address for pointer in pointers.values() if pointer.address}
    return begins | {heads.entry, *dynamic.starters}


def _exports(dynamic: Dynamic) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for symbol in dynamic.symbols:
        if symbol.address and symbol.name and symbol.name not in dynamic.copies:
            found[symbol.name] = (*found.get(symbol.name, ()), symbol.address)
    return found


def _edges(code: Code, symbols: tuple[Symbol, ...], pointers: dict[int, Pointer]) -> set[int]:
    found = {pointer.address for pointer in pointers.values() if pointer.address and not code.is_code(pointer.address)}
    for symbol in symbols:
        if symbol.data and symbol.address:
            found |= {symbol.address, symbol.address + symbol.size}
    return found


def _apart(edges: set[int], pointers: dict[int, Pointer]) -> set[int]:
    """Edges that are none inside an array of pointers: code often names one element of it."""
    return {edge for edge in edges if edge not in pointers or edge - 8 not in pointers}


def _fixed_pointers(code: Code) -> dict[int, Pointer]:
    """Words of a program that always lies at the same addresses, and so needs no relocation for its own."""
    found: dict[int, Pointer] = {}
    for segment in code.heads.loaded:
        whole = segment.size // 8 * 8
        if segment.executable or whole > ELF_ENTRIES_MAX * 8:
            continue
        words = code.heads.data[segment.offset : segment.offset + whole]
        for number, (value,) in enumerate(struct.iter_unpack("<Q", words)):
            if code.low <= value < code.high and (not code.is_code(value) or value):
                found[segment.address + number * 8] = Pointer("", value)
    return found
