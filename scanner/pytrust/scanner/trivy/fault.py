"""What is wrong with a report, and where; ``read`` makes a ``BadReport`` of it, which knows the file's name, too."""

from __future__ import annotations

import msgspec

from pytrust.scanner.limits import QUOTE_MAX_CHARS


class Fault(Exception):
    """``reason`` in words, ``place`` as a JSON path (``$.Results[0]``) or empty, ``hint`` where there is a way out."""

    def __init__(self, reason: str, place: str = "", *, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place
        self.hint = hint


def misfit(error: msgspec.MsgspecError, place: str) -> Fault:
    """What msgspec says of a part of the report, with the path from the top; it never quotes the report itself."""
    reason, _, within = str(error).partition(" - at `$")
    return Fault(f"{reason[:1].lower()}{reason[1:]}", f"{place}{within.rstrip('`')}")


def quoted(text: str) -> str:
    """Outside text, fit for a message: ASCII, quoted, not long."""
    return ascii(text) if len(text) <= QUOTE_MAX_CHARS else f"{text[:QUOTE_MAX_CHARS]!a}..."
