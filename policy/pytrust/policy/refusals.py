"""What is written down of clients that are refused for their certificate: all of it, in few lines. Pure.

A client that was locked out and polls would fill the disk, and bury or push out what else is written there.
"""

from __future__ import annotations

from typing import Final

KNOWN_MAX: Final = 1024  # refused clients that are told apart in the notes
INTERVAL: Final = 60.0  # seconds between two notes of the same refusal

_EVERYBODY_ELSE: Final = ("others", "various reasons")


class Refusals:
    """Counts refusals; the first of a client for a reason is told at once, those that follow once a minute."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, int]] = {}  # who and why: told when, and how many since

    def tell(self, who: str, code: str, line: str, now: float) -> str | None:
        """``line``, to be written now, with a count of those that were not; or None.

        Args:
            who: the refused client.
            code: why; stable.
            line: who, what and why, for people.
            now: in seconds of a clock that never goes back.
        """
        key = self._key(who, code)
        told, silent = self._known.get(key, (None, 0))
        if told is not None and now - told < INTERVAL:
            self._known[key] = (told, silent + 1)
            return None
        self._known[key] = (now, 0)
        return f"{line} (and {silent} times more since the last note)" if silent else line

    def rest(self, now: float) -> list[str]:
        """A line for each client that has stopped asking, where refusals were not told; forgets them."""
        over = {key: count for key, (told, count) in self._known.items() if now - told >= INTERVAL}
        for key in over:
            del self._known[key]
        return [f"{who}: refused {count} times more ({code})" for (who, code), count in over.items() if count]

    def _key(self, who: str, code: str) -> tuple[str, str]:
        key = (who, code)
        if key in self._known or len(self._known) < KNOWN_MAX:
            return key
        return _EVERYBODY_ELSE
