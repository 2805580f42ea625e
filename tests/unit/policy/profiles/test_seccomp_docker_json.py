"""Docker's seccomp files: everything that can be said comes back; what has two readings is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from tests.fakes.seccomp_profiles import files

from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Rule, Seccomp
from pytrust.policy.profiles.names import X86_64, Action, Capability, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker
from pytrust.policy.profiles.seccomp.syscalls import X32, X86
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import SECCOMP_FILE_MAX_BYTES


def parse(document: object) -> Seccomp:
    return parse_docker(json.dumps(document).encode(), "web.json")


def with_rule(**keys: object) -> Seccomp:
    return parse({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"action": "SCMP_ACT_ALLOW", **keys}]})


@given(files())
def test_what_is_written_comes_back(profile: Seccomp) -> None:
    assert parse_docker(docker_text(profile).encode(), "x") == profile


def test_the_default_of_docker_comes_back() -> None:
    assert parse_docker(docker_text(docker_default()).encode(), "x") == docker_default()


def test_one_line_in_the_order_of_docker() -> None:
    profile = Seccomp(
        default=Action.ERRNO,
        default_errno=38,
        arch_map=(ArchMap(architecture=X86_64, also=(X86, X32)),),
        rules=(
            Rule(
                names=(Syscall("clone"),),
                action=Action.ALLOW,
                args=(Arg(index=0, op=Op.MASKED_EQ, value=2114060288),),
                excludes=Condition(caps=(Capability("SYS_ADMIN"),), arches=(GoArch("s390x"),), min_kernel="4.8"),
            ),
        ),
    )
    assert docker_text(profile) == (
        '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"archMap":[{"architecture":"SCMP_ARCH_X86_64",'
        '"subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],"syscalls":[{"names":["clone"],'
        '"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"op":"SCMP_CMP_MASKED_EQ"}],'
        '"excludes":{"caps":["CAP_SYS_ADMIN"],"arches":["s390x"],"minKernel":"4.8"}}]}'
    )


def test_what_go_writes_for_nothing_is_nothing() -> None:
    empty: dict[str, object] = {
        "names": ["read"],
        "args": None,
        "errnoRet": None,
        "comment": "",
        "includes": {},
        "excludes": None,
    }
    assert with_rule(**empty).rules == (Rule(names=(Syscall("read"),), action=Action.ALLOW),)
    assert parse({"defaultAction": "SCMP_ACT_KILL", "syscalls": None, "architectures": []}).rules == ()


def test_the_format_before_2016_has_one_name_a_rule() -> None:
    assert with_rule(name="accept", args=[]).rules[0].names == ("accept",)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "missing required field `defaultAction`"),
        ({"defaultAction": ""}, "Invalid enum value ''"),
        ({"defaultAction": "SCMP_ACT_ALOW"}, "Invalid enum value 'SCMP_ACT_ALOW'"),
        ({"defaultaction": "SCMP_ACT_ALLOW"}, "unknown field `defaultaction`"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "seccomp": {}}, "unknown field `seccomp`"),
        ({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 12345}, "<= 4095"),
        (
            {
                "defaultAction": "SCMP_ACT_ERRNO",
                "architectures": ["SCMP_ARCH_X86"],
                "archMap": [{"architecture": "SCMP_ARCH_X86"}],
            },
            "both architectures and archMap",
        ),
        ({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["amd64"]}, "'amd64' is no architecture"),
        (
            {"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86"}] * 2},
            "names an architecture twice",
        ),
        ({"defaultAction": "SCMP_ACT_ERRNO", "flags": ["TSYNC"]}, "matching regex"),
        (["SCMP_ACT_ERRNO"], "Expected `object`"),
    ],
)
def test_files_that_are_refused(document: object, reason: str) -> None:
    with pytest.raises(BadContent, match=r"^web\.json is no seccomp file of docker: ") as caught:
        parse(document)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "names no system call"),
        ({"names": []}, "names no system call"),
        ({"name": "accept", "names": ["accept"]}, "both name ('accept') and names"),
        ({"name": "Accept"}, "cannot be the name"),
        ({"names": ["open at"]}, "matching regex"),
        ({"names": ["read"], "errno": 1}, "unknown field `errno`"),
        ({"names": ["read"], "errnoRet": -1}, ">= 0"),
        ({"names": ["read"], "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}, "<= 5"),
        ({"names": ["read"], "args": [{"index": 0, "op": "=="}]}, "Invalid enum value '=='"),
        ({"names": ["read"], "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}, ">= 0"),
        ({"names": ["read"], "args": [{"index": 0, "value": 2**64, "op": "SCMP_CMP_EQ"}]}, "more than 64 bits"),
        ({"names": ["read"], "args": [{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}]}, "1.5 is not an integer"),
        ({"names": ["read"], "includes": {"caps": ["SYS_ADMIN"]}}, "'SYS_ADMIN' is no capability"),
        ({"names": ["read"], "includes": {"caps": ["CAP_SYS_ADMN"]}}, "'CAP_SYS_ADMN' is no capability"),
        ({"names": ["read"], "excludes": {"cap": ["CAP_SYS_ADMIN"]}}, "unknown field `cap`"),
        ({"names": ["read"], "excludes": {"minKernel": ""}}, "empty minKernel"),
    ],
)
def test_rules_that_are_refused(keys: dict[str, object], reason: str) -> None:
    with pytest.raises(BadContent) as caught:
        with_rule(**keys)
    assert reason in str(caught.value)


@pytest.mark.parametrize("version", ["0.0", "3", ".3", "3.", "true", "3.12.1", "4.15abc", "256.1", "-1.2", "٣.١"])
def test_kernels_that_docker_refuses(version: str) -> None:
    with pytest.raises(BadContent, match="no minKernel"):
        with_rule(names=["read"], includes={"minKernel": version})


@pytest.mark.parametrize("version", [3, 3.12, True])
def test_kernels_that_are_no_text(version: object) -> None:
    with pytest.raises(BadContent):
        with_rule(names=["read"], includes={"minKernel": version})


@pytest.mark.parametrize(
    ("version", "kept"), [("0.5", "0.5"), ("0.50", "0.50"), ("50.0", "50.0"), ("04.15", "4.15"), ("", "")]
)
def test_kernels_that_docker_takes(version: str, kept: str) -> None:
    assert with_rule(names=["read"], includes={"minKernel": version}).rules[0].includes.min_kernel == kept


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"defaultAction":"SCMP_ACT_ALLOW","defaultAction":"SCMP_ACT_ERRNO"}', "stands twice"),
        (b'{"defaultAction":"SCMP_ACT_ALLOW"', "not strict JSON"),
        (b"\xff", "not strict JSON"),
        (b" " * (SECCOMP_FILE_MAX_BYTES + 1), "larger than"),
        (b'{"syscalls":' + b"[" * 20 + b"]" * 20 + b"}", "nested deeper"),
    ],
)
def test_bytes_that_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadContent, match=reason):
        parse_docker(data, "web.json")


def test_a_file_without_default_says_what_docker_would_do() -> None:
    with pytest.raises(BadContent) as caught:
        parse({"syscalls": []})
    assert "without any filter" in caught.value.hint
