"""TUF 1.0 metadata through python-tuf: the model to bytes and back. Pure.

Mapping (design section 4.1): a released tag ``v2`` is the target path ``v2`` of the role ``releases``; what a signer
vouches for lies under a path of its own, ``alice/v2``, so that every delegation is disjoint and terminating and an
expired signer never stands in the way of a release. ``length`` is the manifest's size, ``sha256`` its digest.

Every file carries its collection and its role in its signed part and is read for these only: keys are shared between
collections and roles, and TUF itself does not say which repository a file belongs to.

Read more strictly than python-tuf does: no duplicate JSON keys, versions and thresholds are integers, and no key
material twice in a role (python-tuf counts key *ids*, so one key under two ids would reach a threshold of two).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from securesystemslib.signer import Key, SSlibKey
from tuf.api import exceptions
from tuf.api import metadata as tuf
from tuf.api.serialization.json import JSONSerializer

from pytrust.trust.canonical import parse_json
from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    Authority,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.errors import BadMetadata, InvalidName
from pytrust.trust.image import Platform
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey
from pytrust.trust.limits import ROOT_MAX_BYTES, SNAPSHOT_MAX_BYTES, TARGETS_MAX_BYTES, TIMESTAMP_MAX_BYTES
from pytrust.trust.names import CollectionName, Digest, KeyId, RoleName, parse_role

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
if TYPE_CHECKING:
    from pytrust.trust.keys.signers import Signer

S = TypeVar("S", bound=tuf.Signed)


def max_bytes(role: str) -> int:
    """The largest file that is read for ``role``."""
    return MAX_BYTES.get(role, TARGETS_MAX_BYTES)


def target_path(role: RoleName, tag: str) -> str:
    """The TUF target path under which ``role`` speaks of ``tag``."""
    return tag if role in {RELEASES, TARGETS} else f"{role}/{tag}"


def check(name: CollectionName, role: RoleName, data: bytes) -> datetime:
    """Refuse a file that is not strictly what ``role`` is; signatures and expiry are not looked at.

    Returns:
        when the file expires.

    Raises:
        BadMetadata: with the reason.
    """
    signed = _load(name, role, data).signed
    if isinstance(signed, tuf.Root):
        _read_authorities(signed)
    elif isinstance(signed, tuf.Targets) and signed.delegations:
        _read_delegations(signed)
    expires: datetime = signed.expires
    return expires


def read_root(name: CollectionName, data: bytes) -> Root:
    """Read a root file; raises ``BadMetadata``."""
    signed = _signed(name, ROOT, data, tuf.Root)
    return Root(signed.version, signed.expires, _read_authorities(signed))


def read_targets(name: CollectionName, role: RoleName, data: bytes) -> Targets:
    """Read a targets file, or one that it delegates to; raises ``BadMetadata``."""
    signed = _signed(name, role, data, tuf.Targets)
    own = target_path(role, "")
    targets = [
        read_target(path.removeprefix(own), file) for path, file in signed.targets.items() if path.startswith(own)
    ]
    delegations = _read_delegations(signed) if signed.delegations else ()
    return Targets(signed.version, signed.expires, {target.tag: target for target in targets}, delegations)


def read_versions(name: CollectionName, data: bytes) -> dict[RoleName, int]:
    """Read a snapshot file into role -> version; raises ``BadMetadata``."""
    meta = _signed(name, SNAPSHOT, data, tuf.Snapshot).meta
    return {RoleName(name.removesuffix(".json")): file.version for name, file in meta.items()}


def read_snapshot_version(name: CollectionName, data: bytes) -> int:
    """The snapshot version that a timestamp file names; raises ``BadMetadata``."""
    version: int = _signed(name, TIMESTAMP, data, tuf.Timestamp).snapshot_meta.version
    return version


def read_header(name: CollectionName, role: RoleName, data: bytes) -> tuple[int, datetime]:
    """The version and expiry of any role; raises ``BadMetadata``."""
    signed = _load(name, role, data).signed
    return signed.version, signed.expires


def read_target(tag: str, file: tuf.TargetFile) -> Target:
    """One target; raises ``BadMetadata`` where it has no sha256 or a malformed ``custom``."""
    custom = file.custom or {}
    try:
        return Target(
            tag=tag,
            digest=Digest.parse(f"sha256:{file.hashes['sha256']}"),
            length=file.length,
            media_type=_text(custom.get("mediaType", "")),
            platforms=tuple(_read_platform(item) for item in custom.get("platforms", ())),
            signed_at=_text(custom.get("signed_at", "")),
        )
    except (KeyError, TypeError, AttributeError, InvalidName) as error:
        raise BadMetadata(f"the entry for {tag[:100]!r} is malformed: {error}") from error


def write_root(name: CollectionName, root: Root) -> bytes:
    """The unsigned root file."""
    keys: dict[str, Key] = {}
    for authority in root.authorities.values():
        keys.update({key.keyid: key for key in map(_library_key, authority.keys)})
    roles: dict[str, tuf.Role] = {
        role: tuf.Role([_library_key(key).keyid for key in authority.keys], authority.threshold)
        for role, authority in root.authorities.items()
    }
    return _unsigned(name, ROOT, tuf.Root(version=root.version, expires=root.expires, keys=keys, roles=roles))


def write_targets(name: CollectionName, role: RoleName, document: Targets) -> bytes:
    """The unsigned file of targets, or of a role that it delegates to."""
    files = {
        target_path(role, target.tag): _write_target(target_path(role, target.tag), target)
        for target in document.targets.values()
    }
    delegations = _write_delegations(document.delegations) if document.delegations else None
    return _unsigned(
        name,
        role,
        tuf.Targets(version=document.version, expires=document.expires, targets=files, delegations=delegations),
    )


def write_snapshot(
    name: CollectionName, version: int, expires: datetime, files: Mapping[RoleName, tuple[int, bytes]]
) -> bytes:
    """The unsigned snapshot file over role -> (version, bytes); empty bytes keep an entry without hashes."""
    meta = {f"{role}.json": _meta(number, data) for role, (number, data) in files.items()}
    return _unsigned(name, SNAPSHOT, tuf.Snapshot(version=version, expires=expires, meta=meta))


def write_timestamp(
    name: CollectionName, version: int, expires: datetime, snapshot_version: int, snapshot: bytes
) -> bytes:
    """The unsigned timestamp file over the snapshot's bytes."""
    meta = _meta(snapshot_version, snapshot)
    return _unsigned(name, TIMESTAMP, tuf.Timestamp(version=version, expires=expires, snapshot_meta=meta))


def sign(name: CollectionName, role: RoleName, data: bytes, signers: Iterable[Signer]) -> bytes:
    """Add signatures to a file; one that is there already is replaced."""
    loaded = _load(name, role, data)
    for signer in signers:
        loaded.sign(signer.library, append=True)
    return loaded.to_bytes(_SERIALIZER)


def payload(name: CollectionName, role: RoleName, data: bytes) -> bytes:
    """What the signatures of a file are over; raises ``BadMetadata``."""
    signed: bytes = _load(name, role, data).signed_bytes
    return signed


def signed_by(name: CollectionName, role: RoleName, data: bytes, authority: Authority) -> frozenset[KeyId]:
    """The distinct keys of ``authority`` whose signature on the file is valid."""
    loaded = _load(name, role, data)
    payload = loaded.signed_bytes
    ids = {}
    for key in authority.keys:
        library = _library_key(key)
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


def _load(name: CollectionName, role: RoleName, data: bytes) -> tuf.Metadata[Any]:
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


def _signed(name: CollectionName, role: RoleName, data: bytes, kind: type[S]) -> S:
    signed = _load(name, role, data).signed
    if not isinstance(signed, kind):
        raise BadMetadata(f"{role}.json is of type {signed.type}")
    return signed


def _check_numbers(signed: Mapping[str, Any]) -> None:
    """JSON ``true`` is an ``int`` to Python: refuse it where a number decides."""
    delegations = signed.get("delegations") or {}
    roles = [*signed.get("roles", {}).values(), *delegations.get("roles", ())]
    numbers = [signed["version"], *(role["threshold"] for role in roles)]
    numbers += [meta["version"] for meta in signed.get("meta", {}).values()]
    numbers += [target["length"] for target in signed.get("targets", {}).values()]
    if any(type(number) is not int for number in numbers):
        raise ValueError("a version, threshold or length is not an integer")


def _read_authorities(root: tuf.Root) -> dict[RoleName, Authority]:
    return {role: _read_authority(root.roles[role], root.keys, role) for role in TOP_LEVEL}


def _read_delegations(targets: tuf.Targets) -> tuple[Delegation, ...]:
    delegations = targets.delegations
    if delegations is None or delegations.roles is None:
        raise BadMetadata("targets.json delegates to hash bins, which collections do not have")
    for name, role in delegations.roles.items():
        _check_role_name(name)
        if not role.terminating or role.paths != [target_path(RoleName(name), "*")]:
            raise BadMetadata(f"the delegation to {name} has other paths than a collection's")
    return tuple(
        Delegation(RoleName(name), _read_authority(role, delegations.keys, name))
        for name, role in delegations.roles.items()
    )


def _check_role_name(name: str) -> None:
    """A role's name becomes a file's: it must not lead anywhere."""
    try:
        parse_role(name)
    except InvalidName as error:
        raise BadMetadata(f"targets.json delegates to a role that cannot be: {error}") from error


def _read_authority(role: tuf.Role, keys: Mapping[str, Key], name: str) -> Authority:
    try:
        material = tuple(_public_key(keys[keyid]) for keyid in role.keyids)
        return Authority(material, role.threshold)
    except KeyError as error:
        raise BadMetadata(f"the role {name} names a key that is not listed") from error
    except BadMetadata as error:
        raise BadMetadata(f"the role {name}: {error}") from error


def _public_key(key: Key) -> PublicKey:
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


def _library_key(key: PublicKey) -> SSlibKey:
    return SSlibKey.from_crypto(key.load())


def _write_delegations(delegations: Iterable[Delegation]) -> tuf.Delegations:
    keys: dict[str, Key] = {}
    roles: dict[str, tuf.DelegatedRole] = {}
    for item in delegations:
        library = [_library_key(key) for key in item.authority.keys]
        keys.update({key.keyid: key for key in library})
        roles[item.name] = tuf.DelegatedRole(
            item.name,
            [key.keyid for key in library],
            item.authority.threshold,
            terminating=True,
            paths=[target_path(item.name, "*")],
        )
    return tuf.Delegations(keys, roles)


def _write_target(path: str, target: Target) -> tuf.TargetFile:
    custom = {
        "mediaType": target.media_type,
        "platforms": [_write_platform(item) for item in target.platforms],
        "signed_at": target.signed_at,
    }
    fields = {"custom": {key: value for key, value in custom.items() if value}}
    return tuf.TargetFile(target.length, {"sha256": target.digest.hex}, path, fields)


def _read_platform(item: Mapping[str, Any]) -> Platform:
    variant = item.get("variant")
    size = item["size"]
    if type(size) is not int:
        raise TypeError("size is not an integer")
    digest = Digest.parse(item["digest"])
    return Platform(
        _text(item["os"]),
        _text(item["architecture"]),
        None if variant is None else _text(variant),
        digest,
        size,
    )


def _write_platform(item: Platform) -> dict[str, str | int]:
    variant = {} if item.variant is None else {"variant": item.variant}
    return {
        "os": item.os,
        "architecture": item.architecture,
        **variant,
        "digest": str(item.digest),
        "size": item.size,
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _meta(version: int, data: bytes) -> tuf.MetaFile:
    return tuf.MetaFile.from_data(version, data, ["sha256"]) if data else tuf.MetaFile(version)


def _unsigned(name: CollectionName, role: RoleName, signed: tuf.Signed) -> bytes:
    signed.unrecognized_fields.update({_COLLECTION: name, _ROLE: role})
    signed.expires = signed.expires.astimezone(UTC).replace(microsecond=0)
    envelope: tuf.Metadata[Any] = tuf.Metadata(signed)
    return envelope.to_bytes(_SERIALIZER)
