"""What this host has seen, for whoever is about to sign: read from the caches of look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import unquote

from pytrust.trust.client.cache import Bundle, Cache, seen_versions
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP
from pytrust.trust.names import CollectionName, Format, RoleName


class Opener(Protocol):
    """Whoever looks collections up."""

    def open(self, name: CollectionName) -> object:
        """Look at a collection, verify it and remember it."""
        ...


class HostMemory:
    """A ``publish.publisher.Memory``: what was published here is looked at as any client would, and so remembered.

    Args:
        client: looks up.
        caches: where it keeps what it verified, by format.
    """

    def __init__(self, client: Opener, caches: Mapping[Format, Cache]) -> None:
        self._client = client
        self._caches = caches

    def seen(self, name: CollectionName, form: Format) -> dict[RoleName, int]:
        """The version of each offline role that was verified here; raises ``Damaged``."""
        bundle = self._caches[form].load(name)
        return seen_versions(name, bundle) if form is Format.TUF else _seen_notary(bundle)

    def remember(self, name: CollectionName) -> None:
        """Look at a collection; raises what ``Client.open`` does."""
        self._client.open(name)

    def forget(self, name: CollectionName, form: Format) -> None:
        """Know nothing of a collection in one format."""
        self._caches[form].forget(name)


def _seen_notary(bundle: Bundle) -> dict[RoleName, int]:
    """As ``seen_versions``: not of snapshot and timestamp, which a thief of the online keys can raise."""
    from pytrust.trust.formats.notary.files import read_file
    from pytrust.trust.formats.notary.read import role_name

    if not bundle.files:
        return {}
    named = {unquote(file.removesuffix(".json")): data for file, data in bundle.files.items() if "/" not in file}
    known = {role: (full, data) for full, data in named.items() if (role := role_name(full)) is not None}
    seen = {
        role: read_file(full, data).version
        for role, (full, data) in known.items()
        if role not in {ROOT, SNAPSHOT, TIMESTAMP}
    }
    return seen | {ROOT: read_file(ROOT, bundle.roots[-1]).version}
