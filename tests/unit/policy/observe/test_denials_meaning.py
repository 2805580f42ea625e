"""What a refusal has to do with a container's profile: never blamed for what it lets through, never let off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.observe.audit_records import (
    RET_ERRNO,
    RET_KILL_PROCESS,
    RET_KILL_THREAD,
    RET_LOG,
    RET_TRAP,
    SeccompRecord,
)
from pytrust.policy.observe.denials_audit import refusal_of
from pytrust.policy.observe.denials_meaning import answer_to, answers
from pytrust.policy.observe.denials_model import Answer, Refusal
from pytrust.policy.profiles.model import Arg, Resolved, Rule
from pytrust.policy.profiles.names import X86_64, Action, Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.evaluate import boundaries, evaluate, probes
from pytrust.policy.profiles.seccomp.syscalls import X32, X32_BIT, X86, table
from pytrust.policy.profiles.seccomp.verdict import ENOSYS

CALLS = tuple(map(Syscall, ("read", "socket", "mkdir", "clone3", "statmount")))
NUMBERS = table(X86_64)
conditions = st.builds(
    Arg,
    index=st.integers(0, 1),
    op=st.sampled_from(Op),
    value=st.sampled_from([0, 1, 7, 2**32]),
    second=st.sampled_from([0, 1]),
)
rules = st.builds(
    Rule,
    names=st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True).map(tuple),
    action=st.sampled_from([Action.ALLOW, Action.ERRNO, Action.LOG, Action.KILL, Action.KILL_PROCESS, Action.TRAP]),
    errno=st.sampled_from([None, 1, 13, 38]),
    args=st.lists(conditions, max_size=1).map(tuple),
)
profiles = st.builds(
    Resolved,
    default=st.sampled_from([Action.ERRNO, Action.KILL_PROCESS, Action.ALLOW]),
    architectures=st.just((X86_64,)),
    rules=st.lists(rules, max_size=4).map(tuple),
)


@given(profiles, st.sampled_from(CALLS))
@settings(max_examples=300, deadline=None)
def test_every_refusal_of_a_profile_is_put_down_to_it_and_nothing_else(resolved: Resolved, call: Syscall) -> None:
    found = answers(resolved, X86_64)
    verdicts = {evaluate(resolved, X86_64, call, args) for args in probes(boundaries(resolved, call))}
    for verdict in verdicts:
        refusal = Refusal(
            1, "sh", X86_64, NUMBERS[call], verdict.action, verdict.errno if verdict.action is Action.ERRNO else None
        )
        answer = answer_to(refusal, found)
        if verdict.action is Action.ALLOW or verdict.errno == ENOSYS:
            assert answer is None
        else:
            assert answer is not None
            if answer.sure:
                assert not any(one.action is Action.ALLOW for one in verdicts)
    limited = any(rule.args for rule in resolved.rules if call in rule.names)
    if not limited and evaluate(resolved, X86_64, call).action is Action.ALLOW:
        assert all(answer_to(Refusal(1, "sh", X86_64, NUMBERS[call], action, 1), found) is None for action in Action)


def resolved(*rules: Rule, arches: tuple[Arch, ...] = (X86_64, X86)) -> Resolved:
    return Resolved(
        default=Action.ERRNO,
        architectures=arches,
        rules=(Rule(names=(Syscall("read"), Syscall("listns")), action=Action.ALLOW), *rules),
    )


def refusal(call: str = "mkdir", action: Action = Action.ERRNO, errno: int | None = 1, arch: Arch = X86_64) -> Refusal:
    return Refusal(1, "sh", arch, table(arch)[Syscall(call)], action, errno)


def sure_of(answer: Answer | None) -> bool | None:
    return None if answer is None else answer.sure


def test_the_kernel_may_refuse_arguments_of_a_limited_call_itself() -> None:
    found = answers(
        resolved(Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.EQ, value=1),))), X86_64
    )
    assert sure_of(answer_to(refusal("socket"), found)) is False
    assert sure_of(answer_to(refusal("mkdir"), found)) is True
    assert answer_to(refusal("read"), found) is None


def test_a_first_argument_that_is_known_decides() -> None:
    rule = Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.EQ, value=1),))
    found = answers(resolved(rule), X86_64)
    assert sure_of(answer_to(refusal("socket")._replace(first=10), found)) is True
    assert answer_to(refusal("socket")._replace(first=1), found) is None  # the kernel refused it
    other = Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(Arg(index=1, op=Op.EQ, value=1),))
    assert sure_of(answer_to(refusal("socket")._replace(first=10), answers(resolved(other), X86_64))) is False


@given(profiles, st.sampled_from(CALLS), st.sampled_from([0, 1, 2, 7, 2**32, 2**64 - 1]))
@settings(max_examples=200, deadline=None)
def test_what_is_known_by_the_first_argument_is_what_the_filter_says(
    found: Resolved, call: Syscall, first: int
) -> None:
    limited = [arg.index for rule in found.rules if call in rule.names for arg in rule.args]
    verdict = evaluate(found, X86_64, call, (first, 0, 0, 0, 0, 0))
    if 1 in limited or verdict.errno == ENOSYS:
        return
    errno = verdict.errno if verdict.action is Action.ERRNO else None
    answer = answer_to(Refusal(1, "sh", X86_64, NUMBERS[call], verdict.action, errno, first), answers(found, X86_64))
    assert (answer is None) is (verdict.action is Action.ALLOW)


def test_another_error_than_the_profiles_is_the_kernels() -> None:
    found = answers(resolved(), X86_64)
    assert answer_to(refusal(errno=13), found) is None
    assert answer_to(refusal(errno=None), found) is not None  # the audit stream does not tell it


def test_a_filter_of_the_program_itself_is_not_the_profile() -> None:
    found = answers(resolved(), X86_64)
    assert answer_to(refusal("mkdir", Action.KILL_PROCESS, None), found) is None
    assert answer_to(refusal("read", Action.KILL_PROCESS, None), found) is None


def test_a_call_that_is_said_not_to_exist_is_no_denial() -> None:
    found = answers(resolved(Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=38)), X86_64)
    assert answer_to(refusal("clone3", errno=38), found) is None
    assert answer_to(refusal("clone3", errno=None), found) is None


def test_programs_of_an_architecture_that_the_profile_lacks_are_ended() -> None:
    found = answers(resolved(arches=(X86_64,)), X86_64)
    assert sure_of(answer_to(refusal("mkdir", Action.KILL_THREAD, None, X86), found)) is True
    assert answer_to(refusal("mkdir", Action.ERRNO, 1, X86), found) is None
    assert answer_to(refusal("mkdir", Action.KILL_THREAD, None, X86), answers(resolved(), X86_64)) is None


def test_a_number_that_no_table_has_is_nothing() -> None:
    assert answer_to(Refusal(1, "sh", X86_64, 5000, Action.ERRNO, 1), answers(resolved(), X86_64)) is None


@pytest.mark.parametrize(
    ("arch", "call", "code", "expected"),
    [
        (0xC000003E, 83, RET_ERRNO | 1, (X86_64, 83, Action.ERRNO)),
        (0xC000003E, 83, RET_LOG, (X86_64, 83, Action.LOG)),
        (0xC000003E, 83, RET_KILL_PROCESS, (X86_64, 83, Action.KILL_PROCESS)),
        (0xC000003E, 83, RET_KILL_THREAD, (X86_64, 83, Action.KILL_THREAD)),
        (0xC000003E, 83, RET_TRAP, (X86_64, 83, Action.TRAP)),
        (0x40000003, 39, RET_LOG, (X86, 39, Action.LOG)),
        (0xC000003E, 83 | X32_BIT, RET_KILL_THREAD, (X32, 83 | X32_BIT, Action.KILL_THREAD)),
        (0x80000016, 39, RET_LOG, None),  # s390
        (0xC000003E, 83, 0x7FC00000, None),  # a listener was asked
    ],
)
def test_records_of_the_audit_stream_are_refusals(
    arch: int, call: int, code: int, expected: tuple[Arch, int, Action] | None
) -> None:
    record = SeccompRecord(
        serial=1, at=1, pid=7, uid=0, comm="sh", exe="/bin/sh", arch=arch, call=call, code=code, sig=0
    )
    found = [(one.arch, one.number, one.action) for one in refusal_of(record)]
    assert found == ([] if expected is None else [expected])
