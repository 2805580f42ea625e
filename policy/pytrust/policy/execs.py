"""The exec instances that were let in since the proxy started; the engine forgets them at its own restart, too."""

from __future__ import annotations

from typing import Final

from pytrust.policy.core.facts import ExecInstance

EXECS_MAX: Final = 10_000  # remembered; an instance is started within a moment, so older ones are done with


class Execs:
    """Which exec id belongs to which container."""

    def __init__(self) -> None:
        self._known: dict[str, ExecInstance] = {}

    def add(self, exec_id: str, container: str, *, overruled: bool = False) -> None:
        """Remember an exec instance of a container (full id); the oldest one makes room.

        ``overruled``: learning mode let it in.
        """
        self._known.pop(exec_id, None)
        while len(self._known) >= EXECS_MAX:
            del self._known[next(iter(self._known))]
        self._known[exec_id] = ExecInstance(container=container, overruled=overruled)

    def find(self, exec_id: str) -> ExecInstance | None:
        """The instance of that full id."""
        return self._known.get(exec_id)
