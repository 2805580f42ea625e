"""The agent of a host: looks after every enrolled folder, each in its own rhythm, for as long as it is let."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pytrust.trust.errors import PytrustError
from pytrust.trust.pki.enrol.enrolled import Tended, ends, tend
from pytrust.trust.pki.enrol.tending import pause
from pytrust.trust.pki.model import moment_text

_CHANCE: Final = random.SystemRandom()
_IDLE: Final = 60.0  # seconds between two looks for folders where there is none yet
_NOW: Final = timedelta()


@dataclass(slots=True)
class _Rhythm:
    """When a folder's turn comes (monotonic seconds), and how often in a row it went wrong."""

    turn: float = 0.0
    failures: int = 0


class Agent:
    """Looks after folders.

    Args:
        folders: those to look after; asked before each look, so that one that was enrolled later is found.
        now: the clock, aware.
        say: told, in one line, what was done.
        fail: told what went wrong.
    """

    def __init__(
        self,
        folders: Callable[[], Iterable[Path]],
        now: Callable[[], datetime],
        say: Callable[[str], None],
        fail: Callable[[PytrustError], None],
    ) -> None:
        self._folders, self._now, self._say, self._fail = folders, now, say, fail
        self._rhythms: dict[Path, _Rhythm] = {}

    def run(self, wait: Callable[[float], bool]) -> None:
        """Look and wait in turns until ``wait``, given seconds, says that it is over."""
        while True:
            self.look()
            if wait(self._idle()):
                return

    def look(self) -> list[PytrustError]:
        """One look at every folder whose turn it is; what went wrong, which was told already."""
        failed = []
        self._rhythms = {folder: self._rhythms.get(folder, _Rhythm()) for folder in self._folders()}
        for folder, rhythm in self._rhythms.items():
            if rhythm.turn <= time.monotonic():
                try:
                    self._tend(folder, rhythm)
                except PytrustError as error:
                    self._after_failure(folder, rhythm)
                    self._fail(error)
                    failed.append(error)
        return failed

    def _tend(self, folder: Path, rhythm: _Rhythm) -> None:
        done = tend(folder, self._now)
        rhythm.failures = 0
        self._next(rhythm, done.due - self._now())
        self._tell(folder, done)

    def _after_failure(self, folder: Path, rhythm: _Rhythm) -> None:
        rhythm.failures += 1
        try:
            left = ends(folder) - self._now()
        except PytrustError:  # there is no certificate whose end could be near
            left = timedelta.max
        self._next(rhythm, left)

    def _next(self, rhythm: _Rhythm, left: timedelta) -> None:
        waiting = pause(rhythm.failures, max(left, _NOW), _CHANCE.random())
        rhythm.turn = time.monotonic() + waiting.total_seconds()

    def _idle(self) -> float:
        turns = [rhythm.turn for rhythm in self._rhythms.values()]
        return max(0.0, min(turns) - time.monotonic()) if turns else _IDLE

    def _tell(self, folder: Path, done: Tended) -> None:
        if done.renewed:
            self._say(f"{folder}: renewed, until {moment_text(done.ends)}, the next at {moment_text(done.due)}")
        if done.restart:
            self._say(f"{folder}: changed: restart a dockerd that uses it (proxies and plugins notice by themselves)")
