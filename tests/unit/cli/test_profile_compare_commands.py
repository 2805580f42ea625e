"""``pytrust profile diff``, ``merge``, ``intersect``, ``lint`` and ``audit``: words and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pytrust.cli.profile_compare import diff, intersect, merge
from pytrust.cli.profile_files import read_profile, write_profile
from pytrust.cli.profile_lint import audit, lint
from pytrust.policy.profiles.model import Arg, Evidence, Profile, Rule, Seccomp, Why
from pytrust.policy.profiles.names import X86_64, Action, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.trust.errors import BadContent, ExitCode, UsageError


def rule(names: str, *args: Arg) -> Rule:
    return Rule(names=tuple(map(Syscall, names.split())), action=Action.ALLOW, args=args)


def profile(*rules: Rule, **more: Any) -> Profile:
    return Profile(seccomp=Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=rules), **more)


SMALL = profile(rule("read write"), name="small")
LARGE = profile(
    rule("read write bpf"),
    name="large",
    evidence=(Evidence(subject="syscall:bpf", why=Why.RECORDED, count=2, note="web"),),
)


@pytest.fixture
def small(tmp_path: Path) -> str:
    return kept(SMALL, tmp_path / "small.json")


@pytest.fixture
def large(tmp_path: Path) -> str:
    return kept(LARGE, tmp_path / "large.json")


def kept(one: Profile, place: Path) -> str:
    write_profile(one, str(place))
    return str(place)


def run(command: object, *words: str) -> Result:
    done = CliRunner().invoke(command, words, standalone_mode=False)  # type: ignore[arg-type]
    if done.exception:
        raise done.exception
    return done


def test_what_is_wider_is_told_and_is_a_no(small: str, large: str) -> None:
    done = run(diff, small, large, "--arch", "amd64")
    assert done.return_value == ExitCode.NO
    assert "wider   bpf " in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{large} is wider than {small}: 1 wider, 0 narrower")
    assert run(diff, large, small, "--arch", "amd64").return_value == ExitCode.YES


def test_the_same_is_said_in_one_line(small: str) -> None:
    done = run(diff, small, small)
    assert (done.return_value, done.stdout) == (ExitCode.YES, f"{small} lets through the same as {small}\n")


def test_differences_for_machines(small: str, large: str) -> None:
    found = json.loads(run(diff, small, large, "--arch", "amd64", "--json").stdout)
    assert found["widened"] == [{"subject": "bpf", "before": "ENOSYS", "after": "allowed"}]
    assert found["narrowed"] == []


def test_what_is_narrower_is_told_in_part_and_whole_for_machines(small: str) -> None:
    done = run(diff, "docker-default", small, "--arch", "amd64")
    assert done.return_value == ExitCode.YES
    assert "more, see --json" in done.stdout
    assert len(done.stdout.splitlines()) < 50
    assert len(json.loads(run(diff, "docker-default", small, "--json", "--arch", "amd64").stdout)["narrowed"]) > 300


def test_seccomp_files_of_docker_are_profiles_too(small: str, tmp_path: Path) -> None:
    file = tmp_path / "seccomp.json"
    file.write_text(docker_text(SMALL.seccomp))
    done = run(diff, small, str(file), "--arch", "amd64")
    assert done.return_value == ExitCode.NO  # it has Docker's capabilities, and new privileges
    assert "capability CHOWN" in done.stdout
    assert "bpf" not in done.stdout


def test_merge_and_intersect_write_a_profile(small: str, large: str, tmp_path: Path) -> None:
    place = str(tmp_path / "both.json")
    assert run(merge, small, large, "-o", place, "--arch", "amd64").return_value == ExitCode.YES
    assert read_profile(place).seccomp.rules == (rule("bpf read write"),)
    assert read_profile(place).evidence == LARGE.evidence
    run(intersect, small, large, small, "-o", place, "--arch", "amd64")
    assert read_profile(place).seccomp.rules == (rule("read write"),)
    assert read_profile(place).evidence == ()
    assert json.loads(run(merge, small, small).stdout)["name"] == "small"


def test_what_cannot_be_said_is_told(tmp_path: Path) -> None:
    low = kept(profile(rule("socket", Arg(index=0, op=Op.LT, value=38))), tmp_path / "low.json")
    high = kept(profile(rule("socket", Arg(index=0, op=Op.GE, value=20))), tmp_path / "high.json")
    done = run(intersect, low, high, "--arch", "amd64", "-o", str(tmp_path / "out.json"))
    assert done.stderr == "note: socket: not let through at all\n"


def test_one_alone_is_not_combined(small: str) -> None:
    with pytest.raises(UsageError, match="alone"):
        run(merge, small)


def test_lint_says_where_and_what_to_do(large: str, tmp_path: Path) -> None:
    assert run(lint, large, "--arch", "amd64").stdout == f"{large}: nothing to find fault with\n"
    odd = kept(profile(rule("raed"), rule("ptrace")), tmp_path / "odd.json")
    done = run(lint, odd, "--arch", "amd64")
    assert done.return_value == ExitCode.NO
    assert done.stdout.splitlines()[:2] == [
        "error name-unknown: rule 1 (raed): raed is no system call: the runtime drops it without a word",
        "  hint: did you mean read",
    ]
    found = json.loads(run(lint, odd, "--arch", "amd64", "--json").stdout)
    assert [one["code"] for one in found] == ["name-unknown", "tracing", "name-not-on-host"]


def test_warnings_alone_are_a_yes(tmp_path: Path) -> None:
    place = kept(profile(rule("read ptrace")), tmp_path / "traced.json")
    assert run(lint, place, "--arch", "amd64").return_value == ExitCode.YES


def test_the_runtimes_calls_are_asked_for(large: str) -> None:
    for runc in ("1.1.5", "any"):
        done = run(lint, large, "--arch", "amd64", "--runc", runc)
        assert done.return_value == ExitCode.NO
        assert "error floor-missing: syscalls: the runtime needs brk" in done.stdout.replace("arch_prctl, ", "")


def test_audit_asks_for_evidence(large: str, tmp_path: Path) -> None:
    done = run(audit, large, "--arch", "amd64")
    assert done.return_value == ExitCode.YES
    assert "recorded 2 times, web" in done.stdout
    assert done.stdout.endswith(f"{large}: 1 dangerous, 0 of them without evidence\n")
    bare = kept(profile(rule("bpf")), tmp_path / "bare.json")
    assert run(audit, bare, "--arch", "amd64").return_value == ExitCode.NO
    (found,) = json.loads(run(audit, bare, "--arch", "amd64", "--json").stdout)
    assert (found["subject"], found["excused"], found["evidence"]) == ("bpf", False, [])


def test_a_profile_with_nothing_dangerous(small: str) -> None:
    assert run(audit, small).stdout == f"{small}: nothing dangerous is open\n"


def test_an_unknown_architecture_is_no_crash(small: str) -> None:
    for command in (lint, audit):
        with pytest.raises(UsageError):
            run(command, small, "--arch", "vax")
    with pytest.raises((UsageError, BadContent)):
        run(diff, small, "docker-default", "--arch", "s390x")
