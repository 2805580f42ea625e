"""The kernel's audit stream, read without being its daemon: NETLINK_AUDIT's multicast group (CAP_AUDIT_READ).

Nothing is lost without being counted. A record that found the socket full is ENOBUFS and a gap in the serial numbers;
one that the kernel dropped before it had a number (its backlog or rate limit) is in the kernel's own count of the lost
(AUDIT_GET). Serial numbers are given before records are queued, so that they arrive out of order by a few, or late
where whoever makes one loses the processor; a number is missing when it does not come in time. The kernel log, with its
own rate limit, plays no part.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final, NamedTuple, Self

from pytrust.policy.observe.audit_records import AUDIT_SECCOMP, SeccompRecord, parse_seccomp, parse_stamp
from pytrust.trust.errors import AccessDenied, BadContent, NotSetUp, PytrustError, TooSlow
from pytrust.trust.limits import (
    AUDIT_ANSWER_TIMEOUT,
    AUDIT_BUFFER_BYTES,
    AUDIT_GAP_MAX,
    AUDIT_LATE_TIMEOUT,
    AUDIT_RECORD_MAX_BYTES,
)

_NETLINK_AUDIT: Final = 9
_GROUP_READLOG: Final = 1
_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_RCVBUFFORCE: Final = 33
_AUDIT_GET: Final = 1000
_NLM_REQUEST: Final = 1
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_STATUS: Final = struct.Struct(
    "=8I"
)  # audit_status: mask, enabled, failure, pid, rate_limit, backlog_limit, lost, backlog
_NLMSG_ERROR: Final = 2
_FIRST_EVENT: Final = 1100  # smaller types are answers
_SETTLED: Final = 0.03  # seconds: what the kernel's thread needs to hand over the last record
_AT_ONCE: Final = 4096  # records between two looks at the clock


Message = tuple[int, bytes]
"""Type and body of what the kernel sent."""


class Status(NamedTuple):
    """The kernel's own account: records dropped since it began, and those still in its queue."""

    lost: int
    backlog: int


class Serials:
    """Which serial numbers have not come."""

    def __init__(self) -> None:
        self._next = 0
        self._missing: set[int] = set()
        self.gone = 0

    def see(self, serial: int) -> None:
        """Count one; numbers between the greatest so far and this one are awaited."""
        if serial < self._next:
            self._missing.discard(serial)
        elif self._next and serial - self._next > AUDIT_GAP_MAX:
            self.gone += serial - self._next
            self._next = serial + 1
        else:
            self._missing.update(range(self._next or serial, serial))
            self._next = serial + 1

    @property
    def lost(self) -> int:
        """How many are missing."""
        return self.gone + len(self._missing)


class AuditStream:
    """Records of seccomp as they are made, by all processes of this host. Close it, or use it with ``with``.

    Raises:
        NotSetUp: this kernel has no audit system.
        AccessDenied: we may not read it.
    """

    def __init__(self) -> None:
        self._socket = _open()
        self._serials = Serials()
        self._overruns = 0
        self._unreadable = 0
        self.records = 0
        try:
            self._before = self._status().lost
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_READLOG)
        except PermissionError as error:
            self.close()
            raise _denied() from error
        except PytrustError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """For ``select``."""
        return self._socket.fileno()

    def close(self) -> None:
        """No more records."""
        self._socket.close()

    @property
    def lost(self) -> int:
        """Records that were made and did not arrive, or could not be read; final after ``settle``."""
        return self._unreadable + max(self._serials.lost, self._overruns)

    def read(self, timeout: float) -> list[SeccompRecord]:
        """What has come; waits for it up to ``timeout`` seconds."""
        return self.parsed(self.take(timeout))

    def take(self, timeout: float) -> list[Message]:
        """The same, unread, for those who have no time now: ``parsed`` has to see all of it."""
        if not _readable(self._socket, timeout):
            return []
        found: list[Message] = []
        while len(found) < _AT_ONCE and (message := self._receive()) is not None:
            found.append(message)
        return found

    def parsed(self, messages: Iterable[Message]) -> list[SeccompRecord]:
        """The records of messages in the order in which they came."""
        return [record for kind, text in messages for record in self._taken(kind, text)]

    def settle(self) -> list[SeccompRecord]:
        """What the kernel has made up to now, to the last record; then the count of the lost is final.

        Raises:
            TooSlow: the kernel's queue does not run empty.
        """
        found, end = self.read(0), time.monotonic() + AUDIT_ANSWER_TIMEOUT
        while (status := self._ask(found)).backlog:
            found += self.read(_SETTLED)
            if time.monotonic() > end:
                raise TooSlow("the kernel's audit queue does not run empty", hint="is a console slow, or auditd stuck?")
        found += self._late()
        self._overruns = max(self._overruns, status.lost - self._before)
        return found

    def _late(self) -> list[SeccompRecord]:
        """What is still on its way: who was given a number may be made to wait before the record is queued."""
        found, end = self.read(_SETTLED), time.monotonic() + AUDIT_LATE_TIMEOUT
        while self._serials.lost and time.monotonic() < end:
            found += self.read(_SETTLED)
        return found + self.read(_SETTLED)

    def _status(self) -> Status:
        return self._ask([])

    def _ask(self, found: list[SeccompRecord]) -> Status:
        """The kernel's account; records that come before the answer are added to ``found``."""
        self._socket.send(_HEADER.pack(_HEADER.size, _AUDIT_GET, _NLM_REQUEST, 1, 0))
        end = time.monotonic() + AUDIT_ANSWER_TIMEOUT
        while _readable(self._socket, end - time.monotonic()):
            while (message := self._receive()) is not None:
                kind, text = message
                if kind == _AUDIT_GET:
                    words = _STATUS.unpack_from(text)
                    return Status(lost=words[6], backlog=words[7])
                found += self._taken(kind, text)
        raise TooSlow("the kernel does not tell the state of its audit system")

    def _receive(self) -> Message | None:
        """Type and body of the next message; None if there is none now."""
        try:
            data = self._socket.recv(AUDIT_RECORD_MAX_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._overruns += 1
            return 0, b""
        kind, body = _HEADER.unpack_from(data)[1], data[_HEADER.size :]
        if kind == _NLMSG_ERROR:
            _raise_error(body)
        return kind, body

    def _taken(self, kind: int, text: bytes) -> list[SeccompRecord]:
        if kind < _FIRST_EVENT:
            return []
        try:
            self._serials.see(parse_stamp(text).serial)
            if kind != AUDIT_SECCOMP:
                return []
            record = parse_seccomp(text)
        except BadContent:
            self._unreadable += 1
            return []
        self.records += 1
        return [record]


def _open() -> socket.socket:
    try:
        made = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _NETLINK_AUDIT
        )
    except OSError as error:
        raise NotSetUp("this kernel has no audit system", hint="another recorder is chosen by itself") from error
    with suppress(PermissionError):  # then the usual size has to do; what does not fit is counted
        made.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, AUDIT_BUFFER_BYTES)
    return made


def _readable(file: socket.socket, timeout: float) -> bool:
    return bool(select.select([file], [], [], max(timeout, 0))[0])


def _raise_error(body: bytes) -> None:
    """An answer of the kernel that is no; zero is an acknowledgement."""
    code = -struct.unpack_from("=i", body)[0]
    if code in {errno.EPERM, errno.EACCES, errno.ECONNREFUSED}:
        raise _denied()
    if code:
        raise NotSetUp(f"the kernel's audit system refuses: {os.strerror(code).lower()}")


def _denied() -> AccessDenied:
    return AccessDenied("the kernel's audit stream may not be read", hint="run as root, outside of containers")
