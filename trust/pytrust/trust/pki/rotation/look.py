"""Looking at engines during a rotation: each is asked what it serves and whom it takes, some at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.model import CaKind, Kind
from pytrust.trust.pki.probe.endpoint import Endpoint
from pytrust.trust.pki.probe.probed import Identity, Probe
from pytrust.trust.pki.rotation.machine import watched
from pytrust.trust.pki.rotation.model import Leaf, Need, Phase, Rotation, Sign
from pytrust.trust.pki.rotation.proof import Proofs
from pytrust.trust.pki.rotation.signs import Issuers, Sight, client_signs, server_sign

_AT_A_TIME: Final = 16  # engines; each takes a few short connections
_PATIENCE: Final = 3.0  # seconds; a proxy notices new files within one
_PAUSE: Final = 0.5  # seconds between two looks


class Knock(Protocol):
    """See ``probe``."""

    def __call__(self, host: str, port: int, *, ca: bytes | None, identity: Identity | None, server_name: str) -> Probe:
        """Find out what listens there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What every engine is asked in a phase: what to show it, and what its chain is judged by."""

    roots: bytes
    new: Identity | None
    old: Identity | None
    issuers: Issuers


class Engines:
    """The eyes of a rotation; see ``parties.Eyes``.

    Args:
        index: of the authority.
        proofs: client certificates to knock with.
        knock: how to.
        now: the clock.
        patience: seconds to wait for proxies that are about to reload.
    """

    def __init__(
        self,
        index: Index,
        proofs: Proofs,
        knock: Knock,
        now: Callable[[], datetime],
        *,
        patience: float = _PATIENCE,
    ) -> None:
        self._index, self._proofs, self._knock, self._now = index, proofs, knock, now
        self._patience = patience

    def look(self, rotation: Rotation, leaves: Sequence[Leaf]) -> tuple[Sign, ...]:
        """What is seen of everybody whose part it is in this phase."""
        match watched(rotation):
            case Kind.CLIENT:
                return client_signs(rotation, leaves)
            case Kind.SERVER:
                return self._look(rotation, [leaf for leaf in leaves if leaf.kind is Kind.SERVER])
            case None:
                return ()

    def keep_proof(self, generation: int) -> None:
        """Have a client certificate of this generation."""
        self._proofs.get(generation, self._now())

    def close_eyes(self) -> None:
        """Nothing of it is needed any more."""
        self._proofs.forget()

    def _look(self, rotation: Rotation, servers: Sequence[Leaf]) -> tuple[Sign, ...]:
        if not servers:
            return ()
        see = partial(self._see, rotation, self._question(rotation))
        end = time.monotonic() + self._patience
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            signs = dict(zip(servers, pool.map(see, servers), strict=True))
            while time.monotonic() < end and (again := _old_files(signs)):
                time.sleep(_PAUSE)
                signs |= zip(again, pool.map(see, again), strict=True)
        return tuple(signs.values())

    def _see(self, rotation: Rotation, question: _Question, leaf: Leaf) -> Sign:
        if not leaf.endpoint:
            return server_sign(rotation, leaf, None, question.issuers)
        ask = partial(self._ask, leaf, question.roots)
        new = ask(question.new)
        old = ask(question.old) if question.old is not None else None
        return server_sign(rotation, leaf, Sight(new=new, old=old), question.issuers)

    def _ask(self, leaf: Leaf, roots: bytes, identity: Identity | None) -> Probe:
        host, port = Endpoint.parse(leaf.endpoint)
        name = host if leaf.holder.startswith("*.") else leaf.holder
        return self._knock(host, port, ca=roots, identity=identity, server_name=name)

    def _question(self, rotation: Rotation) -> _Question:
        clients, now = rotation.kind is Kind.CLIENT_CA, self._now()
        settling = rotation.phase is Phase.SETTLE
        roots = (
            self._certificates(Kind.ROOT, rotation.coming)
            if rotation.kind is Kind.ROOT
            else tuple(root.certificate for root in self._index.bundle(Kind.ROOT))
        )
        return _Question(
            roots=b"".join(root.public_bytes(Encoding.PEM) for root in roots),
            new=self._proofs.get(rotation.coming, now) if clients else None,
            old=self._proofs.get(rotation.leaving, now) if clients and settling else None,
            issuers=Issuers(
                coming=self._certificates(rotation.kind, rotation.coming),
                leaving=self._certificates(rotation.kind, rotation.leaving),
            ),
        )

    def _certificates(self, kind: CaKind, generation: int) -> tuple[x509.Certificate, ...]:
        return (self._index.ca(kind, generation).certificate,)


def _old_files(signs: dict[Leaf, Sign]) -> list[Leaf]:
    return [leaf for leaf, sign in signs.items() if sign.need is Need.RESTART]
