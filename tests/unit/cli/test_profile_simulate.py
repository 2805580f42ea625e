"""``pytrust profile simulate`` and ``explain``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytrust.cli.profile_files import write_profile
from pytrust.cli.profile_simulate import explain, simulate
from pytrust.policy.profiles.model import Arg, Evidence, Profile, Rule, Seccomp, Why
from pytrust.policy.profiles.names import X86_64, Action, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.trust.errors import ExitCode, UsageError

PROFILE = Seccomp(
    default=Action.ERRNO,
    default_errno=38,
    architectures=(X86_64,),
    rules=(
        Rule(names=(Syscall("read"), Syscall("nosuchcall")), action=Action.ALLOW),
        Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.EQ, value=2),)),
    ),
)


@pytest.fixture
def file(tmp_path: Path) -> str:
    place = tmp_path / "seccomp.json"
    place.write_text(docker_text(PROFILE))
    return str(place)


def run(command: object, *words: str) -> Result:
    done = CliRunner().invoke(command, words, standalone_mode=False)  # type: ignore[arg-type]
    if done.exception:
        raise done.exception
    return done


def test_simulate_counts_and_lists(file: str) -> None:
    done = run(simulate, file, "--arch", "amd64")
    assert done.return_value == ExitCode.YES
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["ARCHITECTURE", "CALLS", "WHAT", "BECOMES", "OF", "THEM"]
    assert "SCMP_ARCH_X86_64   1       allowed" in lines
    assert "SCMP_ARCH_X86_64   1       allowed or fails with ENOSYS" in lines
    assert "SCMP_ARCH_X86_64   383     fails with ENOSYS" in lines
    assert lines[lines.index("allowed:") + 1] == "  read"
    assert "does the same" in done.stderr


def test_simulate_for_machines(file: str) -> None:
    found = json.loads(run(simulate, file, "--arch", "amd64", "--json").stdout)
    assert found["architectures"]["SCMP_ARCH_X86_64"]["fails with ENOSYS"] == 383
    (socket,) = (call for call in found["calls"] if call["name"] == "socket")
    assert socket == {
        "arch": "SCMP_ARCH_X86_64",
        "name": "socket",
        "number": 41,
        "verdicts": ["ERRNO(38)", "ALLOW"],
    }
    assert (found["differences"], found["losses"], found["incomplete"]) == ([], [], [])


def test_simulate_tells_what_an_old_engine_drops(file: str) -> None:
    done = run(simulate, file, "--arch", "amd64", "--engine", "20.10.24")
    assert "defaultErrnoRet 38 is dropped" in done.stderr
    assert "fails with EPERM" in done.stdout


def test_simulate_says_no_where_the_program_is_another(tmp_path: Path) -> None:
    """Of rules that libseccomp 2.5.4 to 2.6.0 compile wrongly; a later one may have learnt it."""
    rules = tuple(
        Rule(names=(Syscall("write"),), action=Action.ALLOW, args=(Arg(index=1, op=op, value=value),))
        for op, value in ((Op.LT, 0xFF), (Op.GT, 0x2_0000_0001))
    )
    place = tmp_path / "seccomp.json"
    place.write_text(docker_text(Seccomp(default=Action.ERRNO, rules=rules)))
    done = run(simulate, str(place), "--arch", "amd64")
    wrong = "libseccomp makes something else of it: write(0x0, 0xff, 0x0, 0x0, 0x0, 0x0) on SCMP_ARCH_X86_64: ALLOW"
    assert (done.return_value == ExitCode.NO) == (wrong in done.stderr)
    assert (done.return_value == ExitCode.YES) == ("does the same" in done.stderr)


def test_explain_tells_rule_and_evidence(tmp_path: Path) -> None:
    evidence = (Evidence(subject="argument:socket:AF_INET", why=Why.RECORDED, count=3, note="nginx"),)
    place = str(tmp_path / "web.json")
    write_profile(Profile(seccomp=PROFILE, evidence=evidence), place)
    done = run(explain, place, "socket", "2", "--arch", "amd64")
    assert done.stdout.splitlines() == [
        "socket (number 41): allowed: rule 2",
        "  rule 2: allowed if arg0 == 2",
        "  argument:socket:AF_INET: recorded, 3 times: nginx",
    ]
    assert run(explain, place, "socket", "--arch", "amd64").stdout.splitlines()[2] == "  otherwise: fails with ENOSYS"


def test_explain_for_machines(file: str) -> None:
    found = json.loads(run(explain, file, "socket", "0x26", "--arch", "amd64", "--json").stdout)
    assert (found["number"], found["verdict"], found["default"]) == (41, "ERRNO(38)", "ERRNO(38)")
    assert found["rules"] == [{"number": 2, "text": "allowed if arg0 == 2", "left_out": ""}]


def test_explain_reads_negative_numbers_as_programs_write_them(file: str) -> None:
    """After ``--``, since they look like options."""
    place = ["--arch", "amd64", "--", file, "socket", "-1"]
    assert "fails with ENOSYS" in run(explain, *place).stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("socket", "AF_INET"), "'AF_INET' is no number"),
        (("socket", hex(2**64)), "more than 64 bits"),
        (("socket", *"1234567"), "6 arguments, and 7 are given"),
        (("sokcet",), "sokcet is no system call"),
        (("socket", "--arch", "s390x"), "SCMP_ARCH_S390X are not known"),
        (("socket", "--arch", "x86_64"), "x86_64 is no architecture"),
    ],
)
def test_words_that_mean_nothing(file: str, words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        run(explain, file, *words)
