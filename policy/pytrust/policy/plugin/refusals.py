"""What is written down of refused calls: all of it, in few lines. Pure.

A client that was locked out and polls would fill the disk, and bury what else is written there.
"""

from __future__ import annotations

from typing import Final

from pytrust.policy.plugin.limits import REFUSALS_INTERVAL, REFUSALS_KNOWN_MAX
from pytrust.policy.plugin.verdict import Verdict

_EVERYBODY_ELSE: Final = ("others", "various reasons")


class Refusals:
    """Counts refusals; the first of a client for a reason is told at once, those that follow once a minute."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, int]] = {}  # who and why: told when, and how many since

    def tell(self, verdict: Verdict, thing: str, now: float) -> str | None:
        """The line to write now, or None; ``now`` is in seconds of a clock that never goes back."""
        key = self._key(verdict)
        told, silent = self._known.get(key, (None, 0))
        if told is not None and now - told < REFUSALS_INTERVAL:
            self._known[key] = (told, silent + 1)
            return None
        self._known[key] = (now, 0)
        more = f", and {silent} times more since the last note" if silent else ""
        return f"{verdict.who}: {thing} refused{more}: {verdict.text}"

    def rest(self, now: float) -> list[str]:
        """A line for each client that has stopped asking, where refusals were not told; forgets them."""
        over = {key: count for key, (told, count) in self._known.items() if now - told >= REFUSALS_INTERVAL}
        for key in over:
            del self._known[key]
        return [f"{who}: refused {count} times more ({code})" for (who, code), count in over.items() if count]

    def _key(self, verdict: Verdict) -> tuple[str, str]:
        key = (verdict.who, verdict.code)
        if key in self._known or len(self._known) < REFUSALS_KNOWN_MAX:
            return key
        return _EVERYBODY_ELSE
