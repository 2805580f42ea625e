"""What a dynamic linker reads of a file: libraries, symbols, relocations (System V ABI, x86-64 supplement)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.header import DYNAMIC, INTERPRETER, Heads, string
from pytrust.trust.limits import ELF_ENTRIES_MAX, ELF_NEEDED_MAX

_TAG: Final = struct.Struct("<qQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELOCATION: Final = struct.Struct("<QQq")
_WORD: Final = struct.Struct("<Q")
_NULL, _NEEDED, _HASH, _STRINGS, _SYMBOLS, _RELA, _RELA_SIZE, _STRINGS_SIZE = 0, 1, 4, 5, 6, 7, 8, 10
_INIT, _FINI, _SONAME, _RPATH, _PLT_SIZE, _PLT = 12, 13, 14, 15, 2, 23
_INIT_ARRAY, _FINI_ARRAY, _INIT_SIZE, _FINI_SIZE, _RUNPATH, _PREINIT, _PREINIT_SIZE = 25, 26, 27, 28, 29, 32, 33
_RELR_SIZE, _RELR, _GNU_HASH = 35, 36, 0x6FFFFEF5
_ABSOLUTE, _COPY, _GLOB_DAT, _JUMP_SLOT, _RELATIVE, _INDIRECT = 1, 5, 6, 7, 8, 37
_FUNCTIONS: Final = frozenset({0, 2, 10})  # no type, function, indirect function
_OBJECT: Final = 1
_TABLE: Final = 2  # a section of symbols


class Symbol(NamedTuple):
    """A name, and where it lies; address 0 where another file has it."""

    name: str
    address: int
    size: int
    function: bool
    data: bool


class Pointer(NamedTuple):
    """What the linker writes into a word: the address of a symbol, or one in the file itself where there is no name.

    ``linkage``: the word is the linker's own, which code reads or jumps through, and no part of any datum.
    """

    symbol: str
    address: int
    linkage: bool = False


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What one file says to the dynamic linker.

    ``starters`` are called without being asked for: initialisers and finalisers; ``arrays`` (address, size) hold
    pointers to more of them. ``pointers`` are by their place. ``copies`` are data of other files that this one holds.
    """

    interpreter: str = ""
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: str = ""
    runpath: str = ""
    symbols: tuple[Symbol, ...] = ()
    pointers: dict[int, Pointer] = field(default_factory=dict)
    starters: tuple[int, ...] = ()
    arrays: tuple[tuple[int, int], ...] = ()
    copies: frozenset[str] = frozenset()


def read_dynamic(heads: Heads) -> Dynamic:
    """Read it; a program that is linked statically has nothing of it but, perhaps, its own relocations.

    Raises:
        BadContent: the file contradicts itself.
    """
    tags = _tags(heads)
    text = heads.at(tags[_STRINGS][0], _one(tags, _STRINGS_SIZE)) if _STRINGS in tags else b""
    symbols = _symbols(heads, tags, text)
    needed = tags.get(_NEEDED, [])
    if len(needed) > ELF_NEEDED_MAX:
        raise heads.wrong(f"it needs {len(needed)} libraries, of {ELF_NEEDED_MAX} that are followed")
    pointers, copies = _pointers(heads, tags, symbols)
    pairs = ((_INIT_ARRAY, _INIT_SIZE), (_FINI_ARRAY, _FINI_SIZE), (_PREINIT, _PREINIT_SIZE))
    return Dynamic(
        interpreter=_interpreter(heads),
        soname=string(text, _one(tags, _SONAME)),
        needed=tuple(string(text, offset) for offset in needed),
        rpath=string(text, _one(tags, _RPATH)),
        runpath=string(text, _one(tags, _RUNPATH)),
        symbols=symbols,
        pointers=pointers,
        starters=tuple(_one(tags, tag) for tag in (_INIT, _FINI) if _one(tags, tag)),
        arrays=tuple((_one(tags, start), _one(tags, size)) for start, size in pairs if start in tags),
        copies=copies,
    )


def section_symbols(heads: Heads) -> tuple[Symbol, ...]:
    """Those that only debuggers need: all functions by name, unless the file was stripped."""
    found = next((section for section in heads.sections if section.kind == _TABLE), None)
    text = heads.section(".strtab")
    if found is None or text is None:
        return ()
    table = heads.data[found.offset : found.offset + found.size]
    return _read_symbols(heads, table, heads.data[text.offset : text.offset + text.size])


def _interpreter(heads: Heads) -> str:
    segment = heads.segment(INTERPRETER)
    return "" if segment is None else string(heads.data[segment.offset : segment.offset + segment.size], 0)


def _tags(heads: Heads) -> dict[int, list[int]]:
    segment = heads.segment(DYNAMIC)
    tags: dict[int, list[int]] = {}
    if segment is None:
        return tags
    for offset in range(segment.offset, segment.offset + segment.size - _TAG.size + 1, _TAG.size):
        tag, value = _TAG.unpack_from(heads.data, offset)
        if tag == _NULL:
            break
        tags.setdefault(tag, []).append(value)
    return tags


def _one(tags: dict[int, list[int]], tag: int) -> int:
    return tags[tag][0] if tag in tags else 0


def _symbols(heads: Heads, tags: dict[int, list[int]], text: bytes) -> tuple[Symbol, ...]:
    if _SYMBOLS not in tags:
        return ()
    count = _count(heads, tags)
    return _read_symbols(heads, heads.at(tags[_SYMBOLS][0], count * _SYMBOL.size), text)


def _read_symbols(heads: Heads, table: bytes, text: bytes) -> tuple[Symbol, ...]:
    if len(table) > ELF_ENTRIES_MAX * _SYMBOL.size:
        raise heads.wrong(f"it has more than {ELF_ENTRIES_MAX} symbols")
    whole = table[: len(table) // _SYMBOL.size * _SYMBOL.size]
    return tuple(_symbol(string(text, row[0]), row) for row in _SYMBOL.iter_unpack(whole))


def _symbol(name: str, row: tuple[int, ...]) -> Symbol:
    _, info, _, section, value, size = row
    kind = info & 15
    return Symbol(name, value if section else 0, size, kind in _FUNCTIONS, bool(section) and kind == _OBJECT)


def _count(heads: Heads, tags: dict[int, list[int]]) -> int:
    """How many symbols there are: nothing says so, but the tables by which they are looked up."""
    if _HASH in tags:
        return int(struct.unpack("<II", heads.at(tags[_HASH][0], 8))[1])
    if _GNU_HASH not in tags:
        return 0
    start = tags[_GNU_HASH][0]
    buckets, first, bloom, _ = struct.unpack("<IIII", heads.at(start, 16))
    if buckets > ELF_ENTRIES_MAX or bloom > ELF_ENTRIES_MAX:
        raise heads.wrong(f"it has more than {ELF_ENTRIES_MAX} symbols")
    chains = start + 16 + bloom * 8 + buckets * 4
    words = struct.unpack(f"<{buckets}I", heads.at(chains - buckets * 4, buckets * 4))
    last = max(words, default=0)
    if last < first:
        return int(first)
    return _end_of_chain(heads, chains, last, first)


def _end_of_chain(heads: Heads, chains: int, last: int, first: int) -> int:
    while not heads.at(chains + (last - first) * 4, 4)[0] & 1:
        last += 1
        if last > ELF_ENTRIES_MAX:
            raise heads.wrong(f"it has more than {ELF_ENTRIES_MAX} symbols")
    return last + 1


def _pointers(
    heads: Heads, tags: dict[int, list[int]], symbols: tuple[Symbol, ...]
) -> tuple[dict[int, Pointer], frozenset[str]]:
    found: dict[int, Pointer] = {}
    copies: set[str] = set()
    for start, size in ((_RELA, _RELA_SIZE), (_PLT, _PLT_SIZE)):
        if start in tags:
            _relocations(heads, heads.at(tags[start][0], _one(tags, size)), symbols, found, copies)
    if _RELR in tags:
        for place in _relative(heads, heads.at(tags[_RELR][0], _one(tags, _RELR_SIZE))):
            found[place] = Pointer("", _WORD.unpack(heads.at(place, 8))[0])
    return found, frozenset(copies)


def _relocations(
    heads: Heads, table: bytes, symbols: tuple[Symbol, ...], found: dict[int, Pointer], copies: set[str]
) -> None:
    if len(table) > ELF_ENTRIES_MAX * _RELOCATION.size:
        raise heads.wrong(f"it has more than {ELF_ENTRIES_MAX} relocations")
    named = {_GLOB_DAT, _JUMP_SLOT, _ABSOLUTE}
    for place, info, addend in _RELOCATION.iter_unpack(table[: len(table) // _RELOCATION.size * _RELOCATION.size]):
        kind, number = info & 0xFFFFFFFF, info >> 32
        if kind in {_RELATIVE, _INDIRECT}:
            found[place] = Pointer("", addend, kind == _INDIRECT)
        elif number < len(symbols) and kind == _COPY:
            copies.add(symbols[number].name)
        elif number < len(symbols) and kind in named:
            symbol = symbols[number]
            found[place] = Pointer(symbol.name, symbol.address + addend if symbol.address else 0, kind != _ABSOLUTE)


def _relative(heads: Heads, table: bytes) -> list[int]:
    """The places that a table of packed relative relocations names (generic ABI, ``SHT_RELR``)."""
    places: list[int] = []
    base = 0
    for (word,) in _WORD.iter_unpack(table[: len(table) // 8 * 8]):
        if not word & 1:
            places.append(word)
            base = word + 8
        else:
            places += [base + bit * 8 for bit in range(63) if word >> (bit + 1) & 1]
            base += 63 * 8
        if len(places) > ELF_ENTRIES_MAX:
            raise heads.wrong(f"it has more than {ELF_ENTRIES_MAX} relocations")
    return places
