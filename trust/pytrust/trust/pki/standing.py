"""Whether a client's certificate is good at this moment: issued by a CA that counts, in its time, not withdrawn. Pure.

dockerd never asks the last question (pki reference, 3.2), so the proxy and the authorization plugin do, at every
request. No list, or one whose time is over, means no: revocation that cannot be checked is not enforced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a certificate says its holder is; ``common_name`` and ``uris`` as they stand in it, of any authority."""

    common_name: str
    uris: tuple[str, ...]
    serial: int

    def __str__(self) -> str:
        return self.common_name or next(iter(self.uris), "") or "unnamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """It counts, until ``until`` at the latest (its end, its CA's end, or the end of the list's time)."""

    identity: Identity
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """It does not count; ``text`` and ``hint`` say why and what to do, ``code`` is stable: ``revoked``, ``expired``,
    ``not-yet-valid``, ``unknown-issuer``, ``wrong-purpose``, ``no-revocation-list``, ``stale-revocation-list``,
    ``malformed``.
    """

    code: str
    text: str
    hint: str
    identity: Identity | None = None


Standing = Good | Bad
