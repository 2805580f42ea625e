"""Room in the kernel's audit queue while a container is recorded.

Whoever makes a record waits while the queue is full, and Linux lets 64 stand in it: a workload would run at the pace of
the kernel's thread that empties it. The limit is raised for as long as somebody records, and put back; where we may not
(CAP_AUDIT_CONTROL, or an audit system that is locked), nothing is lost, but recording is slower.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from pytrust.trust.limits import AUDIT_QUEUE_LENGTH, AUDIT_RECORD_MAX_BYTES

_NETLINK_AUDIT: Final = 9
_AUDIT_GET: Final = 1000
_AUDIT_SET: Final = 1001
_NLM_REQUEST: Final = 1
_BACKLOG_LIMIT: Final = 0x10  # AUDIT_STATUS_BACKLOG_LIMIT
_HEADER: Final = struct.Struct("=IHHII")
_STATUS: Final = struct.Struct("=10I")  # audit_status, up to the backlog's wait time
_LIMIT: Final = 5  # its place there
_PATIENCE: Final = 1.0  # seconds


@contextmanager
def room() -> Iterator[None]:
    """Raise the limit for the block; one that is larger, or none (0), stays."""
    before = None
    with suppress(OSError):
        before = _limit()
    raised = before is not None and 0 < before < AUDIT_QUEUE_LENGTH
    if raised:
        with suppress(OSError):
            _set(AUDIT_QUEUE_LENGTH)
    try:
        yield
    finally:
        if raised:
            with suppress(OSError):
                if before is not None and _limit() == AUDIT_QUEUE_LENGTH:  # else somebody else has set it meanwhile
                    _set(before)


def _limit() -> int | None:
    """What it is; None if the kernel does not say."""
    with _asked(_AUDIT_GET, b"") as line:
        while select.select([line], [], [], _PATIENCE)[0]:
            data = line.recv(AUDIT_RECORD_MAX_BYTES)
            if _HEADER.unpack_from(data)[1] == _AUDIT_GET:
                return int(struct.unpack_from("=8I", data, _HEADER.size)[_LIMIT])
    return None


def _set(limit: int) -> None:
    with _asked(_AUDIT_SET, _STATUS.pack(_BACKLOG_LIMIT, 0, 0, 0, 0, limit, 0, 0, 0, 0)):
        return


@contextmanager
def _asked(kind: int, body: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_AUDIT) as line:
        line.send(_HEADER.pack(_HEADER.size + len(body), kind, _NLM_REQUEST, 1, 0) + body)
        yield line
