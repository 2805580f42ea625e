"""Union and intersection: never on the wrong side of either part, and the laws of sets as far as meaning goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.compare.combine import Combined, intersect, merge
from pytrust.policy.profiles.compare.diff import diff
from pytrust.policy.profiles.model import (
    AppArmor,
    Arg,
    Evidence,
    FileRule,
    NetworkRule,
    Profile,
    Recording,
    Rule,
    Seccomp,
    Why,
)
from pytrust.policy.profiles.names import (
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
from pytrust.policy.profiles.seccomp.syscalls import X32, X86
from pytrust.trust.errors import UsageError

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
Combine = Callable[[Profile, Profile, Host], Combined]
CALLS = tuple(map(Syscall, ("read", "socket", "socketcall", "clone3", "chown32", "call_of_2030")))
numbers = st.sampled_from([0, 1, 3, 7, 8, 38, 0x20000, 2**32, 2**32 + 7, 2**64 - 1])
conditions = st.builds(Arg, index=st.integers(0, 1), op=st.sampled_from(Op), value=numbers, second=numbers)
actions = st.sampled_from([Action.ALLOW, Action.ERRNO, Action.KILL_PROCESS, Action.LOG])
rules = st.builds(
    Rule,
    names=st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True).map(tuple),
    action=actions,
    errno=st.sampled_from([None, 1, 38]),
    args=st.lists(conditions, max_size=2).map(tuple),
)
seccomps = st.builds(
    Seccomp,
    default=actions,
    architectures=st.sampled_from([(X86_64, X86, X32), (X86_64,), (X86_64, X86)]),
    flags=st.lists(st.sampled_from(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]), unique=True).map(
        tuple
    ),
    rules=st.lists(rules, max_size=4).map(tuple),
)
files = st.builds(
    FileRule,
    path=st.sampled_from(["/etc/*", "/etc/passwd", "/etc/**", "/usr/bin/app", "/usr/**", "/{etc,usr}/*"]),
    modes=st.sampled_from(["r", "w", "rw", "rm", "a"]),
    transition=st.sampled_from(["", "ix", "ux"]),
    owner=st.booleans(),
)
networks = st.builds(
    NetworkRule, family=st.sampled_from(["inet", "unix"]), kind=st.sampled_from(["", "stream", "dgram"])
)
apparmors = st.builds(
    AppArmor, files=st.lists(files, max_size=3).map(tuple), networks=st.lists(networks, max_size=2).map(tuple)
)
profiles = st.builds(
    Profile,
    seccomp=seccomps,
    capabilities=st.lists(
        st.sampled_from([Capability("CHOWN"), Capability("KILL"), Capability("SETUID")]), unique=True
    ).map(tuple),
    no_new_privileges=st.booleans(),
    read_only=st.booleans(),
    user=st.sampled_from(["", "0", "1000", "1000:0", "1001"]),
    apparmor=st.one_of(st.none(), apparmors),
)
slow = settings(max_examples=60, deadline=None)


@given(profiles, profiles)
@slow
def test_a_union_is_not_narrower_than_either(one: Profile, other: Profile) -> None:
    both = merge(one, other, HOST).profile
    assert not diff(one, both, HOST).narrowed
    assert not diff(other, both, HOST).narrowed


@given(profiles, profiles)
@slow
def test_an_intersection_is_not_wider_than_either(one: Profile, other: Profile) -> None:
    both = intersect(one, other, HOST).profile
    assert not diff(one, both, HOST).widened
    assert not diff(other, both, HOST).widened


@pytest.mark.parametrize("combine", [merge, intersect])
@given(one=profiles)
@slow
def test_a_profile_with_itself_is_itself(combine: Combine, one: Profile) -> None:
    both = combine(one, one, HOST)
    found = diff(one, both.profile, HOST)
    assert not found.widened
    assert not found.narrowed
    assert not both.inexact


@pytest.mark.parametrize("combine", [merge, intersect])
@given(one=profiles, other=profiles)
@slow
def test_the_order_of_the_two_makes_no_difference(combine: Combine, one: Profile, other: Profile) -> None:
    found = diff(combine(one, other, HOST).profile, combine(other, one, HOST).profile, HOST)
    assert not found.widened
    assert not found.narrowed


@given(profiles, profiles)
@slow
def test_what_is_said_exactly_is_no_more_than_it_has_to_be(one: Profile, other: Profile) -> None:
    """A call that a union lets through is let through by one side, where nothing else was said."""
    one, other = (msgspec.structs.replace(each, apparmor=None, user="") for each in (one, other))
    other = msgspec.structs.replace(
        other, seccomp=msgspec.structs.replace(other.seccomp, architectures=one.seccomp.architectures)
    )
    both = merge(one, other, HOST)
    if not both.inexact:
        added = {change.subject for change in diff(one, both.profile, HOST).widened}
        theirs = {change.subject for change in diff(one, other, HOST).widened}
        assert not added or theirs


def seccomp(*rules: Rule, **more: Any) -> Seccomp:
    return Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=rules, **more)


def allow(names: str, *args: Arg) -> Rule:
    return Rule(names=tuple(map(Syscall, names.split())), action=Action.ALLOW, args=args)


def of(*rules: Rule, **more: Any) -> Profile:
    return Profile(seccomp=seccomp(*rules), **more)


LOW = Arg(index=0, op=Op.LT, value=38)
HIGH = Arg(index=0, op=Op.GE, value=20)
UNIX = Arg(index=0, op=Op.EQ, value=1)
STREAM = Arg(index=1, op=Op.EQ, value=1)


def test_calls_are_joined_and_grouped() -> None:
    both = merge(of(allow("read write")), of(allow("write openat")), HOST)
    assert both.profile.seccomp.rules == (allow("openat read write"),)
    assert intersect(of(allow("read write")), of(allow("write openat")), HOST).profile.seccomp.rules == (
        allow("write"),
    )


def test_conditions_are_met_together() -> None:
    both = intersect(of(allow("socket", LOW)), of(allow("socket", UNIX), allow("socket", STREAM)), HOST)
    assert set(both.profile.seccomp.rules) == {allow("socket", UNIX), allow("socket", LOW, STREAM)}
    assert not both.inexact


def test_what_cannot_be_at_once_is_nothing() -> None:
    both = intersect(of(allow("socket", UNIX)), of(allow("socket", Arg(index=0, op=Op.EQ, value=2))), HOST)
    assert both.profile.seccomp.rules == ()
    assert both.inexact == ()


def test_what_has_no_words_is_left_out_or_let_through_and_told() -> None:
    one, other = of(allow("socket", LOW)), of(allow("socket", HIGH))
    both = intersect(one, other, HOST)
    assert both.profile.seccomp.rules == ()
    assert both.inexact == ("socket: not let through at all",)
    assert set(merge(one, other, HOST).profile.seccomp.rules) == {allow("socket", LOW), allow("socket", HIGH)}


def test_a_mask_and_a_whole_call() -> None:
    mask = Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS)
    threads = of(allow("clone", mask), Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=38))
    every = of(allow("clone clone3"))
    assert intersect(threads, every, HOST).profile.seccomp.rules == threads.seccomp.rules
    assert merge(threads, every, HOST).profile.seccomp.rules == every.seccomp.rules


def test_of_two_errors_the_one_that_libraries_know_stands() -> None:
    nosys = Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=38)
    for combine in (merge, intersect):
        assert combine(of(nosys, allow("read")), of(allow("read")), HOST).profile.seccomp.rules == (
            nosys,
            allow("read"),
        )


def test_the_default_with_less_is_less() -> None:
    generated = of(allow("read write bpf"), capabilities=(Capability("KILL"),))
    docker = Profile(seccomp=docker_default(), capabilities=tuple(DEFAULT_CAPABILITIES), no_new_privileges=False)
    both = intersect(generated, docker, HOST)
    assert both.profile.seccomp.rules == (
        Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=38),
        allow("read write"),
    )
    assert both.profile.capabilities == ("KILL",)
    assert both.profile.no_new_privileges
    whole = merge(generated, docker, HOST)
    assert diff(docker, whole.profile, HOST).widened == (("bpf", "EPERM", "allowed"),)
    assert sorted(whole.inexact, reverse=True) == [
        "x86: what either lets through elsewhere is let through there, too",
        "x32: what either lets through elsewhere is let through there, too",
    ]


def test_evidence_is_joined_and_goes_with_what_it_is_for() -> None:
    read = Evidence(subject="syscall:read", why=Why.RECORDED, count=3)
    write = Evidence(subject="syscall:write", why=Why.RECORDED, count=1)
    kill = Evidence(subject="capability:KILL", why=Why.PROVEN)
    run = Recording(method="audit", records=9, lost=0, image="sha256:1", workload="run")
    one = of(allow("read write"), evidence=(read, write, kill), recordings=(run,), capabilities=(Capability("KILL"),))
    other = of(allow("read"), evidence=(read,), recordings=(run,))
    assert merge(one, other, HOST).profile.evidence == (read, write, kill)
    assert intersect(one, other, HOST).profile.evidence == (read,)
    assert intersect(one, other, HOST).profile.recordings == (run,)


def test_files_are_intersected_as_far_as_they_are_covered() -> None:
    one = of(apparmor=AppArmor(files=(FileRule(path="/etc/**", modes="rw"), FileRule(path="/srv/*", modes="r"))))
    other = of(apparmor=AppArmor(files=(FileRule(path="/etc/app/*", modes="ra", transition="ix"),)))
    both = intersect(one, other, HOST)
    assert both.profile.apparmor == AppArmor(files=(FileRule(path="/etc/app/*", modes="ra"),))
    assert both.inexact == (
        "files /etc/**: not covered by the other side's rules, left out",
        "files /srv/*: not covered by the other side's rules, left out",
    )


def test_a_call_that_one_side_kills_does_not_open_others_on_x86() -> None:
    """There runc counts no socket call: with a larger number named, its ENOSYS for them would be gone."""
    kill = Rule(names=(Syscall("statx"),), action=Action.KILL_PROCESS)
    wide = Seccomp(default=Action.ERRNO, architectures=(X86_64, X86), rules=(allow("read socket"), kill))
    small = Seccomp(default=Action.ERRNO, architectures=(X86_64, X86), rules=(allow("read socket"),))
    both = intersect(Profile(seccomp=wide), Profile(seccomp=small), HOST)
    assert not diff(Profile(seccomp=small), both.profile, HOST).widened
    assert not diff(Profile(seccomp=small), both.profile, HOST).narrowed
    assert both.inexact == ()


def test_two_listeners_are_one_too_many() -> None:
    one, other = (Profile(seccomp=seccomp(allow("read"), listener_path=path)) for path in ("/run/one", "/run/other"))
    with pytest.raises(UsageError, match="listener"):
        merge(one, other, HOST)
    assert merge(one, of(allow("read")), HOST).profile.seccomp.listener_path == "/run/one"
