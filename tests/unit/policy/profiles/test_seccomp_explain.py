"""What a file does with one call, in words."""

from __future__ import annotations

import pytest

from pytrust.policy.profiles.model import Arg, Condition, Evidence, Profile, Rule, Seccomp, Why
from pytrust.policy.profiles.names import X86_64, Action, Capability, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.evaluate import Args
from pytrust.policy.profiles.seccomp.explain import condition_words, evidence_of, explain, verdict_words
from pytrust.policy.profiles.seccomp.resolve import Host
from pytrust.trust.errors import UsageError

HOST = Host(GoArch("amd64"), (6, 1), frozenset(), Generation.FROM_23)


def told(call: str, args: Args | None = None, host: Host = HOST) -> tuple[str, str, list[str]]:
    found = explain(docker_default(), host, Syscall(call), args)
    rules = [f"{rule.number} {rule.text}{f' ({rule.left_out})' if rule.left_out else ''}" for rule in found.rules]
    return str(found.verdict), found.why, rules


def test_a_call_that_one_rule_allows() -> None:
    assert told("read") == ("ALLOW", "rule 1", ["1 allowed"])


def test_rules_keep_the_numbers_of_the_file() -> None:
    """Though others before them are left out on this host."""
    verdict, why, rules = told("clone3")
    assert (verdict, why) == ("ERRNO(38)", "rule 33")
    assert rules == ["18 allowed (only with CAP_SYS_ADMIN)", "33 fails with ENOSYS"]
    assert told("clone3", host=HOST._replace(capabilities=frozenset({Capability("SYS_ADMIN")}))) == (
        "ALLOW",
        "rule 18",
        ["18 allowed", "33 fails with ENOSYS (not with CAP_SYS_ADMIN)"],
    )


def test_arguments_decide() -> None:
    assert told("socket")[:2] == ("None", "its arguments decide")
    assert told("socket", (2, 0, 0, 0, 0, 0))[:2] == ("ALLOW", "rule 3")
    assert told("socket", (38, 0, 0, 0, 0, 0))[:2] == ("ERRNO(1)", "no rule applies: the default")
    assert told("socket")[2] == ["3 allowed if arg0 < 38", "4 allowed if arg0 == 39", "5 allowed if arg0 > 40"]


def test_conditions_that_are_alternatives_are_told_so() -> None:
    args = tuple(Arg(index=0, op=op, value=value) for op, value in ((Op.GE, 5), (Op.LE, 9)))
    both = (Arg(index=0, op=Op.EQ, value=5), Arg(index=1, op=Op.NE, value=0x1000))
    rules = tuple(Rule(names=(Syscall("read"),), action=Action.LOG, args=some) for some in (args, both))
    found = explain(Seccomp(default=Action.KILL, architectures=(X86_64,), rules=rules), HOST, Syscall("read"), None)
    assert [rule.text for rule in found.rules] == [
        "allowed, and logged if arg0 >= 5 or arg0 <= 9",
        "allowed, and logged if arg0 == 5 and arg1 != 0x1000",
    ]


def test_numbers_beyond_those_that_are_named() -> None:
    assert told("listns")[1] == "its number is above every one that the profile names, and the runtime says so"
    unknown = frozenset({Syscall("mseal")})
    found = explain(docker_default(), HOST, Syscall("mseal"), None, unknown)
    assert str(found.verdict) != "ALLOW"


def test_no_such_call() -> None:
    with pytest.raises(UsageError, match="epoll is no system call"):
        told("epoll")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (Condition(min_kernel="7.0"), "only from kernel 7.0 on"),
        (Condition(arches=(GoArch("arm64"), GoArch("arm"))), "only on arm64, arm"),
        (Condition(caps=(Capability("BPF"), Capability("SYSLOG"))), "only with CAP_BPF, CAP_SYSLOG"),
    ],
)
def test_why_a_rule_is_left_out(condition: Condition, reason: str) -> None:
    rule = Rule(names=(Syscall("read"),), action=Action.ALLOW, includes=condition)
    found = explain(Seccomp(default=Action.ERRNO, rules=(rule,)), HOST, Syscall("read"), None)
    assert found.rules[0].left_out == reason


def test_words() -> None:
    assert verdict_words(Action.KILL, None) == "the thread is killed"
    assert verdict_words(Action.ERRNO, 4000) == "fails with error 4000"
    assert verdict_words(Action.TRACE, 7) == "left to a tracer (7), or fails with ENOSYS"
    assert condition_words(Arg(index=2, op=Op.MASKED_EQ, value=0xF0, second=0x1F)) == "arg2 & 0xf0 == 16"


def test_evidence_is_that_of_the_call() -> None:
    several = tuple(
        Evidence(subject=subject, why=Why.RECORDED)
        for subject in ("syscall:socket", "syscall:socketpair", "argument:socket:AF_INET", "file:socket")
    )
    profile = Profile(seccomp=docker_default(), evidence=several)
    assert evidence_of(profile, Syscall("socket")) == (several[0], several[2])
