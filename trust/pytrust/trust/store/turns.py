"""Turns among the threads of one process, first come first served.

``threading``'s own locks and semaphores go to whoever asks at the right moment: whoever gives one back and asks again
gets it before those that have waited for seconds, and under load some of them wait for ever.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """So many ``places``, which go to whoever has waited longest."""

    def __init__(self, places: int = 1) -> None:
        self._mutex = threading.Lock()
        self._free = places  # none while anybody waits
        self._waiting: deque[threading.Lock] = deque()

    def take(self, timeout: float) -> bool:
        """Wait for the turn; whether it came in time."""
        with self._mutex:
            if self._free:
                self._free -= 1
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        return gate.acquire(timeout=timeout) or self._came_after_all(gate)

    def hand_on(self) -> bool:
        """Give the turn to the next; whether there is one. If not, it is still ours."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
                return True
            return False

    def give_back(self) -> None:
        """Give the turn to the next, if there is one."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def _came_after_all(self, gate: threading.Lock) -> bool:
        """Leave the queue; a turn that was given at that very moment must not be lost."""
        with self._mutex:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
            return True
