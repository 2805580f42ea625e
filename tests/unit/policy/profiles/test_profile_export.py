"""Profiles in the words of others: what is exported, read again by its own reader, means the same."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pytrust.policy.profiles.compare.diff import Difference, diff
from pytrust.policy.profiles.export.compose import compose_text
from pytrust.policy.profiles.export.kubernetes import kubernetes_text
from pytrust.policy.profiles.export.options import flags_text, run_options
from pytrust.policy.profiles.export.seccomp_file import LOG_FLAG, audible, docker_file, for_engine, oci_file
from pytrust.policy.profiles.export.yaml_text import yaml_text
from pytrust.policy.profiles.floor import floor, missing_floor
from pytrust.policy.profiles.model import Arg, Condition, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import X86_64, Action, Capability, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.propose import with_floor
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import parse_docker
from pytrust.policy.profiles.seccomp.oci_json import parse_oci
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import X86
from pytrust.policy.strictyaml import parse_yaml
from pytrust.trust.errors import Refused, UsageError

OLD = Host(GoArch("amd64"), (6, 1), frozenset(), Generation.BEFORE_23)
NEW = OLD._replace(generation=Generation.FROM_23)
FLOOR = floor("", no_new_privileges=True)
CALLS = tuple(map(Syscall, ("read", "socket", "clone", "futex", "mkdir")))
conditions = st.builds(
    Arg,
    index=st.integers(0, 5),
    op=st.sampled_from(Op),
    value=st.integers(0, 2**64 - 1),
    second=st.integers(0, 2**64 - 1),
)
rules = st.builds(
    Rule,
    names=st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True).map(tuple),
    action=st.sampled_from([Action.ALLOW, Action.ERRNO, Action.LOG, Action.KILL_PROCESS]),
    args=st.lists(conditions, max_size=2).map(tuple),
    includes=st.sampled_from([Condition(), Condition(caps=(Capability("KILL"),)), Condition(min_kernel="4.8")]),
    comment=st.text(st.characters(codec="utf-8", categories=("L", "P", "S", "N")), max_size=10),
)
seccomps = st.builds(
    Seccomp,
    default=st.sampled_from([Action.ERRNO, Action.KILL_PROCESS]),
    default_errno=st.sampled_from([None, 1]),
    architectures=st.just((X86_64, X86)),
    rules=st.lists(rules, max_size=4).map(tuple),
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
ALLOW_READ = Rule(names=(Syscall("read"),), action=Action.ALLOW)
PLAIN = Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=(ALLOW_READ,))


def confined(**more: Any) -> Profile:
    fields = {
        "seccomp": PLAIN,
        "capabilities": (Capability("CHOWN"), Capability("KILL")),
        "user": "101:7",
        "read_only": True,
    }
    return Profile(**{**fields, **more})


@given(seccomps, st.sampled_from([OLD, NEW]))
@settings(max_examples=100, deadline=None)
def test_a_seccomp_file_for_docker_means_the_same_when_docker_reads_it(seccomp: Seccomp, host: Host) -> None:
    profile = Profile(seccomp=seccomp, capabilities=(Capability("KILL"),))
    exported = for_engine(profile, host, FLOOR)
    again = parse_docker(docker_file(exported.seccomp).encode(), "file")
    assert again == exported.seccomp
    assert diff(with_floor(profile, FLOOR), replace(profile, seccomp=again), host) == Difference()
    assert missing_floor(again, "", no_new_privileges=True) == ()


@given(seccomps)
@settings(max_examples=100, deadline=None)
def test_a_seccomp_file_of_oci_is_what_the_engine_would_have_made_of_it(seccomp: Seccomp) -> None:
    profile = Profile(seccomp=seccomp)
    assert parse_oci(oci_file(profile, NEW, FLOOR).encode(), "file") == resolve(with_floor(profile, FLOOR).seccomp, NEW)


def test_dockers_own_default_comes_through() -> None:
    exported = for_engine(Profile(seccomp=docker_default()), OLD, FLOOR)
    assert exported.losses == ()
    assert diff(Profile(seccomp=docker_default()), Profile(seccomp=exported.seccomp), OLD) == Difference()


def test_what_an_old_engine_drops_is_left_out_and_told() -> None:
    asked = replace(PLAIN, default_errno=38, flags=(LOG_FLAG,))
    old, new = for_engine(Profile(seccomp=asked), OLD, FLOOR), for_engine(Profile(seccomp=asked), NEW, FLOOR)
    assert (old.seccomp.default_errno, old.seccomp.flags) == (None, ())
    assert any("defaultErrnoRet" in loss for loss in old.losses)
    assert any("flags" in loss for loss in old.losses)
    assert (new.losses, new.seccomp.flags, new.seccomp.default_errno) == ((), (LOG_FLAG,), 38)


def test_a_listener_that_nobody_would_be_makes_no_file() -> None:
    rule = Rule(names=(Syscall("mount"),), action=Action.NOTIFY)
    asked = Profile(seccomp=replace(PLAIN, rules=(ALLOW_READ, rule), listener_path="/run/l.sock"))
    with pytest.raises(Refused, match="listenerPath"):
        for_engine(asked, OLD, FLOOR)
    assert for_engine(asked, NEW, FLOOR).seccomp.listener_path == "/run/l.sock"


@pytest.mark.parametrize(
    ("generation", "runc", "told"),
    [
        (Generation.FROM_23, "1.2.0", True),
        (Generation.FROM_23, "1.10", True),
        (Generation.FROM_23, "2.0.1", True),
        (Generation.FROM_23, "1.1.5", False),  # it would not start the container
        (Generation.FROM_23, "", False),
        (Generation.FROM_23, "1.2-rc1", False),
        (Generation.BEFORE_23, "1.2.0", False),
    ],
)
def test_refusals_are_told_to_the_kernel_where_it_does_no_harm(generation: Generation, runc: str, told: bool) -> None:
    found = audible(PLAIN, generation, runc)
    assert found.flags == ((LOG_FLAG,) if told else ())
    assert audible(found, generation, runc) == found


@given(texts, texts)
@settings(max_examples=40, deadline=None)
def test_flags_reach_docker_as_they_are_through_a_shell(path: str, user: str) -> None:
    profile = confined(user=user)
    script = f'set -- {flags_text(profile, path, "pytrust-x")}\nprintf "%s\\0" "$@"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=10)
    assert tuple(done.stdout.decode().split("\0")[:-1]) == run_options(profile, path, "pytrust-x")


def test_flags_say_all_that_confines() -> None:
    assert run_options(confined(), "s.json", "pytrust-x") == (
        "--security-opt=seccomp=s.json",
        "--security-opt=apparmor=pytrust-x",
        "--security-opt=no-new-privileges",
        "--cap-drop=ALL",
        "--cap-add=CHOWN",
        "--cap-add=KILL",
        "--read-only",
        "--user=101:7",
    )
    bare = confined(capabilities=(), no_new_privileges=False, read_only=False, user="")
    assert run_options(bare, "s.json", "") == ("--security-opt=seccomp=s.json", "--cap-drop=ALL")


@pytest.mark.parametrize("word", ["unconfined", "builtin"])
def test_a_file_that_is_called_like_a_word_of_dockers_is_a_file(word: str) -> None:
    assert run_options(confined(), word, "")[0] == f"--security-opt=seccomp=./{word}"


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.one_of(texts, st.booleans(), st.integers(0, 2**31), st.lists(texts, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=150, deadline=None)
def test_yaml_keeps_every_text(value: dict[str, Any]) -> None:
    assert parse_yaml(yaml_text(value).encode(), what="yaml").value == value


def test_compose_confines_one_service() -> None:
    value = parse_yaml(compose_text(confined(), "web", "./a$HOME.json", "pytrust-x").encode(), what="yaml").value
    assert value == {
        "services": {
            "web": {
                "security_opt": ["seccomp=./a$$HOME.json", "apparmor=pytrust-x", "no-new-privileges:true"],
                "cap_drop": ["ALL"],
                "cap_add": ["CHOWN", "KILL"],
                "read_only": True,
                "user": "101:7",
            }
        }
    }


def test_what_yaml_of_old_would_take_for_a_number_is_quoted() -> None:
    assert 'user: "101:7"' in compose_text(confined(), "web", "s.json", "")


def test_kubernetes_confines_one_container() -> None:
    value = parse_yaml(kubernetes_text(confined(), "p/web.json", "pytrust-x").encode(), what="yaml").value
    assert value["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "KILL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsUser": 101,
        "runAsNonRoot": True,
        "runAsGroup": 7,
        "seccompProfile": {"type": "Localhost", "localhostProfile": "p/web.json"},
        "appArmorProfile": {"type": "Localhost", "localhostProfile": "pytrust-x"},
    }
    root = parse_yaml(kubernetes_text(confined(user="0", capabilities=()), "w.json", "").encode(), what="yaml").value
    assert (root["securityContext"]["runAsUser"], root["securityContext"]["runAsNonRoot"]) == (0, False)
    assert root["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(
    ("profile", "path"),
    [
        (confined(user="www-data"), "w.json"),
        (confined(user="1:2:3"), "w.json"),
        (confined(user="-1"), "w.json"),
        (confined(user="1\n"), "w.json"),
        (confined(user=str(2**31)), "w.json"),
        (confined(capabilities=(Capability("SYS_ADMIN"),)), "w.json"),
        (confined(), "/var/lib/kubelet/seccomp/w.json"),
        (confined(), "../w.json"),
        (confined(), "a/../../w.json"),
    ],
)
def test_what_kubernetes_has_no_words_for_is_refused(profile: Profile, path: str) -> None:
    with pytest.raises(UsageError):
        kubernetes_text(profile, path, "")
