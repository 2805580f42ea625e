"""The simulation finds what a program does otherwise, be it one instruction."""

from __future__ import annotations

import pytest

from pytrust.policy.profiles.model import Arg, Resolved, Rule
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Op, Syscall
from pytrust.policy.profiles.seccomp.bpf import Instruction
from pytrust.policy.profiles.seccomp.compile import compile_program, unknown_names
from pytrust.policy.profiles.seccomp.simulate import Row, simulate
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86, table
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SECCOMP_DIFFERENCES_MAX

WRITE = Syscall("write")
RETURN = 6
PROFILE = Resolved(
    default=Action.ERRNO,
    architectures=(X86_64, X86),
    rules=(
        Rule(names=(Syscall("read"), Syscall("openat"), Syscall("futex")), action=Action.ALLOW),
        Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.LT, value=38),)),
        Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.GT, value=40),)),
        Rule(names=(Syscall("clone"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.MASKED_EQ, value=0x7E020000),)),
    ),
)


def row(name: str, rows: tuple[Row, ...]) -> list[str]:
    (found,) = (one for one in rows if one.name == name and one.arch == X86_64)
    return list(map(str, found.verdicts))


def test_every_call_of_every_architecture_is_there() -> None:
    found = simulate(PROFILE, X86_64, compile_program(PROFILE, X86_64), unknown_names(PROFILE))
    assert found.differences == ()
    assert {one.arch for one in found.rows} == {X86_64, X86}
    assert {one.name for one in found.rows if one.arch == X86_64} == {*table(X86_64), ""}
    assert row("read", found.rows) == ["ALLOW"]
    assert row("write", found.rows) == ["ERRNO(1)"]
    assert row("clone3", found.rows) == ["ERRNO(38)"]
    assert row("socket", found.rows) == ["ALLOW", "ERRNO(1)"]
    assert row("clone", found.rows) == ["ALLOW", "ERRNO(1)"]


def changed(one: Instruction) -> list[Instruction]:
    """An instruction with one thing wrong, as a program may have it."""
    others = [one._replace(if_true=one.if_false, if_false=one.if_true)]
    if one.code != 0x20:  # loads are of whole words
        others.append(one._replace(operand=one.operand ^ (0x30000 if one.code == RETURN else 1)))
    return [other for other in others if other != one]


def test_a_program_with_one_wrong_word_is_found() -> None:
    profile = Resolved(default=Action.ERRNO, architectures=(X86_64,), rules=PROFILE.rules)
    program = compile_program(profile, X86_64)
    several = [
        (place, (*program[:place], other, *program[place + 1 :]))
        for place, one in enumerate(program)
        for other in changed(one)
    ]
    missed = {place for place, wrong in several if not simulate(profile, X86_64, wrong).differences}
    # What tells -1 and numbers of x32 apart, and kills other architectures, is not asked about by the simulation.
    unasked = {
        place for place, one in enumerate(program) if one.operand in {1 << 30, 0xFFFFFFFF, 0} and one.code != 0x20
    }
    assert len(several) >= 40
    assert missed <= unasked


def test_what_libseccomp_2_5_4_makes_of_less_or_greater_is_found() -> None:
    """``arg1 < 0xff`` or ``arg1 > 0x200000001``: a word is not loaded again before ``11``, so that 0xff passes."""
    rules = tuple(
        Rule(names=(WRITE,), action=Action.ALLOW, args=(Arg(index=1, op=op, value=value),))
        for op, value in ((Op.LT, 0xFF), (Op.GT, 0x2_0000_0001))
    )
    resolved = Resolved(default=Action.ERRNO, architectures=(), rules=rules)
    words = (
        *((32, 0, 0, 4), (21, 0, 15, 0xC000003E), (32, 0, 0, 0), (53, 0, 1, 1 << 30), (21, 0, 12, 0xFFFFFFFF)),
        *((21, 0, 9, 1), (32, 0, 0, 28), (37, 3, 0, 0), (21, 0, 7, 0), (32, 0, 0, 24), (53, 0, 5, 255)),
        *((37, 4, 0, 2), (21, 0, 2, 2), (32, 0, 0, 24), (37, 1, 0, 1)),
        *((6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000), (6, 0, 0, 0)),
    )
    found = simulate(resolved, X86_64, tuple(Instruction(*one) for one in words)).differences
    assert {(one.name, str(one.meaning), str(one.program)) for one in found} == {("write", "ERRNO(1)", "ALLOW")}
    assert {0xFF, 0x100} <= {one.args[1] for one in found}


def test_an_architecture_that_libseccomp_2_5_4_loses_is_found_or_was_not_lost() -> None:
    """Its first rule is for a call that the architecture lacks: then the number is never loaded there."""
    resolved = Resolved(
        default=Action.ALLOW,
        architectures=(AARCH64,),
        rules=(
            Rule(names=(Syscall("mmap2"),), action=Action.ERRNO),
            Rule(names=(Syscall("read"),), action=Action.ERRNO, args=(Arg(index=1, op=Op.LE, value=2),)),
        ),
    )
    program = compile_program(resolved, X86_64)
    loads_number = (0x20, 0, 0, 0)
    lost = sum(tuple(one) == loads_number for one in program) < 2  # once for each architecture
    found = simulate(resolved, X86_64, program, unknown_names(resolved)).differences
    assert {(one.arch, one.name) for one in found} == ({(AARCH64, "read")} if lost else set())


def test_differences_are_bounded() -> None:
    resolved = Resolved(default=Action.ERRNO, architectures=(X86_64,))
    found = simulate(resolved, X86_64, (Instruction(6, 0, 0, 0x7FFF0000),))
    assert len(found.differences) == SECCOMP_DIFFERENCES_MAX


def test_arguments_that_are_too_many_are_told() -> None:
    args = tuple(Arg(index=index, op=Op.EQ, value=7) for index in range(5))
    resolved = Resolved(default=Action.ERRNO, rules=(Rule(names=(WRITE,), action=Action.ALLOW, args=args),))
    assert [one.name for one in simulate(resolved, X86_64).rows if one.cut] == ["write"]


@pytest.mark.parametrize("arch", [ARM, AARCH64, X32])
def test_hosts_of_other_kinds(arch: str) -> None:
    found = simulate(PROFILE, arch)  # type: ignore[arg-type]
    assert found.rows[0].arch == arch


def test_a_host_whose_calls_are_not_known() -> None:
    with pytest.raises(UsageError, match="SCMP_ARCH_S390X"):
        simulate(PROFILE, "SCMP_ARCH_S390X")  # type: ignore[arg-type]
