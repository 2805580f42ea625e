"""Who calls, and what a request needs, in the words of Docker's token specification. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

PULL: Final = "pull"
PUSH: Final = "push"
ALL: Final = "*"
"""Held, it stands for every action. Needed, it is for what only administrators do: delete, rotate a server's key."""
ACTIONS: Final = (PULL, PUSH, ALL)
REPOSITORY: Final = "repository"
REGISTRY: Final = "registry"


class Access(NamedTuple):
    """All of ``actions`` on one thing: ``kind`` ``repository`` and the full name of a collection, its host included.

    An access without actions needs only that somebody stands behind the request (``PING``).
    """

    kind: str
    name: str
    actions: tuple[str, ...]

    @property
    def scope(self) -> str:
        """As a challenge names it: ``repository:docker.io/foo/web:push,pull``."""
        return f"{self.kind}:{self.name}:{','.join(self.actions or (ALL,))}"


PING: Final = Access(REGISTRY, "catalog", ())
"""``GET /v2/``: docker learns from its challenge alone that there is a login, so whoever brings none is challenged."""
CATALOG: Final = Access(REGISTRY, "catalog", (ALL,))
"""The global changefeed, which names every collection."""


class Caller(NamedTuple):
    """Who was let in; the user ``""`` is anonymous."""

    user: str


ANONYMOUS: Final = Caller("")


def covers(held: frozenset[str], needed: tuple[str, ...]) -> bool:
    """Whether the actions ``held`` satisfy those ``needed``."""
    return ALL in held or held.issuperset(needed)
