"""Files that lie about themselves: every one ends in a finding or in an error of ours, soon."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rig.elf_files import CODE, DATA, Assembler, Elf

from pytrust.policy.profiles.elf.analyse import analyse
from pytrust.policy.profiles.elf.finding import StaticFinding
from pytrust.policy.profiles.elf.tree import Config, MemoryTree
from pytrust.trust.errors import BadContent, UsageError

SOON = 5.0  # seconds of the processor, on a slow machine


def library() -> bytes:
    code = Assembler().label("do").call_number(39).ret().label("other").call("do").ret()
    return Elf(code, {"table": "do", "more": "table"}, exports=("do", "other"), needed=("liba.so",)).build()


def program() -> bytes:
    code = Assembler().label("start").address("table").call_word("word").call("near").ret()
    code.label("near").mov(39, "edi").raw("554889e5").raw("48897df8").raw("488b45f8").syscall().raw("c9").ret()
    words = {"word": "do", "table": "near"}
    return Elf(
        code, words, ("near",), ("do",), ("liba.so",), "/lib/ld.so", runpath="$ORIGIN", texts=("liba.so",)
    ).build()


FILES: dict[str, bytes | str] = {"/bin/app": program(), "/lib/liba.so": library(), "/lib/ld.so": library()}


def look(**changed: bytes) -> StaticFinding | None:
    """What comes of it; None for an error of ours. Fails where it takes long."""
    names = {"app": "/bin/app", "library": "/lib/liba.so", "linker": "/lib/ld.so"}
    files = FILES | {names[name]: data for name, data in changed.items()}
    started = time.process_time()
    try:
        return analyse(MemoryTree(files), Config(("/bin/app",)))
    except (BadContent, UsageError):
        return None
    finally:
        assert time.process_time() - started < SOON


def test_the_files_are_sound() -> None:
    finding = look()
    assert finding is not None
    assert finding.calls == {"execve", "getpid"}
    assert finding.unresolved == ()


@pytest.mark.parametrize("part", ["app", "library", "linker"])
def test_files_that_are_cut_off(part: str) -> None:
    whole = program() if part == "app" else library()
    for size in (*range(0, 0x200, 7), *range(0x200, len(whole), 997)):
        look(**{part: whole[:size]})


@given(
    part=st.sampled_from(["app", "library", "linker"]),
    places=st.lists(st.tuples(st.integers(0, 0x4000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=8),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_bytes_that_are_changed(part: str, places: list[tuple[int, bytes]]) -> None:
    data = bytearray(program() if part == "app" else library())
    for number, (at, new) in enumerate(places):
        # heads, code, words and tables, in turn: the rest is empty
        base, length = ((0, 0x180), (CODE, 0x80), (DATA, 0x10), (DATA + 0x1000, 0x600))[number % 4]
        place = base + at % length
        data[place : place + len(new)] = new
    look(**{part: bytes(data)})


def changed(at: int, shape: str, value: int) -> bytes:
    data = bytearray(program())
    struct.pack_into(shape, data, at, value)
    return bytes(data)


def tag(number: int, value: int) -> bytes:
    """The program with another value of a tag of its dynamic section."""
    data = bytearray(program())
    at = DATA + 0x1000
    while struct.unpack_from("<q", data, at)[0] not in {number, 0}:
        at += 16
    struct.pack_into("<qQ", data, at, number, value)
    return bytes(data)


LIES = {
    "more segments than there are": changed(56, "<H", 0xFFFF),
    "segments behind the end": changed(32, "<Q", 1 << 62),
    "a segment that is larger than the file": changed(64 + 32, "<Q", 1 << 40),
    "a segment at the end of all addresses": changed(64 + 16, "<Q", (1 << 64) - 16),
    "an entry that is nowhere": changed(24, "<Q", 1 << 60),
    "symbols without end": tag(4, DATA),
    "a hash that counts to the moon": changed(DATA + 0x1000 + 0x400, "<I", 0xFFFFFFFF),
    "relocations without end": tag(8, 1 << 62),
    "relocations of no size": tag(8, 0),
    "names that are nowhere": tag(5, 1 << 50),
    "names without end": tag(10, 1 << 62),
    "a library whose name is nowhere": tag(1, 1 << 40),
    "packed relocations over everything": tag(36, CODE),
    "an initialiser that is nowhere": tag(12, 1 << 45),
    "an array of initialisers without end": tag(25, DATA),
}


@pytest.mark.parametrize("data", LIES.values(), ids=LIES.keys())
def test_lies(data: bytes) -> None:
    look(app=data)


def test_sections_that_overlap() -> None:
    """Two of code, one over the other: each byte is read as one of them."""
    data = bytearray(program())
    struct.pack_into("<Q", data, 40, len(data))
    struct.pack_into("<HHH", data, 58, 64, 3, 0)
    rows = [(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), *((0, 1, 6, CODE + 4 * n, CODE + 4 * n, 0x40, 0, 0, 1, 0) for n in (0, 1))]
    data += b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows)
    finding = look(app=bytes(data))
    assert finding is not None
    assert "getpid" in finding.calls


def test_a_program_full_of_calls() -> None:
    """Each function calls all the others, hundreds of times."""
    code = Assembler().label("start")
    names = [f"f{number}" for number in range(40)]
    for name in names:
        code.label(name)
        for other in names:
            code.call(other)
        code.raw("4889f8").syscall()
    elf = Elf(code, exports=names)
    data = elf.build()
    assert len(code.code) < DATA - CODE
    look(app=data)


def test_a_function_full_of_jumps() -> None:
    """Every second instruction jumps by a table, so that all may come before all."""
    code = Assembler().label("start")
    for _ in range(4000):
        code.raw("ffe090")
    look(app=Elf(code.raw("0f05"), exports=()).build())


def test_an_image_of_loops() -> None:
    files: dict[str, bytes | str] = {f"/lib/l{n}.so": f"l{(n + 1) % 9}.so" for n in range(9)}
    app = Elf(Assembler().label("start").ret(), needed=tuple(f"l{n}.so" for n in range(9)), interpreter="/lib/l0.so")
    finding = analyse(MemoryTree({"/app": app.build(), **files}), Config(("/app",)))
    assert len(finding.unresolved) == 10


def test_a_folder_list_without_end() -> None:
    text = b"include /etc/*.conf\n" * 5000
    files: dict[str, bytes | str] = {f"/etc/{number}.conf": text for number in range(50)}
    app = Elf(Assembler().label("start").ret(), needed=("none.so",), interpreter="/none").build()
    started = time.process_time()
    analyse(MemoryTree({"/app": app, "/etc/ld.so.conf": text, **files}), Config(("/app",)))
    assert time.process_time() - started < SOON


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes(data: bytes) -> None:
    for start in (b"", b"\x7fELF", program()[:64], b"#!"):
        look(app=start + data)
