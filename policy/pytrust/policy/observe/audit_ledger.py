"""Whose the audit's records are: those of one container, told from all others of this host, and from its runtime's.

Records are counted as they come, by process; whose a process is, is settled at the end, by its control group or by
its mother's. Names prove nothing: a program may call itself what it likes, ``runc:[2:INIT]`` among it. The runtime's
part is what a process did that came into the container from outside, up to its first execve. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pytrust.policy.observe.audit_records import RET_LOG, SeccompRecord
from pytrust.policy.observe.counted import Call
from pytrust.policy.profiles.names import AARCH64, X86_64
from pytrust.policy.profiles.seccomp.syscalls import ARM, AUDIT_ARCHES, X86, table

_EXECVE: Final = frozenset(
    (AUDIT_ARCHES[arch], number)
    for arch in (X86_64, AARCH64, X86, ARM)
    for name, number in table(arch).items()
    if name in {"execve", "execveat"}
)


class Place(NamedTuple):
    """Where a process is: the paths of its control groups, and its mother."""

    groups: frozenset[str]
    mother: int


class Share(NamedTuple):
    """What one container did: counts by call and program, and by call for its runtime; ``unplaced`` are nobody's."""

    calls: Counter[tuple[Call, str]]
    runtime: Counter[Call]
    records: int
    unplaced: int


@dataclass(slots=True)
class _Process:
    place: Place | None
    before: Counter[tuple[Call, str]] = field(default_factory=Counter)
    after: Counter[tuple[Call, str]] = field(default_factory=Counter)
    executed: bool = False


class Ledger:
    """Records in the order of each process, forks in any; ``look`` tells where a process is, if it still is."""

    def __init__(self, look: Callable[[int], Place | None]) -> None:
        self._look = look
        self._processes: dict[int, _Process] = {}
        self._mothers: dict[int, int] = {}
        self._brought: dict[int, str] = {}

    def bring(self, pids: Iterable[int], container: str) -> None:
        """Processes that ``exec`` began in a container: their mother is its runtime, and they may be gone."""
        self._brought.update(dict.fromkeys(pids, container))

    def fork(self, child: int, mother: int) -> None:
        """A process was made."""
        self._mothers[child] = mother

    def meet(self, pid: int) -> _Process:
        """Look where a process is, while it is there; once."""
        process = self._processes.get(pid)
        if process is None:
            process = self._processes[pid] = _Process(self._look(pid))
        return process

    def add(self, record: SeccompRecord) -> None:
        """Count a call that was logged; what a filter refused was not made."""
        if record.code != RET_LOG:
            return
        process = self.meet(record.pid)
        call = (record.arch, record.call)
        (process.after if process.executed else process.before)[call, record.comm] += 1
        process.executed = process.executed or call in _EXECVE

    def share(self, container: str, *, all_forks: bool = False) -> Share:
        """What the container did whose id (whole, and so nobody else's) is in the path of its control groups.

        ``all_forks``: every fork was told of since before the container was made, so that a process without one is
        older, and not the container's.
        """
        calls: Counter[tuple[Call, str]] = Counter()
        runtime: Counter[Call] = Counter()
        unplaced = 0
        for pid, process in self._processes.items():
            inside = self._inside(pid, container)
            if inside is None and not all_forks:
                unplaced += process.before.total() + process.after.total()
            if not inside:
                continue
            calls.update(process.after)
            if pid in self._brought or self._inside(self._mother(pid), container) is False:
                runtime.update(_by_call(process.before))
            else:
                calls.update(process.before)
        return Share(calls, runtime, calls.total() + runtime.total(), unplaced)

    def _inside(self, pid: int, container: str) -> bool | None:
        """Whether a process is the container's: by where it was seen, else by where its mother was; None: unknown.

        A process that was not seen is under no filter that logs, as everything in the container is. But its children
        can be what a runtime brought in, and are not known to be anybody's.
        """
        for generation in range(len(self._mothers) + 1):
            if pid in self._brought:
                return self._brought[pid] == container
            process = self._processes.get(pid)
            if process is None:
                return None if generation else False
            if process.place is not None:
                return any(container in path for path in process.place.groups)
            if pid not in self._mothers:
                return None
            pid = self._mothers[pid]
        return None

    def _mother(self, pid: int) -> int:
        place = self._processes[pid].place
        return self._mothers.get(pid, place.mother if place else pid)


def _by_call(counts: Counter[tuple[Call, str]]) -> Counter[Call]:
    found: Counter[Call] = Counter()
    for (call, _), count in counts.items():
        found[call] += count
    return found
