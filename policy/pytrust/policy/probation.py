"""New containers between being made and being let in: whoever asks for one of them waits for its check.

The client that made a container need not wait: without an admission nothing can be done with the container that
matters, and every such request comes through ``find``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from pytrust.policy.admissions import Admissions
from pytrust.policy.core.facts import Admission


class Probation:
    """Checks under way, by container id, before ``admissions``."""

    def __init__(self, admissions: Admissions) -> None:
        self._admissions = admissions
        self._checks: dict[str, asyncio.Task[None]] = {}

    def begin(self, container: str, check: Coroutine[Any, Any, None]) -> None:
        """Run ``check``, which admits the container or does not, and raises nothing."""
        task = asyncio.get_running_loop().create_task(check)
        self._checks[container] = task
        task.add_done_callback(lambda _: self._checks.pop(container, None))

    async def find(self, container: str) -> Admission | None:
        """How a container (full id) was let in, once that is known; None where it was not."""
        if (check := self._checks.get(container)) is not None:
            await asyncio.shield(check)
        return self._admissions.find(container)

    async def over(self) -> None:
        """Wait for every check that runs."""
        await asyncio.gather(*self._checks.values())
