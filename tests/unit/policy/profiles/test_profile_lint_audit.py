"""What is dangerous and open, and what counts as evidence for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytrust.policy.profiles.compare.strangers import known_names
from pytrust.policy.profiles.dangerous import BY_ARGUMENT, CALLS, NAMESPACES, TOGETHER
from pytrust.policy.profiles.lint.audit import COUNTS, audit
from pytrust.policy.profiles.model import Arg, Evidence, Profile, Rule, Seccomp, Why
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
from pytrust.policy.profiles.seccomp.syscalls import X86

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)


def rule(names: str, *args: Arg, action: Action = Action.ALLOW, **more: Any) -> Rule:
    return Rule(names=tuple(map(Syscall, names.split())), action=action, args=args, **more)


def of(
    *rules: Rule,
    evidence: tuple[Evidence, ...] = (),
    architectures: tuple[Arch, ...] = (X86_64,),
    default: Action = Action.ERRNO,
) -> Profile:
    return Profile(seccomp=Seccomp(default=default, architectures=architectures, rules=rules), evidence=evidence)


def seen(subject: str, why: Why = Why.RECORDED) -> Evidence:
    return Evidence(subject=subject, why=why, count=3, note="nginx")


def subjects(profile: Profile) -> list[str]:
    return [one.subject for one in audit(profile, HOST)]


def test_an_ordinary_profile_has_nothing_dangerous() -> None:
    socket = rule("socket", Arg(index=0, op=Op.EQ, value=1))
    mask = rule("clone", Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS))
    assert audit(of(rule("read write openat memfd_create"), socket, mask), HOST) == ()


@pytest.mark.parametrize("name", CALLS)
def test_every_dangerous_call_is_seen_where_it_is_open(name: str) -> None:
    architectures = (X86_64, X86)
    assert name in subjects(of(rule(name), architectures=architectures))
    assert name not in subjects(of(rule("read"), architectures=architectures))
    assert name in subjects(of(default=Action.LOG, architectures=architectures))


def test_arguments_count() -> None:
    sockets = [rule("socket", Arg(index=0, op=Op.EQ, value=value)) for value in (1, 2, 17)]
    assert subjects(of(*sockets)) == ["socket AF_PACKET"]
    some = rule("clone", Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS & ~0x10000000))
    assert subjects(of(some)) == ["clone CLONE_NEWUSER"]
    assert subjects(of(rule("clone"))) == [f"clone {flag.name}" for flag in NAMESPACES]
    assert subjects(of(rule("personality", Arg(index=0, op=Op.EQ, value=0x0040000)))) == [
        "personality ADDR_NO_RANDOMIZE"
    ]


def test_what_a_bit_that_the_kernel_does_not_see_lets_through_is_open() -> None:
    above = of(rule("socket", Arg(index=0, op=Op.GT, value=40)))
    noted = {one.subject: one.note for one in audit(above, HOST)}
    assert "socket AF_VSOCK" in noted
    assert noted["socket AF_VSOCK"].startswith("with bits above")


def test_two_are_dangerous_together_only() -> None:
    assert subjects(of(rule("memfd_create"))) == subjects(of(rule("execveat"))) == []
    assert subjects(of(rule("memfd_create execveat"))) == ["memfd_create with execveat"]
    both = (seen("syscall:memfd_create"), seen("syscall:execveat"))
    (exposure,) = audit(of(rule("memfd_create execveat"), evidence=both), HOST)
    assert exposure.excused
    (exposure,) = audit(of(rule("memfd_create execveat"), evidence=both[:1]), HOST)
    assert not exposure.excused


@pytest.mark.parametrize("why", Why)
def test_only_what_somebody_saw_is_evidence(why: Why) -> None:
    (exposure,) = audit(of(rule("bpf"), evidence=(seen("syscall:bpf", why),)), HOST)
    assert exposure.excused is (why in COUNTS)
    assert {Why.RECORDED, Why.PROVEN, Why.FLOOR, Why.SIBLING} == COUNTS


def test_evidence_is_for_the_argument_not_for_the_call() -> None:
    packet = rule("socket", Arg(index=0, op=Op.EQ, value=17))
    (exposure,) = audit(of(packet, evidence=(seen("syscall:socket"), seen("argument:socket:AF_INET"))), HOST)
    assert not exposure.excused
    (exposure,) = audit(of(packet, evidence=(seen("argument:socket:AF_PACKET"),)), HOST)
    assert exposure.excused
    random = rule("personality", Arg(index=0, op=Op.EQ, value=0x0040000))
    (exposure,) = audit(of(random, evidence=(seen("argument:personality:0x40000"),)), HOST)
    assert exposure.excused
    (exposure,) = audit(of(random, evidence=(seen("argument:personality:0x8"), seen("argument:personality:odd"))), HOST)
    assert not exposure.excused


def test_what_has_no_evidence_comes_first() -> None:
    found = audit(of(rule("bpf keyctl"), evidence=(seen("syscall:bpf"),)), HOST)
    assert [(one.subject, one.excused) for one in found] == [("keyctl", False), ("bpf", True)]


def test_a_capability_opens_what_docker_gives_with_it() -> None:
    docker = Profile(seccomp=docker_default(), capabilities=(*DEFAULT_CAPABILITIES, Capability("SYS_ADMIN")))
    plain = Profile(seccomp=docker_default(), capabilities=tuple(DEFAULT_CAPABILITIES))
    assert {"mount", "setns", "clone CLONE_NEWUSER", "bpf"} <= set(subjects(docker)) - set(subjects(plain))


def test_the_table_names_what_there_is() -> None:
    names = {*CALLS, *BY_ARGUMENT, *(name for pair in TOGETHER for name in pair)}
    assert names <= known_names()
    every = [
        *CALLS.values(),
        *TOGETHER.values(),
        *(danger for flags in BY_ARGUMENT.values() for danger in flags.values()),
    ]
    assert all(one.why and all(re.fullmatch(r"CVE-\d{4}-\d{4,}", cve) for cve in one.examples) for one in every)
