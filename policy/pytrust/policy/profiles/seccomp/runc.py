"""What runc and libseccomp make of a resolved profile, rule by rule and without a program. Pure.

Sources: runc ``libcontainer/seccomp/seccomp_linux.go`` and ``patchbpf/enosys_linux.go``, libseccomp ``db.c``. Tried
with runc 1.1.5 and libseccomp 2.5.4. In short:

- a rule that does what the default does is dropped, and so is a name that libseccomp does not know;
- two conditions on one argument make a rule of each condition;
- of several rules for a call, the first without conditions decides alone; a mask of 0 is no condition;
- on 32-bit architectures, and for x32, the lower halves of arguments and values are compared;
- on 32-bit x86, a rule for a call that also goes through ``socketcall`` or ``ipc`` is made for those, too, and then its
  condition on the first argument is lost;
- a number above the largest that is named for an architecture is unknown (ENOSYS), unless the default lets calls pass.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cmp_to_key, lru_cache
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import U64_MAX, Arg, Resolved, Rule
from pytrust.policy.profiles.names import Action, Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.syscalls import MULTIPLEXED, X86, is_wide, table
from pytrust.policy.profiles.seccomp.verdict import Verdict, verdict_of
from pytrust.trust.errors import BadContent

_LETS_PASS: Final = frozenset({Action.ALLOW, Action.LOG, Action.TRACE})
_NOTIFY_HINT: Final = "name the calls, and write not among them: runc makes it itself before anybody listens"
_LOWER: Final = 0xFFFFFFFF
_BOTH: Final = U64_MAX
_KEPT: Final = 256  # filters in the cache: 5 architectures of some dozens of profiles

_COMPARE: Final[Mapping[Op, Callable[[int, int], bool]]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}

# What is asked of a word: the other comparisons are these with a no. Upper words are all asked with GT.
_TESTS: Final = {
    Op.MASKED_EQ: Op.MASKED_EQ,
    Op.EQ: Op.EQ,
    Op.NE: Op.EQ,
    Op.LT: Op.GE,
    Op.GE: Op.GE,
    Op.LE: Op.GT,
    Op.GT: Op.GT,
}
_COMPARISONS: Final = frozenset({Op.LT, Op.LE, Op.GE, Op.GT})

# libseccomp asks comparisons of one argument in this order, and within one kind the narrowest first.
_ORDER: Final = {Op.MASKED_EQ: 3, Op.EQ: 3, Op.NE: 3, Op.LE: 2, Op.LT: 2, Op.GE: 1, Op.GT: 1}


class Case(NamedTuple):
    """All of the conditions hold: then this is the verdict. ``rule`` is the number of the rule that says so."""

    conditions: tuple[Arg, ...]
    verdict: Verdict
    rule: int


class Filter(NamedTuple):
    """A profile on one architecture. The first case of a call that holds decides.

    Numbers above ``last`` are unknown, unless it is None.
    """

    default: Verdict
    cases: Mapping[int, tuple[Case, ...]]
    last: int | None


@lru_cache(_KEPT)
def filter_of(resolved: Resolved, arch: Arch, unknown: frozenset[Syscall] = frozenset()) -> Filter:
    """What is loaded for ``arch``; ``unknown`` are names that the host's libseccomp does not know.

    Raises:
        BadContent: runc refuses the profile.
        UsageError: an architecture whose numbers we do not know.
    """
    _refuse(resolved)
    found: dict[int, list[Case]] = {}
    default = verdict_of(resolved.default, resolved.default_errno)
    for position, rule in enumerate(resolved.rules):
        verdict = verdict_of(rule.action, rule.errno)
        if verdict != default:
            for number, conditions in _numbered(rule, arch, unknown):
                found.setdefault(number, []).append(Case(conditions, verdict, position))
    wide = is_wide(arch)
    cases = {number: _ordered(several, wide=wide) for number, several in found.items()}
    return Filter(default, cases, _last(resolved, arch, unknown))


def holds(condition: Arg, args: tuple[int, ...], *, wide: bool) -> bool:
    """Whether a condition holds for the arguments of a call."""
    most = -1 if wide else _LOWER
    found, value = args[condition.index] & most, condition.value & most
    if condition.op is Op.MASKED_EQ:
        return found & value == condition.second & value  # bits outside the mask are not looked at
    return _COMPARE[condition.op](found, value)


def split_conditions(args: tuple[Arg, ...]) -> tuple[tuple[Arg, ...], ...]:
    """The conditions of a rule as those of one, or of several with one each where two are about one argument."""
    twice = any(count > 1 for count in Counter(arg.index for arg in args).values())
    return tuple((arg,) for arg in args) if twice else (args,)


def _refuse(resolved: Resolved) -> None:
    if resolved.default is Action.NOTIFY:
        raise BadContent("the profile's default is SCMP_ACT_NOTIFY, which runc refuses", hint=_NOTIFY_HINT)
    if any(rule.action is Action.NOTIFY and "write" in rule.names for rule in resolved.rules):
        raise BadContent("the profile asks to be notified of write, which runc refuses", hint=_NOTIFY_HINT)


def _numbered(rule: Rule, arch: Arch, unknown: frozenset[Syscall]) -> Iterator[tuple[int, tuple[Arg, ...]]]:
    numbers, wide = table(arch), is_wide(arch)
    for args in split_conditions(rule.args):
        conditions = _conditions(args, wide=wide)
        for name in rule.names:
            if name in unknown:
                continue
            if arch == X86 and name in MULTIPLEXED:
                through, call = MULTIPLEXED[name]
                others = tuple(arg for arg in conditions if arg.index)
                yield numbers[through], (Arg(index=0, op=Op.EQ, value=call), *others)
            if name in numbers:
                yield numbers[name], conditions


def _conditions(args: tuple[Arg, ...], *, wide: bool) -> tuple[Arg, ...]:
    """But for masks of 0, which libseccomp takes for no condition."""
    most = -1 if wide else _LOWER
    return tuple(arg for arg in args if arg.op is not Op.MASKED_EQ or arg.value & most)


def _ordered(cases: list[Case], *, wide: bool) -> tuple[Case, ...]:
    whole = next((case for case in cases if not case.conditions), None)
    if whole or len(cases) == 1:
        return (whole or cases[0],)
    asked = [(tuple(_nodes(case.conditions, wide=wide)), case) for case in cases]
    return tuple(case for _, case in sorted(asked, key=cmp_to_key(_compare)))


class _Node(NamedTuple):
    """A comparison of one word. Those with the same ``test`` are asked once; a greater ``place`` is asked first."""

    test: tuple[int, Op, int, int]
    place: tuple[int, int, int]


def _compare(one: tuple[tuple[_Node, ...], Case], other: tuple[tuple[_Node, ...], Case]) -> int:
    for mine, yours in zip(one[0], other[0], strict=False):
        if mine.test != yours.test:
            return (mine.place < yours.place) - (mine.place > yours.place)  # 0: in the order of the rules
    return 0


def _nodes(conditions: tuple[Arg, ...], *, wide: bool) -> Iterator[_Node]:
    for arg in sorted(conditions, key=lambda arg: arg.index):
        for upper in (1, 0) if wide else (0,):
            mask, full = (arg.value, arg.second & arg.value) if arg.op is Op.MASKED_EQ else (_BOTH, arg.value)
            word, offset = full >> 32 * upper & _LOWER, 2 * arg.index + upper
            test = Op.GT if upper and arg.op in _COMPARISONS else _TESTS[arg.op]
            narrow = -word if arg.op in {Op.LT, Op.LE} else word
            yield _Node((offset, test, word, mask >> 32 * upper & _LOWER), (offset, _ORDER[arg.op], narrow))


def _last(resolved: Resolved, arch: Arch, unknown: frozenset[Syscall]) -> int | None:
    if resolved.default in _LETS_PASS or arch not in resolved.architectures:
        return None
    numbers = table(arch)
    named = {name for rule in resolved.rules for name in rule.names if name in numbers and name not in unknown}
    if arch == X86:
        named -= MULTIPLEXED.keys()  # libseccomp gives them numbers below 0
    return max((numbers[name] for name in named), default=0) or None
