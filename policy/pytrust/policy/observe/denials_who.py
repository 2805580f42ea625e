"""In which container a process runs: by its control group, or, where it is gone, by that of the one that started it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytrust.policy.observe.denials_latest import Latest
from pytrust.policy.observe.denials_model import Refusal
from pytrust.policy.observe.forks import ForkStream
from pytrust.trust.limits import DENIALS_PROCESSES_MAX, PROC_FILE_MAX_BYTES

_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_GENERATIONS: Final = 8  # looked back at


class Whose:
    """Containers of processes. The kernel is asked for forks meanwhile; where it does not tell, a process must live."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._forks = ForkStream()
        self._mothers = Latest[int, int](DENIALS_PROCESSES_MAX)

    def learn(self) -> None:
        """Take note of the processes that were started since."""
        for child, mother in self._forks.read():
            self._mothers.put(child, mother)

    def container(self, refusal: Refusal) -> str | None:
        """The full id of the container whose process it was; empty where it was none's, None where nobody can tell."""
        return container_in(refusal.group) if refusal.group else self._of_process(refusal.pid)

    def _of_process(self, pid: int) -> str | None:
        for _ in range(_GENERATIONS):
            group = self._group(pid)
            if group is not None:
                return container_in(group)
            mother = self._mothers.get(pid)
            if mother is None:
                break
            pid = mother
        return None

    def close(self) -> None:
        """Ask the kernel no more."""
        self._forks.__exit__(None, None, None)

    def _group(self, pid: int) -> str | None:
        """What proc(5) says of its control groups; None where it is gone."""
        with suppress(OSError), (self._proc / str(pid) / "cgroup").open("rb") as file:
            return file.read(PROC_FILE_MAX_BYTES).decode("utf-8", "replace")
        return None


def container_in(groups: str) -> str:
    """The id in the outermost group that has one: ``/docker/ID``, ``/system.slice/docker-ID.scope``.

    A container may make groups of its own below its own, and name them as it likes: the first id counts.
    """
    found = _ID.search(groups)
    return found[0] if found else ""
