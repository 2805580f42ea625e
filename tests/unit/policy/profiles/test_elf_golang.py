"""Go programs: the runtime's own table of functions, in the layouts since Go 1.16."""

from __future__ import annotations

import struct

import pytest
from tests.rig.elf_files import CODE, Assembler, Elf

from pytrust.policy.profiles.elf.analyse import analyse
from pytrust.policy.profiles.elf.finding import StaticFinding
from pytrust.policy.profiles.elf.tree import Config, MemoryTree


def code() -> Assembler:
    """``main`` hands a number down to what enters the kernel, as ``syscall.Syscall`` does; nothing calls ``main``."""
    made = Assembler().label("start").ret().label("main").mov(39).call("enter").mov(186, "edx").raw("89d0")
    return made.call("enter").ret().label("enter").syscall().ret()


def new_table(made: Assembler, magic: int) -> bytes:
    """Go 1.18 and later: distances of 32 bits from where the code begins."""
    names, offsets = b"", []
    for name in made.labels:
        offsets.append(len(names))
        names += name.encode() + b"\0"
    count = len(made.labels)
    rows = 8 * count + 4
    functions = b"".join(
        struct.pack("<II", start, rows + 8 * number) for number, start in enumerate(made.labels.values())
    ) + struct.pack("<I", len(made.code))
    infos = b"".join(struct.pack("<II", 0, offset) for offset in offsets)
    head = struct.pack("<IHBB", magic, 0, 1, 8)
    head += struct.pack("<8Q", count, 0, CODE, 72, 0, 0, 0, 72 + len(names))
    return head + names + functions + infos


def old_table(made: Assembler) -> bytes:
    """Go 1.16 and 1.17: addresses of 64 bits."""
    names = b"".join(name.encode() + b"\0" for name in made.labels)
    count = len(made.labels)
    functions = b"".join(struct.pack("<QQ", CODE + start, 16 * count + 8) for start in made.labels.values())
    functions += struct.pack("<Q", CODE + len(made.code)) + bytes(16)
    head = struct.pack("<IHBB", 0xFFFFFFFA, 0, 1, 8) + struct.pack("<8Q", count, 0, 72, 0, 0, 0, 72 + len(names), 0)
    return head + names + functions


def look(table: bytes) -> StaticFinding:
    return analyse(MemoryTree({"/app": Elf(code()).build() + table}), Config(("/app",)))


TABLES = {
    "1.20": new_table(code(), 0xFFFFFFF1),
    "1.18": new_table(code(), 0xFFFFFFF0),
    "1.16": old_table(code()),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_every_function_of_a_go_program_counts(table: bytes) -> None:
    finding = look(table)
    assert finding.go
    assert finding.calls == {"execve", "getpid", "gettid"}
    assert finding.unresolved == ()


def test_without_the_table_it_is_a_program_like_others() -> None:
    finding = look(b"")
    assert not finding.go


@pytest.mark.parametrize("at", range(0, 100, 3))
def test_a_table_that_lies(at: int) -> None:
    table = bytearray(TABLES["1.20"])
    table[at : at + 8] = b"\xff" * 8
    finding = analyse(MemoryTree({"/app": Elf(code()).build() + bytes(table)}), Config(("/app",)))
    assert "execve" in finding.calls


def test_a_table_whose_functions_are_in_no_order_is_none() -> None:
    table, labels = bytearray(TABLES["1.20"]), code().labels
    first = 72 + sum(len(name) + 1 for name in labels)
    assert struct.unpack_from("<I", table, first + 8) == (labels["main"],)
    struct.pack_into("<I", table, first + 8, len(code().code) - 1)  # behind the one that follows
    assert labels["enter"] < len(code().code) - 1
    assert not look(bytes(table)).go


def test_a_call_whose_number_is_read_is_told_by_name() -> None:
    made = Assembler().label("start").ret().label("main").raw("8b07").call("enter").ret().label("enter").syscall().ret()
    data = Elf(made).build() + new_table(made, 0xFFFFFFF1)
    finding = analyse(MemoryTree({"/app": data}), Config(("/app",)))
    assert finding.unresolved == (
        "/app: enter+0x0: a call whose number is not in the code, but comes from /app: main+0x0",
    )
