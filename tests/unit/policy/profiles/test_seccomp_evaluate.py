"""What a resolved profile means to a call: each rule of runc and libseccomp that surprises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.seccomp_profiles import any_args, six

from pytrust.policy.profiles.model import U64_MAX, Arg, Resolved, Rule
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.evaluate import Args, boundaries, decide, evaluate, probes
from pytrust.policy.profiles.seccomp.runc import holds
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X32_BIT, X86, table
from pytrust.policy.profiles.seccomp.verdict import Verdict, severity
from pytrust.trust.errors import BadContent, UsageError
from pytrust.trust.limits import SECCOMP_PROBES_MAX

READ, SOCKET, MSEAL, SENDTO = map(Syscall, ("read", "socket", "mseal", "sendto"))
ALLOW, EPERM, ENOSYS = Verdict(Action.ALLOW), Verdict(Action.ERRNO, 1), Verdict(Action.ERRNO, 38)
KILL = Verdict(Action.KILL_THREAD)


def rule(name: str, *args: Arg, action: Action = Action.ALLOW, errno: int | None = None) -> Rule:
    return Rule(names=(Syscall(name),), action=action, errno=errno, args=args)


def profile(*rules: Rule, default: Action = Action.ERRNO, arches: tuple[Arch, ...] = (X86_64,)) -> Resolved:
    return Resolved(default=default, architectures=arches, rules=rules)


def first(value: int, second: int = 0) -> Args:
    return value, second, 0, 0, 0, 0


def test_a_rule_a_default_and_the_stub() -> None:
    resolved = profile(rule("read"), rule("openat"))
    found = [decide(resolved, X86_64, Syscall(name)) for name in ("read", "write", "clone3")]
    assert [(str(one.verdict), one.why, one.rule) for one in found] == [
        ("ALLOW", "rule", 0),
        ("ERRNO(1)", "default", None),
        ("ERRNO(38)", "unknown", None),  # above openat, the largest that is named
    ]


def test_a_name_without_effect_moves_the_stub_and_one_that_libseccomp_does_not_know_does_not() -> None:
    silent = profile(rule("getpid"), rule("mseal", action=Action.ERRNO))
    assert evaluate(silent, X86_64, Syscall("clone3")) == EPERM
    assert evaluate(silent, X86_64, Syscall("clone3"), unknown=frozenset({MSEAL})) == ENOSYS
    assert evaluate(profile(rule("mseal")), X86_64, MSEAL, unknown=frozenset({MSEAL})) == EPERM


def test_a_profile_that_names_number_0_alone_has_no_stub() -> None:
    """runc takes 0 for none: only ``read`` is named, and so nothing is above it."""
    assert evaluate(profile(rule("read")), X86_64, Syscall("write")) == EPERM


@pytest.mark.parametrize("default", [Action.ALLOW, Action.LOG, Action.TRACE])
def test_where_calls_pass_by_default_there_is_no_stub(default: Action) -> None:
    found = evaluate(profile(rule("getpid", action=Action.KILL), default=default), X86_64, 9999)
    assert found.action is default


def test_where_the_profile_names_no_architecture_there_is_no_stub() -> None:
    assert evaluate(profile(rule("openat"), arches=()), X86_64, 9999) == EPERM


def test_calls_of_other_architectures_kill() -> None:
    resolved = profile(rule("read"), arches=(X86_64,))
    assert evaluate(resolved, X86, READ) == KILL
    assert evaluate(resolved, X86_64, X32_BIT) == KILL
    assert evaluate(resolved, AARCH64, READ, host=AARCH64) == ALLOW  # the host's own is always known
    assert evaluate(profile(rule("read"), arches=(X86_64, X32)), X86_64, X32_BIT) == ALLOW


def test_the_last_number_is_each_architectures_own() -> None:
    resolved = profile(rule("openat"), rule("clock_gettime64"), arches=(X86_64, X86, X32))
    assert evaluate(resolved, X86_64, table(X86_64)[Syscall("openat")] + 1) == ENOSYS
    assert evaluate(resolved, X86, table(X86)[Syscall("openat")] + 1) == EPERM
    assert evaluate(resolved, X86, table(X86)[Syscall("clock_gettime64")] + 1) == ENOSYS
    assert evaluate(resolved, X32, table(X32)[Syscall("openat")] + 1) == ENOSYS


def test_calls_that_also_go_through_socketcall_are_not_named_on_x86() -> None:
    """So that the call itself is unknown there, though a rule allows it, and so is all that is above the others."""
    resolved = profile(rule("read"), rule("socket"), arches=(X86_64, X86))
    assert evaluate(resolved, X86_64, SOCKET) == ALLOW
    assert evaluate(resolved, X86_64, Syscall("write")) == EPERM
    assert evaluate(resolved, X86, SOCKET) == evaluate(resolved, X86, Syscall("write")) == ENOSYS


def test_of_several_rules_one_suffices() -> None:
    resolved = profile(rule("read", Arg(index=0, op=Op.EQ, value=1)), rule("read", Arg(index=1, op=Op.EQ, value=2)))
    assert [evaluate(resolved, X86_64, READ, args) for args in (first(1), first(0, 2), first(0))] == [
        ALLOW,
        ALLOW,
        EPERM,
    ]


def test_conditions_on_different_arguments_must_all_hold() -> None:
    resolved = profile(rule("read", Arg(index=0, op=Op.EQ, value=1), Arg(index=1, op=Op.GE, value=2)))
    assert [evaluate(resolved, X86_64, READ, args) for args in (first(1, 2), first(1, 1), first(0, 2))] == [
        ALLOW,
        EPERM,
        EPERM,
    ]


def test_two_conditions_on_one_argument_make_each_a_rule_of_its_own() -> None:
    """Whoever wrote ``5 <= arg0 <= 9 and arg1 == 1`` has allowed everything."""
    resolved = profile(
        rule("read", *(Arg(index=0, op=op, value=value) for op, value in ((Op.GE, 5), (Op.LE, 9)))),
        rule(
            "socket", Arg(index=0, op=Op.EQ, value=1), Arg(index=0, op=Op.EQ, value=2), Arg(index=1, op=Op.EQ, value=3)
        ),
    )
    assert all(evaluate(resolved, X86_64, READ, first(value)) == ALLOW for value in (0, 7, 100))
    assert evaluate(resolved, X86_64, SOCKET, first(9, 3)) == ALLOW


@pytest.mark.parametrize("actions", [(Action.ALLOW, Action.KILL), (Action.KILL, Action.ALLOW)])
def test_the_first_rule_without_conditions_decides_whatever_stands_around_it(actions: tuple[Action, Action]) -> None:
    resolved = profile(
        rule("read", Arg(index=0, op=Op.EQ, value=1), action=Action.TRAP),
        rule("read", action=actions[0]),
        rule("read", action=actions[1]),
    )
    expected = ALLOW if actions[0] is Action.ALLOW else KILL
    assert evaluate(resolved, X86_64, READ, first(1)) == evaluate(resolved, X86_64, READ) == expected


def test_a_rule_that_does_what_the_default_does_is_dropped_even_before_another() -> None:
    resolved = profile(rule("read", action=Action.ERRNO, errno=1), rule("read"))
    assert evaluate(resolved, X86_64, READ) == ALLOW
    assert evaluate(profile(rule("read", action=Action.ERRNO, errno=2), rule("read")), X86_64, READ).errno == 2


def test_a_mask_of_nothing_is_no_condition() -> None:
    """What it is compared with does not matter, though nothing equals it."""
    assert evaluate(profile(rule("read", Arg(index=0, op=Op.MASKED_EQ, value=0, second=1))), X86_64, READ) == ALLOW


def test_bits_outside_a_mask_are_not_compared() -> None:
    resolved = profile(rule("read", Arg(index=0, op=Op.MASKED_EQ, value=0xF0, second=0x1F)))
    assert [evaluate(resolved, X86_64, READ, first(value)) for value in (0x10, 0x1F, 0x20)] == [ALLOW, ALLOW, EPERM]


@pytest.mark.parametrize("arch", [X86, X32, ARM])
def test_narrow_architectures_compare_the_lower_half(arch: Arch) -> None:
    resolved = profile(rule("read", Arg(index=0, op=Op.EQ, value=0x1_0000_0007)), arches=(X86_64, arch))
    assert evaluate(resolved, arch, READ, first(7)) == ALLOW
    assert evaluate(resolved, X86_64, READ, first(7)) == EPERM


def test_socketcall_loses_the_condition_on_the_first_argument() -> None:
    resolved = profile(
        rule("socket", Arg(index=0, op=Op.EQ, value=2), Arg(index=1, op=Op.EQ, value=1)), arches=(X86_64, X86)
    )
    socketcall = Syscall("socketcall")
    assert evaluate(resolved, X86, SOCKET, first(3, 1)) == EPERM
    assert evaluate(resolved, X86, socketcall, first(1, 1)) == ALLOW  # of any family
    assert evaluate(resolved, X86, socketcall, first(1, 2)) == EPERM  # the other conditions look at a pointer
    assert evaluate(resolved, X86, socketcall, first(2, 1)) == EPERM


def test_of_overlapping_conditions_the_narrower_decides() -> None:
    resolved = profile(
        rule("read", Arg(index=2, op=Op.GT, value=64), action=Action.ERRNO, errno=5),
        rule("read", Arg(index=2, op=Op.GT, value=128), action=Action.ERRNO, errno=6),
        rule("read", Arg(index=2, op=Op.EQ, value=256), action=Action.ERRNO, errno=7),
    )
    found = [evaluate(resolved, X86_64, READ, (0, 0, value, 0, 0, 0)).errno for value in (64, 100, 200, 256)]
    assert found == [1, 5, 6, 7]


def test_what_runc_refuses() -> None:
    with pytest.raises(BadContent, match="default is SCMP_ACT_NOTIFY"):
        evaluate(profile(default=Action.NOTIFY), X86_64, READ)
    with pytest.raises(BadContent, match="notified of write"):
        evaluate(profile(rule("write", action=Action.NOTIFY)), X86_64, READ)


def test_a_call_that_is_none() -> None:
    with pytest.raises(UsageError, match="opnat is no system call of SCMP_ARCH_X86_64"):
        evaluate(profile(), X86_64, Syscall("opnat"))


def test_actions_without_errors_and_their_severity() -> None:
    assert str(evaluate(profile(default=Action.KILL), X86_64, READ)) == "KILL_THREAD"
    assert str(evaluate(profile(rule("read", action=Action.TRACE), default=Action.KILL), X86_64, READ)) == "TRACE(1)"
    assert severity(KILL) < severity(EPERM) < severity(ALLOW)


@given(any_args, six)
def test_a_condition_is_arithmetic(arg: Arg, args: Args) -> None:
    value, found = arg.value, args[arg.index]
    expected = {
        Op.EQ: found == value,
        Op.NE: found != value,
        Op.LT: found < value,
        Op.LE: found <= value,
        Op.GT: found > value,
        Op.GE: found >= value,
        Op.MASKED_EQ: not (found ^ arg.second) & value,
    }
    assert holds(arg, args, wide=True) is expected[arg.op]


@given(any_args, st.integers(0, U64_MAX))
def test_boundaries_see_every_change(arg: Arg, value: int) -> None:
    """Whatever a value does to a condition, one of the boundaries does, too: both answers are among them."""
    resolved = profile(Rule(names=(READ,), action=Action.ALLOW, args=(arg,)))
    tried = {evaluate(resolved, X86_64, READ, args) for args in probes(boundaries(resolved, READ))}
    a, b, c, d, e, f = (value if index == arg.index else 0 for index in range(6))
    assert evaluate(resolved, X86_64, READ, (a, b, c, d, e, f)) in tried


def test_probes_are_bounded() -> None:
    several = tuple(Arg(index=index, op=Op.MASKED_EQ, value=U64_MAX) for index in range(6))
    assert len(list(probes(boundaries(profile(rule("read", *several)), READ)))) == SECCOMP_PROBES_MAX
