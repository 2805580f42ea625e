"""Rules for the calls that are let through with some arguments only: ``clone``, ``socket``, ``personality``. Pure.

What was seen decides; where arguments were not recorded, Docker's own limits hold. ``clone3`` keeps its flags where no
filter can see them: it is answered with ENOSYS, and every C library then falls back to ``clone``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pytrust.policy.profiles.apparmor.networks import FAMILIES
from pytrust.policy.profiles.model import Arg, Evidence, Rule, Why
from pytrust.policy.profiles.names import Action, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import ENOSYS, NAMESPACE_FLAGS, docker_default
from pytrust.policy.profiles.seen import Argument

CLONE: Final = Syscall("clone")
CLONE3: Final = Syscall("clone3")
BY_FIRST: Final = tuple(map(Syscall, ("personality", "socket", "socketpair")))
"""Those that a rule looks at the first argument of, for single values."""
LIMITED: Final = frozenset({CLONE, CLONE3, *BY_FIRST})
"""The calls whose rules are made here."""

NAMESPACES: Final = {
    0x00020000: "CLONE_NEWNS",
    0x02000000: "CLONE_NEWCGROUP",
    0x04000000: "CLONE_NEWUTS",
    0x08000000: "CLONE_NEWIPC",
    0x10000000: "CLONE_NEWUSER",
    0x20000000: "CLONE_NEWPID",
    0x40000000: "CLONE_NEWNET",
}
_FAMILIES: Final = {number: f"AF_{word.upper()}" for word, number in FAMILIES.items()}


def limited_rules(calls: Iterable[Syscall], arguments: frozenset[Argument] | None) -> Iterator[Rule]:
    """Rules for those of ``calls`` that are limited, and for ``clone3``; the rest is not looked at."""
    asked = sorted(set(calls).intersection(BY_FIRST))
    if {CLONE, CLONE3} & set(calls):
        yield clone_rule(namespaces(arguments))
    yield Rule(names=(CLONE3,), action=Action.ERRNO, errno=ENOSYS, comment="its flags cannot be seen: use clone")
    for call in asked:
        values = _first(call, arguments)
        yield from (_one(call, value) for value in values)
        if not values:
            yield from _docker(call)


def clone_rule(open_flags: int = 0) -> Rule:
    """New threads and processes, but no new namespaces other than those of ``open_flags``."""
    mask = NAMESPACE_FLAGS & ~open_flags
    arg = Arg(index=0, op=Op.MASKED_EQ, value=mask, second=0)
    return Rule(names=(CLONE,), action=Action.ALLOW, args=(arg,) if mask else ())


def namespaces(arguments: frozenset[Argument] | None) -> int:
    """The flags of ``clone`` for new namespaces that were used."""
    found = 0
    for call, values in arguments or ():
        if call == CLONE and values:
            found |= values[0] & NAMESPACE_FLAGS
    return found


def argument_evidence(arguments: frozenset[Argument] | None) -> Iterator[Evidence]:
    """A line for every argument that a rule was made for."""
    for call in BY_FIRST:
        yield from (_evidence(call, _word(call, value)) for value in _first(call, arguments))
    used = namespaces(arguments)
    yield from (_evidence(CLONE, name) for flag, name in NAMESPACES.items() if used & flag)


def _first(call: Syscall, arguments: frozenset[Argument] | None) -> list[int]:
    return sorted({values[0] for seen, values in arguments or () if seen == call and values})


def _one(call: Syscall, value: int) -> Rule:
    return Rule(names=(call,), action=Action.ALLOW, args=(Arg(index=0, op=Op.EQ, value=value),))


def _docker(call: Syscall) -> Iterator[Rule]:
    """Docker's rules for one call, as if it stood alone."""
    for rule in docker_default().rules:
        if call in rule.names:
            yield Rule(names=(call,), action=rule.action, args=rule.args)


def _word(call: Syscall, value: int) -> str:
    return f"{value:#x}" if call == "personality" else _FAMILIES.get(value, str(value))


def _evidence(call: Syscall, word: str) -> Evidence:
    return Evidence(subject=f"argument:{call}:{word}", why=Why.RECORDED)
