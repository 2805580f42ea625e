"""What a recorder is: it runs one trial in its own way, and tells which system calls the container made.

It tells how many records it lost, too: a set with a hole in it is no basis for a profile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pytrust.policy.observe.trial import Confinement, Laboratory, Live, Outcome, RunOptions
from pytrust.policy.profiles.seen import Method, Seen


class Recorded(NamedTuple):
    """How the trial ended, and what was seen of it."""

    outcome: Outcome
    seen: Seen


class Recorder(Protocol):
    """Records one trial at a time."""

    @property
    def method(self) -> Method:
        """Its name."""

    def missing(self) -> str:
        """Why it does not work on this host, as a sentence without a full stop; empty if it does."""

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        """Run the image as ``laboratory.run`` does, and see what it calls.

        Raises:
            AccessDenied, NotSetUp: it does not work here.
            Unreachable, AccessDenied, BadContent, ServerError: the engine cannot be used.
        """
