"""The comparison against brute force, on calls whose conditions are small enough to try every argument."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.compare.diff import diff, seccomp_difference, seccomp_widened
from pytrust.policy.profiles.compare.difference import openness
from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Profile, Rule, Seccomp
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
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.evaluate import evaluate
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86, table

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
CALLS = tuple(map(Syscall, ("read", "socket", "clone3", "bpf")))
FAMILY = (X86_64, X86, X32)

args = st.builds(
    Arg, index=st.integers(0, 1), op=st.sampled_from(Op), value=st.integers(0, 7), second=st.integers(0, 7)
)
actions = st.sampled_from([Action.ALLOW, Action.ERRNO, Action.KILL_PROCESS, Action.LOG, Action.TRACE])
rules = st.builds(
    Rule,
    names=st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True).map(tuple),
    action=actions,
    errno=st.sampled_from([None, 1, 38]),
    args=st.lists(args, max_size=3).map(tuple),
)
filters = st.builds(
    Seccomp,
    default=actions,
    architectures=st.sampled_from([FAMILY, (X86_64,), (X86_64, X86)]),
    rules=st.lists(rules, max_size=5).map(tuple),
)
# Beyond 7, conditions tell the lowest three bits apart at most.
TRIED = [(one, other, 0, 0, 0, 0) for one, other in product([*range(16), 2**32 + 3, 2**64 - 1], repeat=2)]


def brute(before: Seccomp, after: Seccomp) -> tuple[bool, bool, bool]:
    """Whether anything is wider, narrower, or otherwise not the same, of the calls above and one that none names."""
    ours, theirs = resolve(before, HOST), resolve(after, HOST)
    found = [False, False, False]
    calls = [*product(FAMILY, (*CALLS, Syscall("futex"))), (X86, Syscall("socketcall"))]
    for arch, call in calls:
        for six in TRIED if call != "futex" else TRIED[:1]:
            one, other = (evaluate(side, arch, call, six, host=X86_64) for side in (ours, theirs))
            gap = openness(other.action) - openness(one.action)
            found[0] |= gap > 0
            found[1] |= gap < 0
            found[2] |= gap == 0 and one != other
    return found[0], found[1], found[2]


@given(filters, filters)
@settings(max_examples=60, deadline=None)
def test_it_finds_what_trying_everything_finds(before: Seccomp, after: Seccomp) -> None:
    wider, narrower, otherwise = brute(before, after)
    found = seccomp_difference(before, after, HOST)
    assert (bool(found.widened), bool(found.narrowed)) == (wider, narrower)
    if otherwise:
        assert found.errno_changed or (wider and narrower) or found.widened or found.narrowed


@given(filters, filters)
@settings(max_examples=60, deadline=None)
def test_the_other_way_round_is_the_other_way_round(before: Seccomp, after: Seccomp) -> None:
    there, back = seccomp_difference(before, after, HOST), seccomp_difference(after, before, HOST)
    assert {one.subject for one in there.widened} == {one.subject for one in back.narrowed}
    assert {one.subject for one in there.narrowed} == {one.subject for one in back.widened}
    assert bool(seccomp_widened(before, after, HOST)) >= bool(there.widened)


def profile(**changes: Any) -> Profile:
    return Profile(seccomp=docker_default(), capabilities=tuple(DEFAULT_CAPABILITIES), **changes)


def told(before: Profile, after: Profile, host: Host = HOST) -> tuple[set[str], set[str], set[str]]:
    found = diff(before, after, host)
    widened, narrowed, otherwise = ({str(change) for change in part} for part in found)
    return widened, narrowed, otherwise


def test_nothing_differs_from_itself() -> None:
    assert diff(profile(), profile(name="another"), HOST) == ((), (), ())


def test_a_capability_opens_the_calls_that_docker_gives_with_it() -> None:
    more = msgspec.structs.replace(profile(), capabilities=(*DEFAULT_CAPABILITIES, Capability("SYS_ADMIN")))
    widened, narrowed, _ = told(profile(), more)
    assert {
        "capability SYS_ADMIN (held, not dropped)",
        "mount (allowed, not EPERM)",
        "clone3 (allowed, not ENOSYS)",
    } < widened
    assert "clone, argument 0 & 0x7e020000 is not 0 (allowed, not EPERM)" in widened
    assert not narrowed


def test_changes_are_told_by_argument_and_once_for_all_architectures() -> None:
    wide = Rule(names=(Syscall("socket"),), action=Action.ALLOW)
    opened = msgspec.structs.replace(docker_default(), rules=(*docker_default().rules, wide))
    assert seccomp_widened(docker_default(), opened, HOST) == ("socket, argument 0 = 38 or = 40 (allowed, not EPERM)",)


def test_an_architecture_is_one_change() -> None:
    without = msgspec.structs.replace(docker_default(), arch_map=(ArchMap(architecture=X86_64),))
    widened, narrowed, _ = seccomp_difference(without, docker_default(), HOST)
    assert [change.subject for change in widened] == ["360 calls of x86 programs", "304 calls of x32 programs"]
    assert not narrowed
    (on_arm,) = seccomp_widened(without, docker_default(), HOST._replace(arch=GoArch("arm64")))
    assert on_arm.endswith("calls of arm programs (allowed, not kills the thread)")


def test_what_the_kernel_cannot_run_is_no_difference() -> None:
    foreign = msgspec.structs.replace(docker_default(), arch_map=(), architectures=(X86_64, X86, X32, ARM))
    same = msgspec.structs.replace(docker_default(), arch_map=(), architectures=(X86_64, X86, X32))
    assert not seccomp_widened(same, foreign, HOST)


def test_an_older_engine_makes_other_things_of_the_same_files() -> None:
    errno = msgspec.structs.replace(docker_default(), default_errno=38)
    listening = msgspec.structs.replace(docker_default(), listener_path="/run/listener.sock")
    old = HOST._replace(generation=Generation.BEFORE_23)
    assert seccomp_difference(docker_default(), errno, HOST).errno_changed
    assert seccomp_difference(docker_default(), errno, old) == ((), (), ())
    assert seccomp_widened(docker_default(), listening, HOST) == ("listener (/run/listener.sock, not none)",)
    assert seccomp_widened(docker_default(), listening, old) == ()


def test_flags_that_switch_a_protection_off_are_wider() -> None:
    spec = msgspec.structs.replace(docker_default(), flags=("SECCOMP_FILTER_FLAG_SPEC_ALLOW",))
    assert seccomp_widened(docker_default(), spec, HOST)
    assert not seccomp_widened(spec, docker_default(), HOST)
    log = msgspec.structs.replace(docker_default(), flags=("SECCOMP_FILTER_FLAG_LOG",))
    assert seccomp_difference(docker_default(), log, HOST).errno_changed
    assert not seccomp_widened(docker_default(), log, HOST)


def test_calls_that_no_rule_names_and_those_of_later_kernels_count() -> None:
    names = tuple(name for name in table(X86_64) if name not in {"chdir", "mseal"})
    before = Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=(Rule(names=names, action=Action.ALLOW),))
    after = msgspec.structs.replace(before, default=Action.LOG)
    assert seccomp_difference(before, after, HOST).widened == (
        ("chdir, mseal", "EPERM", "allowed and logged"),
        ("calls of later kernels", "ENOSYS", "allowed and logged"),
    )


def test_how_a_call_is_refused_is_told_apart() -> None:
    killing = msgspec.structs.replace(docker_default(), default=Action.KILL_PROCESS, default_errno=None)
    found = seccomp_difference(docker_default(), killing, HOST)
    assert found.errno_changed
    assert not found.widened
    assert not found.narrowed


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (profile(), profile(no_new_privileges=False), "new privileges (allowed, not refused)"),
        (profile(read_only=True), profile(), "root file system (writable, not read-only)"),
        (profile(user="1000"), profile(user="0"), "user (0, not 1000)"),
        (profile(user="1000:1000"), profile(user="1000:0"), "user (1000:0, not 1000:1000)"),
        (profile(user="1000"), profile(), "user (the image's own, not 1000)"),
    ],
)
def test_what_else_confines_a_container(before: Profile, after: Profile, words: str) -> None:
    assert told(before, after)[0] == {words}
    assert told(after, before)[:1] == (set(),)
    assert told(after, before)[1]


def test_another_ordinary_user_is_neither_wider_nor_narrower() -> None:
    assert diff(profile(user="1000"), profile(user="1001"), HOST) == ((), (), (("user", "1000", "1001"),))


def test_a_name_that_nobody_knows_counts_where_it_may_be_open() -> None:
    future = Rule(names=(Syscall("call_of_2030"),), action=Action.ALLOW)
    more = msgspec.structs.replace(docker_default(), rules=(*docker_default().rules, future))
    again = msgspec.structs.replace(docker_default(), rules=(future, *docker_default().rules))
    assert seccomp_widened(docker_default(), more, HOST) == (
        "call_of_2030, which is not known here (allowed, not EPERM)",
    )
    assert not seccomp_widened(more, docker_default(), HOST)
    assert not seccomp_widened(more, again, HOST)


def rule(name: str, *conditions: Arg, action: Action = Action.ALLOW, **more: Any) -> Rule:
    return Rule(names=(Syscall(name),), action=action, args=conditions, **more)


def hostile() -> dict[str, Seccomp]:
    """Up to 1 MiB each, made to cost time."""
    from pytrust.policy.profiles.compare.strangers import known_names

    names = tuple(sorted(known_names()))
    listed = {
        "equal": [rule("socket", Arg(index=0, op=Op.EQ, value=3 * at)) for at in range(900)],
        "masks": [rule("socket", Arg(index=0, op=Op.MASKED_EQ, value=1 << at, second=1 << at)) for at in range(64)],
        "tangled": [
            rule("socket", Arg(index=0, op=Op.MASKED_EQ, value=0x9E3779B97F4A7C15 * at % 2**64)) for at in range(2000)
        ],
        "six": [rule(name, *(Arg(index=at, op=Op.EQ, value=7) for at in range(6))) for name in names],
        "twelve": [
            Rule(
                names=names, action=Action.ALLOW, args=tuple(Arg(index=at % 6, op=Op.GT, value=at) for at in range(12))
            )
        ],
        "strange": [Rule(names=tuple(Syscall(f"n{at}") for at in range(100_000)), action=Action.ALLOW)],
        "few strange": [Rule(names=tuple(Syscall(f"n{at}") for at in range(3_900)), action=Action.ALLOW)],
        "long": [rule("x" * 1_000_000), rule("\x1b[2J")],
        "kernels": [rule("bpf", includes=Condition(min_kernel=f"{'9' * 5000}.1"))],
        "again": [rule("read")] * 17_000,
        "notify": [rule("write", action=Action.NOTIFY)],
    }
    return {
        name: Seccomp(default=Action.ERRNO, architectures=FAMILY, rules=tuple(made)) for name, made in listed.items()
    }


@pytest.mark.timeout(30)  # each takes some tenths of a second; without its limits, minutes
@pytest.mark.parametrize(("name", "asked"), hostile().items(), ids=hostile())
def test_nothing_that_is_asked_for_takes_long_or_goes_unnoticed(name: str, asked: Seccomp) -> None:
    found = seccomp_widened(docker_default(), asked, HOST)
    assert 0 < len(found) <= 201
    assert all(len(phrase) < 400 and phrase.isprintable() for phrase in found)


@pytest.mark.parametrize("arch", ["s390x", "riscv64", "vax"])
def test_where_calls_are_not_known_only_the_same_is_the_same(arch: str) -> None:
    host = HOST._replace(arch=GoArch(arch))
    assert not seccomp_widened(docker_default(), docker_default(), host)
    assert seccomp_widened(docker_default(), Seccomp(default=Action.ERRNO), host)
