"""From a pin to a trusted root file, and along the chain of roots (TUF specification 5.3; Notary v1 alike). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography.x509 import BasicConstraints, Certificate, ExtensionNotFound

from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import BadMetadata, BadSignature, UntrustedRoot, UsageError
from pytrust.trust.formats import tuf
from pytrust.trust.formats.notary.certificates import leads_to, parse_bundle, write_bundle
from pytrust.trust.formats.notary.checks import root_signers
from pytrust.trust.formats.notary.files import RootFile
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey
from pytrust.trust.names import CollectionName, KeyId
from pytrust.trust.pins import Pin

_CERTIFICATE_HINT: Final = "give PEM: -----BEGIN CERTIFICATE-----"
_INSTANT: Final = timedelta(microseconds=1)


@lru_cache(maxsize=64)
def covers(pin: Pin, name: CollectionName, root: bytes) -> bool:
    """Whether a root file is signed by itself and by enough pinned keys; raises ``BadMetadata`` for a malformed one."""
    authority = tuf.read_root(name, root).authorities[ROOT]
    signers = tuf.signed_by(name, ROOT, root, authority)
    if len(signers) < authority.threshold:
        return False
    pinned = [key for key in authority.keys if key.id in signers and pin.root_keys & _ids(key)]
    return pin.first_use or len(pinned) >= pin.threshold


def covers_notary(pin: Pin, name: CollectionName, root: RootFile, now: datetime) -> bool:
    """The same of a Notary root; the time of its own certificates may be over, as its successor's may not.

    Raises:
        BadMetadata: no key of the root can be one.
    """
    signers = root_signers(name, root, None)
    signed = [key for key in root.keys_of(ROOT) if key.material.id in signers]
    if len(signers) < root.roles[ROOT].threshold:
        return False
    if pin.ca:
        authorities = parse_bundle(pin.ca)
        return any(leads_to(held := parse_bundle(key.public), authorities, _moment(held, now)) for key in signed)
    if pin.certificates:
        return any(key.id in pin.certificates for key in signed)
    pinned = {key.material.id for key in signed if pin.root_keys & {key.id, *_ids(key.material)}}
    return pin.first_use or len(pinned) >= pin.threshold


def require_anchor(pin: Pin, name: CollectionName, roots: Sequence[bytes]) -> int:
    """The index of the first of ``roots`` (oldest first) that the pin covers; raises ``UntrustedRoot``."""
    for index, root in enumerate(roots):
        if covers(pin, name, root):
            return index
    raise untrusted(pin, name)


def bare_id(root: RootFile, key_id: KeyId) -> KeyId:
    """The id of the key itself for one that Notary knows as ``key_id``; what ``root`` does not name stays as it is.

    A pin of the bare id holds in both formats, and when the certificate is made anew.
    """
    named = (key.material for key in root.keys_of(ROOT) if key_id in {key.id, *_ids(key.material)})
    return next((key.id for key in named), key_id)


def untrusted(pin: Pin, name: CollectionName) -> UntrustedRoot:
    """What to raise where no root is covered."""
    hint = "compare its root key with its owner, then: pytrust pin NAME KEY; if it changed for good, change the pin"
    if pin.ca:
        return UntrustedRoot(f"no root of {name} is certified by the authority pinned for {pin.match}", hint=hint)
    if pin.first_use:
        return UntrustedRoot(f"the first root of {name} is not signed by its own keys", hint=hint)
    what, ids = ("certificates", pin.certificates) if pin.certificates else ("keys", pin.root_keys)
    wanted = ", ".join(sorted(key[:12] for key in ids))
    return UntrustedRoot(f"no root of {name} is signed by the {what} pinned for {pin.match} ({wanted}...)", hint=hint)


def walk_roots(name: CollectionName, roots: Sequence[bytes]) -> bytes:
    """Follow the chain from a trusted root to the last; raises ``BadSignature`` at the first broken link."""
    trusted = roots[0]
    for data in roots[1:]:
        old, new = tuf.read_root(name, trusted), tuf.read_root(name, data)
        for authority in (old.authorities[ROOT], new.authorities[ROOT]):
            if len(tuf.signed_by(name, ROOT, data, authority)) < authority.threshold:
                raise BadSignature(
                    f"root {new.version} of {name} is not signed by enough keys of its predecessor and itself"
                )
        if new.version != old.version + 1:
            raise BadSignature(f"root {old.version} of {name} is followed by {new.version}")
        trusted = data
    return trusted


def certificate_id(pem: bytes, what: str) -> str:
    """What Notary calls a certificate (with its intermediates, if any); raises ``UsageError``."""
    try:
        key = WireKey.carried(write_bundle(parse_bundle(pem)))
        if key.material.kind == UNSUPPORTED:
            raise UsageError(f"{what} has a key of a kind that nothing here verifies", hint=_CERTIFICATE_HINT)
    except (BadMetadata, IndexError) as error:
        raise UsageError(f"{what} is no certificate of a root key", hint=_CERTIFICATE_HINT) from error
    return key.id


def check_authority(pem: bytes, what: str) -> bytes:
    """PEM of certificates that may issue others; raises ``UsageError``."""
    try:
        found = parse_bundle(pem)
        able = [item.extensions.get_extension_for_class(BasicConstraints).value.ca for item in found]
    except (BadMetadata, ValueError, ExtensionNotFound) as error:
        raise UsageError(f"{what} holds no certificates of authorities", hint=_CERTIFICATE_HINT) from error
    if not able or not all(able):
        raise UsageError(f"{what} holds a certificate that is no authority's", hint="pin it as certificates instead")
    return pem


def _ids(key: PublicKey) -> set[str]:
    """What a pin may call a key; it has signed, so it is of a kind that Notary knows, too."""
    return {key.id, canonical_id(key)}


def _moment(certificates: Sequence[Certificate], now: datetime) -> datetime:
    """When to ask who issued a certificate: now, or while it was in time."""
    return min(now, certificates[0].not_valid_after_utc - _INSTANT)
