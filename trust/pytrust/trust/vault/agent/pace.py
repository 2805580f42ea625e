"""How fast another user may ask. Pure.

Every request of his that names a secret becomes an entry of the audit, which must not fill the disk, and every answer
takes its time, from which he must not learn anything by asking often. So each user has his turns: some at once, and
then one after the other, however many connections he makes. Who leaves before his turn has used it up.
"""

from __future__ import annotations

from typing import Final

_KNOWN_MAX: Final = 1024  # users; beyond, those whose turns have passed are forgotten


class Pace:
    """The turns of all users.

    Args:
        rate: turns a second of one user.
        burst: turns that he has at once when he has not come for long enough.
        patience: the longest wait, seconds.
    """

    def __init__(self, rate: float, burst: int, patience: float) -> None:
        self._step, self._ahead, self._patience = 1 / rate, (burst - 1) / rate, patience
        self._next: dict[int, float] = {}  # when the next turn would be if all were evenly spread

    def wait(self, uid: int, now: float) -> float:
        """Seconds from ``now`` until it is the turn of ``uid``."""
        if len(self._next) > _KNOWN_MAX:
            self._next = {each: due for each, due in self._next.items() if due > now}
        due = max(now, self._next.get(uid, now))
        wait = min(max(0.0, due - self._ahead - now), self._patience)
        self._next[uid] = now + wait + self._ahead + self._step if wait == self._patience else due + self._step
        return wait
