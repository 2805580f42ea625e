"""Each fault that the linter knows, in the smallest profile that has it, beside one that has not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytrust.policy.profiles.floor import floor
from pytrust.policy.profiles.lint.check import Code, Setting, Severity, lint
from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import (
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Arch,
    Capability,
    Generation,
    GoArch,
    Op,
    Syscall,
)
from pytrust.policy.profiles.seccomp.docker_default import NAMESPACE_FLAGS, docker_default
from pytrust.policy.profiles.seccomp.resolve import Host
from pytrust.policy.profiles.seccomp.syscalls import X32, X86

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
SETTING = Setting(HOST)
ALLOW, ERRNO, KILL = Action.ALLOW, Action.ERRNO, Action.KILL_PROCESS


def rule(names: str, *args: Arg, action: Action = ALLOW, **more: Any) -> Rule:
    return Rule(names=tuple(map(Syscall, names.split())), action=action, args=args, **more)


def arg(op: Op, value: int, second: int = 0, index: int = 0) -> Arg:
    return Arg(index=index, op=op, value=value, second=second)


def profile(
    *rules: Rule,
    default: Action = ERRNO,
    capabilities: str = "",
    architectures: tuple[Arch, ...] = (X86_64,),
    **more: Any,
) -> Profile:
    seccomp = Seccomp(default=default, architectures=architectures, rules=rules, **more)
    return Profile(seccomp=seccomp, capabilities=tuple(map(Capability, capabilities.split())))


def found(one: Profile, setting: Setting = SETTING) -> set[Code]:
    return {finding.code for finding in lint(one, setting)}


GOOD = (
    rule("read write openat close mmap futex exit_group rt_sigreturn"),
    rule("clone", arg(Op.MASKED_EQ, NAMESPACE_FLAGS)),
    rule("clone3", action=ERRNO, errno=38),
    rule("socket", arg(Op.EQ, 1)),
    rule("socket", arg(Op.EQ, 2)),
)
OLD = SETTING._replace(host=HOST._replace(generation=Generation.BEFORE_23))

FAULTS = [
    (Code.OPEN_DEFAULT, profile(*GOOD, default=ALLOW)),
    (Code.OPEN_DEFAULT, profile(*GOOD, default=Action.LOG)),
    (Code.EMPTY, profile(rule("read", action=KILL))),
    (Code.ARCH_MISSING, profile(*GOOD, architectures=(X86,))),
    (Code.ARCH_UNKNOWN, profile(*GOOD, architectures=(X86_64, Arch("SCMP_ARCH_VAX")))),
    (Code.X32_OPEN, profile(*GOOD, architectures=(X86_64, X32))),
    (Code.MULTIPLEXER, profile(*GOOD, rule("socketcall"), architectures=(X86_64, X86))),
    (Code.MULTIPLEXER, profile(*GOOD, rule("semget", arg(Op.EQ, 1)), rule("ipc"), architectures=(X86_64, X86))),
    (Code.NAME_UNKNOWN, profile(*GOOD, rule("raed"))),
    (Code.NAME_ELSEWHERE, profile(*GOOD, rule("oldolduname"))),
    (Code.DUPLICATE, profile(*GOOD, rule("read"))),
    (Code.DUPLICATE, profile(*GOOD, rule("socket", arg(Op.EQ, 2)))),
    (Code.CONTRADICTION, profile(*GOOD, rule("read", action=KILL))),
    (Code.DEAD, profile(*GOOD, rule("read", arg(Op.EQ, 0)))),
    (Code.DEAD, profile(rule("read", arg(Op.EQ, 0)), *GOOD)),
    (Code.SAME_AS_DEFAULT, profile(*GOOD, rule("bpf", action=ERRNO, errno=1))),
    (Code.OR_SPLIT, profile(*GOOD, rule("fcntl", arg(Op.GE, 3, index=1), arg(Op.LE, 7, index=1)))),
    (Code.POINTER, profile(*GOOD, rule("open", arg(Op.EQ, 0x1000)))),
    (Code.UPPER_HALF, profile(*GOOD, rule("socket", arg(Op.GT, 40)))),
    (Code.UPPER_HALF, profile(*GOOD[:3], rule("socket", arg(Op.NE, 40)))),
    (Code.UPPER_HALF, profile(rule("personality", arg(Op.EQ, 8), action=ERRNO), *GOOD, default=ALLOW)),
    (Code.TANGLED, profile(*GOOD, rule("lseek", arg(Op.GT, 2**33, index=1)))),
    (Code.TANGLED, profile(*GOOD, rule("fcntl", arg(Op.NE, 3, index=1), arg(Op.EQ, 0, index=2)))),
    (Code.MASK_OUTSIDE, profile(*GOOD, rule("lseek", arg(Op.MASKED_EQ, 4, 6)))),
    (Code.MASK_EMPTY, profile(*GOOD, rule("lseek", arg(Op.MASKED_EQ, 0, 0)))),
    (Code.NEVER, profile(*GOOD, rule("lseek", arg(Op.LT, 0)))),
    (Code.NEVER, profile(*GOOD, rule("lseek", arg(Op.GT, 2**64 - 1)))),
    (Code.ALWAYS, profile(*GOOD, rule("lseek", arg(Op.GE, 0)))),
    (Code.ERRNO_IDLE, profile(*GOOD, rule("lseek", errno=1))),
    (Code.ERRNO_ZERO, profile(*GOOD, rule("setuid", action=ERRNO, errno=0))),
    (Code.LISTENER_MISSING, profile(*GOOD, rule("bpf", action=Action.NOTIFY))),
    (Code.NOTIFY_REFUSED, profile(rule("write", action=Action.NOTIFY))),
    (Code.REFUSED, profile(*GOOD, default=Action.NOTIFY)),
    (Code.CAPABILITY_ABSENT, profile(*GOOD, rule("bpf", includes=Condition(caps=(Capability("BPF"),))))),
    (Code.CLONE_OPEN, profile(*GOOD[:1], rule("clone"))),
    (Code.CLONE_OPEN, profile(*GOOD[:1], rule("clone", arg(Op.MASKED_EQ, NAMESPACE_FLAGS & ~0x10000000)))),
    (Code.CLONE3_OPEN, profile(*GOOD[:2], rule("clone3"))),
    (Code.CLONE3_ERRNO, profile(*GOOD[:2], rule("faccessat2"))),
    (Code.TRACING, profile(*GOOD, rule("ptrace"))),
    (Code.TRACING, profile(*GOOD, rule("process_vm_writev"))),
    (Code.FILELESS, profile(*GOOD, rule("memfd_create execveat"))),
    (Code.KILLS_FALLBACK, profile(*GOOD, default=KILL)),
]
FINE = [
    profile(*GOOD),
    profile(*GOOD, architectures=()),
    profile(*GOOD, rule("memfd_create")),
    profile(*GOOD, rule("socketcall"), architectures=(X86_64,)),  # no call there, but a name that Docker's list has
    profile(*GOOD, rule("fcntl", arg(Op.EQ, 3, index=1), arg(Op.EQ, 0, index=2))),
    profile(*GOOD, rule("lseek", arg(Op.GT, 40, index=1))),  # a number of 64 bits
    profile(*GOOD, rule("connect", arg(Op.NE, 0, index=1))),  # whether there is an address
    profile(*GOOD, rule("prctl", arg(Op.MASKED_EQ, 0xFFFFFFFF, 15))),
    profile(*GOOD, rule("bpf", includes=Condition(caps=(Capability("BPF"),))), capabilities="BPF"),
    profile(*GOOD[:1], rule("clone clone3"), capabilities="SYS_ADMIN"),  # which may do all that anyway
    profile(*GOOD, rule("bpf", action=Action.NOTIFY), listener_path="/run/l"),
]


@pytest.mark.parametrize(("code", "one"), FAULTS, ids=[f"{code}-{at}" for at, (code, _) in enumerate(FAULTS)])
def test_a_fault_is_found(code: Code, one: Profile) -> None:
    assert code in found(one)


@pytest.mark.parametrize("one", FINE)
def test_nothing_is_found_where_nothing_is_wrong(one: Profile) -> None:
    assert found(one) == set()


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (Code.FLOOR_MISSING, SETTING._replace(floor=floor("1.1.5", True))),
        (Code.NAME_NOT_ON_HOST, SETTING._replace(unknown=frozenset({Syscall("read")}))),
        (Code.TOO_LONG, SETTING._replace(instructions=4097)),
        (Code.REFUSED, SETTING._replace(refused="runc would refuse the profile")),
    ],
)
def test_what_does_not_go_with_the_host_is_found(code: Code, setting: Setting) -> None:
    assert found(profile(*GOOD), setting) == {code}


def test_every_code_is_tried() -> None:
    tried = {code for code, _ in FAULTS} | {Code.FLOOR_MISSING, Code.NAME_NOT_ON_HOST, Code.TOO_LONG, Code.FIELD_LOST}
    assert tried == set(Code)


def test_fields_that_an_older_engine_drops() -> None:
    one = profile(*GOOD, default_errno=2, flags=("SECCOMP_FILTER_FLAG_LOG",))
    assert found(one) == set()
    assert [finding.code for finding in lint(one, OLD)].count(Code.FIELD_LOST) == 2


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_each_call_of_the_floor_is_missed(no_new_privileges: bool) -> None:
    needed = floor("1.1.5", no_new_privileges)
    setting = SETTING._replace(floor=needed)
    whole = {*needed, *GOOD[0].names} - {"clone"}
    assert found(profile(rule(" ".join(sorted(whole))), *GOOD[1:]), setting) == set()
    for name in needed - {Syscall("clone")}:
        fewer = profile(rule(" ".join(sorted(whole - {name}))), *GOOD[1:])
        (finding,) = [one for one in lint(fewer, setting) if one.code is Code.FLOOR_MISSING]
        assert finding.severity is Severity.ERROR
        assert f" {name}:" in finding.text


def test_a_typo_has_a_suggestion_and_a_place() -> None:
    (finding,) = lint(profile(*GOOD, rule("epoll_wiat")), SETTING)
    assert (finding.place, finding.hint) == ("rule 6 (epoll_wiat)", "did you mean epoll_wait")


def test_errors_come_first() -> None:
    severities = [finding.severity for finding in lint(profile(*GOOD, rule("ptrace"), rule("raed")), SETTING)]
    assert severities == [Severity.ERROR, Severity.WARNING]


def test_dockers_default_has_what_its_authors_know_and_one_fault() -> None:
    """Sockets from 41 on: the number has 64 bits to the filter and 32 to the kernel."""
    docker = Profile(seccomp=docker_default(), capabilities=tuple(DEFAULT_CAPABILITIES))
    errors = [one for one in lint(docker, SETTING) if one.severity is Severity.ERROR]
    assert [(one.code, one.place) for one in errors] == [(Code.UPPER_HALF, "socket (x86_64)")]
    listed = [one for one in docker_default().rules if "socket" not in one.names]
    closed = msgspec.structs.replace(
        docker_default(), rules=(*listed, rule("socket", arg(Op.LT, 38)), rule("socket", arg(Op.EQ, 39)))
    )
    assert not [
        one for one in lint(msgspec.structs.replace(docker, seccomp=closed), SETTING) if one.severity is Severity.ERROR
    ]


def test_an_architecture_map_counts() -> None:
    mapped = Seccomp(default=ERRNO, arch_map=(ArchMap(architecture=X86_64, also=(X32,)),), rules=GOOD)
    assert found(Profile(seccomp=mapped)) == {Code.X32_OPEN}
