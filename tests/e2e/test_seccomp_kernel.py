"""The kernel's own opinion: what it does with calls under our programs is what the profiles mean.

Calls are made by a process without rights; those of the large test ask for nothing (``getpid``), whatever they are given.
"""

from __future__ import annotations

import random
from errno import EBADF, ENOSYS
from itertools import islice

import pytest
from tests.rig.needs import need

from pytrust.policy.profiles.model import U64_MAX, Arg, Resolved, Rule
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, X86_64, Action, Arch, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.bpf import Instruction
from pytrust.policy.profiles.seccomp.compile import compile_program, system_arch, unknown_names
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.evaluate import Args, boundaries, evaluate, probes
from pytrust.policy.profiles.seccomp.kernel_check import Probe, disagreements, probes_of
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.simulate import simulate
from pytrust.policy.profiles.seccomp.syscalls import X32_BIT, X86, table
from pytrust.policy.profiles.seccomp.verdict import Verdict
from pytrust.trust.errors import Unknown, UsageError
from pytrust.trust.limits import SECCOMP_KERNEL_PROBES_MAX

CALLS = tuple(map(Syscall, ("getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "gettid", "getpgrp")))
VALUES = (0, 1, 2, 7, 0xFF, 0x7E020000, 0x80000000, 0xFFFFFFFF)
WIDE = (*VALUES, 1 << 32, (1 << 32) + 7, 1 << 63, U64_MAX)
PROFILES, PROBES = 40, 250
GETPID = table(X86_64)[Syscall("getpid")]


@pytest.fixture(autouse=True)
def _x86_64() -> None:
    need("" if system_arch() == X86_64 else "the kernel is asked on x86-64 alone")


def some_profile(chance: random.Random) -> Resolved:
    """Of x86-64 and 32-bit x86; each call has one verdict, and conditions that libseccomp compiles as they are meant."""
    rules = []
    for call in chance.sample(CALLS, 5):
        action = chance.choice([Action.ALLOW, Action.ERRNO, Action.TRACE])
        errno, index, equal = chance.choice([None, 38, 77]), chance.randrange(6), chance.random() < 0.5
        for _ in range(chance.randint(1, 3)):
            args = tuple(some_arg(chance, index, equal=equal) for _ in range(chance.randint(0, 3)))
            rules.append(Rule(names=(call,), action=action, errno=errno, args=args))
    default, errno = chance.choice([(Action.ERRNO, 99), (Action.ERRNO, None), (Action.ALLOW, None), (Action.TRACE, 1)])
    return Resolved(default=default, default_errno=errno, architectures=(X86_64, X86), rules=tuple(rules))


def some_arg(chance: random.Random, index: int, *, equal: bool) -> Arg:
    if equal:
        op = chance.choice([Op.EQ, Op.MASKED_EQ])
        return Arg(index=chance.randrange(6), op=op, value=chance.choice(WIDE), second=chance.choice(WIDE))
    return Arg(index=index, op=chance.choice(list(Op)), value=chance.choice(VALUES), second=chance.choice(VALUES))


def some_probes(chance: random.Random, resolved: Resolved, arches: tuple[Arch, ...]) -> list[Probe]:
    found = []
    for _ in range(PROBES):
        call, arch = chance.choice(CALLS), chance.choice(arches)
        around = list(islice(probes(boundaries(resolved, call)), 2000))
        a, b, c, d, e, f = chance.choices(WIDE, k=6)
        args = chance.choice([*around, (a, b, c, d, e, f)])
        found.append(Probe(table(arch)[call], args, evaluate(resolved, arch, call, args), arch))
    return found


def has_x86() -> bool:
    """Whether this kernel runs programs of 32-bit x86."""
    asked = [Probe(table(X86)[Syscall("getpid")], (0,) * 6, Verdict(Action.ALLOW), X86)]
    try:
        return not disagreements(compile_program(Resolved(default=Action.ALLOW, architectures=(X86,)), X86_64), asked)
    except Unknown:
        return False


def test_ten_thousand_random_probes() -> None:
    chance = random.Random(7)
    verdicts = set()
    arches = (X86_64, X86) if has_x86() else (X86_64,)
    for _ in range(PROFILES):
        resolved = some_profile(chance)
        asked = some_probes(chance, resolved, arches)
        verdicts |= {str(one.verdict) for one in asked}
        assert disagreements(compile_program(resolved, X86_64), asked) == (), resolved
    assert PROFILES * PROBES == 10_000
    assert {"ALLOW", "ERRNO(77)", "ERRNO(99)", "ERRNO(1)", "ERRNO(38)", "TRACE(1)", "TRACE(77)"} <= verdicts


def test_calls_that_kill() -> None:
    """The process that makes them dies, and the next one goes on behind."""
    rules = tuple(
        Rule(names=(name,), action=action, args=(Arg(index=0, op=Op.EQ, value=7),))
        for name, action in zip(CALLS, (Action.KILL, Action.KILL_PROCESS, Action.TRAP), strict=False)
    )
    resolved = Resolved(default=Action.ALLOW, architectures=(X86_64,), rules=rules)
    asked = [
        Probe(table(X86_64)[name], args, evaluate(resolved, X86_64, name, args))
        for name in CALLS[:4]
        for args in ((7, 0, 0, 0, 0, 0), (8, 0, 0, 0, 0, 0), (7, 1, 0, 0, 0, 0))
    ]
    assert sum(one.verdict.action is not Action.ALLOW for one in asked) == 6
    assert disagreements(compile_program(resolved, X86_64), asked) == ()


def test_every_harmless_call_under_the_default_of_docker() -> None:
    host = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
    resolved = resolve(docker_default(), host)
    program, unknown = compile_program(resolved, X86_64), unknown_names(resolved)
    asked = probes_of(simulate(resolved, X86_64, program, unknown).rows)
    assert len(asked) > 340
    assert disagreements(program, asked) == ()


def test_numbers_that_are_none_and_numbers_of_x32() -> None:
    resolved = Resolved(
        default=Action.ERRNO,
        default_errno=99,
        architectures=(X86_64,),
        rules=(Rule(names=(Syscall("getpid"), Syscall("openat")), action=Action.ALLOW),),
    )
    last = table(X86_64)[Syscall("openat")]
    numbers = [last - 1, last + 1, 5000, X32_BIT | GETPID]
    asked = [Probe(number, (U64_MAX,) * 6, evaluate(resolved, X86_64, number)) for number in numbers]
    assert [str(one.verdict) for one in asked] == ["ERRNO(99)", "ERRNO(38)", "ERRNO(38)", "KILL_THREAD"]
    assert disagreements(compile_program(resolved, X86_64), asked) == ()


def test_calls_of_32_bit_x86() -> None:
    """Numbers of its own, lower halves, ``socketcall`` that loses a condition; and death where it is not named."""
    need("" if has_x86() else "this kernel runs no programs of 32-bit x86")
    rules = (
        Rule(names=(Syscall("getpid"),), action=Action.ERRNO, errno=77, args=(Arg(index=0, op=Op.LT, value=7),)),
        Rule(names=(Syscall("getuid"),), action=Action.ERRNO, errno=78, args=(Arg(index=1, op=Op.EQ, value=1 << 32),)),
        Rule(names=(Syscall("socket"),), action=Action.ERRNO, errno=79, args=(Arg(index=0, op=Op.EQ, value=38),)),
    )
    resolved = Resolved(default=Action.ALLOW, architectures=(X86_64, X86), rules=rules)
    several = [
        ("getpid", 6),
        ("getpid", 7),
        ("getpid", (1 << 32) + 6),
        ("getuid", 0),
        ("socketcall", 1),
        ("socketcall", 2),
    ]
    asked = []
    for name, first in several:
        call, args = Syscall(name), (first & 0xFFFFFFFF, 0, 0, 0, 0, 0)
        asked.append(Probe(table(X86)[call], args, evaluate(resolved, X86, call, args), X86))
    assert [str(one.verdict) for one in asked] == ["ERRNO(77)", "ALLOW", "ERRNO(77)", "ERRNO(78)", "ERRNO(79)", "ALLOW"]
    assert disagreements(compile_program(resolved, X86_64), asked) == ()
    alone = Resolved(default=Action.ALLOW, architectures=(X86_64,), rules=rules)
    killed = [one._replace(verdict=evaluate(alone, X86, one.number, one.args)) for one in asked]
    assert {str(one.verdict) for one in killed} == {"KILL_THREAD"}
    assert disagreements(compile_program(alone, X86_64), killed) == ()


def test_the_kernel_contradicts_who_is_wrong() -> None:
    """Otherwise the tests above would say nothing."""
    none: Args = (U64_MAX,) * 6
    close = table(X86_64)[Syscall("close")]
    resolved = Resolved(
        default=Action.ALLOW,
        rules=(
            Rule(names=(Syscall("getpid"),), action=Action.ERRNO, errno=77),
            Rule(names=(Syscall("getuid"),), action=Action.KILL),
        ),
    )
    asked = [
        Probe(GETPID, none, Verdict(Action.ERRNO, 78)),
        Probe(GETPID, none, Verdict(Action.ALLOW)),
        Probe(GETPID, none, Verdict(Action.TRACE, 1)),
        Probe(GETPID, none, Verdict(Action.KILL_PROCESS)),
        Probe(table(X86_64)[Syscall("getuid")], none, Verdict(Action.ALLOW)),
        Probe(close, none, Verdict(Action.ERRNO, 1)),
        Probe(close, none, Verdict(Action.ALLOW)),
    ]
    found = disagreements(compile_program(resolved, X86_64), asked)
    assert [one.probe for one in found] == asked[:-1]
    assert [one.found for one in found] == [-77, -77, -77, -77, None, -EBADF]
    assert -ENOSYS not in {one.found for one in found}


def test_what_the_kernel_is_not_asked() -> None:
    with pytest.raises(UsageError, match="are more than"):
        disagreements((), [Probe(GETPID, (0,) * 6, Verdict(Action.ALLOW))] * (SECCOMP_KERNEL_PROBES_MAX + 1))
    with pytest.raises(Unknown, match="could not be loaded"):
        disagreements((Instruction(0xFF, 0, 0, 0),), [Probe(GETPID, (0,) * 6, Verdict(Action.ALLOW))])
    end = table(X86_64)[Syscall("exit")]
    with pytest.raises(Unknown, match="ended the process"):
        disagreements(
            compile_program(Resolved(default=Action.ALLOW), X86_64), [Probe(end, (0,) * 6, Verdict(Action.ALLOW))]
        )
