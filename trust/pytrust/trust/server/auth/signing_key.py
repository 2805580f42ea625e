"""The file with the key that signs our tokens, made where there is none; several servers may share it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pytrust.trust.errors import NotSetUp, Unsound
from pytrust.trust.files import read_private, write_atomic
from pytrust.trust.limits import KEY_FILE_MAX_BYTES

_HINT: Final = "move it away, and a new one is made; whoever is logged in has to log in again"


def signing_key(path: Path) -> EllipticCurvePrivateKey:
    """Read the key; two servers that start at once and find none agree on one.

    Raises:
        Unsound: it cannot be written, others can read it, or it is not a P-256 key in PEM without passphrase.
    """
    try:
        try:
            return _read(path)
        except NotSetUp:
            with suppress(FileExistsError):
                write_atomic(path, _new_pem(), replace=False)
            return _read(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unsound(f"{path}: {reason}", hint="the key that signs tokens is kept there: check the folder") from error


def _new_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> EllipticCurvePrivateKey:
    data = read_private(path, KEY_FILE_MAX_BYTES)
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unsound(f"{path} is not a private key in PEM without passphrase", hint=_HINT) from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise Unsound(f"{path} is not a P-256 key", hint=_HINT)
    return key
