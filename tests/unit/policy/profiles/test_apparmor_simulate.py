"""What rules for files allow, without a kernel; tests/e2e asks the parser and a kernel the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.apparmor.simulate import allows, covered, covers
from pytrust.policy.profiles.model import AppArmor, FileRule
from pytrust.trust.errors import BadContent

ALL = AppArmor(files=(FileRule(path="/**", modes="rwlkm", transition="ix"),))
SOME = AppArmor(
    files=(
        FileRule(path="/data/**", modes="rw"),
        FileRule(path="/data/own/*", modes="k", owner=True),
        FileRule(path="/bin/x", transition="ix"),
        FileRule(path="/log", modes="a"),
    )
)


@pytest.mark.parametrize(
    ("part", "path", "mode", "yes"),
    [
        (AppArmor(), "/dev/null", "rw", True),
        (AppArmor(), "/proc/12/status", "r", True),
        (AppArmor(), "/etc/passwd", "r", False),
        (AppArmor(), "/proc/1/environ", "r", False),
        (SOME, "/data/a/b", "rw", True),
        (SOME, "/data/a", "a", True),
        (SOME, "/data/", "r", False),
        (SOME, "/data/a", "k", False),
        (SOME, "/data/own/a", "rwk", True),
        (SOME, "/bin/x", "x", True),
        (SOME, "/bin/x", "m", True),
        (SOME, "/bin/x", "r", False),
        (SOME, "/log", "a", True),
        (SOME, "/log", "w", False),
        (ALL, "/proc/1/mem", "w", True),
        (ALL, "/proc/sys/kernel/core_pattern", "w", False),
        (ALL, "/proc/sys/kernel/core_pattern", "r", True),
        (ALL, "/proc/sysrq-trigger", "r", False),
        (ALL, "/proc/kcore", "r", False),
        (ALL, "/sys/kernel/uevent_helper", "w", False),
        (ALL, "/sys/fs/cgroup/cgroup.procs", "w", True),
        (ALL, "/sys/fs/cgroups", "w", False),
        (ALL, "/sys/firmware/efi", "r", False),
        (ALL, "/sys/kernel/security/apparmor/.load", "w", False),
        (ALL, "/system", "w", True),
        (ALL, "/etc/shadow", "rwlkmx", True),
        (ALL, b"/\xff", "r", True),
    ],
)
def test_questions(part: AppArmor, path: str | bytes, mode: str, yes: bool) -> None:
    assert allows(part, path, mode) is yes


def test_a_rule_for_owners_gives_others_nothing() -> None:
    assert not allows(SOME, "/data/own/a", "k", owner=False)
    assert allows(SOME, "/data/own/a", "rw", owner=False)


def test_a_pattern_without_a_reading_is_no_answer() -> None:
    with pytest.raises(BadContent):
        allows(AppArmor(files=(FileRule(path="/{a", modes="r"),)), "/a", "r")


def rule(path: str, modes: str = "", transition: str = "", owner: bool = False) -> FileRule:
    return FileRule(path=path, modes=modes, transition=transition, owner=owner)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wide", "narrow", "yes"),
    [
        (rule("/usr/**", "rm"), rule("/usr/lib/*.so*", "r"), True),
        (rule("/usr/**", "r"), rule("/usr/lib/*.so*", "rm"), False),
        (rule("/a", "w"), rule("/a", "a"), True),
        (rule("/a", "a"), rule("/a", "w"), False),
        (rule("/a", "r", "ix"), rule("/a", "m", "ix"), True),
        (rule("/a", "", "ix"), rule("/a", "", "ux"), False),
        (rule("/a", "", "px"), rule("/a", "m", "px"), False),
        (rule("/a", "r", owner=True), rule("/a", "r"), False),
        (rule("/a", "r"), rule("/a", "r", owner=True), True),
        (rule("/a/*", "r"), rule("/a/**", "r"), False),
    ],
)
def test_one_rule_covers_another(wide: FileRule, narrow: FileRule, yes: bool) -> None:
    assert covers(wide, narrow) is yes


def test_rules_cover_together_what_none_covers_alone() -> None:
    rules = (rule("/a", "r"), rule("/b", "r"), rule("/{a,b}", "w"))
    assert covered(rules, rule("/{a,b}", "rw"))
    assert not covered(rules, rule("/{a,b}", "rwk"))
    assert not covered(rules, rule("/[abc]", "r"))


letters = st.sets(st.sampled_from("rwalkm")).map(lambda found: "".join(mode for mode in "rwalkm" if mode in found))
rules = st.builds(
    rule,
    st.sampled_from(["/a", "/b", "/*", "/**", "/{a,b}", "/a/*", "/[ab]*"]),
    letters,
    st.sampled_from(["", "ix"]),
    st.booleans(),
)


@settings(max_examples=300)
@given(wide=rules, narrow=rules, path=st.sampled_from(["/a", "/b", "/c", "/a/b", "/ab"]), owner=st.booleans())
def test_what_is_covered_gives_nothing_new(wide: FileRule, narrow: FileRule, path: str, owner: bool) -> None:
    if covers(wide, narrow):
        for letter in "rwalkmx":
            given_by_narrow = allows(AppArmor(files=(narrow,)), path, letter, owner=owner)
            assert not given_by_narrow or allows(AppArmor(files=(wide,)), path, letter, owner=owner)
