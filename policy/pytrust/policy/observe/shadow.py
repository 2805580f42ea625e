"""A trial in which nothing is refused that the profile does not name, but noted: what would have been refused is known.

A call that is refused without a word may be one that a program does without on most days. So a profile is not proven
by a workload that comes to its end alone. What is noted and not refused is seen in the kernel's audit stream, by every
engine; what a rule refuses on purpose stays refused.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from pytrust.policy.observe.recording import Recorder
from pytrust.policy.observe.session import Subject
from pytrust.policy.observe.trial import Laboratory, Outcome
from pytrust.policy.profiles.model import Rule, Seccomp
from pytrust.policy.profiles.names import Action, Syscall

_EXEC: Final = frozenset(map(Syscall, ("execve", "execveat")))
_OPEN: Final = frozenset({Action.ALLOW, Action.LOG})


class Shadowed(NamedTuple):
    """``refused`` are the calls that the profile would have refused, by call and program, with their numbers."""

    outcome: Outcome
    refused: tuple[tuple[Syscall, str, int], ...]
    lost: int


def shadow_of(seccomp: Seccomp) -> Seccomp:
    """What is refused by default is noted; so is beginning a program, by which the runtime's calls end."""
    rules = (part for rule in seccomp.rules for part in _split(rule))
    default = seccomp.default if seccomp.default in _OPEN else Action.LOG
    return replace(seccomp, default=default, default_errno=None, flags=(), rules=tuple(rules))


def shadowed(recorder: Recorder, laboratory: Laboratory, subject: Subject, seccomp: Seccomp) -> Shadowed:
    """Run one trial with a recorder that watches ``shadow_of`` this file.

    Raises:
        PytrustError: as ``Recorder.record``.
    """
    outcome, seen = recorder.record(laboratory, *subject)
    named = _open(seccomp) & _EXEC
    found = [(call, program, count) for (call, program), count in seen.calls.items() if call not in named]
    found += [(call, "the runtime", count) for call, count in seen.runtime.items() if call not in named]
    found += [(Syscall(f"{number} of {arch}"), "", count) for (arch, number), count in seen.unnamed.items()]
    return Shadowed(outcome, tuple(sorted(found)), seen.lost)


def _split(rule: Rule) -> tuple[Rule, ...]:
    noted = tuple(name for name in rule.names if name in _EXEC)
    if rule.action not in _OPEN or not noted:
        return (rule,)
    rest = tuple(name for name in rule.names if name not in _EXEC)
    whole = (replace(rule, names=noted, action=Action.LOG),)
    return (replace(rule, names=rest), *whole) if rest else whole


def _open(seccomp: Seccomp) -> frozenset[Syscall]:
    return frozenset(name for rule in seccomp.rules if rule.action in _OPEN for name in rule.names)
