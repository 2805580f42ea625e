"""How long ago something was, as people say it."""

from __future__ import annotations

from datetime import datetime

from pytrust.scanner.gate.words import moment, span


def ago(then: datetime, now: datetime) -> str:
    """``30 h ago``, or ``in 4 d``."""
    return f"{span(now - then)} ago" if then <= now else f"in {span(then - now)}"


def moment_ago(at: datetime | None, now: datetime) -> str:
    """With the moment itself; ``not known`` where there is none."""
    return "not known" if at is None else f"{moment(at)}, {ago(at, now)}"
