"""Profiles at random: any that a file can hold, and those that libseccomp is known to compile as they are meant."""

from __future__ import annotations

from hypothesis import strategies as st

from pytrust.policy.profiles.model import U64_MAX, ArchMap, Arg, Condition, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import AARCH64, CAPABILITIES, X86_64, Action, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.evaluate import Args
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86, table

BOUNDS = (0, 1, 2, 7, 8, 0x10, 0xFF, 0x7E020000, 0x80000000, 0xFFFFFFFF)
WIDE_BOUNDS = (*BOUNDS, 0x100000000, 0x100000007, 0x1FFFFFFFF, 1 << 63, U64_MAX)
ARCHES = (X86_64, X86, X32, AARCH64, ARM)
# On all five; ``nosuchcall`` is on none, and sockets go through socketcall on x86, too.
CALLS = tuple(map(Syscall, ("read", "write", "clone", "socket", "sendto", "shmat", "openat", "getpid", "nosuchcall")))

names = st.sampled_from(sorted(table(X86_64)))
numbers = st.one_of(st.sampled_from(WIDE_BOUNDS), st.integers(0, U64_MAX))
errnos = st.none() | st.integers(0, 4095)
any_args = st.builds(Arg, index=st.integers(0, 5), op=st.sampled_from(Op), value=numbers, second=numbers)
conditions = st.builds(
    Condition,
    caps=st.lists(st.sampled_from(CAPABILITIES), max_size=2, unique=True).map(tuple),
    arches=st.lists(st.sampled_from([GoArch("amd64"), GoArch("arm64"), GoArch("x86")]), max_size=2).map(tuple),
    min_kernel=st.one_of(st.just(""), st.tuples(st.integers(1, 255), st.integers(0, 255)).map("{0[0]}.{0[1]}".format)),
)
any_rules = st.builds(
    Rule,
    names=st.lists(names, min_size=1, max_size=4).map(tuple),
    action=st.sampled_from(Action),
    errno=errnos,
    args=st.lists(any_args, max_size=3).map(tuple),
    comment=st.text(max_size=20),
    includes=conditions,
    excludes=conditions,
)
_flags = st.lists(st.sampled_from(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]), max_size=2).map(tuple)
_lists = st.lists(st.sampled_from(ARCHES), max_size=3, unique=True).map(tuple)
_maps = st.lists(st.builds(ArchMap, architecture=st.sampled_from(ARCHES), also=_lists), max_size=3).map(
    lambda found: tuple({entry.architecture: entry for entry in found}.values())
)


@st.composite
def files(draw: st.DrawFn) -> Seccomp:
    """All that Docker's file can say."""
    listed = draw(st.booleans())
    return Seccomp(
        default=draw(st.sampled_from(Action)),
        default_errno=draw(errnos),
        architectures=draw(_lists) if listed else (),
        arch_map=() if listed else draw(_maps),
        flags=draw(_flags),
        listener_path=draw(st.sampled_from(["", "/run/agent.sock"])),
        listener_metadata=draw(st.text(max_size=10)),
        rules=draw(st.lists(any_rules, max_size=5).map(tuple)),
    )


_verdicts = st.tuples(
    st.sampled_from(
        [Action.ALLOW, Action.ERRNO, Action.LOG, Action.TRAP, Action.TRACE, Action.KILL, Action.KILL_PROCESS]
    ),
    st.sampled_from([None, 0, 1, 38, 77]),
)
_equal = st.builds(
    Arg,
    index=st.integers(0, 5),
    op=st.sampled_from([Op.EQ, Op.MASKED_EQ]),
    value=st.sampled_from(WIDE_BOUNDS),
    second=st.sampled_from(WIDE_BOUNDS),
)


@st.composite
def profiles(draw: st.DrawFn) -> Resolved:
    """Of those whose meaning libseccomp 2.5.4 keeps: each call has one verdict, and either one argument of 32 bits
    with any comparison, or any arguments that are compared for being equal."""
    rules = []
    for call in draw(st.lists(st.sampled_from(CALLS), max_size=5, unique=True)):
        action, errno = draw(_verdicts)
        index = draw(st.integers(0, 5))
        one = st.builds(
            Arg, index=st.just(index), op=st.sampled_from(Op), value=st.sampled_from(BOUNDS), second=numbers
        )
        args = draw(st.sampled_from([one, _equal]))
        several = draw(st.lists(st.lists(args, max_size=3).map(tuple), min_size=1, max_size=3))
        rules += [Rule(names=(call,), action=action, errno=errno, args=one) for one in several]
    default, default_errno = draw(_verdicts)
    architectures = draw(st.lists(st.sampled_from(ARCHES), max_size=5, unique=True).map(tuple))
    shuffled = tuple(draw(st.permutations(rules)))
    return Resolved(default=default, default_errno=default_errno, architectures=architectures, rules=shuffled)


@st.composite
def overlapping(draw: st.DrawFn) -> Resolved:
    """Rules for one call that may hold together and say different things, of kinds that libseccomp keeps apart."""
    index = draw(st.integers(0, 5))
    ops = draw(st.sampled_from([[Op.EQ, Op.GE, Op.GT], [Op.EQ, Op.LT, Op.LE], [Op.EQ]]))
    indices = st.integers(0, 5) if ops == [Op.EQ] else st.just(index)
    arg = st.builds(Arg, index=indices, op=st.sampled_from(ops), value=st.sampled_from(BOUNDS))
    several = draw(
        st.lists(
            st.tuples(_verdicts, st.lists(arg, min_size=1, max_size=2, unique_by=lambda one: one.index)),
            min_size=2,
            max_size=6,
        )
    )
    rules = tuple(
        Rule(names=(CALLS[0],), action=action, errno=errno, args=tuple(args)) for (action, errno), args in several
    )
    return Resolved(default=Action.ERRNO, default_errno=99, architectures=(X86_64, ARM), rules=rules)


six: st.SearchStrategy[Args] = st.tuples(*[st.one_of(st.sampled_from(WIDE_BOUNDS), numbers)] * 6)
"""Arguments of a call."""
