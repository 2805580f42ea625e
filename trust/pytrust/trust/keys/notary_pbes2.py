"""The encryption of Notary key files: PBES2 of RFC 8018, with PBKDF2-HMAC-SHA1 and AES-256-CBC.

Docker and notary know no other, whatever the file says: they read the number of rounds from it, and ignore the field
that names the hash. So SHA-1 is what they make readable; as a PRF of PBKDF2 it is not broken, only fast. They write
2,048 rounds, which is little; what is written here has ``KDF_ROUNDS``.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509 import ObjectIdentifier

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.limits import KDF_ROUNDS_MAX

KDF_ROUNDS: Final = 600_000
"""Docker and notary take 0.3 s for it, once a command; each guess costs as much."""
_PBES2: Final = ObjectIdentifier("1.2.840.113549.1.5.13")
_PBKDF2: Final = ObjectIdentifier("1.2.840.113549.1.5.12")
_AES_256_CBC: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
_SHA1: Final = ObjectIdentifier("1.2.840.113549.2.7")
_HASHES: Final[dict[ObjectIdentifier, type[HashAlgorithm]]] = {
    _SHA1: SHA1,
    ObjectIdentifier("1.2.840.113549.2.9"): SHA256,  # openssl's default
}
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 8  # as notary writes it
_BLOCK_BYTES: Final = 16


@asn1.sequence
class _Prf:
    """AlgorithmIdentifier of an HMAC."""

    oid: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _KdfParameters:
    """RFC 8018, A.2; notary writes the first two."""

    salt: bytes
    rounds: int
    key_bytes: int | None
    prf: _Prf | None


@asn1.sequence
class _Kdf:
    """AlgorithmIdentifier of PBKDF2."""

    oid: ObjectIdentifier
    parameters: _KdfParameters


@asn1.sequence
class _Cipher:
    """AlgorithmIdentifier of a cipher with an initialisation vector."""

    oid: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Parameters:
    """RFC 8018, A.4."""

    kdf: _Kdf
    cipher: _Cipher


@asn1.sequence
class _Scheme:
    """AlgorithmIdentifier of PBES2."""

    oid: ObjectIdentifier
    parameters: _Parameters


@asn1.sequence
class _Encrypted:
    """EncryptedPrivateKeyInfo, RFC 5208, 6."""

    scheme: _Scheme
    data: bytes


def encrypt(plain: bytes, passphrase: bytes, *, rounds: int = KDF_ROUNDS, random: bytes | None = None) -> bytes:
    """Encrypt PKCS#8 as docker and notary read it.

    Args:
        plain: the key.
        passphrase: not empty.
        rounds: of PBKDF2.
        random: 8 bytes of salt and 16 of initialisation vector, where a file is to be made again.
    """
    random = random or secrets.token_bytes(_SALT_BYTES + _BLOCK_BYTES)
    salt, iv = random[:_SALT_BYTES], random[_SALT_BYTES:]
    padder = PKCS7(8 * _BLOCK_BYTES).padder()
    encryptor = Cipher(AES256(_derive(passphrase, salt, rounds, SHA1)), CBC(iv)).encryptor()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    kdf = _Kdf(oid=_PBKDF2, parameters=_KdfParameters(salt=salt, rounds=rounds, key_bytes=None, prf=None))
    parameters = _Parameters(kdf=kdf, cipher=_Cipher(oid=_AES_256_CBC, iv=iv))
    return asn1.encode_der(_Encrypted(scheme=_Scheme(oid=_PBES2, parameters=parameters), data=data))


def decrypt(der: bytes, passphrase: bytes, what: str) -> bytes:
    """Open what docker or notary encrypted; ``what`` names the key in errors.

    The format has no checksum: a wrong passphrase gives noise, and one in 256 passes here. Its reader must look on.

    Raises:
        WrongPassphrase: it does not open the key.
        UsageError: encrypted in another way, or with too many rounds.
        Damaged: not an encrypted private key.
    """
    parameters, data = _read(der, what)
    known = parameters.kdf.parameters
    _check_cost(known, what)
    key = _derive(passphrase, known.salt, known.rounds, _hash_of(known.prf, what))
    return decrypt_cbc(data, key, parameters.cipher.iv, what)


def decrypt_cbc(data: bytes, key: bytes, iv: bytes, what: str) -> bytes:
    """AES-256-CBC with PKCS#7 padding; raises ``WrongPassphrase`` or ``Damaged``."""
    if len(iv) != _BLOCK_BYTES or not data or len(data) % _BLOCK_BYTES:
        raise Damaged(f"{what} is damaged: it is cut short", hint="restore the file from a backup")
    decryptor = Cipher(AES256(key), CBC(iv)).decryptor()
    unpadder = PKCS7(8 * _BLOCK_BYTES).unpadder()
    try:
        return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise wrong_passphrase(what) from error


def wrong_passphrase(what: str) -> WrongPassphrase:
    """What is known where noise came out: damage looks the same."""
    return WrongPassphrase(f"wrong passphrase for {what}", hint="give its passphrase with --old-passphrase-file")


def _read(der: bytes, what: str) -> tuple[_Parameters, bytes]:
    try:
        found = asn1.decode_der(_Encrypted, der)
    except (ValueError, OverflowError) as error:
        raise _foreign(what) from error
    scheme = found.scheme
    oids = (scheme.oid, scheme.parameters.kdf.oid, scheme.parameters.cipher.oid)
    if oids != (_PBES2, _PBKDF2, _AES_256_CBC):
        raise _foreign(what)
    return scheme.parameters, found.data


def _check_cost(parameters: _KdfParameters, what: str) -> None:
    if not 1 <= parameters.rounds <= KDF_ROUNDS_MAX:
        raise UsageError(
            f"{what} asks for {parameters.rounds} rounds of key derivation; at most {KDF_ROUNDS_MAX} are done",
            hint="encrypt it anew with the tool that made it",
        )
    if parameters.key_bytes not in {None, _KEY_BYTES}:
        raise _foreign(what)


def _hash_of(prf: _Prf | None, what: str) -> type[HashAlgorithm]:
    found = _HASHES.get(_SHA1 if prf is None else prf.oid)
    if found is None:
        raise _foreign(what)
    return found


def _derive(passphrase: bytes, salt: bytes, rounds: int, algorithm: type[HashAlgorithm]) -> bytes:
    return PBKDF2HMAC(algorithm(), _KEY_BYTES, salt, rounds).derive(passphrase)


def _foreign(what: str) -> UsageError:
    return UsageError(
        f"{what} is not encrypted as docker and notary do it",
        hint="if another tool made it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW",
    )
