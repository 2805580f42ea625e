"""What rules for files allow, without a kernel; tests/e2e asks the parser and a kernel the same."""

from __future__ import annotations

import pytest

from pytrust.policy.profiles.apparmor.simulate import allows
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
