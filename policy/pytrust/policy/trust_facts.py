"""Is it signed? The answers of the trust client as facts, for many askers at once, while the source may be gone.

What the source does, and what becomes of what this host verified before (the cached state, which never outlives its
own expiry, nor ``OFFLINE_MAX_AGE`` since the source was last heard):

    silent, unreachable, failing, turning us away,       the cached state answers, ``Signed.offline``; who can forge
    a store that is gone or damaged; forged,             can as well cut the line, and must gain nothing by either.
    malformed or mixed metadata                          ``Signed.fallback`` says which of these it was
    metadata older than was seen (rollback)              refused: the source takes back what it said, and a state that
                                                         was put back must not go unnoticed behind a cache
    metadata whose time is over (stale)                  refused, from the second of its expiry on
    nothing is signed under the name, foreign root       refused: that is an answer, and no failure

A clock that was set back, a damaged cache or a cache that cannot be written is refused, too: both ways go through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from pytrust.policy.core.facts import Fact, NotSigned, Roots, Signed, TrustQuery, Unavailable
from pytrust.policy.engine.words import one_line
from pytrust.policy.outage import Sentinel
from pytrust.policy.threads import Threads
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.either import EitherClient, nowhere
from pytrust.trust.client.source import Source
from pytrust.trust.client.trusted import Trusted, verify
from pytrust.trust.errors import (
    AccessDenied,
    BadContent,
    BadMetadata,
    Busy,
    ExpiredCache,
    PytrustError,
    Rollback,
    Stale,
    Unknown,
    Unsigned,
    Unsound,
    UntrustedRoot,
)
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import CollectionName, ImageRef
from pytrust.trust.pins import Pin, matches

SOURCE_TIMEOUT: Final = DEADLINE / 2  # seconds for the source; what is left is for the cached state
THREADS_MAX: Final = 8  # verifications at once
FLIGHTS_MAX: Final = 1024  # collections in question at once; more than a host's clients ask for
KEPT_MAX: Final = 256  # collections that are not verified anew while their source stays as it is
KEPT_AGE: Final = timedelta(minutes=1)  # then they are, so that the time is remembered and damage noticed
CLIENTS_MAX: Final = 64  # sets of root keys; a policy names a handful

_INSTEAD = (Unknown, Unsound, BadMetadata, AccessDenied, BadContent)
_ANSWERS = (Unsigned, BadMetadata, Stale, UntrustedRoot)


class Opened(NamedTuple):
    """A collection, or why it cannot be trusted; ``trouble`` is why not the source, but the cache was believed."""

    outcome: Trusted | PytrustError
    trouble: PytrustError | None = None


class _Clients(NamedTuple):
    """Two ways to one cache, by one set of pins."""

    pins: Sequence[Pin]
    online: EitherClient
    offline: EitherClient

    def server(self, name: CollectionName) -> str | None:
        """Where a collection comes from, None for the host's own source."""
        return next((pin.server for pin in self.pins if matches(pin.match, name)), None)


class _Kept(NamedTuple):
    """What was verified when the source was at ``generation``."""

    generation: Hashable
    at: datetime
    opened: Opened


class TrustFacts:
    """Answers from ``source`` and ``cache``; ``pins`` are the host's own, ``now`` is the clock (UTC).

    Who asks for a collection while it is being verified gets the result of that verification. ``generation`` tells,
    without waiting, in which state the source is (None where that cannot be told): in the same state it says the same.
    ``elsewhere`` opens other servers, for the images that a rule or pin has from there; each has outages of its own.
    """

    def __init__(  # noqa: PLR0913 - a host's whole way to trust
        self,
        source: Source,
        cache: Cache,
        pins: Sequence[Pin],
        *,
        now: Callable[[], datetime],
        generation: Callable[[], Hashable] = lambda: None,
        elsewhere: Callable[[str], Source] = nowhere,
    ) -> None:
        self._generation = generation
        self._kept: dict[tuple[CollectionName, Roots | None], _Kept] = {}
        self._sources: dict[str | None, Sentinel] = {None: Sentinel(source)}
        self._elsewhere = elsewhere
        self._cache, self._pins, self._now = cache, pins, now
        self._threads = Threads(THREADS_MAX)
        self._clients: dict[Roots | None, _Clients] = {}
        self._flights: dict[tuple[CollectionName, Roots | None], asyncio.Task[Opened]] = {}

    async def answer(self, query: TrustQuery) -> Fact:
        """``Signed``, ``NotSigned`` or ``Unavailable``; raises ``Busy`` where too many collections are in question."""
        return fact_of(await self.collection(query.ref.collection, query.roots), query.ref)

    def at_once(self, query: TrustQuery) -> Fact | None:
        """The same, where it takes no looking up."""
        opened = self.kept_collection(query.ref.collection, query.roots)
        return None if opened is None else fact_of(opened, query.ref)

    async def collection(self, name: CollectionName, roots: Roots | None) -> Opened:
        """A whole collection; raises ``Busy`` where too many are in question."""
        if (kept := self.kept_collection(name, roots)) is not None:
            return kept
        at, generation = self._now(), self._state(name, roots)
        opened = await self._open(name, roots)
        self._keep(generation, (name, roots), at, opened)
        return opened

    def kept_collection(self, name: CollectionName, roots: Roots | None) -> Opened | None:
        """The same, where it takes no looking up."""
        return self._unchanged(self._state(name, roots), (name, roots))

    def _state(self, name: CollectionName, roots: Roots | None) -> Hashable:
        """The state of the source of a collection, None where that cannot be told: of other servers it never can."""
        return self._generation() if self._clients_for(roots).server(name) is None else None

    def _unchanged(self, generation: Hashable, key: tuple[CollectionName, Roots | None]) -> Opened | None:
        """What was verified a moment ago, while the source is in the same state and no time is over or turned back."""
        kept, now = self._kept.get(key), self._now()
        if kept is None or generation is None or kept.generation != generation:
            return None
        assert isinstance(kept.opened.outcome, Trusted)
        fresh = kept.at <= now < min(kept.at + KEPT_AGE, *kept.opened.outcome.expiries.values())
        return kept.opened if fresh else None

    def _keep(
        self, generation: Hashable, key: tuple[CollectionName, Roots | None], at: datetime, opened: Opened
    ) -> None:
        self._kept.pop(key, None)
        if generation is not None and opened.trouble is None and isinstance(opened.outcome, Trusted):
            while len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(generation, at, opened)

    async def _open(self, name: CollectionName, roots: Roots | None) -> Opened:
        key = (name, roots)
        if (flight := self._flights.get(key)) is None:
            if len(self._flights) >= FLIGHTS_MAX:
                raise Busy(f"{FLIGHTS_MAX} collections are being looked up already", hint="try again")
            work = partial(self._look_up, self._clients_for(roots), name)
            flight = self._flights[key] = asyncio.create_task(self._threads.run(work))
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    def _clients_for(self, roots: Roots | None) -> _Clients:
        if (clients := self._clients.get(roots)) is None:
            while len(self._clients) >= CLIENTS_MAX:
                del self._clients[next(iter(self._clients))]
            pins = self._pins if roots is None else [pin_of(roots)]
            online, offline = (
                EitherClient(way, self._cache, pins, now=self._now, elsewhere=self._source)
                for way in (self._sources[None], None)
            )
            clients = self._clients[roots] = _Clients(pins, online, offline)
        return clients

    def _source(self, server: str | None) -> Sentinel:
        if (source := self._sources.get(server)) is None:
            source = self._sources[server] = Sentinel(self._elsewhere(server or ""))
        return source

    def _look_up(self, clients: _Clients, name: CollectionName) -> Opened:
        """Ask the source, else the cache; runs on a thread."""
        trouble: PytrustError | None = None
        try:
            if (trouble := self._source(clients.server(name)).outage()) is None:
                return Opened(clients.online.open(name, Deadline(SOURCE_TIMEOUT)))
        except PytrustError as error:
            if not isinstance(error, _INSTEAD) or isinstance(error, Rollback):
                return Opened(error)
            trouble = error
        except OSError as error:
            return Opened(_full(error))
        try:
            return Opened(clients.offline.open(name, Deadline(SOURCE_TIMEOUT)), trouble)
        except PytrustError as error:
            return Opened(error, trouble)
        except OSError as error:
            return Opened(_full(error), trouble)


def pin_of(roots: Roots) -> Pin:
    """What a rule says, as the client takes it."""
    return Pin(
        "**",
        frozenset(roots.keys),
        roots.threshold,
        server=roots.server or None,
        form=roots.form,
        certificates=frozenset(roots.certificates),
        ca=roots.ca.encode(),
        first_use=roots.first_use,
    )


def fact_of(opened: Opened, ref: ImageRef) -> Fact:
    """What a collection says of one reference. Pure."""
    if isinstance(opened.outcome, PytrustError):
        return _refusal(opened.outcome, opened.trouble)
    try:
        found = verify(opened.outcome, ref)
    except PytrustError as error:
        return _refusal(error, opened.trouble)
    return Signed(
        digest=found.digest,
        signers=tuple(sorted(found.signers)),
        expires=found.expires,
        offline=found.offline,
        fallback=opened.trouble.code if opened.trouble else "",
    )


def _refusal(error: PytrustError, trouble: PytrustError | None) -> NotSigned | Unavailable:
    """``error`` is what the cached state said where ``trouble`` kept us from the source."""
    cause, text = error, str(error)
    if trouble is not None and str(trouble) != text:
        outlived = isinstance(error, ExpiredCache) and not isinstance(trouble, BadMetadata)
        cause, text = (error if outlived else trouble), f"{trouble}; in the cache: {error}"
    kind = NotSigned if isinstance(cause, _ANSWERS) else Unavailable
    return kind(code=cause.code, why=one_line(text), hint=(trouble or error).hint)


def _full(error: OSError) -> Unsound:
    """What was learned could not be kept, so it cannot be relied on that nothing older is believed tomorrow."""
    reason = (error.strerror or type(error).__name__).lower()
    return Unsound(f"what is known cannot be kept: {reason}", hint="free space, or check the permissions of the cache")
