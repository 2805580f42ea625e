"""What is shown of a profile: nothing that is open is left out, and what is said of it is so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    AARCH64,
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
from pytrust.policy.profiles.seccomp.evaluate import boundaries, evaluate, probes
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import X86, table
from pytrust.policy.profiles.view.limits import limit_words
from pytrust.policy.profiles.view.look import Line, View, look
from pytrust.policy.profiles.view.opened import OPENS, Opened, opened
from pytrust.policy.profiles.view.purpose import Purpose, purpose
from pytrust.policy.profiles.view.text import call_rows, figure_words, view_json

HOST = Host(GoArch("amd64"), (6, 1), frozenset(), Generation.FROM_23)
CALLS = tuple(map(Syscall, ("read", "socket", "clone", "clone3", "mkdir", "io_uring_setup")))
conditions = st.builds(
    Arg,
    index=st.integers(0, 1),
    op=st.sampled_from(Op),
    value=st.sampled_from([0, 1, 7, 2**32, 2**64 - 1]),
    second=st.sampled_from([0, 1, 7]),
)
rules = st.builds(
    Rule,
    names=st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True).map(tuple),
    action=st.sampled_from([Action.ALLOW, Action.ERRNO, Action.LOG, Action.KILL_PROCESS]),
    args=st.lists(conditions, max_size=2).map(tuple),
)
seccomps = st.builds(
    Seccomp,
    default=st.sampled_from([Action.ERRNO, Action.ALLOW, Action.LOG]),
    architectures=st.just((X86_64, X86)),
    rules=st.lists(rules, max_size=5).map(tuple),
)


def profile(*rules: Rule, **more: Any) -> Profile:
    return Profile(seccomp=Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=rules), **more)


def allow(*names: str, args: tuple[Arg, ...] = (), action: Action = Action.ALLOW) -> Rule:
    return Rule(names=tuple(map(Syscall, names)), action=action, args=args)


def lines_of(view: View) -> dict[str, Line]:
    return {line.name: line for section in view.calls for line in section.lines}


@given(seccomps)
@settings(max_examples=150, deadline=None)
def test_what_gets_through_is_shown_and_only_that(seccomp: Seccomp) -> None:
    resolved = resolve(seccomp, HOST)
    found = opened(resolved, X86_64)
    for call in CALLS:
        verdicts = [evaluate(resolved, X86_64, call, args) for args in probes(boundaries(resolved, call))]
        passes = [verdict.action in OPENS for verdict in verdicts]
        if any(passes):
            assert call in found
        if call in found and not found[call].cases:
            assert all(passes)
            assert {verdict.action for verdict in verdicts} <= found[call].actions


def test_dockers_default_has_the_figures_that_were_measured() -> None:
    """Profiles reference, section 1.3: 306 whole and 3 limited of 385."""
    shown = look(Profile(seccomp=docker_default(), capabilities=tuple(DEFAULT_CAPABILITIES)), HOST)
    assert shown.figures[:4] == (309, 309, 0, 385)
    limited = [name for name, line in lines_of(shown).items() if line.limit]
    assert limited == ["socket", "clone", "personality"] or set(limited) == {"socket", "clone", "personality"}
    assert not [name for name, line in lines_of(shown).items() if line.beyond]


def test_the_host_decides_what_is_open() -> None:
    """One rule asks for a capability, one for a kernel, one for an architecture."""
    bare = look(Profile(seccomp=docker_default(), capabilities=()), HOST)
    assert "chroot" not in lines_of(bare)
    old = look(Profile(seccomp=docker_default()), HOST._replace(kernel=(4, 4)))
    assert "ptrace" not in lines_of(old)
    arm = look(Profile(seccomp=docker_default()), HOST._replace(arch=GoArch("arm64")))
    assert "arch_prctl" not in lines_of(arm)


def test_calls_in_use_have_a_purpose() -> None:
    used = {name for rule in docker_default().rules for name in rule.names}
    assert [
        name for arch in (X86_64, AARCH64) for name in table(arch) if name in used and purpose(name) is Purpose.REST
    ] == []
    assert purpose(Syscall("fstat64")) is Purpose.FOLDERS
    assert purpose(Syscall("ppoll_time64")) is Purpose.WAITING
    assert purpose(Syscall("call_of_2030")) is Purpose.REST


@pytest.mark.parametrize(
    ("call", "found", "words"),
    [
        ("read", Opened(frozenset({Action.ALLOW})), ""),
        (
            "socket",
            Opened(frozenset(), ((Arg(index=0, op=Op.EQ, value=2),), (Arg(index=0, op=Op.EQ, value=10),))),
            "AF_INET, or AF_INET6",
        ),
        ("socket", Opened(frozenset(), ((Arg(index=1, op=Op.EQ, value=2),),)), "argument 1 = 2"),
        ("clone", Opened(frozenset(), ((Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS),),)), "no new namespaces"),
        (
            "clone",
            Opened(frozenset(), ((Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS & ~0x10000000),),)),
            "no new namespaces but CLONE_NEWUSER",
        ),
        (
            "clone",
            Opened(frozenset(), ((Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS, second=0x10000000),),)),
            "argument 0 & 0x7e020000 = 0x10000000",
        ),
        (
            "ioctl",
            Opened(frozenset(), ((Arg(index=1, op=Op.GE, value=0x5401), Arg(index=0, op=Op.LT, value=3)),)),
            "argument 1 ≥ 0x5401 and argument 0 < 3",
        ),
        ("kill", Opened(frozenset(), ((Arg(index=1, op=Op.EQ, value=9),),), but=True), "but for argument 1 = 9"),
    ],
)
def test_conditions_are_told_in_words(call: str, found: Opened, words: str) -> None:
    assert limit_words(Syscall(call), found) == words


def test_everything_has_its_reason_or_is_said_to_have_none() -> None:
    evidence = (
        Evidence(subject="syscall:read", why=Why.RECORDED, count=12, note="nginx"),
        Evidence(subject="syscall:readv", why=Why.SIBLING, note="may stand in for read"),
        Evidence(subject="argument:socket:AF_INET", why=Why.RECORDED),
        Evidence(subject="capability:CHOWN", why=Why.PROVEN, note="without it: chown failed"),
        Evidence(subject="file:/etc/passwd", why=Why.GIVEN),
    )
    part = AppArmor(files=(FileRule(path="/etc/passwd", modes="r"),), networks=(NetworkRule(family="inet"),))
    shown = look(
        profile(
            allow("read", "readv", "mkdir"),
            allow("socket", args=(Arg(index=0, op=Op.EQ, value=2),)),
            capabilities=(Capability("CHOWN"), Capability("KILL"), Capability("SYS_ADMIN")),
            evidence=evidence,
            apparmor=part,
        ),
        HOST,
    )
    reasons = {name: line.why for name, line in lines_of(shown).items()}
    assert reasons == {
        "read": "recorded 12 times (nginx)",
        "readv": "may stand in for read",
        "mkdir": "nobody says why",
        "socket": "recorded with AF_INET",
    }
    assert [(line.name, line.why, line.beyond) for line in shown.capabilities] == [
        ("CHOWN", "proven (without it: chown failed)", False),
        ("KILL", "nobody says why", False),
        ("SYS_ADMIN", "nobody says why", True),
    ]
    assert [tuple(line[:3]) for line in shown.files] == [("/etc/passwd", "r", "given")]


def test_what_is_dangerous_and_what_docker_refuses_is_marked() -> None:
    shown = look(profile(allow("read", "bpf"), allow("sethostname", action=Action.LOG)), HOST)
    lines = lines_of(shown)
    assert [line.name for line in shown.dangerous] == ["bpf"]
    assert (lines["bpf"].beyond, lines["sethostname"].beyond, lines["read"].beyond) == (True, True, False)
    assert lines["sethostname"].limit == "let through, noted"
    (row,) = (row for row in call_rows(shown) if row[1] == "bpf")
    assert row[4].startswith("dangerous: ")
    assert "CVE-2022-23222" in row[4]
    assert row[4].endswith("; beyond docker's default")


def test_a_limited_call_is_as_dangerous_as_what_gets_through() -> None:
    inet, packet = (Arg(index=0, op=Op.EQ, value=family) for family in (2, 17))
    mask = Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS)
    harmless = look(profile(allow("socket", args=(inet,)), allow("clone", args=(mask,))), HOST)
    assert harmless.dangerous == ()
    harmful = look(profile(allow("socket", args=(packet,)), allow("clone")), HOST)
    assert {line.name: line.danger.count(":") for line in harmful.dangerous} == {"socket": 1, "clone": 7}
    assert lines_of(harmful)["socket"].danger.startswith("AF_PACKET: ")


def test_the_runtimes_own_calls_are_counted_apart() -> None:
    """The safe floor with no-new-privileges has 28 calls on runc 1.1.5; a profile that has them lacks none."""
    few = look(profile(allow("read", "write")), HOST)
    assert few.figures.open == 2
    assert few.figures.floor > 20
    assert "the runtime needs" in figure_words(few.figures)
    assert look(Profile(seccomp=docker_default()), HOST).figures.floor == 0


def test_refusals_are_told_with_their_answers() -> None:
    shown = look(
        profile(allow("read"), Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=38, comment="use clone")),
        HOST,
    )
    assert [tuple(line[:2]) for line in shown.rest] == [("clone3", "ERRNO(38)"), ("every other call", "ERRNO(1)")]


def test_machines_get_all_of_it() -> None:
    recording = Recording(method="audit", records=10, lost=0, image="web", workload="./w", engine="20.10.24")
    document = view_json(look(profile(allow("read"), recordings=(recording,), user="1000", read_only=True), HOST))
    assert document["figures"]["open"] == 1
    assert document["facts"]["user"] == "1000"
    assert document["calls"] == [
        {
            "purpose": "files",
            "calls": [{"name": "read", "limit": "", "why": "", "dangerous": None, "beyond_docker": False}],
        }
    ]
    assert document["recordings"] == [
        {
            "method": "audit",
            "records": "10 records, none lost",
            "workload": "./w",
            "image": "web",
            "where": "engine 20.10.24",
        }
    ]
