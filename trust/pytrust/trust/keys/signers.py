"""Signers: whatever can sign for a public key.

Software keys come from the key ring, and through it from the vault; keys behind another URI (``hsm:``, ``awskms:``,
``gcpkms:``, ``azurekms:``, ``hv:``) are driven through securesystemslib. Its import pulls in every such SDK that is
installed (0.8 s instead of 0.1 s), so ``block_sdks`` keeps them out of every process that has no such key to open.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytrust.trust.errors import UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import Signer as LibrarySigner

    from pytrust.trust.keys.keyring import KeyEntry, Keyring, Passphrase
    from pytrust.trust.keys.private import PrivateKey
    from pytrust.trust.keys.public import PublicKey

URI_SCHEMES: Final = {"hsm": "hsm", "awskms": "aws", "gcpkms": "gcp", "azurekms": "azure", "hv": "vault"}
"""What a key's URI may start with, and the extra of pytrust that it needs."""
_SDKS: Final = (
    "boto3",
    "botocore",
    "google.cloud",
    "azure.core",
    "azure.identity",
    "hvac",
    "pkcs11",
    "PyKCS11",
    "sigstore",
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that can sign: ``library`` is what the TUF library signs with; ``private`` the key, if it is in memory."""

    public: PublicKey
    library: LibrarySigner
    private: PrivateKey | None = None


def signer_of(key: PrivateKey) -> Signer:
    """Sign with a private key in memory."""
    from securesystemslib.signer import CryptoSigner

    from pytrust.trust.keys.public import PublicKey

    return Signer(PublicKey.of(key.public_key()), CryptoSigner(key), key)


def open_signer(keyring: Keyring, entry: KeyEntry, passphrase: Passphrase) -> Signer:
    """Open the signer of a key ring entry.

    Raises:
        WrongPassphrase: the key stays closed.
        VaultLocked: it lies in the vault, and that stays closed.
        UsageError: the URI needs an extra that is not installed, or the device refuses.
    """
    if entry.uri is None or entry.in_vault:
        return signer_of(keyring.open(entry.name, passphrase))
    return _open_uri(entry, entry.uri, passphrase)


def _open_uri(entry: KeyEntry, uri: str, passphrase: Passphrase) -> Signer:
    from securesystemslib.signer import Signer as LibrarySigner
    from securesystemslib.signer import SSlibKey

    scheme = uri.partition(":")[0]
    if scheme not in URI_SCHEMES:
        raise UsageError(f"the key {entry.name} has an unknown URI scheme {scheme!r}", hint=", ".join(URI_SCHEMES))
    public = SSlibKey.from_crypto(entry.public.load())
    try:
        library = LibrarySigner.from_priv_key_uri(uri, public, lambda _: passphrase(entry.name).decode())
    except Exception as error:  # SDKs raise families of their own; one sentence must leave here
        raise UsageError(
            f"the key {entry.name} at {scheme}: cannot be used: {str(error)[:200]}",
            hint=f"is the extra installed? pip install 'pytrust[{URI_SCHEMES[scheme]}]'",
        ) from error
    return Signer(entry.public, library)


def block_sdks() -> None:
    """Let securesystemslib be imported without the HSM and KMS SDKs that it looks for.

    ``None`` in ``sys.modules`` makes an import fail (Python reference, 5.3.1), which securesystemslib takes as "not
    installed". To be called before it is imported.
    """
    for name in _SDKS:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def allow_sdks() -> None:
    """Take ``block_sdks`` back, for a key ring that has a key in an HSM or KMS."""
    for name in _SDKS:
        if sys.modules.get(name, ...) is None:
            del sys.modules[name]
