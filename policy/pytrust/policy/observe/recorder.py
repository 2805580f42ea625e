"""Which recorder is used: the best one that works here. audit, then notify, then strace (profiles reference, 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.filters import others_logged
from pytrust.policy.observe.gate import Command
from pytrust.policy.observe.notify import NotifyRecorder
from pytrust.policy.observe.recording import Recorder
from pytrust.policy.observe.strace_recorder import StraceRecorder
from pytrust.policy.profiles.names import Syscall
from pytrust.trust.errors import NotSetUp


class Choice(NamedTuple):
    """``first`` tells the calls; ``second`` their arguments and files, or is None; ``why`` what does not work here.

    ``others`` makes a recorder of those calls alone whose first argument is not one of some that are known.
    """

    first: Recorder
    second: Recorder | None = None
    why: tuple[str, ...] = ()
    others: Callable[[Syscall, Collection[int]], Recorder] | None = None


def recorders(image: Callable[[str], Command]) -> tuple[Recorder, ...]:
    """All there are, best first; ``image`` tells what an image runs."""
    return AuditRecorder(), NotifyRecorder(image), StraceRecorder(image)


def choose(candidates: Iterable[Recorder], *, no_new_privileges: bool) -> Choice:
    """The best one that works, and one that tells more.

    Raises:
        NotSetUp: none works.
    """
    works, why = list[Recorder](), list[str]()
    for recorder in candidates:
        reason = recorder.missing()
        if recorder.method == "notify" and not no_new_privileges:
            reason = reason or "it takes no-new-privileges"
        if reason:
            why.append(f"{recorder.method}: {reason}")
        else:
            works.append(recorder)
    if not works:
        raise NotSetUp(f"nothing records system calls here ({'; '.join(why)})", hint="run as root on the engine's host")
    if works[0].method != "audit":
        return Choice(works[0], why=tuple(why))
    return Choice(works[0], next(iter(works[1:]), None), tuple(why), _others)


def _others(call: Syscall, known: Collection[int]) -> Recorder:
    return AuditRecorder(others_logged(call, known))
