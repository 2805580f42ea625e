"""Files of bane: what is taken over, what is said about them, and what is no such file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.apparmor.automaton import matches
from pytrust.policy.profiles.apparmor.bane import parse_bane
from pytrust.policy.profiles.apparmor.simulate import allows
from pytrust.policy.profiles.apparmor.text import apparmor_text
from pytrust.policy.profiles.document import decode_profile, encode_profile
from pytrust.policy.profiles.model import AppArmor, FileRule, NetworkRule
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES
from pytrust.trust.errors import BadContent

WEB = b"""
Name = "web"
[Filesystem]
ReadOnlyPaths = ["/bin/**", "/etc/**", "/usr/**"]
LogOnWritePaths = ["/**"]
WritablePaths = ["/var/run/web.pid", "/etc/web/**", "/{etc,var}/log"]
AllowExec = ["/usr/sbin/web", "/bin/sh"]
DenyExec = ["/bin/sh", "/usr/bin/top"]
[Capabilities]
Allow = ["chown", "net_bind_service"]
[Network]
Raw = false
Packet = false
Protocols = ["tcp", "udp", "icmp"]
"""


def part(data: bytes) -> AppArmor:
    found = parse_bane(data, "web.toml").profile.apparmor
    assert found is not None
    return found


def findings(data: bytes) -> str:
    return "\n".join(parse_bane(data, "web.toml").findings)


def test_what_is_taken_over() -> None:
    profile = parse_bane(WEB, "web.toml").profile
    assert (profile.name, profile.capabilities) == ("web", ("CHOWN", "NET_BIND_SERVICE"))
    assert part(WEB).files == (
        FileRule(path="/bin/**", modes="rm"),
        FileRule(path="/bin/sh", modes="rm"),
        FileRule(path="/etc/**", modes="rm"),
        FileRule(path="/etc/web/**", modes="rm"),
        FileRule(path="/usr/**", modes="rm"),
        FileRule(path="/usr/sbin/web", modes="rm", transition="ix"),
        FileRule(path="/var/run/web.pid", modes="rwm"),
        FileRule(path="/{etc,var}/log", modes="rm"),
    )
    assert part(WEB).networks == (NetworkRule(family="inet", kind="stream"), NetworkRule(family="inet", kind="dgram"))


def test_the_profile_goes_on_its_way() -> None:
    profile = parse_bane(WEB, "web.toml").profile
    assert decode_profile(encode_profile(profile), "it") == profile
    assert '"/usr/sbin/web" rmix,' in apparmor_text(profile, "web")


@pytest.mark.parametrize(
    "wanted",
    [
        "bane opens every file",
        "no rules for signals",
        "WritablePaths /etc/web/** is refused in all by ReadOnlyPaths /etc/**",
        "WritablePaths /{etc,var}/log is refused in a part by ReadOnlyPaths /etc/**",
        "AllowExec /bin/sh is refused by DenyExec /bin/sh",
        "DenyExec needs no rules here",
        "LogOnWritePaths",
        "neither inet6 nor unix sockets",
        "icmp takes raw sockets",
    ],
)
def test_traps_are_told(wanted: str) -> None:
    assert wanted in findings(WEB)


def test_a_file_without_traps_hears_only_what_holds_for_all() -> None:
    data = b'Name = "x"\n[Filesystem]\nWritablePaths = ["/data/**"]\n[Network]\nProtocols = ["tcp"]\n'
    assert len(parse_bane(data, "x").findings) == 4


def test_a_denied_capability_opens_all_others_with_bane_and_dockers_here() -> None:
    data = b'Name = "x"\n[Capabilities]\nAllow = ["sys_admin"]\nDeny = ["mknod", "CAP_NET_RAW"]\n'
    profile = parse_bane(data, "x").profile
    assert set(profile.capabilities) == DEFAULT_CAPABILITIES - {"MKNOD", "NET_RAW"}
    assert "Deny makes bane allow all others" in findings(data)
    assert "Allow means nothing beside Deny" in findings(data)


def test_networks() -> None:
    assert part(b'Name = "x"\n').networks == ()
    assert "opens every network" in findings(b'Name = "x"\n')
    raw = b'Name = "x"\n[Network]\nRaw = true\nPacket = true\nProtocols = ["icmp"]\n'
    assert part(raw).networks == (NetworkRule(family="inet", kind="raw"), NetworkRule(family="packet"))
    assert "Raw = true is left out" in findings(b'Name = "x"\n[Network]\nRaw = true\n')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b"Name = ",
        b'Name = ""',
        b"Name = 3",
        b'Name = "a"\nName = "b"',
        b'name = "a"',
        b'Name = "a"\nOther = 1',
        b'Name = "a"\n[Filesystem]\nWriteablePaths = ["/x"]',
        b'Name = "a"\n[Filesystem]\nWritablePaths = "/x"',
        b'Name = "a"\n[Filesystem]\nWritablePaths = [3]',
        b'Name = "../../etc/cron.d/x"',
        b'Name = "x flags=(complain)"',
        b'Name = "x\\n}"',
        b'Name = "unconfined"',
        b'Name = "a"\n[Filesystem]\nWritablePaths = ["/x w,\\n}\\nprofile y {"]',
        b'Name = "a"\n[Filesystem]\nReadOnlyPaths = ["relative"]',
        b'Name = "a"\n[Filesystem]\nAllowExec = ["@{PROC}/x"]',
        b'Name = "a"\n[Filesystem]\nDenyExec = ["/{a"]\nAllowExec = ["/a"]',
        b'Name = "a"\n[Capabilities]\nAllow = ["all"]',
        b'Name = "a"\n[Capabilities]\nDeny = ["chown,\\n file"]',
        b'Name = "a"\n[Network]\nProtocols = ["tcp,\\n  capability"]',
        b'Name = "a"\n[Network]\nProtocols = ["sctp"]',
        b'Name = "a"\n[Network]\nRaw = "yes"',
        b"a = " + b"[" * 5000,
        b'Name = "a"\n#' + b"x" * 1024 * 1024,
    ],
)
def test_what_is_no_file_of_bane_is_refused(data: bytes) -> None:
    with pytest.raises(BadContent) as caught:
        parse_bane(data, "web.toml")
    assert "\n" not in str(caught.value)


globs = st.sampled_from(["/a", "/b", "/a/*", "/a/**", "/**", "/{a,b}", "/b/c"])
few = st.lists(globs, max_size=3)


def among(names: list[str], path: str) -> bool:
    return any(matches(name, path.encode()) for name in names)


@settings(max_examples=200)
@given(read=few, write=few, run=few, no=few)
def test_it_allows_no_more_than_bane(read: list[str], write: list[str], run: list[str], no: list[str]) -> None:
    lists = {"ReadOnlyPaths": read, "WritablePaths": write, "AllowExec": run, "DenyExec": no}
    lines = ('Name = "x"', "[Filesystem]", *(f"{key} = {found}" for key, found in lists.items()))
    found = part("\n".join(lines).encode())
    for path in ("/a", "/b", "/a/x", "/a/x/y", "/b/c", "/d"):
        assert allows(found, path, "w") <= (among(write, path) and not among(read, path))
        assert allows(found, path, "x") <= (among(run, path) and not among(no, path))
        assert allows(found, path, "r") == among(read + write + run, path)
