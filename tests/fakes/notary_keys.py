"""Private keys as docker and notary keep them, in every form that they had; and what the real clients left."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.shared_data import shared_data

from pytrust.trust.keys.notary_file import write_key
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, RoleName

WORD: Final = b"correct horse"
ALICE, TARGETS = RoleName("alice"), RoleName("targets")
WEB: Final = CollectionName("docker.io/foo/web")
RSA: Final = rsa.generate_private_key(65537, 2048)
CURVE, CURVE_384, EDWARDS = generate("ecdsa-p256"), generate("ecdsa-p384"), generate("ed25519")
KEYS: Final[dict[str, PrivateKey]] = {"rsa": RSA, "ecdsa-p256": CURVE, "ecdsa-p384": CURVE_384, "ed25519": EDWARDS}
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PLAIN: Final = serialization.NoEncryption()
PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


def written(key: PrivateKey = CURVE, role: RoleName = ALICE, gun: CollectionName | None = None) -> bytes:
    """A key file under ``WORD``, cheap to open."""
    return write_key(key, WORD, role, gun, rounds=1)


def traditional(key: PrivateKey, *headers: str) -> bytes:
    """As notary before 0.6 wrote it, unencrypted."""
    begin, _, rest = key.private_bytes(PEM, TRADITIONAL, PLAIN).partition(b"\n")
    return b"\n".join([begin, *(header.encode() for header in headers), *([b""] if headers else []), rest])


def raw_ed25519() -> bytes:
    """Notary's own form of ``EDWARDS``."""
    seed = EDWARDS.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, PLAIN)
    public = PublicKey.of(EDWARDS.public_key()).spki[-32:]
    return public + seed + public


def id_of(key: PrivateKey) -> str:
    """What names its file."""
    return canonical_id(PublicKey.of(key.public_key()))


def same(one: PrivateKey, other: PrivateKey) -> bool:
    """Whether the key material is the same."""
    return PublicKey.of(one.public_key()) == PublicKey.of(other.public_key())


def vectors() -> list[tuple[str, bytes]]:
    """The files that the real clients wrote, under the names that they gave them."""
    return [(path.name.partition("-")[2], path.read_bytes()) for path in shared_data("notary-vectors").glob("keys/*")]


def word_of(role: str) -> bytes:
    """What those files are encrypted under."""
    return {"root": b"rootpass-test-only", "x": b"short"}.get(role, b"repopass-test-only")
