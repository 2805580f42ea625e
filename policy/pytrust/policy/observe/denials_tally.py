"""Refusals counted by container, program and call, and how many of them are looked at.

Programs call themselves what they like, and as often as they like: a container that invents names has a share of its
own of what is kept and of what is told, and takes nothing from others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from pytrust.policy.observe.denials_argument import argument_word
from pytrust.policy.observe.denials_meaning import answer_to
from pytrust.policy.observe.denials_model import Confined, Denial, Refusal
from pytrust.policy.observe.denials_wanting import wanting
from pytrust.policy.profiles.seccomp.syscalls import names
from pytrust.trust.limits import DENIALS_BURST, DENIALS_MAX, DENIALS_PER_CONTAINER_MAX, DENIALS_RATE

_Key = tuple[str, ...]


class Tally:
    """Counts; ``on_denial`` is called for the first of a kind, and when there are ten, a hundred, and so on."""

    def __init__(self, on_denial: Callable[[Denial], None]) -> None:
        self._on_denial = on_denial
        self._fresh: dict[_Key, Denial] = {}
        self._counts: dict[_Key, int] = {}
        self._kinds, self._told = Counter[str](), Counter[str]()

    def add(self, refusal: Refusal, confined: Confined, now: float) -> None:
        """Count it, if the container's profile explains it, by its calls or by its capabilities."""
        answer = answer_to(refusal, confined.answers)
        capability = wanting(refusal, confined) if answer is None else None
        if answer is None and capability is None:
            return
        denial = _denial(refusal, confined, now, capability or "", sure=answer is not None and answer.sure)
        key = (
            denial.container,
            denial.program,
            denial.arch,
            denial.syscall,
            denial.argument,
            denial.action,
            denial.capability,
        )
        before = self._fresh.get(key)
        if before is None and not self._room(denial.container):
            return
        self._fresh[key] = denial if before is None else replace(before, count=before.count + denial.count, last=now)
        self._tell(key, denial)

    def fresh(self) -> tuple[Denial, ...]:
        """What was counted and is not kept yet."""
        return tuple(self._fresh.values())

    def kept(self) -> None:
        """It is kept now."""
        self._fresh.clear()
        self._kinds.clear()

    def _room(self, container: str) -> bool:
        """For one more kind, until what there is is kept."""
        self._kinds[container] += 1
        return self._kinds[container] <= DENIALS_PER_CONTAINER_MAX and len(self._fresh) < DENIALS_MAX

    def _tell(self, key: _Key, denial: Denial) -> None:
        if key not in self._counts:
            if len(self._counts) >= DENIALS_MAX:
                self._counts.clear()  # it is told once more, which is better than to grow
                self._told.clear()
            self._told[denial.container] += 1
            if self._told[denial.container] > DENIALS_PER_CONTAINER_MAX:
                return
        before = self._counts.get(key, 0)
        count = self._counts[key] = before + denial.count
        if not before or len(str(count)) > len(str(before)):
            self._on_denial(replace(denial, count=count))


class Pace:
    """So many in a second; more are paid for by waiting."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = float(DENIALS_BURST), clock()

    def spend(self, count: int) -> float:
        """How many seconds to wait after ``count`` more."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * DENIALS_RATE, DENIALS_BURST) - count
        self._at = now
        return max(-self._left / DENIALS_RATE, 0.0)


def _denial(refusal: Refusal, confined: Confined, now: float, capability: str, *, sure: bool) -> Denial:
    call = names(refusal.arch)[refusal.number]
    return Denial(
        container=confined.container,
        name=confined.name,
        image=confined.image,
        program=refusal.program,
        arch=refusal.arch,
        syscall=call,
        argument="" if capability else argument_word(call, refusal.first),
        action=refusal.action,
        sure=sure,
        capability=capability,
        count=refusal.times,
        first=now,
        last=now,
    )
