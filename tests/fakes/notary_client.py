"""A stock client of Notary v1, honest or hostile: keys of its own, and files as docker and notary make them.

    home = Home()                                        # one collection: keys, and those that a server made for it
    upload = home.first(releases=["v1"])                 # root v1, targets v2, targets/releases v1
    upload = {"targets": home.targets(version=3)}
    upload = {"root": home.root(version=2, change=lambda signed: signed.update(expires="2020-01-01T00:00:00Z"))}

Files are JSON that is put together here, field by field, and signed by whoever the test says; only the encoding
(canonical JSON, signatures, the envelope) is that of ``pytrust.trust.formats.notary``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256, sha512
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tests.fakes.keys import NAME, NOW, digest, private, signer

from pytrust.trust.formats.notary.envelope import sign, unsigned, write_envelope
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.keys.private import KeyKind, PrivateKey
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.publish.server_keys import make_server_key
from pytrust.trust.store.interface import ServerKey

Change = Callable[[dict[str, Any]], object]
RELEASES: Final = "targets/releases"
YEARS: Final = timedelta(days=3 * 365)
SEALER: Final = Sealer(bytes(32))
"""Of the store; that of ``fakes.keys.House``, too."""


@dataclass(frozen=True)
class Holder:
    """Somebody with a key, in the form in which files list it."""

    wire: WireKey
    signer: Signer


def bare(label: str, kind: KeyKind = "ecdsa-p256") -> Holder:
    """A key as docker makes them; the same for a label all session long."""
    key = private(label, kind)
    return Holder(WireKey.plain(PublicKey.of(key.public_key())), signer_of(key))


@cache
def short_rsa() -> PrivateKey:
    """A key that is too short."""
    return generate_rsa(65537, 1024)


def certificate(
    key: PrivateKey,
    common_name: str,
    *,
    start: datetime = NOW - timedelta(days=1),
    end: datetime = NOW + timedelta(days=3650),
    ca: bool | None = False,
    by: tuple[PrivateKey, str] | None = None,
) -> bytes:
    """PEM of a certificate, self-signed or by another key and name; ``ca`` None leaves the constraint out."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by[1])]) if by else subject
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(1000).not_valid_before(start).not_valid_after(end)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(by[0] if by else key, hashes.SHA256()).public_bytes(Encoding.PEM)


@cache
def carried(label: str, common_name: str = NAME, ends: datetime = NOW + timedelta(days=3650)) -> Holder:
    """A root key as docker makes them, in a certificate of its own; the same for a label all session long."""
    key = private(label, "ecdsa-p256")
    return in_pem(certificate(key, common_name, end=ends), key)


def in_pem(pem: bytes, key: PrivateKey, keytype: str = "ecdsa-x509") -> Holder:
    """A key in certificates of any kind."""
    return Holder(WireKey(keytype, pem), signer_of(key))


def online_keys() -> OnlineKeys:
    """Those of a store, of the kind that a real one has."""
    return OnlineKeys((signer("snapshot", "ecdsa-p256"),), (signer("timestamp", "ecdsa-p256"),))


def store_keys() -> dict[str, WireKey]:
    """The same as the roots of the store's owner name them, for everybody to read."""
    keys = online_keys()
    return {
        "snapshot": WireKey.plain(keys.snapshot[0].public),
        "timestamp": WireKey.plain(keys.timestamp[0].public),
    }


def kept_keys(name: CollectionName = NAME) -> list[ServerKey]:
    """Those that a server made for one collection, as they lie in its store; the same all session long."""
    return [key for key, _ in _made_for(name).values()]


def offered_keys(name: CollectionName = NAME) -> dict[str, WireKey]:
    """The same as the server answers them."""
    return {role: WireKey.plain(signer.public) for role, (_, signer) in _made_for(name).items()}


@cache
def _made_for(name: CollectionName) -> dict[str, tuple[ServerKey, Signer]]:
    return {role: make_server_key(name, RoleName(role), SEALER) for role in ("snapshot", "timestamp")}


def signed(document: Mapping[str, Any], by: Iterable[Holder]) -> bytes:
    """A file with the signatures of ``by``."""
    envelope = unsigned(document)
    for holder in by:
        envelope = sign(envelope, holder.signer, holder.wire.id)
    return write_envelope(envelope)


def when(moment: datetime) -> str:
    """A time with nine digits, as Go's clock has them."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.123456789Z"


def tags(names: Iterable[str], content: str = "") -> dict[str, Any]:
    """Tags as docker writes them: sha256 alone."""
    return {name: _tag(content or name) for name in names}


def _tag(content: str) -> dict[str, Any]:
    raw = bytes.fromhex(digest(content).hex)
    return {"hashes": {"sha256": base64.b64encode(raw).decode()}, "length": 528 + len(content)}


def listed(data: bytes) -> dict[str, Any]:
    """A file as a snapshot lists it."""
    made = {"sha256": sha256(data).digest(), "sha512": sha512(data).digest()}
    return {"hashes": {name: base64.b64encode(raw).decode() for name, raw in made.items()}, "length": len(data)}


def delegation(name: str, *holders: Holder, threshold: int = 1, paths: Sequence[str] = ("",)) -> dict[str, Any]:
    """An entry of ``delegations.roles``."""
    return {"keyids": [item.wire.id for item in holders], "name": name, "paths": list(paths), "threshold": threshold}


def delegations(roles: Sequence[Mapping[str, Any]], *holders: Holder) -> dict[str, Any]:
    """All of a file: the roles, and whoever speaks for any of them."""
    return {"keys": {item.wire.id: item.wire.document() for item in holders}, "roles": list(roles)}


@dataclass
class Home:
    """The keys of one collection's owner; a test may replace each of them.

    ``client_snapshot`` is the key of a snapshot that the client makes itself; None leaves it to the server.
    ``server`` are the server's keys; where none are given, ``offered_keys``.
    """

    name: CollectionName = NAME
    now: datetime = NOW
    root_keys: tuple[Holder, ...] = ()
    targets_keys: tuple[Holder, ...] = (bare("targets"),)
    releasers: tuple[Holder, ...] = (bare("alice"),)
    client_snapshot: Holder | None = None
    server: dict[str, WireKey] = field(default_factory=dict)
    thresholds: dict[str, int] = field(default_factory=dict)
    old_roots: tuple[Holder, ...] = ()

    def __post_init__(self) -> None:
        self.root_keys = self.root_keys or (carried(f"root of {self.name}", self.name),)
        self.server = self.server or offered_keys(self.name)

    def root(self, version: int = 1, *, by: Iterable[Holder] | None = None, change: Change = lambda _: None) -> bytes:
        """A root as notary makes it; ``by`` None: signed by its own keys and by ``old_roots``."""
        wire = {
            "root": [item.wire for item in self.root_keys],
            "snapshot": [self.client_snapshot.wire if self.client_snapshot else self.server["snapshot"]],
            "targets": [item.wire for item in self.targets_keys],
            "timestamp": [self.server["timestamp"]],
        }
        every = [key for keys in wire.values() for key in keys] + [item.wire for item in self.old_roots]
        document = {
            "_type": "Root",
            "consistent_snapshot": False,
            "expires": when(self.now + 3 * YEARS),
            "keys": {key.id: key.document() for key in every},
            "roles": {
                role: {"keyids": [key.id for key in keys], "threshold": self.thresholds.get(role, 1)}
                for role, keys in wire.items()
            },
            "version": version,
        }
        change(document)
        return signed(document, (*self.root_keys, *self.old_roots) if by is None else by)

    def targets(
        self,
        version: int = 2,
        names: Iterable[str] = (),
        *,
        by: Iterable[Holder] | None = None,
        change: Change = lambda _: None,
    ) -> bytes:
        """The targets role, which lets ``releasers`` speak for ``targets/releases``."""
        roles = [delegation(RELEASES, *self.releasers)] if self.releasers else []
        document = self.document(version, names)
        document["delegations"] = delegations(roles, *self.releasers)
        change(document)
        return signed(document, self.targets_keys if by is None else by)

    def releases(
        self,
        version: int = 1,
        names: Iterable[str] = (),
        *,
        by: Iterable[Holder] | None = None,
        change: Change = lambda _: None,
    ) -> bytes:
        """The role of releases, or any other below targets."""
        document = self.document(version, names)
        change(document)
        return signed(document, self.releasers if by is None else by)

    def document(self, version: int, names: Iterable[str] = ()) -> dict[str, Any]:
        """An unsigned file of tags."""
        return {
            "_type": "Targets",
            "delegations": {"keys": {}, "roles": []},
            "expires": when(self.now + YEARS),
            "targets": tags(names),
            "version": version,
        }

    def snapshot(
        self,
        version: int,
        files: Mapping[str, bytes],
        *,
        by: Iterable[Holder] | None = None,
        change: Change = lambda _: None,
    ) -> bytes:
        """A snapshot that the client makes."""
        document = {
            "_type": "Snapshot",
            "expires": when(self.now + YEARS),
            "meta": {role: listed(data) for role, data in files.items()},
            "version": version,
        }
        change(document)
        own = (self.client_snapshot,) if self.client_snapshot else ()
        return signed(document, own if by is None else by)

    def first(self, names: Iterable[str] = (), releases: Iterable[str] = ()) -> dict[str, bytes]:
        """The first upload: root v1, targets v2, releases v1, and the snapshot where it is the client's."""
        files = {"root": self.root(), "targets": self.targets(2, names)}
        if self.releasers:
            files[RELEASES] = self.releases(1, releases)
        return files | ({"snapshot": self.snapshot(1, files)} if self.client_snapshot else {})
