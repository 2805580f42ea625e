"""Looking up in whichever format, and at whichever server, the pin of a name says.

A pin that does not say takes TUF 1.0 where there is such a side, else Notary v1. Who once verified the TUF side of a
collection never takes another instead: that it is gone is no reason to believe less. What was believed on first use is
all that is: another side would be another first use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pytrust.trust.client.cache import Cache
from pytrust.trust.client.lookup import Lookups, verify_all
from pytrust.trust.client.notary import NotaryClient
from pytrust.trust.client.source import Source
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.client.trusted import Trusted, Verified
from pytrust.trust.errors import Unreachable, Unsigned
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import CollectionName, Format, ImageRef
from pytrust.trust.pins import Pin, find_pin

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]")
_ID_DIGITS: Final = 12  # hex digits of a server's url


class _Pair(NamedTuple):
    """Two formats of one server."""

    tuf: Lookups
    notary: Lookups


def nowhere(server: str) -> Source:
    """No server but the host's own can be asked."""
    raise Unreachable(f"{server} cannot be asked here")


class EitherClient:
    """Answers for collections; see ``lookup.Client``.

    Args:
        source: what this host asks where a pin names no server; None works offline, from the cache alone.
        cache: what this host knows from there; what it knows from others lies within.
        pins: where trust starts.
        now: the clock, UTC.
        elsewhere: opens the server that a pin names.
    """

    def __init__(
        self,
        source: Source | None,
        cache: Cache,
        pins: Sequence[Pin],
        *,
        now: Callable[[], datetime],
        elsewhere: Callable[[str], Source] = nowhere,
    ) -> None:
        self._source = source
        self._cache = cache
        self._pins = pins
        self._now = now
        self._elsewhere = elsewhere
        self._pairs: dict[str | None, _Pair] = {}

    def open(self, name: CollectionName, deadline: Deadline | None = None) -> Trusted:
        """See ``lookup.Client``."""
        deadline = deadline or Deadline(DEADLINE)
        pin = find_pin(self._pins, name)
        tuf, notary = self._pair(pin.server)
        if pin.formats == {Format.NOTARY} or (pin.first_use and notary.knows(name) and not tuf.knows(name)):
            return notary.open(name, deadline)
        if pin.formats == {Format.TUF}:
            return tuf.open(name, deadline)
        if tuf.knows(name):
            return _still(tuf, name, deadline)
        if self._source is None:
            return (notary if notary.knows(name) else tuf).open(name, deadline)
        try:
            return tuf.open(name, deadline)
        except Unsigned:
            return notary.open(name, deadline)

    def verify(self, refs: Iterable[ImageRef], deadline: Deadline | None = None) -> list[Verified]:
        """See ``lookup.Client``."""
        return verify_all(self.open, refs, deadline)

    def _pair(self, server: str | None) -> _Pair:
        if (pair := self._pairs.get(server)) is None:
            source = self._source if server is None or self._source is None else self._elsewhere(server)
            cache = self._cache if server is None else self._cache.within(_folder(server))
            tuf = TrustClient(source, cache, self._pins, now=self._now)
            notary = NotaryClient(source, cache.within("notary"), self._pins, now=self._now)
            pair = self._pairs[server] = _Pair(tuf, notary)
        return pair


def _still(tuf: Lookups, name: CollectionName, deadline: Deadline) -> Trusted:
    """What has a TUF side for this host is opened by it, or not at all."""
    try:
        return tuf.open(name, deadline)
    except Unsigned as error:
        raise Unsigned(
            f"{name} was seen here in TUF 1.0, and is there no more",
            hint="if its owner gave that up (pytrust migrate --to notary), remove its file in the cache folder",
        ) from error


def _folder(server: str) -> str:
    """A name that a reader recognises, and that no other server has."""
    host = _UNSAFE.sub("_", urlsplit(server).netloc)
    return f"{host}-{sha256(server.rstrip('/').encode()).hexdigest()[:_ID_DIGITS]}"
