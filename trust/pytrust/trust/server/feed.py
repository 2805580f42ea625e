"""The changefeed: its parameters, and its JSON. Pure.

Source: Notary v1, ``server/handlers/changefeed.go`` and ``server/storage/sqldb.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from pytrust.trust.canonical import encode_json
from pytrust.trust.limits import CHANGES_DEFAULT, CHANGES_MAX, QUERY_MAX_BYTES
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.store.interface import Change

_FIELDS_MAX: Final = 16
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")


class Window(NamedTuple):
    """Which entries: see ``Backend.changes``."""

    change_id: int
    records: int


def parse_window(query: bytes) -> Window:
    """Read ``change_id`` and ``records``; raises ``Refusal``.

    ``records`` must be there; 0 means 100. Either of them below 0 reads backwards, from the newest where ``change_id``
    is not above 0.
    """
    found = _fields(query)
    change_id = _integer(found, "change_id", "0")
    records = _integer(found, "records", "")
    count = min(abs(records) or CHANGES_DEFAULT, CHANGES_MAX)
    if change_id >= 0 and records >= 0:
        return Window(change_id, count)
    return Window(change_id if change_id > 0 else -1, -count)


def encode_changes(changes: Iterable[Change]) -> bytes:
    """The answer."""
    records = [_record(change) for change in changes]
    return encode_json({"count": len(records), "records": records})


def _record(change: Change) -> dict[str, object]:
    at = change.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return {
        "ID": str(change.id),
        "CreatedAt": f"{at}Z",
        "GUN": change.name,
        "Version": change.version,
        "SHA256": change.sha256,
        "Category": "deletion" if change.deletion else "update",
    }


def _fields(query: bytes) -> dict[str, list[str]]:
    try:
        text = query[: QUERY_MAX_BYTES + 1].decode("ascii")
        found = parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise Refusal(Code.INVALID_PARAMETERS, "the query is no query") from error
    if len(query) > QUERY_MAX_BYTES:
        raise Refusal(Code.INVALID_PARAMETERS, f"the query is longer than {QUERY_MAX_BYTES} bytes")
    return found


def _integer(fields: dict[str, list[str]], name: str, default: str) -> int:
    values = fields.get(name, [default])
    if len(values) != 1 or not _INTEGER.fullmatch(values[0] or default):
        raise Refusal(Code.INVALID_PARAMETERS, f"{name} is not one whole number")
    return int(values[0] or default)
