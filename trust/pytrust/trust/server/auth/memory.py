"""Passwords that fitted some minutes ago: never the passwords, but what only this process can compute of them. Pure.

The mark of the account goes into it, so that what was remembered is worth nothing when the line of the file changes.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import NewType

from pytrust.trust.limits import PASSWORD_MEMORY, PASSWORDS_REMEMBERED

Trace = NewType("Trace", bytes)


class Memory:
    """For one thread at a time. ``secret``: 32 fresh random bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._until: OrderedDict[Trace, float] = OrderedDict()

    def trace(self, user: str, password: str, mark: str) -> Trace:
        """What a password is remembered by."""
        parts = (part.encode() for part in (user, mark, password))
        said = b"".join(len(part).to_bytes(4) + part for part in parts)
        return Trace(hmac.digest(self._secret, said, "sha256"))

    def holds(self, trace: Trace, now: float) -> bool:
        """Whether it fitted not long ago. ``now``: seconds, monotonic."""
        return self._until.get(trace, 0.0) > now

    def keep(self, trace: Trace, now: float) -> None:
        """It fitted now."""
        self._until[trace] = now + PASSWORD_MEMORY
        self._until.move_to_end(trace)
        if len(self._until) > PASSWORDS_REMEMBERED:
            self._until.popitem(last=False)
