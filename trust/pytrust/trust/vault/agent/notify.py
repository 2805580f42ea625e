"""Tells systemd how a service is: sd_notify(3), the protocol of ``NOTIFY_SOCKET``."""

from __future__ import annotations

import socket
from contextlib import suppress


def notify(address: str | None, state: str) -> None:
    """Send ``state``, such as ``READY=1``; nothing happens where nobody wants to know."""
    if not address or address[0] not in "/@":
        return
    place = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock, suppress(OSError):
        sock.connect(place)
        sock.sendall(state.encode())
