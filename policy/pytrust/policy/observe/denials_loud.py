"""Threads that are refused so much that they would drown out others. Pure.

Whoever is refused too often within a second is muted for some seconds, and heard again: what it does is known by then.
"""

from __future__ import annotations

from collections import Counter

from pytrust.trust.limits import DENIALS_LOUD, DENIALS_MUTED_FOR, DENIALS_MUTED_MAX


class Loud:
    """Counts by thread; the caller brings the time, in seconds of any clock that does not go back."""

    def __init__(self) -> None:
        self._heard: Counter[int] = Counter()
        self._second = 0.0
        self._muted: dict[int, float] = {}

    def hear(self, tid: int) -> None:
        """A thread was refused a call."""
        self._heard[tid] += 1

    def muted(self, now: float) -> frozenset[int]:
        """Those to leave out from now on."""
        for tid, count in self._heard.most_common(DENIALS_MUTED_MAX):
            if count >= DENIALS_LOUD and len(self._muted) < DENIALS_MUTED_MAX:
                self._muted[tid] = now + DENIALS_MUTED_FOR
                del self._heard[tid]
        if now - self._second >= 1:
            self._heard.clear()
            self._second = now
        self._muted = {tid: until for tid, until in self._muted.items() if until > now}
        return frozenset(self._muted)
