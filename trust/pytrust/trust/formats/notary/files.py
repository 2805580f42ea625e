"""What the four kinds of Notary files say, read strictly and losing nothing that a next version needs.

An unknown field is refused: stock servers would drop it when they write the file again, and its hash would then match
nothing. ``null`` stands for an empty list where Go writes it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256, sha512
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pytrust.trust.collection.model import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TOP_LEVEL
from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats.notary.canonical import decode_base64
from pytrust.trust.formats.notary.envelope import Envelope, read_envelope
from pytrust.trust.formats.notary.keys import WireId, WireKey
from pytrust.trust.formats.notary.times import parse_time
from pytrust.trust.limits import NOTARY_FILE_KEYS_MAX, NOTARY_ROLE_MAX_BYTES

_ROLE: Final = re.compile(r"targets(?:/[-a-z0-9_]+)+")
_DIGEST_SIZES: Final = {"sha256": 32, "sha512": 64}
_ROOTS_KEPT: Final = 16  # a server reads the same few again and again
_VERSION_MAX: Final = 2**31 - 1  # a Go int fits more; a database column of the stock server does not
_ROLE_FIELDS: Final = frozenset({"keyids", "threshold"})
_DELEGATION_FIELDS: Final = _ROLE_FIELDS | {"name", "paths"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Of a file or an image: ``length`` in bytes, ``hashes`` raw; ``custom`` is any JSON, None where absent."""

    length: int
    hashes: Mapping[str, bytes]
    custom: Any = None

    def matches(self, data: bytes) -> bool:
        """Whether ``data`` has this length and every hash that is listed (there must be a known one)."""
        made = {"sha256": sha256, "sha512": sha512}
        known = [name for name in self.hashes if name in made]
        return (
            len(data) == self.length
            and bool(known)
            and all(made[name](data).digest() == self.hashes[name] for name in known)
        )


@dataclass(frozen=True, slots=True)
class WireRole:
    """Who may sign a role: ids of keys listed beside it, and how many must."""

    keyids: tuple[WireId, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class WireDelegation:
    """A role below targets, by its full name, with the prefixes of the names that it may speak of."""

    name: str
    role: WireRole
    paths: tuple[str, ...]

    def covers(self, target: str) -> bool:
        """Whether it may speak of ``target``."""
        return any(target.startswith(path) for path in self.paths)


@dataclass(frozen=True, slots=True)
class RootFile:
    """The root role."""

    envelope: Envelope
    version: int
    expires: datetime
    keys: Mapping[WireId, WireKey]
    roles: Mapping[str, WireRole]

    def keys_of(self, role: str) -> list[WireKey]:
        """The keys that may sign ``role``."""
        return [self.keys[keyid] for keyid in self.roles[role].keyids]


@dataclass(frozen=True, slots=True)
class TargetsFile:
    """The targets role, or one below it."""

    envelope: Envelope
    version: int
    expires: datetime
    targets: Mapping[str, FileMeta]
    keys: Mapping[WireId, WireKey]
    delegations: tuple[WireDelegation, ...]

    def delegation(self, name: str) -> WireDelegation | None:
        """The delegation with this full name."""
        return next((item for item in self.delegations if item.name == name), None)

    def keys_of(self, role: WireRole) -> list[WireKey]:
        """The keys of a delegation."""
        return [self.keys[keyid] for keyid in role.keyids]


@dataclass(frozen=True, slots=True)
class MetaFile:
    """Snapshot (over all roles) or timestamp (over the snapshot)."""

    envelope: Envelope
    version: int
    expires: datetime
    meta: Mapping[str, FileMeta]


RoleDocument = RootFile | TargetsFile | MetaFile


def is_delegation(role: str) -> bool:
    """Whether ``role`` is the name of a delegation: ``targets/releases``, ``targets/a/b``."""
    return len(role) < NOTARY_ROLE_MAX_BYTES and _ROLE.fullmatch(role) is not None


def parent(role: str) -> str:
    """The role that delegates to ``role``."""
    return role.rpartition("/")[0]


def depth(role: str) -> tuple[int, str]:
    """Sorts roles so that each stands behind those that delegate to it."""
    return role.count("/"), role


def read_file(role: str, data: bytes) -> RoleDocument:
    """Read the file of any role; raises ``BadMetadata``."""
    if role == ROOT:
        return read_root(data)
    if role in {SNAPSHOT, TIMESTAMP}:
        return read_meta(role, data)
    return read_targets(role, data)


@lru_cache(maxsize=_ROOTS_KEPT)
def read_root(data: bytes) -> RootFile:
    """Read a root file: every role's keys are listed, under the ids that they have; raises ``BadMetadata``."""
    return _guarded(ROOT, lambda: _root(read_envelope(ROOT, data)))


def read_targets(role: str, data: bytes) -> TargetsFile:
    """Read the file of targets or of a delegation, which may delegate to its direct children only."""
    return _guarded(role, lambda: _targets(role, read_envelope(role, data)))


def read_meta(role: str, data: bytes) -> MetaFile:
    """Read a snapshot or timestamp file."""
    return _guarded(role, lambda: _meta(role, read_envelope(role, data)))


def _guarded(role: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise BadMetadata(f"{role}.json is malformed: {str(error)[:200]}") from error


def _root(envelope: Envelope) -> RootFile:
    signed = envelope.signed
    _check_fields(signed, "Root", {"consistent_snapshot", "keys", "roles"})
    if signed["consistent_snapshot"] is not False:
        raise ValueError("consistent_snapshot is not false")
    keys = _keys(signed["keys"])
    roles = {name: _role(item, keys, _ROLE_FIELDS) for name, item in signed["roles"].items()}
    if roles.keys() != set(TOP_LEVEL):
        raise ValueError("its roles are not root, targets, snapshot and timestamp")
    return RootFile(envelope, *_header(signed), keys, MappingProxyType(roles))


def _targets(role: str, envelope: Envelope) -> TargetsFile:
    signed = envelope.signed
    _check_fields(signed, "Targets", {"delegations", "targets"})
    delegations = signed["delegations"]
    if delegations.keys() != {"keys", "roles"}:
        raise ValueError("its delegations have other fields than keys and roles")
    keys = _keys(_object(delegations["keys"]))
    listed = tuple(_delegation(role, item, keys) for item in _list(delegations["roles"]))
    if len({item.name for item in listed}) != len(listed):
        raise ValueError("one role is delegated to twice")
    targets = {_target_name(name): _file_meta(item) for name, item in _object(signed["targets"]).items()}
    return TargetsFile(envelope, *_header(signed), MappingProxyType(targets), keys, listed)


def _meta(role: str, envelope: Envelope) -> MetaFile:
    signed = envelope.signed
    _check_fields(signed, role.capitalize(), {"meta"})
    meta = {name: _file_meta(item) for name, item in signed["meta"].items()}
    needed = {*meta, SNAPSHOT} if role == TIMESTAMP else {*meta, ROOT, TARGETS}
    if missing := sorted(name for name in needed if name not in meta or "sha256" not in meta[name].hashes):
        raise ValueError(f"it has no sha256 of {missing[0]}")
    return MetaFile(envelope, *_header(signed), MappingProxyType(meta))


def _check_fields(signed: Mapping[str, Any], kind: str, own: set[str]) -> None:
    if signed["_type"] != kind:
        raise ValueError(f"it is of type {str(signed['_type'])[:40]!r}")
    if strange := sorted(signed.keys() ^ ({"_type", "expires", "version"} | own)):
        raise ValueError(f"the field {strange[0][:60]!r} is missing or unknown")


def _header(signed: Mapping[str, Any]) -> tuple[int, datetime]:
    return _number(signed["version"], 1), parse_time(signed["expires"])


def _keys(document: Mapping[str, Any]) -> Mapping[WireId, WireKey]:
    if len(document) > NOTARY_FILE_KEYS_MAX:
        raise ValueError(f"it lists more than {NOTARY_FILE_KEYS_MAX} keys")
    keys = {WireId(keyid): WireKey.read(item) for keyid, item in document.items()}
    for keyid, key in keys.items():
        if key.id != keyid:
            raise ValueError(f"the key {keyid[:64]!r} has the id {key.id}")
    return MappingProxyType(keys)


def _role(item: Mapping[str, Any], keys: Mapping[WireId, WireKey], fields: frozenset[str]) -> WireRole:
    if not item.keys() >= _ROLE_FIELDS or item.keys() - fields:
        raise ValueError("a role has other fields than keyids and threshold")
    keyids = tuple(WireId(keyid) for keyid in _list(item["keyids"]))
    if unlisted := [keyid for keyid in keyids if keyid not in keys]:
        raise ValueError(f"the key {str(unlisted[0])[:64]!r} of a role is not listed")
    return WireRole(keyids, _number(item["threshold"], 1))


def _delegation(above: str, item: Mapping[str, Any], keys: Mapping[WireId, WireKey]) -> WireDelegation:
    name = item["name"]
    if not is_delegation(name) or parent(name) != above:
        raise ValueError(f"{above} delegates to {str(name)[:100]!r}")
    paths = tuple(_list(item.get("paths")))
    if not all(isinstance(path, str) for path in paths):
        raise ValueError("a path is no text")
    return WireDelegation(name, _role(item, keys, _DELEGATION_FIELDS), paths)


def _file_meta(item: Mapping[str, Any]) -> FileMeta:
    if item.keys() - {"custom", "hashes", "length"}:
        raise ValueError("a file has other fields than hashes, length and custom")
    hashes = {name: decode_base64(text) for name, text in item["hashes"].items()}
    for name, size in _DIGEST_SIZES.items():
        if len(hashes.get(name, bytes(size))) != size:
            raise ValueError(f"a {name} is not {size} bytes long")
    return FileMeta(_number(item["length"], 0), MappingProxyType(hashes), item.get("custom"))


def _target_name(name: str) -> str:
    if not name or any(char < " " or char == "\x7f" for char in name):
        raise ValueError("a target's name is empty, or has control characters")
    return name


def _list(value: object) -> list[Any]:
    """``null`` is Go's empty list; ``false``, ``""`` and ``{}`` are none."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError(f"{str(value)[:40]!r} is no list")
    return value


def _object(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{str(value)[:40]!r} is no object")
    return value


def _number(value: object, least: int) -> int:
    """JSON ``true`` is an ``int`` to Python: refused where a number decides."""
    if type(value) is not int or not least <= value <= (_VERSION_MAX if least else 2**53):
        raise ValueError(f"{str(value)[:40]!r} is no number that fits")
    return value
