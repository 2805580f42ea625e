"""What an owner publishes to: a store of one's own, or a server elsewhere (``pytrust.trust.remote``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from pytrust.trust.collection.model import Collection
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer
from pytrust.trust.names import CollectionName, Format
from pytrust.trust.publish.proposal import Missing
from pytrust.trust.publish.publisher import Adopted, Outcome
from pytrust.trust.publish.wire import State
from pytrust.trust.store.interface import RoleFile


class Offers(Protocol):
    """Who signs snapshots and timestamps."""

    def offered(self, name: CollectionName) -> tuple[PublicKey, PublicKey]:
        """The keys of snapshot and timestamp that a new collection is to name."""
        ...


class Publishing(Protocol):
    """A store, or a server; see ``publisher.Publisher``."""

    def load(self, name: CollectionName) -> State | None:
        """The verified newest state."""
        ...

    def submit(self, old: State | None, new: Mapping[Format, Collection], signers: Iterable[Signer]) -> Outcome:
        """Sign what changed, and publish or propose it."""
        ...

    def proposal(self, name: CollectionName) -> tuple[State | None, Mapping[Format, Collection], tuple[Missing, ...]]:
        """The waiting change."""
        ...

    def approve(
        self,
        name: CollectionName,
        shown: Mapping[Format, Collection],
        vouched: Mapping[Format, Collection],
        signers: Sequence[Signer],
    ) -> Outcome:
        """Add signatures to the waiting change."""
        ...

    def adopt(self, name: CollectionName, files: Sequence[RoleFile], edited: Callable[[State], Adopted]) -> State:
        """Take a collection over."""
        ...
