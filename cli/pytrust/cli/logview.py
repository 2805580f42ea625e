"""Journal entries as rows and documents, and which of them are wanted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from pytrust.policy.core.decision import Allow, Deny
from pytrust.policy.core.facts import Container
from pytrust.policy.core.request import Create, Image, Named, Pull, TagImage
from pytrust.policy.describe import describe
from pytrust.policy.journal import Decided, Entry, Event, Stored, Verified
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.pins import matches

HEADERS: Final = ("SEQ", "TIME (UTC)", "CALLER", "VERDICT", "WHAT", "WHY")
_WIDTH: Final = 100  # characters of one column; the whole of it is in --json
_ID: Final = re.compile(r"(?<![0-9a-f:])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")  # of a container, as docker shows it
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")


class Wanted(NamedTuple):
    """Which entries: since when, only denials, only what concerns images of this name pattern."""

    since: datetime | None = None
    denied: bool = False
    image: str | None = None

    def fits(self, entry: Entry) -> bool:
        """Whether an entry is wanted; events are not denied, and concern no image."""
        if self.denied and verdict(entry) not in {"denied", "would deny"}:
            return False
        return self.image is None or any(_named(self.image, ref) for ref in _refs(entry))


def parse_since(text: str, now: datetime) -> datetime:
    """Read ``90s``, ``30m``, ``1h``, ``2d``, ``1w``, or a date and time of ISO 8601 (UTC unless it says otherwise).

    Raises:
        UsageError: it is neither.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text[:60]!r} is no time", hint="write 30m, 1h, 2d, or 2026-11-23T20:00 (UTC)") from None


def verdict(entry: Entry) -> str:
    """``allowed``, ``denied``, ``would deny`` (learning mode), or nothing for an event."""
    if isinstance(entry, Event):
        return ""
    if isinstance(entry.decision, Deny):
        return "denied"
    return "would deny" if entry.decision.overruled else "allowed"


def row(stored: Stored) -> tuple[str, ...]:
    """One entry under ``HEADERS``."""
    entry = stored.entry
    caller = entry.caller if isinstance(entry, Decided) else ""
    cells = (_moment(entry.at), caller, verdict(entry), _what(entry), _why(entry))
    return (str(stored.seq), *map(_short, cells))


def document(stored: Stored) -> dict[str, Any]:
    """One entry in full."""
    return {
        "seq": stored.seq,
        "hash": hash_text(stored.hash),
        "summary": _what(stored.entry),
        "verdict": verdict(stored.entry) or None,
        "entry": msgspec.to_builtins(stored.entry),
    }


def verified_document(found: Verified) -> dict[str, Any]:
    """A journal that is whole."""
    return {"entries": found.entries, "first": found.first, "last": found.last, "head": hash_text(found.head)}


def hash_text(value: bytes) -> str:
    """``sha256:`` and hex digits."""
    return str(Digest(value.hex()))


def _what(entry: Entry) -> str:
    return describe(entry.request) if isinstance(entry, Decided) else entry.what


def _why(entry: Entry) -> str:
    if isinstance(entry, Event):
        return entry.text
    decision = entry.decision
    reasons = decision.reasons if isinstance(decision, Deny) else decision.overruled
    return "; ".join(reason.text for reason in reasons)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _short(text: str) -> str:
    text = _ID.sub(r"\1", text)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _named(pattern: str, ref: ImageRef) -> bool:
    return matches(pattern, ref.collection) or matches(pattern, str(ref))


def _refs(entry: Entry) -> Iterator[ImageRef]:
    """The images that a decision is about: asked for, sent on, or those that the container was made from."""
    if isinstance(entry, Event):
        return
    match entry.request:
        case Pull(ref=ref) | TagImage(target=ref):
            yield ref
        case Create(image=image, mounts=mounts):
            yield from _by_name(image, *mounts)
    if isinstance(entry.decision, Allow):
        yield from (pin.ref for pin in entry.decision.pins)
    for _, fact in entry.known:
        if isinstance(fact, Container) and fact.admission is not None:
            yield fact.admission.ref


def _by_name(*images: Image) -> Iterator[ImageRef]:
    return (image.ref for image in images if isinstance(image, Named))
