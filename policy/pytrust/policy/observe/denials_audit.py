"""Refusals as the kernel's audit stream tells them: calls that are noted or punished, and, from engine 23, all others.

A call that is answered with an error is in the stream only where the filter was loaded with SECCOMP_FILTER_FLAG_LOG:
engines before 23 drop it from the profile, and runc before 1.2 does not start a container that asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pytrust.policy.observe.audit_records import (
    RET_ERRNO,
    RET_KILL_PROCESS,
    RET_KILL_THREAD,
    RET_LOG,
    RET_TRAP,
    SeccompRecord,
)
from pytrust.policy.observe.audit_socket import AuditStream
from pytrust.policy.observe.denials_model import Batch, Refusal
from pytrust.policy.profiles.names import Action, Arch
from pytrust.policy.profiles.seccomp.syscalls import AUDIT_ARCHES, X32, X32_BIT

_ACTIONS: Final[Mapping[int, Action]] = {
    RET_LOG: Action.LOG,
    RET_ERRNO: Action.ERRNO,
    RET_TRAP: Action.TRAP,
    RET_KILL_THREAD: Action.KILL_THREAD,
    RET_KILL_PROCESS: Action.KILL_PROCESS,
}
_ARCHES: Final[Mapping[int, Arch]] = {number: arch for arch, number in AUDIT_ARCHES.items() if arch != X32}


class AuditSource:
    """A ``Source``; raises what ``AuditStream`` does."""

    name = "audit"

    def __init__(self) -> None:
        self._stream = AuditStream()
        self._lost = 0

    def files(self) -> tuple[int, ...]:
        """See ``Source``."""
        return (self._stream.fileno(),)

    def read(self) -> Batch:
        """See ``Source``."""
        refusals = tuple(found for record in self._stream.read(0) for found in refusal_of(record))
        lost, self._lost = max(self._stream.lost - self._lost, 0), self._stream.lost
        return Batch(refusals, lost)

    def close(self) -> None:
        """See ``Source``."""
        self._stream.close()


def refusal_of(record: SeccompRecord) -> Iterator[Refusal]:
    """A record as a refusal; nothing for an architecture or an action that we do not know."""
    arch, action = _ARCHES.get(record.arch), _ACTIONS.get(record.code & 0xFFFF0000)
    if arch is not None and action is not None:
        arch = X32 if record.call & X32_BIT else arch
        yield Refusal(record.pid, record.comm, arch, record.call, action)
