"""What this host has seen, for whoever is about to sign: read from the cache of look-ups."""

from __future__ import annotations

from pytrust.trust.client.cache import Cache, seen_versions
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.names import CollectionName, RoleName


class HostMemory:
    """A ``publish.publisher.Memory``: what was published here is looked at as any client would, and so remembered."""

    def __init__(self, client: TrustClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache

    def seen(self, name: CollectionName) -> dict[RoleName, int]:
        """The version of each offline role that was verified here; raises ``Damaged``."""
        return seen_versions(name, self._cache.load(name))

    def remember(self, name: CollectionName) -> None:
        """Look at a collection; raises what ``TrustClient.open`` does."""
        self._client.open(name)
