"""When a host that was enrolled has to do what. Pure.

A certificate is due at the moment that its authority chose (a random point at 50-80 % of its life), and at once when
the authority signs with another CA, or with the same one in another chain: that is how a rotation reaches hosts. A
client comes as well when there are other roots, since that is how its authority knows that it has them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from pytrust.trust.errors import Damaged
from pytrust.trust.pki.enrol.words import Issuers, etag

LOOK_EVERY: Final = timedelta(minutes=1)  # how old a revocation list on an engine's host gets
_FIRST_RETRY: Final = timedelta(seconds=5)
_LAST_RETRY: Final = timedelta(minutes=15)
_TRIES_IN_TIME_LEFT: Final = 10  # however short a certificate lives, its authority is asked that often before the end
_SPREAD: Final = 0.2  # a fleet that was cut off together does not come back together
_LEAF_END: Final = b"-----END CERTIFICATE-----\n"
RECORD_MAX_BYTES: Final = 256 * 1024


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a host remembers of its enrolment, beside the folder's own files.

    ``server``: where the authority is asked, ``HOST:PORT``; ``roots``: PEM; ``renew_at``: seconds since 1970.
    """

    server: str
    kind: Literal["client", "server"]
    name: str
    roots: str
    renew_at: int


def read_record(data: bytes, what: str) -> Record:
    """Read what ``encode_record`` wrote; raises ``Damaged``."""
    try:
        return msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Damaged(f"{what} is not what pytrust ca request wrote", hint="enrol again, with a new token") from error


def encode_record(record: Record) -> bytes:
    """The record as a file."""
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"


def is_due(record: Record, cert_pem: bytes, roots: str, issuers: Issuers, now: datetime) -> bool:
    """Whether a certificate is to be renewed now.

    Args:
        record: what is remembered.
        cert_pem: leaf and chain, as the authority gave them.
        roots: those of this moment, PEM.
        issuers: who signs at this moment.
        now: the time.
    """
    if now.timestamp() >= record.renew_at or (record.kind == "client" and roots != record.roots):
        return True
    links = cert_pem.partition(_LEAF_END)[2]
    return etag(links) != (issuers.server if record.kind == "server" else issuers.client)


def pause(failures: int, left: timedelta, chance: float) -> timedelta:
    """How long to wait before the next look.

    Args:
        failures: looks in a row that failed.
        left: until the next certificate is due, or ends where it is due already and cannot be had.
        chance: 0 to 1, drawn anew each time.
    """
    usual = LOOK_EVERY if not failures else min(_LAST_RETRY, _FIRST_RETRY * 2 ** min(failures - 1, 16))
    spread = usual * (1 - _SPREAD + 2 * _SPREAD * chance)
    soon = max(left / _TRIES_IN_TIME_LEFT if failures else left, _FIRST_RETRY)
    return min(spread, soon)
