"""What is compared is what libseccomp's program does, in every region, for conditions of the sure kind."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.compare.answers import answers
from pytrust.policy.profiles.compare.diff import seccomp_difference, seccomp_widened
from pytrust.policy.profiles.compare.plain import is_plain
from pytrust.policy.profiles.compare.regions import Budget, cases
from pytrust.policy.profiles.model import Arg, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import X86_64, Action, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.bpf import run, words_of
from pytrust.policy.profiles.seccomp.compile import compile_program
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.runc import filter_of
from pytrust.policy.profiles.seccomp.syscalls import X32, X86, is_wide, table
from pytrust.trust.errors import BadContent

HOST = Host(GoArch("amd64"), (6, 1), frozenset(), Generation.FROM_23)
CALLS = tuple(map(Syscall, ("read", "socket", "personality", "clone", "statx")))
numbers = st.sampled_from([0, 1, 2, 7, 38, 40, 0x20000, 0x7E020000, 2**31, 2**32 - 1])


def rules(index: st.SearchStrategy[int], ops: list[Op], actions: list[Action], most: int) -> st.SearchStrategy[Rule]:
    conditions = st.builds(Arg, index=index, op=st.sampled_from(ops), value=numbers, second=numbers)
    return st.builds(
        Rule,
        names=st.lists(st.sampled_from(CALLS), min_size=1, max_size=3, unique=True).map(tuple),
        action=st.sampled_from(actions),
        args=st.lists(conditions, max_size=most).map(tuple),
    )


def filters(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[Resolved]:
    return st.builds(
        Resolved,
        default=st.sampled_from([Action.ERRNO, Action.KILL_PROCESS]),
        architectures=st.just((X86_64, X86, X32)),
        rules=st.lists(rules, min_size=1, max_size=5).map(tuple),
    )


ONE, ANY = st.just(0), st.integers(0, 2)
PLAIN = st.one_of(
    filters(rules(ONE, list(Op), [Action.ALLOW], 1)),
    filters(rules(ANY, [Op.EQ, Op.MASKED_EQ], [Action.ALLOW], 3)),
    filters(rules(ANY, [Op.EQ], [Action.ALLOW, Action.LOG, Action.TRAP], 3)),
)


@given(PLAIN)
@settings(max_examples=200, deadline=None)
def test_the_program_does_in_every_region_what_is_compared(resolved: Resolved) -> None:
    try:
        program = compile_program(resolved, X86_64)
    except BadContent:
        return  # libseccomp does not take rules that contradict each other
    for arch in (X86_64, X86, X32):
        loaded, wide = filter_of(resolved, arch), is_wide(arch)
        for name in CALLS:
            said = answers(loaded, table(arch)[name])
            assert is_plain(said)
            looked_at = cases({arg for args, _ in said.rules for arg in args}, 64 if wide else 32, Budget(10**6))
            assert looked_at is not None
            for args in looked_at:
                assert run(program, words_of(arch, table(arch)[name], args)) == said.to(args, wide=wide), (name, args)


def lseek(*args: Arg) -> Rule:
    return Rule(names=(Syscall("lseek"),), action=Action.ALLOW, args=args)


def test_a_filter_that_is_written_for_a_fault_of_libseccomp_is_wider() -> None:
    """By what it says, it is narrower. libseccomp 2.5.4 makes a program of it that lets 2**31 through."""
    above, below = Arg(index=0, op=Op.GT, value=2**32), Arg(index=0, op=Op.LT, value=2**31)
    other = Arg(index=0, op=Op.NE, value=2**31)
    allowed = Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=(lseek(other),))
    asked = Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=(lseek(above), lseek(below)))
    again = Seccomp(default=Action.ERRNO, architectures=(X86_64,), rules=(lseek(above), lseek(below), lseek(above)))
    assert not seccomp_difference(allowed, asked, HOST).widened
    assert seccomp_widened(allowed, asked, HOST) == ("lseek (conditions that libseccomp may not do as they say)",)
    assert seccomp_widened(asked, again, HOST) == ()


def test_dockers_conditions_are_of_the_sure_kind() -> None:
    resolved = resolve(docker_default(), HOST)
    for arch in (X86_64, X86, X32):
        loaded = filter_of(resolved, arch)
        assert all(is_plain(answers(loaded, number)) for number in loaded.cases)
