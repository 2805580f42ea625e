"""Times as Go writes them: RFC 3339 with up to nine digits after the second, in any zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
_MICROSECOND_DIGITS: Final = 6


def parse_time(text: object) -> datetime:
    """The moment in UTC, cut to microseconds; raises ``ValueError`` for any other spelling."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{str(text)[:60]!r} is not a time")
    second, fraction, zone = found.groups()
    digits = (fraction or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    try:
        return datetime.fromisoformat(f"{second}.{digits}{'+00:00' if zone == 'Z' else zone}").astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{second} is out of range") from error


def format_time(moment: datetime) -> str:
    """``moment`` in UTC without trailing zeros, as Go's time.RFC3339Nano."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text.rstrip('0').rstrip('.')}Z"
