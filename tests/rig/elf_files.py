"""Small programs and libraries, put together byte by byte: what a compiler would make, and what none would."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

CODE: Final = 0x1000
DATA: Final = 0x8000
_DYNAMIC_SIZE: Final = 0x4000
_X86_64: Final = 62


@dataclass
class Assembler:
    """Machine code of x86-64 with labels; a name that is no label is a word that the linker fills in."""

    code: bytearray = field(default_factory=bytearray)
    labels: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    fixes: list[tuple[int, str]] = field(default_factory=list)

    def label(self, name: str) -> Assembler:
        """A function begins here, aligned as compilers do."""
        self.code += b"\x90" * (-len(self.code) % 16)
        self.labels[name] = len(self.code)
        return self

    def raw(self, text: str) -> Assembler:
        """Bytes, as hexadecimal digits."""
        self.code += bytes.fromhex(text)
        return self

    def mov(self, number: int, register: str = "eax") -> Assembler:
        """A constant into a register."""
        self.code += bytes([0xB8 + ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi").index(register)])
        self.code += struct.pack("<I", number)
        return self

    def syscall(self) -> Assembler:
        return self.raw("0f05")

    def ret(self) -> Assembler:
        return self.raw("c3")

    def call(self, name: str) -> Assembler:
        return self._far("e8", name)

    def jump(self, name: str) -> Assembler:
        return self._far("e9", name)

    def jump_if_zero(self, name: str) -> Assembler:
        return self._far("0f84", name)

    def address(self, name: str) -> Assembler:
        """``lea rdi, [rip + name]``"""
        return self._far("488d3d", name)

    def call_word(self, name: str) -> Assembler:
        """``call [rip + word]``: how functions of other files are called without a stub."""
        return self._far("ff15", name)

    def call_number(self, number: int) -> Assembler:
        """The shortest way into the kernel."""
        return self.mov(number).syscall()

    def _far(self, opcode: str, name: str) -> Assembler:
        self.raw(opcode)
        self.fixes.append((len(self.code), name))
        return self.raw("00000000")


@dataclass
class Elf:
    """A file to be. ``words`` are in its data: by name, the symbol or label whose address the linker writes there.

    All of them are initialisers (``DT_INIT_ARRAY``) where ``starting`` says so.
    """

    code: Assembler
    words: Mapping[str, str] = field(default_factory=dict)
    exports: Sequence[str] = ()
    imports: Sequence[str] = ()
    needed: Sequence[str] = ()
    interpreter: str = ""
    soname: str = ""
    runpath: str = ""
    rpath: str = ""
    texts: Sequence[str] = ()
    machine: int = _X86_64
    entry: str = "start"
    starting: bool = False

    def build(self) -> bytes:
        """Its bytes."""
        places = {name: DATA + 8 * number for number, name in enumerate(self.words)}
        code = self._linked(places)
        names, strings = self._strings()
        dynamic = DATA + 0x1000
        tables = self._tables(places, names, dynamic + 0x400)
        tags = self._tags(names, dynamic + 0x400, tables, strings)
        image = bytearray(DATA + 0x1000 + _DYNAMIC_SIZE)
        image[CODE : CODE + len(code)] = code
        image[dynamic : dynamic + len(tags)] = tags
        at = dynamic + 0x400
        for table in (*tables, strings):
            image[at : at + len(table)] = table
            at += len(table)
        texts = b"".join(b"\0" + text.encode() for text in (*self.texts, "")) + b"\0"
        image[at : at + len(texts)] = texts
        return bytes(self._headed(image, dynamic, len(tags), len(code)))

    def _linked(self, places: Mapping[str, int]) -> bytes:
        code = bytearray(self.code.code)
        for at, name in self.code.fixes:
            target = places[name] if name in places else CODE + self.code.labels[name]
            code[at : at + 4] = struct.pack("<i", target - (CODE + at + 4))
        return bytes(code)

    def _strings(self) -> tuple[dict[str, int], bytes]:
        table, names = b"\0", {}
        for name in (*self.exports, *self.imports, *self.needed, self.soname, self.runpath, self.rpath):
            if name and name not in names:
                names[name] = len(table)
                table += name.encode() + b"\0"
        return names, table

    def _tables(self, places: Mapping[str, int], names: Mapping[str, int], at: int) -> tuple[bytes, bytes, bytes]:
        symbols = bytes(24)
        order = {name: number for number, name in enumerate((*self.exports, *self.imports), 1)}
        for name in order:
            where = CODE + self.code.labels[name] if name in self.exports else 0
            symbols += struct.pack("<IBBHQQ", names[name], 0x12, 0, 1 if where else 0, where, 0)
        moved = b""
        for word, target in self.words.items():
            if target in order:
                moved += struct.pack(
                    "<QQq", places[word], order[target] << 32 | (1 if target in self.exports else 6), 0
                )
            else:
                known = places[target] if target in places else CODE + self.code.labels[target]
                moved += struct.pack("<QQq", places[word], 8, known)
        return symbols, moved, struct.pack("<IIII", 1, len(order) + 1, 0, 0)

    def _tags(self, names: Mapping[str, int], at: int, tables: tuple[bytes, bytes, bytes], strings: bytes) -> bytes:
        symbols, moved, hashed = tables
        places = {6: at, 7: at + len(symbols), 8: len(moved), 4: at + len(symbols) + len(moved)}
        places[5] = places[4] + len(hashed)
        places[10] = len(strings)
        rows = [(1, names[name]) for name in self.needed] + list(places.items())
        rows += [(tag, names[text]) for tag, text in ((14, self.soname), (29, self.runpath), (15, self.rpath)) if text]
        rows += [(25, DATA), (27, 8 * len(self.words))] if self.starting else []
        return b"".join(struct.pack("<qQ", tag, value) for tag, value in rows) + bytes(16)

    def _headed(self, image: bytearray, dynamic: int, size: int, code: int) -> bytearray:
        end = len(image) - DATA
        segments = [(1, 4, 0, CODE), (1, 5, CODE, code), (1, 6, DATA, end), (2, 6, dynamic, size)]
        if self.interpreter:
            text = self.interpreter.encode() + b"\0"
            image[0x800 : 0x800 + len(text)] = text
            segments.append((3, 4, 0x800, len(text)))
        entry = CODE + self.code.labels.get(self.entry, 0)
        head = b"\x7fELF\x02\x01\x01" + bytes(9)
        head += struct.pack("<HHIQQQIHHHHHH", 3, self.machine, 1, entry, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
        for kind, flags, offset, length in segments:
            head += struct.pack("<IIQQQQQQ", kind, flags, offset, offset, offset, length, length, 4096)
        image[: len(head)] = head
        return image
