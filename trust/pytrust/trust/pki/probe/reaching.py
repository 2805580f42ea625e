"""A TCP connection, or the reason why there is none: bounded in time, the resolver included."""

from __future__ import annotations

import errno
import socket
import threading
import time
from typing import Any, Final

from pytrust.trust.pki.probe.probed import Reach

_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_ADDRESSES_MAX: Final = 8  # of one name; each that is silent costs its share of the time

Address = tuple[socket.AddressFamily, Any]
"""A family, and what ``connect`` takes for it."""


class Unreached(Exception):
    """No TCP connection; ``str()`` is the system's reason."""

    def __init__(self, reach: Reach, text: str) -> None:
        super().__init__(text)
        self.reach = reach


def reach(host: str, port: int, end: float) -> tuple[Address, socket.socket]:
    """Connect to the first address of ``host`` that takes us, until ``end`` (monotonic seconds).

    Raises:
        Unreached: with the reason of the last address.
    """
    addresses = _resolve(host, port, end)
    last = Unreached(Reach.UNKNOWN_HOST, "the name has no address")
    for number, address in enumerate(addresses):
        share = (end - time.monotonic()) / (len(addresses) - number)
        try:
            return address, connect(address, time.monotonic() + share)
        except Unreached as unreached:
            last = unreached
    raise last


def connect(address: Address, end: float) -> socket.socket:
    """Connect to one address; raises ``Unreached``."""
    family, place = address
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.settimeout(max(end - time.monotonic(), 0.001))
        found.connect(place)
    except OSError as error:
        found.close()
        raise Unreached(_reason(error), error.strerror or "timed out") from error
    return found


def _reason(error: OSError) -> Reach:
    if isinstance(error, ConnectionRefusedError):
        return Reach.REFUSED
    return Reach.NO_ROUTE if error.errno in _NO_ROUTE else Reach.TIMED_OUT


def _resolve(host: str, port: int, end: float) -> list[Address]:
    """In a thread of its own: the system's resolver has no time-out that a caller could set."""
    found: list[Address] = []
    failed: list[str] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failed.append(getattr(error, "strerror", None) or str(error))
        else:
            found.extend((family, place) for family, _, _, _, place in rows[:_ADDRESSES_MAX])

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(end - time.monotonic(), 0.0))
    if not found:
        raise Unreached(Reach.UNKNOWN_HOST, failed[0].lower() if failed else "no answer from the resolver in time")
    return found
