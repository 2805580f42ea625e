"""The first choice of a recorder: the filter says LOG, and the kernel's audit stream says what was called.

Nothing in the container is changed, nothing is traced, processes that ``docker exec`` brings in are seen as well. Needs
CAP_AUDIT_READ in the initial user namespace; with CAP_NET_ADMIN, programs that are gone at once are placed too.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from pytrust.policy.observe.audit_ledger import Ledger, Place, Share
from pytrust.policy.observe.audit_queue import room
from pytrust.policy.observe.audit_records import quick_pid
from pytrust.policy.observe.audit_socket import AuditStream, Message
from pytrust.policy.observe.beside import beside
from pytrust.policy.observe.counted import name_of, named
from pytrust.policy.observe.filters import logged
from pytrust.policy.observe.forks import ForkStream
from pytrust.policy.observe.recording import Recorded
from pytrust.policy.observe.trial import Confinement, Laboratory, Live, RunOptions
from pytrust.policy.profiles.model import Seccomp
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.policy.profiles.seen import Method, Seen
from pytrust.trust.errors import PytrustError
from pytrust.trust.limits import AUDIT_UNREAD_MAX, PROC_FILE_MAX_BYTES

_PROC: Final = Path("/proc")
_LOGGED: Final = _PROC / "sys/kernel/seccomp/actions_logged"
_PARENT: Final = re.compile(rb"\A[0-9]+ \(.*\) [A-Za-z] ([0-9]+) ", re.DOTALL)
_WAIT: Final = 0.05  # seconds between two looks whether the trial is over
_NONE: Final = "\0"  # in no path of a control group: the trial had no container


class AuditRecorder:
    """Records what ``watched`` logs (default: all that Docker's own profile lets through)."""

    def __init__(self, watched: Seccomp | None = None) -> None:
        self._text = docker_text(watched or logged(docker_default()))

    @property
    def method(self) -> Method:
        """``audit``."""
        return "audit"

    def missing(self) -> str:
        """Why the stream cannot be read."""
        try:
            AuditStream().close()
        except PytrustError as error:
            return str(error)
        with suppress(OSError):
            if "log" not in _LOGGED.read_text().split():
                return f"the kernel is told not to log: {_LOGGED} lacks log"
        return ""

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        """As ``recording.Recorder`` says."""
        ledger, container = Ledger(_look), _NONE

        def watched(live: Live) -> int:
            nonlocal container
            container = live.container
            status = workload(live)
            ledger.bring(laboratory.brought_in(container), container)
            return status

        taken = list[Message]()
        with AuditStream() as stream, ForkStream() as forks, room():
            with beside(partial(_take, stream, forks, ledger, taken)):
                outcome = laboratory.run(image, options, confinement._replace(seccomp=self._text), watched)
            for record in (*stream.parsed(taken), *stream.settle()):
                ledger.add(record)
            _tell_forks(forks, ledger)
            share, lost = ledger.share(container, all_forks=forks.whole), stream.lost
        return Recorded(outcome, _seen(share, lost))


def _take(stream: AuditStream, forks: ForkStream, ledger: Ledger, taken: list[Message], over: threading.Event) -> None:
    """Take what comes, and leave it unread, lest the workload waits for us; but look up at once who made it."""
    met: set[int] = set()
    while not over.is_set():
        new = stream.take(_WAIT)
        for pid in {quick_pid(text) for _, text in new} - met:
            met.add(pid)
            ledger.meet(pid)
        _tell_forks(forks, ledger)
        taken.extend(new)
        if len(taken) > AUDIT_UNREAD_MAX:
            _count(stream, ledger, taken)


def _count(stream: AuditStream, ledger: Ledger, taken: list[Message]) -> None:
    for record in stream.parsed(taken):
        ledger.add(record)
    taken.clear()


def _tell_forks(forks: ForkStream, ledger: Ledger) -> None:
    for child, mother in forks.read():
        ledger.fork(child, mother)


def _look(pid: int) -> Place | None:
    """Where a process is; None where it is gone."""
    try:
        with (_PROC / str(pid) / "cgroup").open() as file:
            lines = file.read(PROC_FILE_MAX_BYTES).splitlines()
        found = _PARENT.match((_PROC / str(pid) / "stat").read_bytes())
    except OSError:
        return None
    return Place(frozenset(line.split(":", 2)[-1] for line in lines), int(found[1]) if found else 0)


def _seen(share: Share, lost: int) -> Seen:
    found = named(share.calls)
    runtime = ((name_of(call)[1], count) for call, count in share.runtime.items())
    return Seen(
        method="audit",
        calls=found.calls,
        runtime={name: count for name, count in runtime if name},
        arches=found.arches,
        unnamed=found.unnamed,
        records=share.records,
        lost=lost + share.unplaced,
    )
