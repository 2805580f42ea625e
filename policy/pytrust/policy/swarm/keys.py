"""Keys of a swarm, and what the vault calls them. Pure.

Docker prints an unlock key as ``SWMKEY-1-`` and 32 bytes in base64 without padding, a join token as ``SWMTKN-1-``, the
digest of the swarm's root, and a secret, both in base 36 (swarmkit, ``manager/encryption`` and ``ca/config.go``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, NewType

import msgspec

from pytrust.trust.vault.names import SecretName, parse_secret_name

ClusterId = NewType("ClusterId", str)
"""A swarm's id, as it is part of a name in the vault."""

CLUSTER_ID: Final = r"^[a-z0-9]{1,64}\Z"
UnlockKey = Annotated[str, msgspec.Meta(pattern=r"^SWMKEY-1-[A-Za-z0-9+/]{43}\Z")]
JoinToken = Annotated[str, msgspec.Meta(pattern=r"^SWMTKN-[12](?:-[01])?-[a-z0-9]{50}-[a-z0-9]{25}\Z")]

PREFIX: Final = "pytrust/swarm/"


class What(StrEnum):
    """The keys that a manager gives away."""

    JOIN_WORKER = "join-worker"
    JOIN_MANAGER = "join-manager"
    UNLOCK_KEY = "unlock-key"


class Keys(msgspec.Struct, frozen=True):
    """What opens a swarm; ``unlock`` is empty while autolock is off."""

    worker: JoinToken
    manager: JoinToken
    unlock: UnlockKey | None = None

    def __repr__(self) -> str:
        return "Keys()"

    def each(self) -> dict[What, bytes]:
        """Those there are, as the vault keeps them."""
        found = {What.JOIN_WORKER: self.worker, What.JOIN_MANAGER: self.manager, What.UNLOCK_KEY: self.unlock}
        return {what: key.encode() for what, key in found.items() if key}


def secret_name(cluster: ClusterId, what: What) -> SecretName:
    """What the vault calls a key."""
    return parse_secret_name(f"{PREFIX}{cluster}/{what}")


def cluster_of(name: SecretName) -> ClusterId | None:
    """The swarm whose unlock key goes by ``name`` in the vault."""
    cluster, _, what = name.removeprefix(PREFIX).partition("/")
    return ClusterId(cluster) if what == What.UNLOCK_KEY else None
