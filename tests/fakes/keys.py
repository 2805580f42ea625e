"""Cheap keys, and a whole owner of signed names: key ring, store, publisher and a clock that a test can move."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pytrust.trust.client.cache import Cache
from pytrust.trust.client.source import Source, StoreSource
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.collection.edit import TopKeys
from pytrust.trust.collection.model import Target
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.online import OnlineKeys
from pytrust.trust.keys.private import KeyKind, PrivateKey, generate
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.sealing import Sealer
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, Digest, Format, ImageRef, KeyId, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.publish.owner import Owner
from pytrust.trust.publish.publisher import Publisher
from pytrust.trust.publish.wire import Held
from pytrust.trust.store.interface import Store
from pytrust.trust.store.memory import MemoryStore

NAME = CollectionName("docker.io/foo/web")
OTHER = CollectionName("docker.io/foo/other")
NOW = datetime.now(UTC).replace(microsecond=0)
"""The time at which tests begin: the real one, since python-tuf's client reads a clock of its own."""
PASSPHRASE = b"correct horse"
ALICE, BOB, CAROL = RoleName("alice"), RoleName("bob"), RoleName("carol")


@cache
def _made(name: str, kind: KeyKind) -> PrivateKey:
    return generate(kind)


def private(name: str, kind: KeyKind = "ed25519") -> PrivateKey:
    """One key a name and kind, the same all session long."""
    return _made(name, kind)


def public(name: str, kind: KeyKind = "ed25519") -> PublicKey:
    """Its public half."""
    return PublicKey.of(private(name, kind).public_key())


def signer(name: str, kind: KeyKind = "ed25519") -> Signer:
    """What signs with it."""
    return signer_of(private(name, kind))


def passphrase(_: RoleName) -> bytes:
    """Opens every key of ``keyring``."""
    return PASSPHRASE


@cache
def _key_file(name: str) -> bytes:
    """What a key ring keeps of a key; sealing takes 10 ms even with one round."""
    with TemporaryDirectory() as folder:
        Keyring(Path(folder), rounds=1).add(RoleName(name), private(name), passphrase)
        return (Path(folder) / f"{name}.key").read_bytes()


def keyring(folder: Path, *names: str) -> Keyring:
    """A key ring with the named keys, sealed cheaply."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        (folder / f"{name}.key").touch(0o600)
        (folder / f"{name}.key").write_bytes(_key_file(name))
    return Keyring(folder, rounds=1)


def online() -> OnlineKeys:
    """The online keys of a store."""
    return OnlineKeys((signer("snapshot"),), (signer("timestamp"),))


def top_keys() -> TopKeys:
    """The public keys of a new collection."""
    return TopKeys(public("root"), public("targets"), public("snapshot"), public("timestamp"))


def pin(*names: str) -> Pin:
    """Accept roots signed by one of the named keys."""
    return Pin("**", frozenset(public(name).id for name in names or ("root",)))


def digest(text: str) -> Digest:
    """A digest of its own for every text."""
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def target(tag: str, content: str = "") -> Target:
    """A tag that points to some content."""
    return Target(tag, digest(content or tag), 1000 + len(tag), "application/vnd.oci.image.manifest.v1+json")


def ref(tag: str, name: CollectionName = NAME) -> ImageRef:
    """The image ``name:tag``."""
    return ImageRef.parse(f"{name}:{tag}")


@dataclass(frozen=True)
class _Memory:
    """The versions in ``House.seen``; what is published is not added by itself."""

    house: House

    def seen(self, _: CollectionName, form: Format) -> Mapping[RoleName, int]:
        return self.house.seen if form is Format.TUF else {}

    def remember(self, _: CollectionName) -> None:
        pass

    def forget(self, _: CollectionName, form: Format) -> None:
        if form is Format.TUF:
            self.house.seen = {}


class House:
    """Everything that signs and looks up on one host.

    ``seen`` is what the host remembers of versions; ``now`` is its clock.
    """

    def __init__(self, folder: Path, store: Store | None = None, keys: OnlineKeys | None = None) -> None:
        self.folder = folder
        self.store: Store = store or MemoryStore()
        self.now = NOW
        self.seen: dict[RoleName, int] = {}
        self.told: list[str] = []
        self.pins: Sequence[Pin] = [pin()]
        self.online = keys or online()
        self.ring = keyring(folder / "keys", "root", "targets", "alice", "bob", "carol")
        self.forms: Sequence[Format] = (Format.TUF,)
        self.publisher = self.new_publisher()
        self._owner: tuple[tuple[Publisher, Keyring, OnlineKeys], Owner] | None = None

    def later(self, **span: float) -> None:
        """Move the clock."""
        self.now += timedelta(**span)

    def new_publisher(self) -> Publisher:
        """A publisher with the online keys and pins of the moment."""
        held = Held(self.online, Sealer(bytes(32)))
        return Publisher(self.store, held, self.pins, now=lambda: self.now, memory=_Memory(self))

    def owner(self) -> Owner:
        """Acts with all keys of this house; the same one, with its opened keys, while nothing is replaced."""
        parts = (self.publisher, self.ring, self.online)
        if self._owner is None or self._owner[0] != parts:
            made = Owner(
                *parts[:2], passphrase, self.online, now=lambda: self.now, forms=self.forms, tell=self.told.append
            )
            self._owner = (parts, made)
        return self._owner[1]

    def client(self, cache: str = "cache", source: Source | None = None, *, pins: Sequence[Pin] = ()) -> TrustClient:
        """Looks up in this house's store, or elsewhere."""
        return TrustClient(
            source or StoreSource(self.store), Cache(self.folder / cache), pins or self.pins, now=lambda: self.now
        )

    def offline(self, cache: str = "cache") -> TrustClient:
        """Looks up in what ``client`` has cached."""
        return TrustClient(None, Cache(self.folder / cache), self.pins, now=lambda: self.now)


def docker_house(folder: Path, store: Store | None = None, keys: OnlineKeys | None = None) -> House:
    """A house that signs in both formats, with keys that docker's clients can read: ECDSA on P-256."""
    house = House(folder, store, keys)
    (folder / "p256").mkdir(mode=0o700)
    house.ring = Keyring(folder / "p256", rounds=1)
    for name in ("root", "targets", "alice", "bob", "carol"):
        house.ring.add(RoleName(name), private(name, "ecdsa-p256"), passphrase)
    house.pins = [Pin("**", frozenset({public("root", "ecdsa-p256").id}))]
    house.forms = tuple(Format)
    house.publisher = house.new_publisher()
    return house


def two_of_three(house: House) -> None:
    """Sign ``v1`` as alice, then let two of alice, bob and carol release."""
    owner = house.owner()
    owner.sign(NAME, [target("v1")], [ALICE])
    owner.add_signer(NAME, BOB, public("bob"), None, [ALICE])
    owner.add_signer(NAME, CAROL, public("carol"), 2, [ALICE, BOB])


def ids(*names: str) -> frozenset[KeyId]:
    """The key ids of the named keys."""
    return frozenset(public(name).id for name in names)
