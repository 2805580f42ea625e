"""Whether dockerd would start with the files of a folder. Pure.

dockerd ends at its start over a key that is not the certificate's, or that is encrypted: a set-up that leads there
would take the engine down.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pytrust.trust.errors import Unsound
from pytrust.trust.pki.folder import CA, CERT, KEY


def served_by(files: Mapping[str, bytes], folder: str) -> tuple[x509.Certificate, ...]:
    """The chain that an engine with these files serves, its own certificate first.

    Args:
        files: as ``folder.read`` gives them.
        folder: names them in errors.

    Raises:
        Unsound: dockerd would not start with them; the sentence says why.
    """
    for name in (CA, CERT, KEY):
        if name not in files:
            raise Unsound(f"{folder} has no {name}", hint="it must be the folder of a server: pytrust ca list")
    _certificates(files[CA], f"{folder}/{CA}")
    chain = _certificates(files[CERT], f"{folder}/{CERT}")
    if _public(files[KEY], f"{folder}/{KEY}") != chain[0].public_key():
        raise Unsound(f"{folder}/{KEY} is not the key of {CERT}", hint="write both anew: pytrust ca renew NAME")
    return chain


def _certificates(pem: bytes, what: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise Unsound(f"{what} holds no certificate that can be read", hint="it must be pem") from error


def _public(pem: bytes, what: str) -> PublicKeyTypes:
    try:
        return load_pem_private_key(pem, None).public_key()
    except TypeError:
        raise Unsound(
            f"{what} is encrypted, which dockerd does not take", hint="write it without a passphrase"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unsound(f"{what} holds no private key that can be read", hint="it must be pem") from error
