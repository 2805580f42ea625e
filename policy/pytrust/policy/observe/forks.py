"""Which process made which: the kernel's process connector, as far as it is there (CONFIG_PROC_EVENTS, CAP_NET_ADMIN).

A program that runs for a millisecond is gone before anybody can look up its control group. Its mother is known here.
The form is that of ``linux/cn_proc.h``; events of threads, and those that are not forks, are left out.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from pytrust.trust.limits import AUDIT_RECORD_MAX_BYTES, FORKS_BUFFER_BYTES

_NETLINK_CONNECTOR: Final = 11
_RCVBUFFORCE: Final = 33
_LISTEN: Final = 1
_IGNORE: Final = 2
_FORK: Final = 1
_DONE: Final = 3  # NLMSG_DONE, as connectors write it
_ASK: Final = struct.Struct("=IHHII IIIIHH I")  # nlmsghdr; cn_msg: idx, val, seq, ack, len, flags; what is asked
_EVENT: Final = struct.Struct("=16x20x II Q IIII")  # what, processor, nanoseconds; parent and child: thread, process


def parse_fork(message: bytes) -> tuple[int, int] | None:
    """The new process and its mother, by their ids on this host; None for any other event."""
    if len(message) < _EVENT.size:
        return None
    what, _, _, _, mother, thread, child = _EVENT.unpack_from(message)
    return (child, mother) if what == _FORK and thread == child else None


class ForkStream:
    """Forks as they happen; tells nothing, and does no harm, where the kernel has no such thing."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._gap = False
        with suppress(OSError):
            self._socket = _listening()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            with suppress(OSError):
                _ask(self._socket, _IGNORE)
            self._socket.close()

    @property
    def whole(self) -> bool:
        """Every fork since it was made was told: a process without one is older."""
        return self._socket is not None and not self._gap

    def read(self) -> list[tuple[int, int]]:
        """What has come: new processes and their mothers."""
        found: list[tuple[int, int]] = []
        while self._socket is not None:
            try:
                event = parse_fork(self._socket.recv(AUDIT_RECORD_MAX_BYTES))
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS
                self._gap = True
                continue
            found += [event] if event else []
        return found


def _listening() -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    made = socket.socket(socket.AF_NETLINK, kind, _NETLINK_CONNECTOR)
    try:
        with suppress(PermissionError):
            made.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, FORKS_BUFFER_BYTES)
        made.bind((0, 1))
        _ask(made, _LISTEN)
    except OSError:
        made.close()
        raise
    return made


def _ask(made: socket.socket, what: int) -> None:
    body = 24  # cn_msg and its one word
    made.send(_ASK.pack(16 + body, _DONE, 0, 0, os.getpid(), 1, 1, 0, 0, 4, 0, what))
