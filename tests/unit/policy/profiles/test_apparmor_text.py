"""The text of an AppArmor profile: only explicit permissions, and nothing in a profile becomes another rule."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pytrust.policy.profiles.apparmor.names import check_name, profile_name
from pytrust.policy.profiles.apparmor.paths import literal
from pytrust.policy.profiles.apparmor.text import apparmor_text
from pytrust.policy.profiles.model import AppArmor, FileRule, NetworkRule, Profile, Seccomp
from pytrust.policy.profiles.names import CAPABILITIES, Action, Capability
from pytrust.trust.errors import BadContent, InvalidName, PytrustError, UsageError
from pytrust.trust.names import Digest

EMPTY = Profile(seccomp=Seccomp(default=Action.ERRNO))
NAME = "pytrust-0123456789abcdef"
LINE = re.compile(
    r'signal \(receive\) peer="[\w./+-]+",|signal \(send receive\) peer="[\w.-]+",'
    r'|ptrace \(trace read tracedby readby\) peer="[\w.-]+",|capability [a-z_]+,|network [a-z0-9]+( [a-z]+)?,'
    r'|(owner |audit deny )?"/[ -!#-~]*" (?=[rwalkmix])r?w?a?l?k?m?(ix|x)?,'
)


def with_files(*rules: FileRule) -> Profile:
    return replace(EMPTY, apparmor=AppArmor(files=rules))


def body(profile: Profile, name: str = NAME) -> list[str]:
    lines = apparmor_text(profile, name).splitlines()
    assert lines[:3] == ["abi <abi/3.0>,", "", f'profile "{name}" flags=(attach_disconnected,mediate_deleted) {{']
    assert lines[-1] == "}"
    return [line.removeprefix("  ") for line in lines[3:-1]]


def own(profile: Profile) -> set[str]:
    """What it has besides every profile's."""
    return set(body(profile)) - set(body(EMPTY))


def test_every_profile_has_what_every_container_needs() -> None:
    lines = body(EMPTY)
    for wanted in (
        'signal (receive) peer="unconfined",',
        'signal (receive) peer="runc",',
        'signal (receive) peer="crun",',
        f'signal (send receive) peer="{NAME}",',
        f'ptrace (trace read tracedby readby) peer="{NAME}",',
        '"/dev/null" rw,',
        '"/etc/ld.so.cache" r,',
    ):
        assert wanted in lines
    assert sum(line.startswith("audit deny ") for line in lines) == 4


def test_the_words_of_a_profile() -> None:
    part = AppArmor(
        files=(
            FileRule(path="/usr/bin/x", modes="r", transition="ix"),
            FileRule(path="/data/**", modes="rwak", owner=True),
            FileRule(path="/log", modes="a"),
            FileRule(path="/log", modes="a"),
        ),
        networks=(NetworkRule(family="inet", kind="stream"), NetworkRule(family="unix")),
    )
    profile = replace(EMPTY, apparmor=part, capabilities=(Capability("NET_BIND_SERVICE"), Capability("CHOWN")))
    assert own(profile) == {
        '"/usr/bin/x" rix,',
        'owner "/data/**" rwk,',
        '"/log" a,',
        "network inet stream,",
        "network unix,",
        "capability net_bind_service,",
        "capability chown,",
    }


def test_the_order_of_rules_changes_nothing() -> None:
    rules = (FileRule(path="/b", modes="r"), FileRule(path="/a", modes="w"), FileRule(path="/b", modes="r"))
    assert apparmor_text(with_files(*rules), NAME) == apparmor_text(with_files(*reversed(rules)), NAME)


def test_nothing_is_bare_whatever_is_open() -> None:
    part = AppArmor(files=(FileRule(path="/**", modes="rwlkm", transition="ix"),))
    lines = body(replace(EMPTY, apparmor=part, capabilities=CAPABILITIES))
    assert not {"file,", "capability,", "network,", "signal,", "ptrace,", "mount,", "umount,", "unix,"} & set(lines)
    assert sum(line.startswith("capability ") for line in lines) == len(CAPABILITIES)
    assert not [line for line in lines if line.startswith(("mount", "umount", "pivot_root", "remount"))]
    assert not [line for line in lines if "umount" in line or "mount" in line.split(" ")]


def test_hosts_differ() -> None:
    assert apparmor_text(EMPTY, NAME, abi="").startswith("profile ")
    assert 'signal (receive) peer="/usr/sbin/dockerd",' in apparmor_text(EMPTY, NAME, daemon="/usr/sbin/dockerd")
    assert apparmor_text(EMPTY, NAME, daemon="runc") == apparmor_text(EMPTY, NAME)


@pytest.mark.parametrize("abi", ["a>,\nfile,", "a b", "/etc/x", "..", "abi/3.0>", "é"])
def test_a_set_of_features_is_a_name(abi: str) -> None:
    with pytest.raises(UsageError):
        apparmor_text(EMPTY, NAME, abi=abi)


HOSTILE = [
    "",
    "/usr/bin/x",
    'a"',
    "a b",
    "a{b,c}",
    "a*",
    "a\n",
    "a,",
    "a//b",
    ":ns:a",
    "a//&b",
    "é",
    "-a",
    ".a",
    "a" * 129,
    "@{x}",
]


@pytest.mark.parametrize("name", [*HOSTILE, "unconfined", "docker-default"])
def test_a_name_is_no_path_no_pattern_and_no_rule(name: str) -> None:
    with pytest.raises(InvalidName):
        apparmor_text(EMPTY, name)


@pytest.mark.parametrize("label", ["", 'a"', "a b", "a{b,c}", "a*", "a\n", "a,", ":ns:a", "/a/**", "@{x}", "a" * 256])
def test_the_engines_label_is_no_pattern_and_no_rule(label: str) -> None:
    with pytest.raises(InvalidName):
        apparmor_text(EMPTY, NAME, daemon=label)


@pytest.mark.parametrize("transition", ["px", "Px", "cx", "Cx", "ux", "Ux"])
def test_nothing_leads_out_of_the_profile(transition: str) -> None:
    with pytest.raises(UsageError, match=re.escape("/bin/sh")):
        apparmor_text(with_files(FileRule(path="/bin/sh", transition=transition)), NAME)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule",
    [
        FileRule(path="/a", modes=""),
        FileRule(path="/a", modes="r,\n capability"),
        FileRule(path="/a", modes="x"),
        FileRule(path="/a", modes=" "),
        FileRule(path='/a" r,\n  capability,\n  "/b'[:3] + "}", modes="r"),
        FileRule(path="", modes="r"),
        FileRule(path="/@{PROC}/x", modes="r"),
    ],
)
def test_values_that_were_never_checked_are_refused(rule: FileRule) -> None:
    with pytest.raises(BadContent):
        apparmor_text(with_files(rule), NAME)


@pytest.mark.parametrize("capability", ["", "ALL", "CAP_CHOWN", "CHOWN,\n file", "chown"])
def test_a_capability_is_one_of_the_kernels(capability: str) -> None:
    with pytest.raises(BadContent):
        apparmor_text(replace(EMPTY, capabilities=(Capability(capability),)), NAME)


@pytest.mark.parametrize(
    ("family", "kind"), [("", ""), ("unspec", ""), ("inet", "tcp"), ("inet,", ""), ("inet", "x,\n")]
)
def test_a_network_is_one_of_the_kernels(family: str, kind: str) -> None:
    part = AppArmor(networks=(NetworkRule(family=family, kind=kind),))
    with pytest.raises(BadContent):
        apparmor_text(replace(EMPTY, apparmor=part), NAME)


def test_there_may_be_too_many_rules() -> None:
    rules = tuple(FileRule(path=f"/{number}", modes="r") for number in range(4097))
    with pytest.raises(UsageError, match="4097"):
        apparmor_text(with_files(*rules), NAME)


paths = st.binary(min_size=1, max_size=60).map(lambda rest: b"/" + re.sub(rb"[\0/]", b"", rest) + b"x")


@settings(max_examples=200)
@given(found=st.lists(paths, min_size=1, max_size=5, unique=True))
def test_a_path_is_one_rule_on_one_line(found: list[bytes]) -> None:
    lines = body(with_files(*(FileRule(path=literal(path), modes="r") for path in found)))
    assert len(lines) == len(body(EMPTY)) + len(found)
    assert [line for line in lines if not LINE.fullmatch(line)] == []


@settings(max_examples=300)
@given(path=st.text(max_size=30).map(lambda rest: f"/{rest}"), modes=st.text("rwalkm,x\n", max_size=4))
def test_any_rule_is_one_line_or_refused(path: str, modes: str) -> None:
    try:
        lines = body(with_files(FileRule(path=path, modes=modes)))
    except PytrustError:
        return
    assert len(lines) - len(body(EMPTY)) in {0, 1}
    assert [line for line in lines if not LINE.fullmatch(line)] == []


def test_names_come_from_digests() -> None:
    name = profile_name(Digest("0123456789abcdef" * 4))
    assert name == NAME
    assert check_name(name) == name
