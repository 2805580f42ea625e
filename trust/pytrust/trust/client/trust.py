"""Looking up what is trusted: pins, cache, clock and lock around a refresh.

    with the collection's lock held:
        what this host knows ─> unchanged at the source? ─> the answer of last time (same process)
                             └> refresh and verify       ─> kept in one file, whole or not at all

Around python-tuf's client stands what it leaves open: a total deadline, one lock per collection, an offline mode with
bounded staleness, the greatest time seen, pins instead of trust on first use, and strict reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from pytrust.trust.anchor import covers, require_anchor
from pytrust.trust.client.cache import Bundle, Cache, check_clock, outdated
from pytrust.trust.client.refresh import Circumstances, nothing_signed, refresh
from pytrust.trust.client.source import Bridge, CacheSource, Source
from pytrust.trust.client.trusted import Trusted, Verified, verify
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import ExpiredCache
from pytrust.trust.files import locked
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE, LOCK_TIMEOUT, OFFLINE_MAX_AGE, ROOT_ROTATIONS_MAX
from pytrust.trust.names import CollectionName, ImageRef
from pytrust.trust.pins import Pin, find_pin


class _Remembered(NamedTuple):
    """What this process verified, and the exact bytes that it verified."""

    bundle: Bundle
    trusted: Trusted


class TrustClient:
    """Answers for collections from one source.

    Args:
        source: where metadata is served; None works offline, from the cache alone.
        cache: what this host knows.
        pins: where trust starts.
        now: the clock, UTC.
    """

    def __init__(
        self, source: Source | None, cache: Cache, pins: Sequence[Pin], *, now: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._cache = cache
        self._pins = pins
        self._now = now
        self._remembered: dict[CollectionName, _Remembered] = {}

    def open(self, name: CollectionName, deadline: Deadline | None = None) -> Trusted:
        """The collection as it is now.

        Raises:
            Unsigned: nobody has published anything under this name.
            Refused: what is served is forged, rolled back, mixed or stale.
            Unknown: the source cannot be reached, or (offline) the cache is too old.
            Unsound: the cache is damaged, or the clock was set back.
        """
        deadline = deadline or Deadline(DEADLINE)
        pin, now = find_pin(self._pins, name), self._now()
        with locked(self._cache.lock_path(name), timeout=LOCK_TIMEOUT):
            known = self._cache.load(name)
            check_clock(known, now)
            source = self._source or _offline(name, known, now)
            when = Circumstances(now, known.refreshed if self._source is None else now, self._source is None)
            if (trusted := self._unchanged(name, known, source, when, deadline)) is None:
                anchor = _anchor(name, pin, known, source, deadline)
                result = refresh(name, anchor, dict(known.files), Bridge(source, name, deadline), when)
                known, trusted = self._keep(name, known, result.files, when), result.trusted
                self._remembered[name] = _Remembered(known, trusted)
            return trusted

    def verify(self, refs: Iterable[ImageRef], deadline: Deadline | None = None) -> list[Verified]:
        """Answer for references of one or more collections; raises what ``open`` and ``trusted.verify`` do."""
        opened: dict[CollectionName, Trusted] = {}
        for ref in (wanted := list(refs)):
            opened[ref.collection] = opened.get(ref.collection) or self.open(ref.collection, deadline)
        return [verify(opened[ref.collection], ref) for ref in wanted]

    def _unchanged(
        self, name: CollectionName, known: Bundle, source: Source, when: Circumstances, deadline: Deadline
    ) -> Trusted | None:
        """What this process verified before, while its bytes, the source and the time allow it."""
        held = self._remembered.get(name)
        if held is None or held.bundle.files != known.files:
            return None
        next_root = f"{held.trusted.versions[ROOT] + 1}.root.json"
        if source.fetch(name, "timestamp.json", deadline) != known.files["timestamp.json"]:
            return None
        if source.fetch(name, next_root, deadline) is not None or min(held.trusted.expiries.values()) <= when.now:
            return None
        self._keep(name, known, dict(known.files), when)
        return held.trusted._replace(refreshed=when.refreshed, offline=when.offline)

    def _keep(self, name: CollectionName, known: Bundle, files: dict[str, bytes], when: Circumstances) -> Bundle:
        learned = Bundle(files, when.refreshed, max(when.now, known.greatest_time))
        if not outdated(known, learned):
            return known
        self._cache.save(name, learned)
        return learned


def _anchor(name: CollectionName, pin: Pin, known: Bundle, source: Source, deadline: Deadline) -> bytes:
    """A root that the pin covers: from what is known, else the first that the source has."""
    roots = known.roots
    if not any(covers(pin, name, root) for root in roots):
        roots = _fetch_roots(name, pin, source, deadline)
    return roots[require_anchor(pin, name, roots)]


def _fetch_roots(name: CollectionName, pin: Pin, source: Source, deadline: Deadline) -> list[bytes]:
    roots: list[bytes] = []
    while len(roots) < ROOT_ROTATIONS_MAX and not (roots and covers(pin, name, roots[-1])):
        data = source.fetch(name, f"{len(roots) + 1}.root.json", deadline)
        if data is None:
            break
        roots.append(data)
    if not roots:
        raise nothing_signed(name)
    return roots


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
