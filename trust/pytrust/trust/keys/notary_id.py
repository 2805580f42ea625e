"""What Notary v1 calls a key: its type, its public bytes, and the id that names its private key file.

The canonical id is the sha256 of the canonical JSON of the bare public key, ``"private":null`` included
(theupdateframework/notary, tuf/data/keys.go). Metadata names a key held in a certificate by another id, over the
certificate; files on disk and ``docker trust inspect`` use this one.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from pytrust.trust.canonical import encode_json
from pytrust.trust.errors import UsageError
from pytrust.trust.keys.public import PublicKey

BareKeyType = Literal["ecdsa", "rsa", "ed25519"]
"""The key types without a certificate; those with one are named ``ecdsa-x509`` and ``rsa-x509``."""


def key_type(public: PublicKey) -> BareKeyType:
    """What Notary v1 calls the algorithm; raises ``UsageError`` for one that it does not know."""
    match public.load():
        case EllipticCurvePublicKey():
            return "ecdsa"
        case RSAPublicKey():
            return "rsa"
        case Ed25519PublicKey():
            return "ed25519"
        case _:
            raise UsageError("the key is of a kind that notary does not know", hint="use ecdsa-p256, ed25519 or rsa")


def public_bytes(public: PublicKey) -> bytes:
    """What stands in ``keyval.public``, decoded: 32 raw bytes of an ed25519 key, else DER SubjectPublicKeyInfo."""
    key = public.load()
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else public.spki


def canonical_id(public: PublicKey) -> str:
    """The id of the bare public key, 64 lower-case hex digits."""
    return key_id(key_type(public), public_bytes(public))


def key_id(keytype: str, public: bytes) -> str:
    """The id of a key as metadata holds it: any key type, the decoded bytes of ``keyval.public``."""
    value = {"keytype": keytype, "keyval": {"private": None, "public": base64.b64encode(public).decode()}}
    return hashlib.sha256(encode_json(value)).hexdigest()
