"""``linux.seccomp`` as Go writes it, and back."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from tests.fakes.seccomp_profiles import files

from pytrust.policy.profiles.model import Arg, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import CAPABILITIES, X86_64, Action, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.oci_json import oci_json, oci_text, parse_oci
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.trust.errors import BadContent

HOST = Host(GoArch("amd64"), (6, 1), frozenset(CAPABILITIES), Generation.FROM_23)


@given(files())
def test_what_is_written_comes_back(profile: Seccomp) -> None:
    resolved = resolve(profile, HOST)
    assert parse_oci(oci_text(resolved), "x") == resolved
    assert json.loads(oci_text(resolved)) == oci_json(resolved)


def test_keys_stand_in_the_order_of_go_and_empty_ones_are_left_out() -> None:
    rule = Rule(
        names=(Syscall("clone"), Syscall("read")),
        action=Action.ERRNO,
        errno=0,
        args=(Arg(index=0, op=Op.EQ, value=0), Arg(index=1, op=Op.MASKED_EQ, value=2**64 - 1, second=7)),
    )
    resolved = Resolved(
        default=Action.KILL,
        default_errno=5,
        architectures=(X86_64,),
        flags=("SECCOMP_FILTER_FLAG_LOG",),
        listener_path="/a",
        listener_metadata="b",
        rules=(rule,),
    )
    assert oci_text(resolved) == (
        b'{"defaultAction":"SCMP_ACT_KILL","defaultErrnoRet":5,"architectures":["SCMP_ARCH_X86_64"],'
        b'"flags":["SECCOMP_FILTER_FLAG_LOG"],"listenerPath":"/a","listenerMetadata":"b","syscalls":[{'
        b'"names":["clone","read"],"action":"SCMP_ACT_ERRNO","errnoRet":0,"args":['
        b'{"index":0,"value":0,"op":"SCMP_CMP_EQ"},'
        b'{"index":1,"value":18446744073709551615,"valueTwo":7,"op":"SCMP_CMP_MASKED_EQ"}]}]}'
    )
    assert oci_text(Resolved(default=Action.ALLOW)) == b'{"defaultAction":"SCMP_ACT_ALLOW"}'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"archMap": []}, "unknown field `archMap`"),
        ({"architectures": ["x86"]}, "'x86' is no architecture"),
        ({"syscalls": [{"names": [], "action": "SCMP_ACT_ALLOW"}]}, "length >= 1"),
        ({"syscalls": [{"names": ["read"]}]}, "missing required field `action`"),
        ({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "comment": ""}]}, "unknown field `comment`"),
    ],
)
def test_documents_that_are_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(BadContent) as caught:
        parse_oci(msgspec.json.encode({"defaultAction": "SCMP_ACT_ERRNO", **change}), "config.json")
    assert reason in str(caught.value)
