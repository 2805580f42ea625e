"""What becomes of one call. Pure.

Values are those of ``linux/seccomp.h``; runc answers EPERM where a profile names no error.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pytrust.policy.profiles.names import Action

EPERM: Final = 1
ENOSYS: Final = 38

_ACTIONS: Final = {
    Action.KILL_PROCESS: 0x80000000,
    Action.KILL_THREAD: 0x00000000,
    Action.TRAP: 0x00030000,
    Action.ERRNO: 0x00050000,
    Action.NOTIFY: 0x7FC00000,
    Action.TRACE: 0x7FF00000,
    Action.LOG: 0x7FFC0000,
    Action.ALLOW: 0x7FFF0000,
}
"""In the order of the kernel's precedence: of several filters, the first here wins."""

_BY_VALUE: Final = {value: action for action, value in _ACTIONS.items()}
_ACTION_MASK: Final = 0xFFFF0000
_DATA_MASK: Final = 0x0000FFFF
_WITH_DATA: Final = frozenset({Action.ERRNO, Action.TRACE})


class Verdict(NamedTuple):
    """``errno`` is what the call fails with, or what a tracer is told; 0 for other actions. There is no ``KILL``."""

    action: Action
    errno: int = 0

    def __str__(self) -> str:
        word = self.action.removeprefix("SCMP_ACT_")
        return f"{word}({self.errno})" if self.action in _WITH_DATA else word


FOREIGN: Final = Verdict(Action.KILL_THREAD)
"""A call of an architecture that the filter does not name (libseccomp's ``SCMP_FLTATR_ACT_BADARCH``)."""
UNKNOWN: Final = Verdict(Action.ERRNO, ENOSYS)
"""A number above every one that the filter names (runc's stub)."""


def verdict_of(action: Action, errno: int | None) -> Verdict:
    """What a rule or a default means."""
    if action is Action.KILL:
        return Verdict(Action.KILL_THREAD)
    data = EPERM if errno is None else errno
    return Verdict(action, data if action in _WITH_DATA else 0)


def from_value(value: int) -> Verdict:
    """What a program returned; an unknown action is ``KILL_PROCESS`` to the kernel."""
    action = _BY_VALUE.get(value & _ACTION_MASK, Action.KILL_PROCESS)
    return Verdict(action, value & _DATA_MASK if action in _WITH_DATA else 0)


def to_value(verdict: Verdict) -> int:
    """What a program returns for it."""
    return _ACTIONS[verdict.action] | verdict.errno


def severity(verdict: Verdict) -> int:
    """How the kernel ranks it: of two verdicts, the one with the lower number is obeyed."""
    return list(_ACTIONS).index(verdict.action)
