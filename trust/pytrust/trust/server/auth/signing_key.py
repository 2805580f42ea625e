"""The key that signs our tokens, made where there is none: in a file that servers may share, or in the vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pytrust.trust.errors import NotSetUp, Unsound
from pytrust.trust.files import PRIVATE, read_private, write_atomic
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.vaulted_keys import (
    Opening,
    keep_key,
    open_key,
    private_pem,
    read_public,
    read_reference,
    write_reference,
)
from pytrust.trust.limits import KEY_FILE_MAX_BYTES

_HINT: Final = "move it away, and a new one is made; whoever is logged in has to log in again"
_STEM: Final = "token"


def signing_key(path: Path, vault: Opening | None = None) -> EllipticCurvePrivateKey:
    """Read the key; two servers that start at once and find none agree on one.

    Raises:
        Unsound: it cannot be written, others can read it, it is not a P-256 key in PEM without passphrase, or the
            vault that has it cannot be opened.
    """
    with _guarded(path):
        try:
            return _read(path, vault)
        except NotSetUp:
            if not path.exists():
                with suppress(FileExistsError):
                    write_atomic(path, _kept(generate_private_key(SECP256R1()), vault), replace=False)
            return _read(path, vault)  # another may have made it since; what lies in a vault is refused again


def adopt_signing_key(path: Path, vault: Opening) -> bool:
    """Move the key into the vault: first there, then out of its file; whether there was anything to do."""
    with _guarded(path):
        data = read_private(path, KEY_FILE_MAX_BYTES)
        if read_reference(data, "server", str(path)):
            return False
        write_atomic(path, _kept(_parsed(data, path), vault), mode=PRIVATE)
    return True


def _kept(key: EllipticCurvePrivateKey, vault: Opening | None) -> bytes:
    if vault is None:
        return private_pem(key)
    return PublicKey.of(key.public_key()).pem.encode() + write_reference(keep_key(vault(), "server", _STEM, key))


def _read(path: Path, vault: Opening | None) -> EllipticCurvePrivateKey:
    data = read_private(path, KEY_FILE_MAX_BYTES)
    if (secret := read_reference(data, "server", str(path))) is None:
        return _parsed(data, path)
    return _checked(open_key(vault, secret, read_public(data, str(path)), "the key that signs tokens"), path)


def _parsed(data: bytes, path: Path) -> EllipticCurvePrivateKey:
    try:
        return _checked(load_pem_private_key(data, None), path)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unsound(f"{path} is not a private key in PEM without passphrase", hint=_HINT) from error


def _checked(key: object, path: Path) -> EllipticCurvePrivateKey:
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise Unsound(f"{path} is not a P-256 key", hint=_HINT)
    return key


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unsound(f"{path}: {reason}", hint="the key that signs tokens is kept there: check the folder") from error
