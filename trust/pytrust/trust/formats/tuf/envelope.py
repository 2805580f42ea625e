"""The signed file: read strictly, signed, its signatures counted by key material."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from securesystemslib.signer import Key
from tuf.api import exceptions
from tuf.api import metadata as tuf
from tuf.api.serialization.json import JSONSerializer

from pytrust.trust.canonical import parse_json
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TIMESTAMP, Authority
from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats.tuf.keys import library_key
from pytrust.trust.limits import ROOT_MAX_BYTES, SNAPSHOT_MAX_BYTES, TARGETS_MAX_BYTES, TIMESTAMP_MAX_BYTES
from pytrust.trust.names import CollectionName, KeyId, RoleName

if TYPE_CHECKING:
    from pytrust.trust.keys.signers import Signer

MAX_BYTES: Final[Mapping[str, int]] = {
    ROOT: ROOT_MAX_BYTES,
    SNAPSHOT: SNAPSHOT_MAX_BYTES,
    TIMESTAMP: TIMESTAMP_MAX_BYTES,
}
_COLLECTION: Final = "collection"  # our fields in the signed part of every file
_ROLE: Final = "role"
_SERIALIZER: Final = JSONSerializer(compact=True)
_CLASSES: Final[Mapping[str, type[tuf.Signed]]] = {
    ROOT: tuf.Root,
    SNAPSHOT: tuf.Snapshot,
    TIMESTAMP: tuf.Timestamp,
}


def max_bytes(role: str) -> int:
    """The largest file that is read for ``role``."""
    return MAX_BYTES.get(role, TARGETS_MAX_BYTES)


def load(name: CollectionName, role: RoleName, data: bytes) -> tuf.Metadata[Any]:
    """Read a file strictly: JSON with one reading, the type of its role, bound to its collection and role.

    Raises:
        BadMetadata: with the reason. Signatures and expiry are not looked at.
    """
    what = f"{role}.json"
    document = parse_json(data, what=what, max_bytes=max_bytes(role))
    try:
        _check_numbers(document["signed"])
        loaded: tuf.Metadata[Any] = tuf.Metadata.from_dict(document)
    except (exceptions.RepositoryError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadMetadata(f"{what} is malformed: {str(error)[:200]}") from error
    if not isinstance(loaded.signed, _CLASSES.get(role, tuf.Targets)):
        raise BadMetadata(f"{what} is of type {loaded.signed.type}")
    if (bound := loaded.signed.unrecognized_fields.get(_COLLECTION)) != name:
        raise BadMetadata(f"{what} belongs to {str(bound)[:200]!r}, not to {name}")
    if (bound := loaded.signed.unrecognized_fields.get(_ROLE)) != role:
        raise BadMetadata(f"{what} of {name} is the file of the role {str(bound)[:100]!r}")
    return loaded


def _check_numbers(signed: Mapping[str, Any]) -> None:
    """JSON ``true`` is an ``int`` to Python: refuse it where a number decides."""
    delegations = signed.get("delegations") or {}
    roles = [*signed.get("roles", {}).values(), *delegations.get("roles", ())]
    numbers = [signed["version"], *(role["threshold"] for role in roles)]
    numbers += [meta["version"] for meta in signed.get("meta", {}).values()]
    numbers += [target["length"] for target in signed.get("targets", {}).values()]
    if any(type(number) is not int for number in numbers):
        raise ValueError("a version, threshold or length is not an integer")


def sign(name: CollectionName, role: RoleName, data: bytes, signers: Iterable[Signer]) -> bytes:
    """Add signatures to a file; one that is there already is replaced."""
    loaded = load(name, role, data)
    for signer in signers:
        loaded.sign(signer.library, append=True)
    return loaded.to_bytes(_SERIALIZER)


def payload(name: CollectionName, role: RoleName, data: bytes) -> bytes:
    """What the signatures of a file are over; raises ``BadMetadata``."""
    signed: bytes = load(name, role, data).signed_bytes
    return signed


def signed_by(name: CollectionName, role: RoleName, data: bytes, authority: Authority) -> frozenset[KeyId]:
    """The distinct keys of ``authority`` whose signature on the file is valid."""
    loaded = load(name, role, data)
    payload = loaded.signed_bytes
    ids = {}
    for key in authority.keys:
        library = library_key(key)
        signature = loaded.signatures.get(library.keyid)
        ids[key.id] = signature is not None and _verifies(library, signature, payload)
    return frozenset(key_id for key_id, valid in ids.items() if valid)


def _verifies(key: Key, signature: Any, payload: bytes) -> bool:  # noqa: ANN401
    from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError

    try:
        key.verify_signature(signature, payload)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True


def unsigned(name: CollectionName, role: RoleName, signed: tuf.Signed) -> bytes:
    """A file without signatures, bound to its collection and role."""
    signed.unrecognized_fields.update({_COLLECTION: name, _ROLE: role})
    signed.expires = signed.expires.astimezone(UTC).replace(microsecond=0)
    envelope: tuf.Metadata[Any] = tuf.Metadata(signed)
    return envelope.to_bytes(_SERIALIZER)
