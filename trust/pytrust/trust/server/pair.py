"""The certificate and key that the server shows: read from where their owner keeps them, handed to the processes.

The processes read copies, in memory where the system has such a place: they take PKCS#8 only, and a folder that
``pytrust ca`` renews moves its files. A pair that changed is noticed, and taken only if it is one.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pytrust.trust.errors import UsageError
from pytrust.trust.files import read_bounded, read_private, write_atomic
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.limits import TLS_FILE_MAX_BYTES
from pytrust.trust.pki.leaf_key import key_pem
from pytrust.trust.pki.tls_context import server_context

_HINT: Final = "pytrust ca server makes a folder with cert.pem and key.pem"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificate (with what leads to its root) and its key are; PEM, the key not sealed."""

    cert: Path
    key: Path


class Pair(NamedTuple):
    """The bytes of both; the key is PKCS#8."""

    cert: bytes
    key: bytes


def read_pair(files: TlsFiles) -> Pair:
    """Read both and see whether they can be served with.

    Raises:
        UsageError: they are no such things, or do not belong together.
        BadPermissions: others can read the key.
    """
    try:
        cert = read_bounded(files.cert, TLS_FILE_MAX_BYTES)
        key = _plain_key(read_private(files.key.resolve(), TLS_FILE_MAX_BYTES, missing=_HINT), files.key)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}", hint=_HINT) from error
    try:
        server_context(cert, key)
    except ssl.SSLError as error:
        raise UsageError(f"{files.cert} and {files.key} are no certificate and its key", hint=_HINT) from error
    return Pair(cert, key)


def place_pair(pair: Pair, folder: Path) -> TlsFiles:
    """Put a pair where processes read it; ``folder`` is open to nobody else."""
    placed = TlsFiles(folder / "cert.pem", folder / "key.pem")
    write_atomic(placed.cert, pair.cert)
    write_atomic(placed.key, pair.key)
    return placed


def _plain_key(data: bytes, path: Path) -> bytes:
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is no private key that can be read without a passphrase", hint=_HINT) from error
    if not isinstance(key, PrivateKey):
        raise UsageError(f"{path} is a {type(key).__name__}, which no client knows", hint=_HINT)
    return key_pem(key)
