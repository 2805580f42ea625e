"""A profile as bytes: one spelling out, and nothing in that could be read in two ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fakes.seccomp_profiles import files as seccomps

from pytrust.policy.profiles.document import FORMAT, decode_profile, encode_profile, profile_digest
from pytrust.policy.profiles.model import AppArmor, Arg, Evidence, FileRule, NetworkRule, Profile, Rule, Seccomp, Why
from pytrust.policy.profiles.names import CAPABILITIES, Action, Op, Syscall
from pytrust.trust.errors import BadContent, UsageError
from pytrust.trust.limits import PROFILE_MAX_BYTES

texts = st.text(max_size=20)
file_rules = st.builds(
    FileRule, path=st.text(min_size=1, max_size=30), modes=st.sampled_from(["r", "rw", "wl", "rwalkm", ""])
)
networks = st.builds(NetworkRule, family=st.sampled_from(["inet", "unix"]), kind=st.sampled_from(["", "stream"]))
whole = st.builds(
    Profile,
    name=texts,
    seccomp=seccomps(),
    capabilities=st.lists(st.sampled_from(CAPABILITIES), max_size=4).map(tuple),
    no_new_privileges=st.booleans(),
    read_only=st.booleans(),
    user=texts,
    apparmor=st.none()
    | st.builds(
        AppArmor, files=st.lists(file_rules, max_size=3).map(tuple), networks=st.lists(networks, max_size=2).map(tuple)
    ),
    evidence=st.lists(st.builds(Evidence, subject=texts, why=st.sampled_from(Why), note=texts), max_size=3).map(tuple),
)
BIG = Rule(names=(Syscall("read"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.EQ, value=2**64 - 1),))
PROFILE = Profile(seccomp=Seccomp(default=Action.ERRNO, rules=(BIG,)))


@given(whole)
def test_what_is_written_is_read_again_and_is_written_so_again(profile: Profile) -> None:
    data = encode_profile(profile)
    assert decode_profile(data, "it") == profile
    assert encode_profile(decode_profile(data, "it")) == data


def test_numbers_of_64_bits_survive() -> None:
    assert decode_profile(encode_profile(PROFILE), "it").seccomp.rules[0].args[0].value == 2**64 - 1


def changed(**keys: Any) -> bytes:
    return json.dumps({**json.loads(encode_profile(PROFILE)), **keys}).encode()


NONE: list[bytes] = [
    b"",
    b"{}",
    b"[]",
    b"null",
    changed(format="pytrust-profile/2"),
    changed(format=None),
    changed(unknown=1),
    changed(capabilities="CHOWN"),
    changed(no_new_privileges=1),
    changed(no_new_privileges="true"),
    changed(seccomp={}),
    changed(seccomp={"default": "SCMP_ACT_NONE"}),
    changed(seccomp={"default": "SCMP_ACT_ERRNO", "rules": [{"names": [], "action": "SCMP_ACT_ALLOW"}]}),
    changed(apparmor={"files": [{"path": ""}]}),
    changed(apparmor={"files": [{"path": "/a", "modes": "wr"}]}),
    encode_profile(PROFILE).replace(b"18446744073709551615", b"18446744073709551616"),
    encode_profile(PROFILE).replace(b"18446744073709551615", b"-1"),
    encode_profile(PROFILE).replace(b"18446744073709551615", b"1.0"),
    encode_profile(PROFILE)[:-1] + b',"name":"a","name":"b"}',
    encode_profile(PROFILE)[:-1] + b',"name":"\xff"}',
    changed(name="x" * PROFILE_MAX_BYTES),
    b'{"format":"' + FORMAT.encode() + b'","seccomp":' + b"[" * 50 + b"]" * 50 + b"}",
]


@pytest.mark.parametrize("data", NONE)
def test_what_is_none_or_has_two_readings(data: bytes) -> None:
    with pytest.raises(BadContent, match=r"^web.json is no profile: (?!web\.json)") as caught:
        decode_profile(data, "web.json")
    assert "\n" not in str(caught.value)
    assert "pytrust profile record" in caught.value.hint


def test_what_is_too_large_is_not_written() -> None:
    notes = tuple(Evidence(subject=f"file:/{n}", why=Why.RECORDED, note="x" * 500) for n in range(300))
    with pytest.raises(UsageError, match="has 1[0-9]{5} bytes"):
        encode_profile(replace(PROFILE, evidence=notes))


def test_the_digest_is_that_of_the_bytes() -> None:
    assert str(profile_digest(b"")).startswith("sha256:e3b0c44298fc1c14")
