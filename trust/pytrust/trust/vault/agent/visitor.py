"""Who is at the other end of a unix socket: what the kernel says, unix(7)."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final, NamedTuple

from pytrust.trust.vault.callers import Peer

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h, Linux 4.13; Python has no name for it
_GROUPS_MAX_BYTES: Final = 1024  # the most that Python takes: 256 groups
_NOBODY: Final = 0xFFFFFFFF


class Visitor(NamedTuple):
    """A process, as it was when it connected; ``owner``: it may do everything."""

    uid: int
    gids: frozenset[int]
    owner: bool

    @property
    def peer(self) -> Peer:
        """The same, for the desk."""
        return Peer(self.uid, self.gids)


def visitor(sock: socket.socket) -> Visitor:
    """Whoever connected; the owner is the user of this process, and root."""
    _, uid, gid = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    uid, gid = uid & _NOBODY, gid & _NOBODY
    return Visitor(uid, frozenset({gid, *_groups(sock)}), owner=uid in {0, os.geteuid()})


def _groups(sock: socket.socket) -> tuple[int, ...]:
    """Supplementary groups; none where there are more than can be read, which only takes rights away."""
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_MAX_BYTES)
    except OSError:
        return ()
    return struct.unpack(f"{len(data) // 4}I", data)
