"""What two profiles differ in, as values, and which of the kernel's answers lets more through. Pure.

Wider means: a call is done, or may be done, that was not. Refusals are equal in that: a filter that names fewer calls
answers ENOSYS to more of them (runc), and would else be wider than one that kills. Where a listener or a tracer is
asked, it may say yes; what is allowed and logged is seen, so allowing without a word is wider.
"""

from __future__ import annotations

from errno import errorcode
from typing import Final, NamedTuple

from pytrust.policy.profiles.names import Action, Arch
from pytrust.policy.profiles.seccomp.verdict import Verdict

ORDER: Final = (
    Action.KILL_PROCESS,
    Action.KILL_THREAD,
    Action.TRAP,
    Action.ERRNO,
    Action.NOTIFY,
    Action.TRACE,
    Action.LOG,
    Action.ALLOW,
)
"""From the most restrictive to the least: the kernel's order among several filters (seccomp(2))."""

_REFUSES: Final = frozenset({Action.KILL, Action.KILL_PROCESS, Action.KILL_THREAD, Action.TRAP, Action.ERRNO})
_SHOWN_MAX: Final = 200
_WORDS: Final = {
    Action.KILL_PROCESS: "kills the process",
    Action.KILL_THREAD: "kills the thread",
    Action.KILL: "kills the thread",
    Action.TRAP: "traps",
    Action.NOTIFY: "asks a listener",
    Action.TRACE: "asks a tracer",
    Action.LOG: "allowed and logged",
    Action.ALLOW: "allowed",
}


class Change(NamedTuple):
    """One thing that is not the same: what it is about, and how it was and is, in words."""

    subject: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.subject} ({self.after}, not {self.before})"


class Difference(NamedTuple):
    """How the second profile differs from the first. ``errno_changed`` is what is neither wider nor narrower."""

    widened: tuple[Change, ...] = ()
    narrowed: tuple[Change, ...] = ()
    errno_changed: tuple[Change, ...] = ()


def joined(*parts: Difference) -> Difference:
    """All of them."""
    widened, narrowed, changed = (tuple(one for part in parts for one in part[place]) for place in range(3))
    return Difference(widened, narrowed, changed)


def openness(action: Action) -> int:
    """How much is let through: 0 for every refusal."""
    return 0 if action in _REFUSES else ORDER.index(action)


def strictness(verdict: Verdict) -> tuple[int, int]:
    """For choosing among verdicts: the kernel's order, and the lower error among refusals of one kind."""
    return ORDER.index(verdict.action), -verdict.errno


def in_words(verdict: Verdict) -> str:
    """What a program sees of it."""
    if verdict.action is not Action.ERRNO:
        return _WORDS[verdict.action]
    return errorcode.get(verdict.errno, f"error {verdict.errno}") if verdict.errno else "not done, without an error"


def placed(change: Change, before: int, after: int) -> Difference:
    """A change, in its place: of two measures, the greater is the wider."""
    if after > before:
        return Difference(widened=(change,))
    return Difference(narrowed=(change,)) if after < before else Difference(errno_changed=(change,))


def shown(text: str) -> str:
    """What somebody else wrote, in one line of a bearable length."""
    return text if text.isprintable() and len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]!a}..."


def short(arch: Arch) -> str:
    """``x86_64``."""
    return arch.removeprefix("SCMP_ARCH_").lower()
