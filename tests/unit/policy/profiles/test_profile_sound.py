"""What of a profile has one reading, and what is neither signed nor applied."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pytrust.policy.profiles.model import AppArmor, Condition, FileRule, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import CAPABILITIES, Action, Arch, Capability, GoArch, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.sound import require_sound
from pytrust.trust.errors import BadContent

PROFILE = Profile(seccomp=docker_default())


def with_rule(**changes: Any) -> Profile:
    rule = replace(Rule(names=(Syscall("read"),), action=Action.ALLOW), **changes)
    return replace(PROFILE, seccomp=Seccomp(default=Action.ERRNO, rules=(rule,)))


@pytest.mark.parametrize("user", ["", "0", "7", "1000:1000", "web", "web:0", "_x.y-z:users", "2147483647"])
def test_a_user_in_one_spelling_is_fine(user: str) -> None:
    require_sound(replace(PROFILE, user=user, capabilities=CAPABILITIES), "web.json")


ROOTS = [":0", ":", "0:", "+0", "-0", "00", "1000:00", "1000:+0", "0:0:0", "4294967296", "1000:2147483648"]


@pytest.mark.parametrize("user", [*ROOTS, "1000\n", " 1000", "0x0", "a b", "1000:a\x1b[2J", "\u0661", "x" * 100])
def test_another_reading_of_the_user_is_refused(user: str) -> None:
    with pytest.raises(BadContent, match="^web.json names the user") as caught:
        require_sound(replace(PROFILE, user=user), "web.json")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["ALL", "all", "chown", "CAP_CHOWN", "SYS_FOO", "", "CHOWN\n"])
def test_what_is_no_capability_is_refused(name: str) -> None:
    with pytest.raises(BadContent, match="which is no capability"):
        require_sound(replace(PROFILE, capabilities=(Capability("KILL"), Capability(name))), "web.json")


NO_SECCOMP = [
    with_rule(names=(Syscall("Read"),)),
    with_rule(names=(Syscall("read "),)),
    with_rule(includes=Condition(caps=(Capability("sys_admin"),))),
    with_rule(includes=Condition(min_kernel="6.1.0")),
    with_rule(excludes=Condition(min_kernel="\u00b2.0")),
    with_rule(excludes=Condition(arches=(GoArch("AMD64"),))),
    replace(PROFILE, seccomp=replace(PROFILE.seccomp, architectures=(Arch("SCMP_ARCH_X86_64"),))),
    replace(PROFILE, seccomp=replace(PROFILE.seccomp, flags=("LOG",))),
]


@pytest.mark.parametrize("profile", NO_SECCOMP)
def test_a_seccomp_part_that_engines_read_in_their_own_ways_is_refused(profile: Profile) -> None:
    with pytest.raises(BadContent, match="^the seccomp part of web.json"):
        require_sound(profile, "web.json")


@pytest.mark.parametrize(
    "rule", [FileRule(path="/a{", modes="r"), FileRule(path="a", modes="r"), FileRule(path="/a", transition="ux")]
)
def test_an_apparmor_part_that_no_parser_takes_is_refused(rule: FileRule) -> None:
    require_sound(replace(PROFILE, apparmor=AppArmor(files=(FileRule(path="/a", modes="r"),))), "web.json")
    with pytest.raises(BadContent, match="^the AppArmor part of web.json is none"):
        require_sound(replace(PROFILE, apparmor=AppArmor(files=(rule,))), "web.json")
