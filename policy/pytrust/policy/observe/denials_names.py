"""What processes called themselves at a moment: a shell becomes the program that it ends with. Pure."""

from __future__ import annotations

from typing import Final

from pytrust.policy.observe.denials_latest import Latest
from pytrust.policy.observe.denials_ring import Named
from pytrust.trust.limits import DENIALS_PROCESSES_MAX

_KEPT: Final = 4  # names of one thread


class Names:
    """The last names of the threads that got one last."""

    def __init__(self) -> None:
        self._held = Latest[int, tuple[Named, ...]](DENIALS_PROCESSES_MAX)

    def put(self, named: Named) -> None:
        """A thread got a name; in whichever order that is told."""
        several = (*(self._held.get(named.tid) or ()), named)
        self._held.put(named.tid, tuple(sorted(several, key=lambda one: one.at))[-_KEPT:])

    def at(self, tid: int, moment: int) -> str:
        """The name that a thread had then; empty where nobody told."""
        before = [one.name for one in self._held.get(tid) or () if one.at <= moment]
        return before[-1] if before else ""
