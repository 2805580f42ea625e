"""Lines of strace, counted: from the program's beginning on, and what a filter alone refused is known as that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.observe.strace_lines import Lines
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seen import Argument

LAUNCHER = ["7<launcher> read(0x3, 0x7ffd, 0x2000) = 0x10", "7<launcher> execve(0x1, 0x2, 0x3) = 0"]


def lines(*more: str) -> Lines:
    found = Lines(7)
    for line in (*LAUNCHER, *more):
        found.take(line)
    return found


def test_calls_count_from_the_program_on() -> None:
    found = lines("7<web> brk(0)   = 0x1000", "8<child> write(0x1, 0x2, 0x3) = 0x3", "7<web> brk(0) = 0x1000")
    assert found.calls == {("brk", "web"): 2, ("write", "child"): 1}
    assert (found.records, found.lost) == (3, 0)


def test_a_call_in_two_lines_is_one() -> None:
    found = lines("7<web> accept4(0x3, 0, 0, 0x80800 <unfinished ...>", "7<web> <... accept4 resumed>) = 0x4")
    assert found.calls == {("accept4", "web"): 1}


def test_arguments_that_rules_are_made_of() -> None:
    found = lines(
        "7<web> socket(0x2, 0x80801, 0x6) = 0x3",
        "7<web> clone(0x1200011, 0, 0, 0x7f, 0) = 0x9",
        "7<web> personality(0xffffffff) = 0",
        "7<web> write(0x2, 0x3, 0x4) = 0x4",
    )
    assert found.arguments == {
        Argument(Syscall("socket"), (2, 1)),
        Argument(Syscall("clone"), (0x1200000,)),
        Argument(Syscall("personality"), (0xFFFFFFFF,)),
    }


def test_what_never_worked_is_told_from_what_worked_once() -> None:
    found = lines(
        "7<web> clone3(0x7f, 0x58) = -1 ENOSYS (Function not implemented)",
        "7<web> keyctl(0x1, 0x2 <unfinished ...>",
        "7<web> <... keyctl resumed>) = -1 EPERM (Operation not permitted)",
        "7<web> chown(0x1, 0, 0) = -1 EPERM (Operation not permitted)",
        "7<web> chown(0x1, 0, 0) = 0",
        "7<web> open(0x1, 0) = -1 ENOENT (No such file or directory)",
    )
    assert found.refused() == {"clone3", "keyctl"}


def test_signals_and_ends_are_no_calls_and_nothing_lost() -> None:
    found = lines(
        "7<web> --- SIGTERM {si_signo=SIGTERM} ---", "7<web> +++ exited with 0 +++", "7<web> +++ killed by SIGKILL +++"
    )
    assert (found.records, found.lost) == (0, 0)


def test_a_call_without_a_name_keeps_its_number() -> None:
    assert lines("7<web> syscall_0x1d7(0, 0, 0, 0, 0, 0) = -1 ENOSYS (x)").unnamed == {("SCMP_ARCH_X86_64", 0x1D7): 1}


@pytest.mark.parametrize(
    "line", ["", "what is this", "7<web> [ Process PID=7 runs in 32 bit mode. ]", "<web> brk(0) = 0"]
)
def test_a_line_that_says_nothing_known_is_lost(line: str) -> None:
    assert lines(line).lost == 1


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(line: str) -> None:
    lines(line)
