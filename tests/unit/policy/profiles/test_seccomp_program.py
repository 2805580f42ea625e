"""Programs: what libseccomp makes of a profile says what the profile means, and bytes that are no program are refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.seccomp_profiles import ARCHES, CALLS, overlapping, profiles, six

from pytrust.policy.profiles.model import Arg, Resolved, Rule
from pytrust.policy.profiles.names import (
    AARCH64,
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Arch,
    Generation,
    GoArch,
    Op,
    Syscall,
)
from pytrust.policy.profiles.seccomp.bpf import (
    Instruction,
    Program,
    parse_program,
    program_bytes,
    run,
    unknown_calls_stub,
    words_of,
)
from pytrust.policy.profiles.seccomp.compile import compile_program, system_arch, unknown_names
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.evaluate import Args, boundaries, evaluate, probes
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.simulate import simulate
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X32_BIT, X86, table
from pytrust.policy.profiles.seccomp.verdict import FOREIGN, Verdict, from_value, to_value
from pytrust.trust.errors import BadContent

LOAD, EQUAL, RETURN, JUMP, AND = 0x20, 0x15, 0x06, 0x05, 0x54
ALLOWED = 0x7FFF0000
READ = Syscall("read")
LOWER = 0xFFFFFFFF


def program(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("=HBBI", *one) for one in instructions)


@given(profiles(), st.lists(six, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rules_and_program_say_the_same(resolved: Resolved, more: list[Args]) -> None:
    made, unknown = compile_program(resolved, X86_64), unknown_names(resolved)
    assert unknown <= {"nosuchcall"}
    for arch in ARCHES:
        for call in (*CALLS[:-1], Syscall("execve"), Syscall("openat2")):
            number = table(arch)[call]
            around = list(probes(boundaries(resolved, call)))
            for args in [*around[:: 1 + len(around) // 50], *more]:
                meant = evaluate(resolved, arch, number, args, host=X86_64, unknown=unknown)
                assert run(made, words_of(arch, number, args)) == meant, (arch, call, args)


@given(overlapping())
@settings(max_examples=150, deadline=None)
def test_rules_that_overlap_are_asked_in_the_order_of_libseccomp(resolved: Resolved) -> None:
    """Arguments have 32 bits here; rules that contradict each other for the same ones are refused."""
    try:
        made = compile_program(resolved, X86_64)
    except BadContent:
        return
    around = list(probes(boundaries(resolved, READ)))
    for a, b, c, d, e, f in around[:: 1 + len(around) // 100]:
        args = (a & LOWER, b & LOWER, c & LOWER, d & LOWER, e & LOWER, f & LOWER)
        for arch in (X86_64, ARM):
            assert run(made, words_of(arch, table(arch)[READ], args)) == evaluate(resolved, arch, READ, args), args


@pytest.mark.parametrize("arch", ["amd64", "arm64", "arm", "386"])
def test_the_default_of_docker_on_every_architecture(arch: str) -> None:
    host = Host(GoArch(arch), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
    scmp = {"amd64": X86_64, "arm64": AARCH64, "arm": ARM, "386": X86}[arch]
    resolved = resolve(docker_default(), host)
    found = simulate(resolved, scmp, compile_program(resolved, scmp), unknown_names(resolved))
    assert found.differences == ()
    assert found.probes > len(table(scmp))


@pytest.mark.parametrize(
    ("arches", "named"),
    [
        ((X86_64,), "openat"),
        ((X32,), "openat"),
        ((X86_64, X32, X86), "clock_gettime64"),
        ((X86, X32, X86_64), "openat"),
        ((AARCH64, ARM), "openat"),
        ((), "openat"),
        ((X86_64,), "read"),
    ],
)
def test_the_stub_knows_the_last_number_of_each_architecture(arches: tuple[Arch, ...], named: str) -> None:
    rules = (Rule(names=(READ, Syscall(named)), action=Action.ALLOW),)
    resolved = Resolved(default=Action.ERRNO, architectures=arches, rules=rules)
    made = compile_program(resolved, X86_64)
    for arch in ARCHES:
        last = table(arch).get(Syscall(named), 400)
        for number in {
            last - 1 if last else 0,
            last,
            last + 1,
            5000,
            X32_BIT,
            X32_BIT + last,
            X32_BIT + 5000,
            2**32 - 1,
        }:
            bit = X32_BIT if arch == X32 and number < X32_BIT else 0
            meant = evaluate(resolved, arch, number | bit, host=X86_64)
            assert run(made, words_of(arch, number | bit, (0,) * 6)) == meant, (arch, number)


def test_the_stub_is_short_and_jumps_nowhere_else() -> None:
    resolved = Resolved(
        default=Action.ERRNO, architectures=(X86_64, X32), rules=(Rule(names=(Syscall("write"),), action=Action.ALLOW),)
    )
    stub = unknown_calls_stub(resolved)
    assert len(stub) == 12
    whole = (*stub, Instruction(RETURN, 0, 0, ALLOWED))
    assert parse_program(program_bytes(whole), "x") == whole
    found = [str(run(whole, words_of(X86_64, number, (0,) * 6))) for number in (1, 2, X32_BIT + 1, X32_BIT + 2)]
    assert found == ["ALLOW", "ERRNO(38)", "ALLOW", "ERRNO(38)"]
    assert str(run(whole, words_of(X86, 500, (0,) * 6))) == "ALLOW"


def test_runc_refuses_rules_that_contradict_each_other() -> None:
    arg = Arg(index=0, op=Op.EQ, value=1)
    rules = tuple(Rule(names=(READ,), action=action, args=(arg,)) for action in (Action.ALLOW, Action.TRAP))
    with pytest.raises(BadContent, match="a rule for read contradicts another one"):
        compile_program(Resolved(default=Action.ERRNO, rules=rules), X86_64)


@pytest.mark.parametrize("arch", ["SCMP_ARCH_S390X", "SCMP_ARCH_PPC64"])
def test_runc_refuses_architectures_of_another_byte_order(arch: str) -> None:
    resolved = Resolved(default=Action.ERRNO, architectures=(X86_64, Arch(arch)), rules=())
    with pytest.raises(BadContent, match=f"{arch} cannot be filtered on SCMP_ARCH_X86_64"):
        compile_program(resolved, X86_64)


def test_a_program_for_another_host_knows_nothing_of_this_one() -> None:
    resolved = Resolved(default=Action.ALLOW, rules=(Rule(names=(READ,), action=Action.TRAP),))
    other = AARCH64 if system_arch() == X86_64 else X86_64
    made = compile_program(resolved, other)
    assert str(run(made, words_of(other, table(other)[READ], (0,) * 6))) == "TRAP"
    assert run(made, words_of(system_arch(), table(system_arch())[READ], (0,) * 6)) == FOREIGN


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (program((RETURN, 0, 0, ALLOWED))[:-1], "7 bytes"),
        (program((RETURN, 0, 0, ALLOWED)) * 4097, "32776 bytes"),
        (program((LOAD, 0, 0, 0)), "instruction 0"),  # ends without an answer
        (program((LOAD, 0, 0, 64), (RETURN, 0, 0, 0)), "instruction 0"),  # behind the data
        (program((LOAD, 0, 0, 2), (RETURN, 0, 0, 0)), "instruction 0"),  # not at a word
        (program((0x28, 0, 0, 0), (RETURN, 0, 0, 0)), "instruction 0"),  # half a word
        (program((EQUAL, 0, 1, 0), (RETURN, 0, 0, 0)), "instruction 0"),  # jumps behind the end
        (program((JUMP, 0, 0, 1), (RETURN, 0, 0, 0)), "instruction 0"),
        (program((JUMP, 0, 0, 0xFFFFFFFF), (RETURN, 0, 0, 0)), "instruction 0"),
        (program((RETURN, 0, 0, 0), (AND, 0, 0, 1)), "instruction 1"),
    ],
)
def test_bytes_that_are_no_program(data: bytes, reason: str) -> None:
    with pytest.raises(BadContent, match=reason):
        parse_program(data, "it")


codes = st.sampled_from([LOAD, EQUAL, RETURN, JUMP, AND, 0x25, 0x35, 0x45, 0x16])
instructions = st.tuples(
    codes, st.integers(0, 5), st.integers(0, 5), st.one_of(st.integers(0, 70), st.integers(0, 2**32 - 1))
)


@given(st.lists(instructions, min_size=1, max_size=12), six, st.integers(0, 500))
def test_whatever_is_taken_ends_with_an_answer(
    several: list[tuple[int, int, int, int]], args: Args, number: int
) -> None:
    try:
        taken: Program = parse_program(program(*several), "it")
    except BadContent:
        return
    assert isinstance(run(taken, words_of(X86_64, number, args)), Verdict)
    assert program_bytes(taken) == program(*several)


@given(st.integers(0, 2**32 - 1))
def test_values_and_verdicts(value: int) -> None:
    verdict = from_value(value)
    assert from_value(to_value(verdict)) == verdict
    assert to_value(verdict) & 0xFFFF0000 in {value & 0xFFFF0000, 0x80000000}
