"""The socket that peers connect to: that it is ours alone, and what is set on it for every connection.

The server library makes the socket, and sets no time in which an answer has to be read: a peer that reads nothing would
hold its place for ever. TCP has such a time (RFC 5482), and on Linux a connection takes it from the socket that it was
accepted from. So the socket is looked for among the descriptors of the process, and set.
"""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from contextlib import suppress
from typing import Final

from pytrust.trust.errors import Busy
from pytrust.trust.limits import CONNECTIONS_MAX, UNREAD_TIMEOUT

_MILLI: Final = 1000
_LOOK_EVERY: Final = 0.1  # seconds
_LOOK_FOR: Final = 60.0  # seconds; a process listens within one
_FILES_BESIDE: Final = 256  # descriptors that are no connections


def check_free(host: str, port: int) -> None:
    """See that nobody listens there: the library shares its port, and a second server would take half of the requests.

    Raises:
        Busy: somebody does, or the address is not this host's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        why = f"cannot listen at {host}:{port}: {error.strerror}"
        raise Busy(why, hint="end who does, or listen elsewhere") from error


def allow_connections() -> None:
    """Let this process and its children have as many descriptors as connections, as far as the host allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def end_unread(port: int) -> None:
    """End connections of this process at ``port`` whose peers take nothing for a while; returns at once."""
    threading.Thread(target=_find_and_set, args=(port,), name="listener", daemon=True).start()


def _find_and_set(port: int) -> None:
    end = time.monotonic() + _LOOK_FOR
    while time.monotonic() < end and not _set(port):
        time.sleep(_LOOK_EVERY)


def _set(port: int) -> bool:
    """Whether the socket was there."""
    found = False
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getsockname()[1] == port:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_TIMEOUT * _MILLI))
                found = True
    return found
