"""The seed, wrapped by a key that never leaves its token, through the library ``python-pkcs11``.

RSA keys unwrap it with OAEP, AES keys with GCM. A token that knows OAEP with SHA-1 only gets that: collisions of the
hash do not touch OAEP. RSA is classical: a copy of the vault falls with it. AES with 256 bits is not.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, get_args

import msgspec

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import PKCS11_URI_MAX_CHARS, SLOT_BLOB_MAX_CHARS
from pytrust.trust.vault.slots.made import SEED_BYTES, Made, Params, checked_seed, damaged, read_params
from pytrust.trust.vault.slots.pkcs11_token import opened_key
from pytrust.trust.vault.slots.pkcs11_uri import parse_uri

if TYPE_CHECKING:
    from pkcs11 import Key

KIND: Final = "pkcs11"
_Algorithm: TypeAlias = Literal["aes-gcm", "rsa-oaep-sha256", "rsa-oaep-sha1"]
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"pytrust vault slot"


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    uri: Annotated[str, msgspec.Meta(max_length=PKCS11_URI_MAX_CHARS)]
    algorithm: _Algorithm
    wrapped: Annotated[str, msgspec.Meta(max_length=SLOT_BLOB_MAX_CHARS)]


def make(uri: str, pin: bytes) -> Made:
    """A slot for the key at ``uri``, after a trial with the token.

    Raises:
        UsageError: the URI names no key that can do it, or the library is not installed.
        WrongPassphrase: the token refuses the PIN.
        VaultLocked: the token, or the key, is not there.
        BadPermissions: others than root could have written the module.
        Unsound: the token fails.
    """
    seed = secrets.token_bytes(SEED_BYTES)
    with opened_key(parse_uri(uri), pin) as key:
        for algorithm in _algorithms(key):
            wrapped = _tried(key, algorithm, seed)
            if wrapped is not None:
                return Made(seed, {"uri": uri, "algorithm": algorithm, "wrapped": b64encode(wrapped).decode()})
    raise UsageError("the key in the token is fit for none of: " + ", ".join(get_args(_Algorithm)))


def seed(params: Params, pin: bytes) -> bytes:
    """The seed; raises what ``make`` does, and ``Damaged`` for parameters that are not ours."""
    found, wrapped = _read(params)
    with opened_key(parse_uri(found.uri), pin) as key:
        return checked_seed(_unwrap(key, found.algorithm, wrapped), KIND)


def _read(params: Params) -> tuple[_Params, bytes]:
    found = read_params(params, _Params, KIND)
    try:
        parse_uri(found.uri)
        return found, b64decode(found.wrapped, validate=True)
    except (UsageError, ValueError) as error:
        raise damaged(KIND, "uri or wrapped") from error


def _algorithms(key: Key) -> Iterator[_Algorithm]:
    """What may do, best first."""
    from pkcs11 import KeyType

    match key.key_type:
        case KeyType.AES:
            yield "aes-gcm"
        case KeyType.RSA:
            yield "rsa-oaep-sha256"
            yield "rsa-oaep-sha1"


def _tried(key: Key, algorithm: _Algorithm, seed: bytes) -> bytes | None:
    """The seed, wrapped, if the token opens it again."""
    from pkcs11 import PKCS11Error

    try:
        wrapped = _wrap(key, algorithm, seed)
        return wrapped if _unwrap(key, algorithm, wrapped) == seed else None
    except PKCS11Error:
        return None


def _wrap(key: Key, algorithm: _Algorithm, seed: bytes) -> bytes:
    from pkcs11 import Attribute, EncryptMixin, Mechanism
    from pkcs11.mechanisms import GCMParams

    if algorithm == "aes-gcm":
        if not isinstance(key, EncryptMixin):
            raise UsageError("the key in the token may not encrypt", hint="make one that may")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = key.encrypt(seed, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, _PURPOSE))
        return nonce + _whole(sealed)
    exponent, modulus = (int.from_bytes(key[name]) for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS))
    return _encrypt_oaep(exponent, modulus, algorithm, seed)


def _encrypt_oaep(exponent: int, modulus: int, algorithm: _Algorithm, seed: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    hashed = hashes.SHA1() if algorithm == "rsa-oaep-sha1" else hashes.SHA256()  # noqa: S303 - see the module's text
    return RSAPublicNumbers(exponent, modulus).public_key().encrypt(seed, OAEP(MGF1(hashed), hashed, label=None))


def _unwrap(key: Key, algorithm: _Algorithm, wrapped: bytes) -> bytes:
    from pkcs11 import MGF, DecryptMixin, Mechanism
    from pkcs11.mechanisms import GCMParams

    if not isinstance(key, DecryptMixin):
        raise UsageError("the key in the token may not decrypt", hint="make one that may")
    if algorithm == "aes-gcm":
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        opened = key.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, _PURPOSE))
    else:
        sha1 = algorithm == "rsa-oaep-sha1"
        param = (Mechanism.SHA_1, MGF.SHA1, None) if sha1 else (Mechanism.SHA256, MGF.SHA256, None)
        opened = key.decrypt(wrapped, mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=param)
    return _whole(opened)


def _whole(data: bytes | Iterator[bytes]) -> bytes:
    """What the library gives in one piece for one piece."""
    return data if isinstance(data, bytes) else b"".join(data)
