"""The runtime's floor on this host, measured: what runc calls in a container's place after it has loaded the filter.

Trials under a filter that logs everything, each the way a container may be started: as root and as another user, with a
terminal, and with a second process that ``docker exec`` brings in. What Go calls only now and then is not in it for
certain; ``profiles.floor`` adds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.filters import LOG_EVERYTHING
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.names import Syscall
from pytrust.trust.errors import Unknown

USERS: Final = ("", "65534:65534")
RUNS: Final = 3  # of each way: the scheduler does not call the same twice


class Executes(Protocol):
    """Who brings a process into a container (``observe.containers.Containers``)."""

    def exec(self, name: str, words: tuple[str, ...], *, user: str = "") -> tuple[int, str]:
        """Run a command there; its exit status and what it said."""


def measure(
    laboratory: Laboratory,
    engine: Executes,
    image: str,
    *,
    no_new_privileges: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> frozenset[Syscall]:
    """What the runtime of ``engine`` called; ``image`` is one whose program stays, and that has ``true``.

    Raises:
        Unknown: a container did not start, or records were lost.
        NotSetUp, AccessDenied: the audit stream cannot be read here.
    """
    found: set[Syscall] = set()
    for options in _ways():
        progress(f"a container of {options.user or 'root'}")
        found |= _one(laboratory, engine, image, options, no_new_privileges)
    return frozenset(found)


def _ways() -> Iterator[RunOptions]:
    for user in USERS:
        for _ in range(RUNS):
            yield RunOptions(user=user, network="none")


def _one(
    laboratory: Laboratory, engine: Executes, image: str, options: RunOptions, no_new_privileges: bool
) -> frozenset[Syscall]:
    def enter(live: Live) -> int:
        return engine.exec(live.container, ("true",), user=options.user)[0]

    confinement = Confinement(no_new_privileges=no_new_privileges)
    outcome, seen = AuditRecorder(LOG_EVERYTHING).record(laboratory, image, options, confinement, enter)
    if not outcome.started or outcome.workload != 0:
        raise Unknown(f"the runtime cannot be measured with {image}: {outcome.complaint}", hint="try another image")
    if seen.lost or not seen.runtime:
        raise Unknown(f"the runtime cannot be measured: {seen.lost} records were lost", hint="run it on a calmer host")
    return frozenset(seen.runtime)
