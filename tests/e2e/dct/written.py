"""A collection as pytrust writes it, for servers of anybody."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from tests.e2e.dct.stage import Play

from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Authority,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.formats.notary.certificates import make_certificate
from pytrust.trust.formats.notary.envelope import Envelope, sign, write_envelope
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.formats.notary.write import write_root, write_targets
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, Digest, RoleName

_LENGTH = 527  # of the manifests of the rig's images


@dataclass(frozen=True, slots=True)
class Owner:
    """The keys of a collection that ``signer`` may release tags of."""

    name: CollectionName
    signer: RoleName
    root: ec.EllipticCurvePrivateKey
    targets: ec.EllipticCurvePrivateKey
    release: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, name: str, signer: str) -> Owner:
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        return cls(CollectionName(name), RoleName(signer), *keys)

    def files(self, play: Play, tag: str, digest: str) -> dict[str, bytes]:
        """All that a first publish uploads to a server that makes snapshots."""
        target = Target(
            tag, Digest(digest.removeprefix("sha256:")), _LENGTH, media_type="application/vnd.x", signed_at=_text()
        )
        said = Targets(1, _later(), {tag: target})
        release = signer_of(self.release)
        delegations = tuple(Delegation(role, Authority((release.public,), 1)) for role in (self.signer, RELEASES))
        return {
            "root": self._root(play),
            "targets": _written(
                write_targets(Targets(1, _later(), {}, delegations), None, None), signer_of(self.targets)
            ),
            f"targets/{self.signer}": _written(write_targets(said, None, None), release),
            "targets/releases": _written(write_targets(said, None, None), release),
        }

    def _root(self, play: Play) -> bytes:
        root, targets = signer_of(self.root), signer_of(self.targets)
        held = {role: _server_key(play, self.name, role) for role in (SNAPSHOT, TIMESTAMP)}
        authorities = {ROOT: root.public, TARGETS: targets.public, **held}
        model = Root(1, _later(), {role: Authority((key,), 1) for role, key in authorities.items()})
        certificate = make_certificate(self.root, self.name, datetime.now(UTC))
        envelope = write_root(model, None, {root.public.id: certificate})
        return write_envelope(sign(envelope, root, WireKey.carried(certificate).id))


def _written(envelope: Envelope, signer: Signer) -> bytes:
    return write_envelope(sign(envelope, signer, WireKey.plain(signer.public).id))


def _server_key(play: Play, name: str, role: str) -> PublicKey:
    return WireKey.read(json.loads(play.ask("GET", f"/v2/{name}/_trust/tuf/{role}.key"))).material


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(days=1000)


def _text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
