"""What a program can reach, and by which numbers, on programs that are put together byte by byte."""

from __future__ import annotations

import sys

import pytest
from tests.rig.elf_files import Assembler, Elf

from pytrust.policy.profiles.elf.analyse import analyse
from pytrust.policy.profiles.elf.finding import StaticFinding
from pytrust.policy.profiles.elf.tree import Config, MemoryTree
from pytrust.trust.errors import BadContent, UsageError

GETPID, GETTID, GETUID, SYNC, KILL = 39, 186, 102, 162, 62
CONFIG = Config(("/app",))


def look(elf: Elf, **files: bytes) -> StaticFinding:
    return analyse(MemoryTree({"/app": elf.build(), **files}), CONFIG)


def calls(elf: Elf) -> set[str]:
    return {str(call) for call in look(elf).calls} - {"execve"}


def start() -> Assembler:
    return Assembler().label("start")


WAYS = {
    "a constant": (start().call_number(GETPID).ret(), {"getpid"}),
    "cleared": (start().raw("31c0").syscall().ret(), {"read"}),
    "one byte, after clearing": (start().raw("31c0b027").syscall().ret(), {"getpid"}),
    "through registers": (start().mov(GETPID, "edx").raw("4189d5").raw("4489e8").syscall().ret(), {"getpid"}),
    "pushed and popped": (start().raw("6a2758").syscall().ret(), {"getpid"}),
    "kept in the stack": (
        start().raw("4883ec10").raw("c744240827000000").raw("8b442408").syscall().raw("4883c410").ret(),
        {"getpid"},
    ),
    "kept below a frame": (
        start().raw("554889e5").raw("c745fc27000000").raw("8b45fc").syscall().raw("5d").ret(),
        {"getpid"},
    ),
    "kept below a frame, and taken from above the stack's end": (
        start().raw("554889e5").raw("4883ec10").raw("c745f827000000").raw("8b442408").syscall().raw("c9").ret(),
        {"getpid"},
    ),
    "a sum": (start().raw("31d2").raw("8d4227").syscall().ret(), {"getpid"}),
    "added to": (start().mov(30).raw("83c009").syscall().ret(), {"getpid"}),
    "either of two": (start().mov(GETPID).mov(GETTID, "ecx").raw("0f44c1").syscall().ret(), {"getpid", "gettid"}),
    "zero, since it was tested": (
        start().raw("4885c0").jump_if_zero("zero").ret().label("zero").syscall().ret(),
        {"read"},
    ),
    "before and behind a jump": (
        start().mov(GETPID).raw("7405").mov(GETTID).syscall().ret(),
        {"getpid", "gettid"},
    ),
    "a call between, of a function that leaves the register alone": (
        start().mov(GETPID, "ebx").call("other").raw("89d8").syscall().ret().label("other").ret(),
        {"getpid"},
    ),
}


@pytest.mark.parametrize(("code", "expected"), WAYS.values(), ids=WAYS.keys())
def test_numbers_are_found(code: Assembler, expected: set[str]) -> None:
    finding = look(Elf(code))
    assert set(finding.calls) - {"execve"} == expected
    assert finding.unresolved == ()


LOST = {
    "from memory": start().raw("8b07").syscall().ret(),
    "from arithmetic": start().mov(GETPID).raw("0fafc1").syscall().ret(),
    "what another function gave": start().call("other").syscall().ret().label("other").ret(),
    "as the program was started with it": start().syscall().ret(),
    "with a number that no call has": start().call_number(900).ret(),
    "as 32 bits do": start().mov(20).raw("cd80").ret(),
    "by sysenter": start().mov(20).raw("0f34").ret(),
}


@pytest.mark.parametrize("code", LOST.values(), ids=LOST.keys())
def test_what_is_not_known_is_told(code: Assembler) -> None:
    finding = look(Elf(code))
    assert set(finding.calls) == {"execve"}
    assert len(finding.unresolved) == 1
    assert finding.unresolved[0].startswith("/app:")


def wrapper() -> Assembler:
    """``syscall()`` of C libraries: the number is its first argument."""
    return start().mov(GETPID, "edi").call("wrap").mov(GETTID, "edi").jump("wrap").label("wrap").raw("4889f8").syscall()


def test_a_wrapper_is_looked_through() -> None:
    code = wrapper().ret().label("unused").mov(SYNC, "edi").call("wrap").ret()
    finding = look(Elf(code, exports=("unused",)))
    assert set(finding.calls) - {"execve"} == {"getpid", "gettid"}
    assert finding.unresolved == ()


def test_a_wrapper_of_a_wrapper() -> None:
    code = start().mov(GETPID, "esi").call("outer").ret()
    code.label("outer").raw("89f7").call("inner").ret().label("inner").raw("4889f8").syscall().ret()
    assert calls(Elf(code)) == {"getpid"}


def test_a_wrapper_with_its_number_in_the_stack() -> None:
    """As Go's assembly, and glibc's cancellation points since 2.41, take it."""
    code = start().raw("6a27").call("wrap").raw("58").ret().label("wrap").raw("488b442408").syscall().ret()
    assert calls(Elf(code)) == {"getpid"}


def test_a_wrapper_that_is_also_pointed_at_is_told() -> None:
    code = start().mov(GETPID, "edi").call("wrap").address("wrap").ret().label("wrap").raw("4889f8").syscall().ret()
    finding = look(Elf(code))
    assert "getpid" in finding.calls
    assert len(finding.unresolved) == 1


def test_what_nothing_reaches_does_not_count() -> None:
    code = start().call("used").ret().label("used").call_number(GETPID).ret().label("unused").call_number(SYNC).ret()
    assert calls(Elf(code, exports=("unused",))) == {"getpid"}


REACHED = {
    "called": start().call("other").ret(),
    "jumped to": start().jump("other"),
    "jumped to on a condition": start().jump_if_zero("other").ret(),
    "its address taken": start().address("other").ret(),
    "fallen into": start().raw("90"),
}


@pytest.mark.parametrize("code", REACHED.values(), ids=REACHED.keys())
def test_what_is_reached(code: Assembler) -> None:
    code.label("other").call_number(SYNC).ret()
    assert calls(Elf(code, exports=("other",))) == {"sync"}


def test_a_table_that_is_referred_to() -> None:
    code = start().address("table").ret()
    for name, number in (("one", GETPID), ("two", GETTID), ("other", SYNC)):
        code.label(name).call_number(number).ret()
    words = {"table": "one", "table2": "two"}
    assert calls(Elf(code, words, exports=("one", "two", "other"))) == {"getpid", "gettid"}


def test_a_table_that_another_table_names() -> None:
    code = start().address("first").ret().label("one").call_number(GETPID).ret()
    assert calls(Elf(code, {"first": "second", "second": "one"}, exports=("one",))) == {"getpid"}


def test_a_table_that_nothing_refers_to() -> None:
    code = start().ret().label("one").call_number(GETPID).ret()
    assert calls(Elf(code, {"table": "one"}, exports=("one",))) == set()


def test_a_word_that_is_called_through() -> None:
    code = start().call_word("word").ret().label("one").call_number(GETPID).ret().label("two").call_number(SYNC).ret()
    assert calls(Elf(code, {"word": "one", "next": "two"}, exports=("one", "two"))) == {"getpid"}


def test_bytes_that_only_look_like_a_call_are_none() -> None:
    assert calls(Elf(start().raw("b80f050f05").ret())) == set()


def test_waiting_programs_are_resumed_by_the_kernel() -> None:
    assert calls(Elf(start().call_number(202).ret())) == {"futex", "restart_syscall"}


def test_another_machine_is_told() -> None:
    with pytest.raises(UsageError, match="another machine"):
        look(Elf(start().ret(), machine=183))


def test_another_architecture_is_told() -> None:
    tree = MemoryTree({"/app": Elf(start().ret()).build()})
    with pytest.raises(UsageError, match="arm64"):
        analyse(tree, CONFIG._replace(architecture="arm64"))


def test_a_library_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)
    with pytest.raises(UsageError, match="capstone is not installed") as caught:
        look(Elf(start().ret()))
    assert caught.value.hint == "pip install 'pytrust[static]'"


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"text"])
def test_what_is_no_program(data: bytes) -> None:
    with pytest.raises(BadContent):
        analyse(MemoryTree({"/app": data}), CONFIG)


def test_an_image_that_starts_nothing() -> None:
    with pytest.raises(BadContent, match="starts no program"):
        analyse(MemoryTree({}), CONFIG)


def test_a_table_in_code_is_no_call() -> None:
    table = start().address("table").ret().label("table").raw("0606060606").call_number(SYNC).raw("06060606")
    finding = look(Elf(table))
    assert set(finding.calls) == {"execve"}
    assert finding.unresolved == ()
