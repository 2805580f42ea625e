"""One look at a collection: what goes into a refresh, in either format, and what comes out."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pytrust.trust.client.cache import Bundle
from pytrust.trust.client.source import Source
from pytrust.trust.client.trusted import Trusted
from pytrust.trust.errors import Unsigned
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName
from pytrust.trust.pins import Pin


class Circumstances(NamedTuple):
    """When, and whether the source is only this host's own cache."""

    now: datetime
    refreshed: datetime
    offline: bool


class Look(NamedTuple):
    """Which collection, where trust starts, what is known already, and who is asked until when."""

    name: CollectionName
    pin: Pin
    known: Bundle
    source: Source
    when: Circumstances
    deadline: Deadline

    def fetch(self, file: str) -> bytes | None:
        """See ``Source.fetch``."""
        return self.source.fetch(self.name, file, self.deadline)


class Refreshed(NamedTuple):
    """The verified collection, and the files to keep of it, by the names of the cache."""

    trusted: Trusted
    files: dict[str, bytes]


def nothing_signed(name: CollectionName) -> Unsigned:
    """The answer for a name that nobody has published under."""
    return Unsigned(f"nothing in {name} is signed", hint=f"sign a tag: pytrust sign {name}:TAG")
