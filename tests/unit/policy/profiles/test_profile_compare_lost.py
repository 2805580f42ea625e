"""A refusal that libseccomp loses on the way: why a file that is open by default is believed in its own words alone."""

from __future__ import annotations

from msgspec.structs import replace

from pytrust.policy.profiles.compare.diff import seccomp_widened
from pytrust.policy.profiles.model import Arg, Rule, Seccomp
from pytrust.policy.profiles.names import X86_64, Action, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.bpf import run, words_of
from pytrust.policy.profiles.seccomp.compile import compile_program
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import X86, table

HOST = Host(GoArch("amd64"), (6, 18), frozenset(), Generation.BEFORE_23)
SEMOP = (1, 0, 0, 0, 0, 0)  # the first argument of ipc
BY_NUMBER = Rule(names=(Syscall("ipc"),), action=Action.ERRNO, args=(Arg(index=0, op=Op.EQ, value=SEMOP[0]),))
BY_NAME = Rule(names=(Syscall("semop"),), action=Action.ERRNO)
OPEN = Seccomp(default=Action.ALLOW, architectures=(X86_64, X86), rules=(BY_NUMBER,))
LOST = replace(OPEN, rules=(BY_NAME,))


def answer(seccomp: Seccomp) -> Action:
    program = compile_program(resolve(seccomp, HOST), X86_64)
    return run(program, words_of(X86, table(X86)[Syscall("ipc")], SEMOP)).action


def test_the_same_refusal_in_other_words_is_no_longer_one() -> None:
    assert (answer(OPEN), answer(LOST)) == (Action.ERRNO, Action.ALLOW)
    assert seccomp_widened(OPEN, LOST, HOST)


def test_in_its_own_words_it_is_believed() -> None:
    assert not seccomp_widened(OPEN, replace(OPEN, default_errno=5), HOST)


def test_rules_that_libseccomp_may_mix_up_are_believed_in_their_order_alone() -> None:
    low = Rule(names=(Syscall("ptrace"),), action=Action.ALLOW, args=(Arg(index=0, op=Op.LT, value=5),))
    high = replace(low, args=(Arg(index=1, op=Op.GT, value=9),))
    signed = Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=(low, high))
    assert seccomp_widened(signed, replace(signed, rules=(high, low)), HOST)
    assert not seccomp_widened(signed, replace(signed, rules=(low, BY_NAME, high)), HOST)
