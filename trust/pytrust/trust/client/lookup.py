"""Looking up what is trusted: pins, cache, clock and lock around a refresh, whatever the format.

with the collection's lock held:
what this host knows ─> unchanged at the source? ─> the answer of last time (same process)
└> refresh and verify       ─> kept in one file, whole or not at all
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple, Protocol

from pytrust.trust.client.cache import Bundle, Cache, check_clock, outdated
from pytrust.trust.client.look import Circumstances, Look, Refreshed
from pytrust.trust.client.source import CacheSource, Source
from pytrust.trust.client.trusted import Trusted, Verified, verify
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import ExpiredCache
from pytrust.trust.files import locked
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE, LOCK_TIMEOUT, OFFLINE_MAX_AGE
from pytrust.trust.names import CollectionName, ImageRef
from pytrust.trust.pins import Pin, find_pin


class Client(Protocol):
    """Whoever answers for collections."""

    def open(self, name: CollectionName, deadline: Deadline | None = None) -> Trusted:
        """The collection as it is now.

        Raises:
            Unsigned: nobody has published anything under this name.
            Refused: what is served is forged, rolled back, mixed or stale.
            Unknown: the source cannot be reached, or (offline) the cache is too old.
            Unsound: the cache is damaged, or the clock was set back.
        """

    def verify(self, refs: Iterable[ImageRef], deadline: Deadline | None = None) -> list[Verified]:
        """Answer for references of one or more collections; raises what ``open`` and ``trusted.verify`` do."""


Open = Callable[[CollectionName, Deadline | None], Trusted]


def verify_all(open_: Open, refs: Iterable[ImageRef], deadline: Deadline | None) -> list[Verified]:
    """Answer for references, opening each collection once."""
    opened: dict[CollectionName, Trusted] = {}
    for ref in (wanted := list(refs)):
        opened[ref.collection] = opened.get(ref.collection) or open_(ref.collection, deadline)
    return [verify(opened[ref.collection], ref) for ref in wanted]


class _Remembered(NamedTuple):
    """What this process verified, and the exact bytes that it verified."""

    bundle: Bundle
    trusted: Trusted


class Lookups(ABC):
    """Answers for collections from one source.

    Args:
        source: where metadata is served; None works offline, from the cache alone.
        cache: what this host knows.
        pins: where trust starts.
        now: the clock, UTC.
    """

    prefix: ClassVar[str] = ""
    """What stands before the names of this format's files when a source is asked."""

    def __init__(
        self, source: Source | None, cache: Cache, pins: Sequence[Pin], *, now: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._cache = cache
        self._pins = pins
        self._now = now
        self._remembered: dict[CollectionName, _Remembered] = {}

    def open(self, name: CollectionName, deadline: Deadline | None = None) -> Trusted:
        """See ``Client``."""
        deadline = deadline or Deadline(DEADLINE)
        pin, now = find_pin(self._pins, name), self._now()
        with locked(self._cache.lock_path(name), timeout=LOCK_TIMEOUT):
            known = self._cache.load(name)
            check_clock(known, now)
            source = self._source or _offline(name, known, now)
            when = Circumstances(now, known.refreshed if self._source is None else now, self._source is None)
            look = Look(name, pin, known, source, when, deadline)
            if (trusted := self._unchanged(look)) is None:
                result = self._refresh(look)
                known, trusted = self._keep(look, result.files), result.trusted
                self._remembered[name] = _Remembered(known, trusted)
            return trusted

    def knows(self, name: CollectionName) -> bool:
        """Whether this host has verified the collection before, in this format."""
        return self._cache.holds(name)

    def verify(self, refs: Iterable[ImageRef], deadline: Deadline | None = None) -> list[Verified]:
        """See ``Client``."""
        return verify_all(self.open, refs, deadline)

    @abstractmethod
    def _refresh(self, look: Look) -> Refreshed:
        """Bring what is known up to date, and verify all of it."""

    def _unchanged(self, look: Look) -> Trusted | None:
        """What this process verified before, while its bytes, the source and the time allow it."""
        held, files = self._remembered.get(look.name), look.known.files
        if held is None or held.bundle.files != files or held.trusted.silent:
            return None
        next_root = f"{held.trusted.versions[ROOT] + 1}.root.json"
        if look.fetch(f"{self.prefix}timestamp.json") != files["timestamp.json"]:
            return None
        if look.fetch(f"{self.prefix}{next_root}") is not None or min(held.trusted.expiries.values()) <= look.when.now:
            return None
        self._keep(look, dict(files))
        return held.trusted._replace(refreshed=look.when.refreshed, offline=look.when.offline)

    def _keep(self, look: Look, files: dict[str, bytes]) -> Bundle:
        learned = Bundle(files, look.when.refreshed, max(look.when.now, look.known.greatest_time))
        if not outdated(look.known, learned):
            return look.known
        self._cache.save(look.name, learned)
        return learned


def _offline(name: CollectionName, known: Bundle, now: datetime) -> Source:
    if not known.files:
        raise ExpiredCache(f"nothing is known of {name}, and this is offline", hint="verify it online once")
    age = now - known.refreshed
    if age > OFFLINE_MAX_AGE:
        raise ExpiredCache(
            f"the last look at {name} lies {age.days} days back; offline, {OFFLINE_MAX_AGE.days} are allowed",
            hint="verify it online once",
        )
    return CacheSource(known.files)
