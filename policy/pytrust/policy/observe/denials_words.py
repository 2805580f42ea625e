"""Denials in words, and what of them can be seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.observe.denials_store import Watch
from pytrust.policy.profiles.names import Action

HEADERS: Final = ("LAST (UTC)", "CONTAINER", "IMAGE", "PROGRAM", "CALL", "TIMES", "WHAT HAPPENED")
_ALIVE: Final = 10.0  # seconds since the last sign of life
_WORDS: Final[Mapping[Action, str]] = {
    Action.ERRNO: "refused",
    Action.LOG: "let through, noted",
    Action.TRAP: "refused, with a signal",
    Action.KILL_THREAD: "ended the thread",
    Action.KILL_PROCESS: "ended the process",
}
_SENTENCES: Final[Mapping[Action, str]] = {
    Action.ERRNO: "was refused it",
    Action.LOG: "was let through, which was noted,",
    Action.TRAP: "was stopped by a signal for it",
    Action.KILL_THREAD: "was ended for it",
    Action.KILL_PROCESS: "was ended for it",
}


def sentence(denial: Denial) -> str:
    """``the profile of foo/web lacks mkdir: container web (nginx) was refused it 3 times``."""
    if denial.capability:
        return _wanting(denial)
    perhaps = "" if denial.sure else " or the kernel itself refused these arguments"
    return (
        f"the profile of {denial.image} lacks {call_of(denial)}{perhaps}:"
        f" {_who(denial)} {_SENTENCES[denial.action]} {_times(denial)}"
    )


def call_of(denial: Denial) -> str:
    """``mkdir``, ``socket:AF_INET6``: as ``extend --call`` takes it."""
    return f"{denial.syscall}:{denial.argument}" if denial.argument else denial.syscall


def _wanting(denial: Denial) -> str:
    return (
        f"the profile of {denial.image} may lack the capability {denial.capability}:"
        f" {denial.syscall} of {_who(denial)} failed {_times(denial)}"
    )


def _who(denial: Denial) -> str:
    return f"container {denial.name}" + (f" ({denial.program})" if denial.program else "")


def _times(denial: Denial) -> str:
    return "once" if denial.count == 1 else f"{denial.count} times"


def row(denial: Denial) -> tuple[str, ...]:
    """One denial under ``HEADERS``."""
    happened = _WORDS[denial.action] + ("" if denial.sure else ", perhaps by the kernel itself")
    if denial.capability:
        happened = f"failed, perhaps for want of the capability {denial.capability}"
    return (
        moment(denial.last),
        denial.name,
        denial.image,
        denial.program or "?",
        call_of(denial),
        str(denial.count),
        happened,
    )


def document(denial: Denial) -> dict[str, Any]:
    """One denial for machines."""
    return {
        "container": denial.container,
        "name": denial.name,
        "image": denial.image,
        "program": denial.program,
        "arch": denial.arch,
        "syscall": denial.syscall,
        "argument": denial.argument or None,
        "action": denial.action,
        "sure": denial.sure,
        "capability": denial.capability or None,
        "count": denial.count,
        "first": datetime.fromtimestamp(denial.first, UTC).isoformat(),
        "last": datetime.fromtimestamp(denial.last, UTC).isoformat(),
    }


def watch_document(watch: Watch, now: float) -> dict[str, Any]:
    """One source for machines."""
    return {
        "source": watch.source,
        "since": datetime.fromtimestamp(watch.since, UTC).isoformat(),
        "until": datetime.fromtimestamp(watch.alive, UTC).isoformat(),
        "alive": is_alive(watch, now),
        "lost": watch.lost,
    }


def is_alive(watch: Watch, now: float) -> bool:
    """Whether somebody listens now."""
    return 0 <= now - watch.alive < _ALIVE


def seen_lines(watches: Sequence[Watch], now: float) -> Iterator[str]:
    """Which denials can be seen, and which were missed; a line each."""
    alive = {watch.source for watch in watches if is_alive(watch, now)}
    if "calls" in alive:
        yield "watched now: every refusal of a profile"
    elif "audit" in alive:
        yield "watched now: calls that are noted or punished; refused ones only from engine 23 with runc 1.2"
    else:
        yield "nobody watches now: the proxy does while it runs, or: pytrust profile denied --watch"
    for watch in watches:
        if watch.lost:
            yield f"{watch.lost} records of {watch.source} were lost, or nobody's, since {moment(watch.since)}"


def moment(at: float) -> str:
    """``2026-12-01 04:30:00``."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
