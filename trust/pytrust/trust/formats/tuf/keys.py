"""Keys of TUF metadata to values and back."""

from __future__ import annotations

from securesystemslib.signer import Key, SSlibKey

from pytrust.trust.errors import BadMetadata
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey


def public_key(key: Key) -> PublicKey:
    """The material of a key of TUF metadata, whatever its id; raises ``BadMetadata``."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    text = key.keyval.get("public", "")
    try:
        ed25519 = key.keytype == "ed25519"
        read = (
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)) if ed25519 else load_pem_public_key(text.encode())
        )
        public = PublicKey.of(read)
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise BadMetadata(f"a key of type {key.keytype!r} cannot be read") from error
    if public.kind == UNSUPPORTED:
        raise BadMetadata(f"a key of type {key.keytype!r} is of a kind that cannot sign here")
    return public


def library_key(key: PublicKey) -> SSlibKey:
    """A key as TUF metadata lists it, under the id that the TUF specification (4.2) gives it."""
    return SSlibKey.from_crypto(key.load())
