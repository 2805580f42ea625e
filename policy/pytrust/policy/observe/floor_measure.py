"""The runtime's floor on this host, measured: what runc calls in a container's place after it has loaded the filter.

Trials under a filter that logs everything, in each way a container may be started: as root and as another user, and
with second processes that ``docker exec`` brings in, with a terminal and without. What Go calls only now and then is
not in it for certain; ``profiles.floor`` adds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.filters import LOG_EVERYTHING
from pytrust.policy.observe.floor_image import FloorHost
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.names import Syscall
from pytrust.trust.errors import Unknown

USERS: Final = ("0:0", "65534:65534")
RUNS: Final = 2  # of each way: the scheduler does not call the same twice


def measure(
    laboratory: Laboratory,
    host: FloorHost,
    *,
    no_new_privileges: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> frozenset[Syscall]:
    """What the runtime called; ``laboratory`` and ``host`` are of one engine.

    Raises:
        Unknown: a container did not start, or records were lost.
        NotSetUp, AccessDenied: the audit stream cannot be read here.
    """
    found: set[Syscall] = set()
    confinement = Confinement(no_new_privileges=no_new_privileges)
    with host.image() as image:
        for user in USERS * RUNS:
            progress(f"a container of user {user}, {'with' if no_new_privileges else 'without'} no-new-privileges")
            found |= _one(laboratory, host, image, RunOptions(user=user, network="none"), confinement)
    return frozenset(found)


def _one(
    laboratory: Laboratory, host: FloorHost, image: str, options: RunOptions, confinement: Confinement
) -> frozenset[Syscall]:
    def enter(live: Live) -> int:
        for terminal in (False, True):
            host.enter(live.container, user=options.user, terminal=terminal)
        return 0

    outcome, seen = AuditRecorder(LOG_EVERYTHING).record(laboratory, image, options, confinement, enter)
    if not outcome.started:
        raise Unknown(f"the runtime cannot be measured: {outcome.complaint}", hint="look at the engine: docker info")
    if seen.lost:
        raise Unknown(f"the runtime cannot be measured: {seen.lost} records were lost", hint="try on a calmer host")
    if not seen.runtime:
        raise Unknown("the runtime cannot be measured: none of its calls was seen", hint="does the engine run here?")
    return frozenset(seen.runtime)
