"""How long ago something was, and how long it will last, as people say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_HOURS_UNTIL: Final = 2 * _DAY  # from here on days say enough


def span(length: timedelta) -> str:
    """``5 min``, ``30 h``, ``4 d``: rounded down; never negative."""
    length = abs(length)
    if length >= _HOURS_UNTIL:
        return f"{length // _DAY} d"
    return f"{length // _HOUR} h" if length >= _HOUR else f"{length // _MINUTE} min"


def ago(then: datetime, now: datetime) -> str:
    """``30 h ago``, or ``in 4 d``."""
    return f"{span(now - then)} ago" if then <= now else f"in {span(then - now)}"


def moment(at: datetime) -> str:
    """``2026-11-30 08:15 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def moment_ago(at: datetime | None, now: datetime) -> str:
    """Both; ``not known`` where there is no moment."""
    return "not known" if at is None else f"{moment(at)}, {ago(at, now)}"
