"""Publishing to a trust server elsewhere, in the one format that it takes from others: Notary v1.

The same checks as upon a store of one's own: what is built upon is verified from a pin, and is not older than what this
host has seen. What a server cannot do for us is keep a change that waits for signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Never

from pytrust.trust.client.gather import gather
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP, Collection
from pytrust.trust.errors import Refused, Rollback, Stale, Unsigned, UsageError
from pytrust.trust.formats.notary.read import full_name
from pytrust.trust.http import Deadline
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import IMPORT_DEADLINE
from pytrust.trust.names import CollectionName, Format
from pytrust.trust.pins import Pin, find_pin
from pytrust.trust.publish.making import keep_shared_valid, written_and_signed
from pytrust.trust.publish.notary_wire import NotaryWire
from pytrust.trust.publish.proposal import missing
from pytrust.trust.publish.publisher import Memory, Outcome
from pytrust.trust.publish.wire import State
from pytrust.trust.remote.server import RemoteServer


class RemotePublisher:
    """What ``publish.publisher.Publisher`` is for a store, for a server.

    Args:
        server: where metadata is kept.
        pins: what this host trusts.
        now: the clock, UTC.
        memory: what this host has seen.
    """

    def __init__(
        self, server: RemoteServer, pins: Sequence[Pin], *, now: Callable[[], datetime], memory: Memory
    ) -> None:
        self._server = server
        self._pins = pins
        self._now = now
        self._memory = memory

    def load(self, name: CollectionName) -> State | None:
        """The verified newest state, or None for a new name; raises what ``Wire.load`` and ``gather`` do."""
        seen = self._memory.seen(name, Format.NOTARY)
        pin = find_pin(self._pins, name)
        try:
            files = gather(self._server, name, Deadline(IMPORT_DEADLINE))
        except Unsigned:
            if seen:
                raise Rollback(
                    f"{name} is gone from the server, and was there before", hint="ask who runs it"
                ) from None
            return None
        newest = {file.role: file for file in files}
        for role in (TIMESTAMP, SNAPSHOT):
            if newest[role].expires <= self._now():
                raise Stale(f"{role} of {name} is over: the server may show an old state", hint="ask who runs it")
        roots = [file.data for file in files if file.role == ROOT]
        return State({Format.NOTARY: NotaryWire(self._now()).load(name, pin, roots, newest, seen)})

    def submit(self, old: State | None, new: Mapping[Format, Collection], signers: Iterable[Signer]) -> Outcome:
        """Sign what changed, and publish it.

        Raises:
            Conflict: somebody published since ``old`` was loaded.
            Refused: more signatures are needed than there are, or the server does not take it.
        """
        wire, side, pool = NotaryWire(self._now()), old.sides[Format.NOTARY] if old else None, list(signers)
        wanted = keep_shared_valid(wire, side, new[Format.NOTARY], pool, self._now())
        files = written_and_signed(wire, side, wanted, pool)
        if lacking := missing(wire, side, wanted, files):
            raise Refused(
                f"{lacking[0].role} of {wanted.name} needs {lacking[0].count} more signatures",
                hint="a server keeps no change that waits: sign with all keys at once, or where the store is",
            )
        self._server.publish(wanted.name, {full_name(role): data for role, data in files.items()})
        self._memory.remember(wanted.name)
        return Outcome(wanted, ())

    def proposal(self, name: CollectionName) -> Never:
        """There is none at a server."""
        raise _only_at_the_store(name)

    def approve(self, name: CollectionName, shown: object, vouched: object, signers: object) -> Never:  # noqa: ARG002
        """See ``proposal``."""
        raise _only_at_the_store(name)

    def adopt(self, name: CollectionName, files: object, edited: object) -> Never:  # noqa: ARG002
        """See ``proposal``."""
        raise _only_at_the_store(name)


def _only_at_the_store(name: CollectionName) -> UsageError:
    return UsageError(f"this needs the store that holds {name}", hint="run it on the host that holds the store")
