"""Every way to weaken one rule is found, and no way to write the same otherwise is taken for one."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.compare.diff import diff, seccomp_difference
from pytrust.policy.profiles.model import AppArmor, Arg, FileRule, NetworkRule, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import (
    CAPABILITIES,
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Capability,
    Generation,
    GoArch,
    Op,
    Syscall,
)
from pytrust.policy.profiles.seccomp.docker_default import NAMESPACE_FLAGS, docker_default
from pytrust.policy.profiles.seccomp.resolve import Host
from pytrust.policy.profiles.seccomp.syscalls import X32, X86, table

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
replace = msgspec.structs.replace
NATIVE = sorted(table(X86_64))
OPEN = tuple(
    map(
        Syscall,
        [
            "read",
            "write",
            "openat",
            "close",
            "mmap",
            "futex",
            "execve",
            "exit_group",
            "epoll_wait",
            "accept4",
            "sendto",
            "recvfrom",
        ],
    )
)


def rule(names: str, *args: Arg, action: Action = Action.ALLOW, errno: int | None = None) -> Rule:
    return Rule(names=tuple(map(Syscall, names.split())), action=action, args=args, errno=errno)


def arg(op: Op, value: int, second: int = 0, index: int = 0) -> Arg:
    return Arg(index=index, op=op, value=value, second=second)


GENERATED = Seccomp(
    default=Action.ERRNO,
    default_errno=1,
    architectures=(X86_64,),
    rules=(
        rule(" ".join(OPEN)),
        rule("clone", arg(Op.MASKED_EQ, NAMESPACE_FLAGS)),
        rule("clone3", action=Action.ERRNO, errno=38),
        rule("socket", arg(Op.EQ, 1)),
        rule("socket", arg(Op.EQ, 2), arg(Op.EQ, 1, index=1)),
        rule("prctl", arg(Op.LT, 30)),
        rule("madvise", arg(Op.NE, 100)),
        rule("fcntl", arg(Op.LE, 2**33, index=1)),
        rule("lseek", arg(Op.GT, 5)),
        rule("ioctl", arg(Op.GE, 2**40)),
        rule("mprotect", arg(Op.MASKED_EQ, 2**40 | 4, 4, index=2)),
        rule("getcpu", action=Action.LOG),
    ),
)
DENYING = Seccomp(
    default=Action.ALLOW,
    architectures=(X86_64, X86, X32),
    rules=(
        rule("bpf keyctl", action=Action.ERRNO, errno=1),
        rule("ptrace", action=Action.KILL_PROCESS),
        rule("personality", arg(Op.NE, 0), action=Action.ERRNO),
        rule("unshare", arg(Op.GE, 0x10000000), action=Action.TRAP),
    ),
)
RULES = AppArmor(
    files=(
        FileRule(path="/etc/app/*.conf", modes="r"),
        FileRule(path="/var/lib/app/**", modes="rwk", owner=True),
        FileRule(path="/usr/bin/app", modes="rm", transition="ix"),
    ),
    networks=(NetworkRule(family="inet", kind="stream"), NetworkRule(family="unix")),
)
PROFILE = Profile(
    seccomp=GENERATED,
    capabilities=(Capability("SETUID"),),
    read_only=True,
    user="1000:1000",
    apparmor=RULES,
)


def with_rules(seccomp: Seccomp, *rules: Rule) -> Seccomp:
    return replace(seccomp, rules=tuple(rules))


def weaker_rules(seccomp: Seccomp) -> Iterator[tuple[str, Seccomp]]:
    """One rule is other than it was, and lets more through for it."""
    for at, one in enumerate(seccomp.rules):
        others = (*seccomp.rules[:at], *seccomp.rules[at + 1 :])
        name = f"{one.names[0]} {at}"
        refuses = one.action not in (Action.ALLOW, Action.LOG)
        if refuses:
            yield (
                f"drop {name}",
                with_rules(seccomp, *others)
                if seccomp.default is Action.ALLOW
                else replace(seccomp, default=Action.LOG),
            )
            yield f"flip {name}", with_rules(seccomp, *others, replace(one, action=Action.ALLOW, errno=None))
            yield f"log {name}", with_rules(seccomp, *others, replace(one, action=Action.LOG, errno=None))
            yield f"trace {name}", with_rules(seccomp, *others, replace(one, action=Action.TRACE, errno=None))
        elif one.action is Action.LOG:
            yield f"silent {name}", with_rules(seccomp, *others, replace(one, action=Action.ALLOW))
        if one.args and not refuses:
            yield f"no arguments {name}", with_rules(seccomp, *others, replace(one, args=()))
            for place in range(len(one.args)):
                kept = (*one.args[:place], *one.args[place + 1 :])
                for label, other in weaker_condition(one.args[place]):
                    yield f"{label} {name}", with_rules(seccomp, *others, replace(one, args=(*kept, other)))


def weaker_condition(one: Arg) -> Iterator[tuple[str, Arg]]:
    if one.op is Op.MASKED_EQ:
        for bit in (bit for bit in range(64) if one.value >> bit & 1):
            yield f"bit {bit}", replace(one, value=one.value ^ 1 << bit, second=one.second & ~(1 << bit))
        return
    wider = {
        Op.EQ: (replace(one, op=Op.LE), replace(one, op=Op.GE)),
        Op.LT: (replace(one, op=Op.LE), replace(one, value=one.value + 1)),
        Op.LE: (replace(one, value=one.value + 1), replace(one, value=one.value + 2**32)),
        Op.GT: (replace(one, op=Op.GE),),
        Op.GE: (replace(one, value=max(0, one.value - 1)), replace(one, value=one.value % 2**32)),
        Op.NE: (replace(one, value=one.value + 1),),
    }
    for other in wider[one.op]:
        yield f"{other.op} {other.value}", other


def seeded() -> Iterator[tuple[str, Seccomp, Seccomp]]:
    for title, seccomp in (("generated", GENERATED), ("denying", DENYING)):
        for label, weaker in weaker_rules(seccomp):
            yield f"{title}: {label}", seccomp, weaker
    for name in NATIVE:
        if not any(name in one.names for one in GENERATED.rules):
            yield f"open {name}", GENERATED, with_rules(GENERATED, *GENERATED.rules, rule(name))
    for call in ("socket", "clone", "prctl"):
        yield f"open all of {call}", GENERATED, with_rules(GENERATED, *GENERATED.rules, rule(call))
    for arch in (X86, X32):
        yield f"add {arch}", GENERATED, replace(GENERATED, architectures=(X86_64, arch))
    for action in (Action.ALLOW, Action.LOG, Action.TRACE):
        yield f"default {action}", GENERATED, replace(GENERATED, default=action, default_errno=None)
    yield "another socket", GENERATED, with_rules(GENERATED, *GENERATED.rules, rule("socket", arg(Op.EQ, 16)))
    yield "no second condition", GENERATED, with_rules(GENERATED, *GENERATED.rules, rule("socket", arg(Op.EQ, 2)))
    # runc makes two rules of two conditions on one argument
    yield "split", GENERATED, with_rules(GENERATED, *GENERATED.rules, rule("lseek", arg(Op.GE, 2), arg(Op.LE, 1)))


def weaker_profiles() -> Iterator[tuple[str, Profile]]:
    for name in CAPABILITIES:
        if name not in PROFILE.capabilities:
            yield f"capability {name}", replace(PROFILE, capabilities=(*PROFILE.capabilities, name))
    yield "new privileges", replace(PROFILE, no_new_privileges=False)
    yield "writable", replace(PROFILE, read_only=False)
    for user in ("", "0", "root", "0:1000", "1000:0", "1000:root"):
        yield f"user {user}", replace(PROFILE, user=user)
    yield "no apparmor", replace(PROFILE, apparmor=None)
    for at, one in enumerate(RULES.files):
        for label, other in weaker_files(one):
            files = (*RULES.files[:at], other, *RULES.files[at + 1 :])
            yield f"{label} {one.path}", replace(PROFILE, apparmor=replace(RULES, files=files))
    for family, kind in (("inet", ""), ("inet", "dgram"), ("netlink", "raw")):
        networks = (*RULES.networks, NetworkRule(family=family, kind=kind))
        yield f"network {family} {kind}", replace(PROFILE, apparmor=replace(RULES, networks=networks))


def weaker_files(one: FileRule) -> Iterator[tuple[str, FileRule]]:
    if one.owner:
        yield "anybody", replace(one, owner=False)
    for letter in "rwalkm":
        if letter not in one.modes and not (letter == "a" and "w" in one.modes):
            modes = "".join(each for each in "rwalkm" if each in {*one.modes, letter})
            yield f"mode {letter}", replace(one, modes=modes)
    for transition in ("ux", "px", "cx"):
        yield transition, replace(one, transition=transition)
    yield "parent", replace(one, path=one.path.rsplit("/", 2)[0] + "/**")
    yield "root", replace(one, path="/**")
    yield "choice", replace(one, path="/{srv/,}" + one.path[1:])


WEAKENED = list(seeded())
LOOSENED = list(weaker_profiles())


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in WEAKENED], ids=[row[0] for row in WEAKENED])
def test_a_weaker_rule_is_found(before: Seccomp, after: Seccomp) -> None:
    found = seccomp_difference(before, after, HOST)
    assert found.widened
    assert seccomp_difference(after, before, HOST).narrowed


@pytest.mark.parametrize("after", [row[1] for row in LOOSENED], ids=[row[0] for row in LOOSENED])
def test_a_looser_profile_is_found(after: Profile) -> None:
    assert diff(PROFILE, after, HOST).widened
    assert diff(after, PROFILE, HOST).narrowed


conditions = st.builds(
    Arg,
    index=st.integers(0, 5),
    op=st.sampled_from(Op),
    value=st.integers(0, 2**64 - 1),
    second=st.integers(0, 2**64 - 1),
)
allowing = st.builds(
    Rule,
    names=st.lists(st.sampled_from(NATIVE), min_size=1, max_size=8, unique=True).map(tuple),
    action=st.sampled_from([Action.ALLOW, Action.LOG, Action.ERRNO]),
    args=st.lists(conditions, max_size=2).map(tuple),
)
profiles = st.builds(
    Seccomp,
    default=st.sampled_from([Action.ERRNO, Action.KILL_PROCESS]),
    architectures=st.sampled_from([(X86_64,), (X86_64, X86, X32)]),
    rules=st.lists(allowing, max_size=8).map(tuple),
)


def rewritten(seccomp: Seccomp, order: random.Random) -> Seccomp:
    """The same meaning: a rule for each call, in any order, some twice. Rules that disagree keep theirs."""
    parts = [replace(one, names=(name,)) for one in seccomp.rules for name in one.names]
    parts += order.sample(parts, len(parts) // 3)
    if all(one.action == seccomp.rules[0].action and one.errno == seccomp.rules[0].errno for one in seccomp.rules):
        order.shuffle(parts)
    architectures = order.sample(seccomp.architectures, len(seccomp.architectures))
    return replace(seccomp, rules=tuple(parts), architectures=tuple(architectures))


@given(profiles, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_writing_the_same_otherwise_is_no_difference(seccomp: Seccomp, order: random.Random) -> None:
    assert seccomp_difference(seccomp, rewritten(seccomp, order), HOST) == ((), (), ())


@pytest.mark.parametrize("seccomp", [docker_default(), GENERATED, DENYING], ids=["docker", "generated", "denying"])
def test_rules_in_another_order_or_grouped_otherwise_are_no_difference(seccomp: Seccomp) -> None:
    order = random.Random(7)
    for _ in range(5):
        parts = [replace(one, names=(name,)) for one in seccomp.rules for name in one.names]
        order.shuffle(parts)
        assert seccomp_difference(seccomp, with_rules(seccomp, *parts), HOST) == ((), (), ())


@given(profiles, st.sampled_from(NATIVE))
@settings(max_examples=80, deadline=None)
def test_a_call_that_is_opened_in_any_profile_is_found(seccomp: Seccomp, name: str) -> None:
    kept = tuple(one for one in seccomp.rules if name not in one.names)
    closed = with_rules(seccomp, *kept)
    opened = with_rules(seccomp, *kept, rule(name))
    assert any(change.subject.startswith(name) for change in seccomp_difference(closed, opened, HOST).widened)


@given(profiles, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_dropping_an_allowing_rule_is_never_wider(seccomp: Seccomp, order: random.Random) -> None:
    """On 32-bit x86 it can be: with the last call that runc counts there, its ENOSYS for sockets is gone."""
    seccomp = replace(seccomp, architectures=(X86_64, X32))
    allowing_rules = tuple(replace(one, action=Action.ALLOW) for one in seccomp.rules)
    fewer = tuple(order.sample(allowing_rules, max(0, len(allowing_rules) - 1)))
    assert not seccomp_difference(with_rules(seccomp, *allowing_rules), with_rules(seccomp, *fewer), HOST).widened


SPELLED_OTHERWISE = [
    (FileRule(path="/etc/app/*.conf", modes="r"),) * 2,
    (FileRule(path="/etc/app/{a,b,*}.conf", modes="r"),),
    (FileRule(path="/etc/app/*.conf", modes="r"), FileRule(path="/etc/app/main.conf", modes="r", owner=True)),
    (
        FileRule(path="/etc/app/[^m/]*.conf", modes="r"),
        FileRule(path="/etc/app/m*.conf", modes="r"),
        FileRule(path="/etc/app/.conf", modes="r"),
    ),
    (FileRule(path="/etc/{app,app}/*.conf", modes="r"),),
]


@pytest.mark.parametrize("files", SPELLED_OTHERWISE)
def test_files_that_are_spelled_otherwise_are_no_difference(files: tuple[FileRule, ...]) -> None:
    before = replace(PROFILE, apparmor=AppArmor(files=(FileRule(path="/etc/app/*.conf", modes="r"),)))
    assert not diff(before, replace(PROFILE, apparmor=AppArmor(files=files)), HOST).widened
