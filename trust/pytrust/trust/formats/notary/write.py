"""From the model to unsigned Notary files, upon the files before them.

What the model does not know (certificates around keys, paths, deeper delegations, sha512, others' ``custom``) is
carried over from the file before, so that a version made here takes nothing from anybody.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256, sha512
from typing import Any

from pytrust.trust.collection.model import ROOT, TOP_LEVEL, Authority, Delegation, Root, Target, Targets
from pytrust.trust.errors import UsageError
from pytrust.trust.formats.custom import custom_of
from pytrust.trust.formats.notary.envelope import Envelope, unsigned
from pytrust.trust.formats.notary.files import RootFile, TargetsFile, WireDelegation
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.formats.notary.read import full_name, role_name, targets_of
from pytrust.trust.formats.notary.times import format_time
from pytrust.trust.names import KeyId


def write_root(root: Root, before: RootFile | None, certificates: Mapping[KeyId, bytes]) -> Envelope:
    """The next root; ``certificates`` (PEM, by key) carry root keys, in place of those of earlier roots if any.

    Certificates of earlier root keys stay listed, as notary keeps them.
    """
    carried = _carried(before, certificates)
    wire = {
        role: [_root_key(key.id, carried) if role == ROOT else WireKey.plain(key) for key in authority.keys]
        for role, authority in root.authorities.items()
    }
    listed = [key for keys in wire.values() for key in keys] + _kept_root_keys(before)
    signed = {
        "_type": "Root",
        "consistent_snapshot": False,
        "expires": format_time(root.expires),
        "keys": {key.id: key.document() for key in listed},
        "roles": {role: _role(wire[role], root.authorities[role].threshold) for role in TOP_LEVEL},
        "version": root.version,
    }
    return unsigned(signed)


def write_targets(document: Targets, before: TargetsFile | None, through: WireDelegation | None) -> Envelope:
    """The next file of targets, or of the role that the delegation ``through`` leads to."""
    signed = {
        "_type": "Targets",
        "delegations": _delegations(document.delegations, before),
        "expires": format_time(document.expires),
        "targets": _targets(document, before, through),
        "version": document.version,
    }
    return unsigned(signed)


def write_snapshot(
    version: int, expires: datetime, files: Mapping[str, bytes], before: Mapping[str, Any] | None
) -> Envelope:
    """The snapshot over ``files``, by full role name; of others, what the snapshot ``before`` listed stays."""
    meta = {**(before or {}), **{role: file_meta(data) for role, data in files.items()}}
    return _meta("Snapshot", version, expires, meta)


def write_timestamp(version: int, expires: datetime, snapshot: bytes) -> Envelope:
    """The timestamp over the snapshot's bytes."""
    return _meta("Timestamp", version, expires, {"snapshot": file_meta(snapshot)})


def file_meta(data: bytes) -> dict[str, Any]:
    """Length and hashes of a file as a snapshot lists them."""
    made = {"sha256": sha256(data).digest(), "sha512": sha512(data).digest()}
    return {"hashes": {name: base64.b64encode(raw).decode() for name, raw in made.items()}, "length": len(data)}


def _meta(kind: str, version: int, expires: datetime, meta: Mapping[str, Any]) -> Envelope:
    return unsigned({"_type": kind, "expires": format_time(expires), "meta": meta, "version": version})


def _carried(before: RootFile | None, certificates: Mapping[KeyId, bytes]) -> dict[KeyId, WireKey]:
    known = [key for key in before.keys.values() if key.is_carried] if before else []
    current = before.keys_of(ROOT) if before else []
    found = {key.material.id: key for key in (*known, *current)}
    return found | {key_id: WireKey.carried(pem) for key_id, pem in certificates.items()}


def _root_key(key: KeyId, carried: Mapping[KeyId, WireKey]) -> WireKey:
    if key not in carried:
        raise UsageError(f"there is no certificate for the root key {key[:12]}", hint="give the root key: it makes one")
    return carried[key]


def _kept_root_keys(before: RootFile | None) -> list[WireKey]:
    """Keys that no role but root used: its certificates so far."""
    if before is None:
        return []
    others = {keyid for role, rule in before.roles.items() if role != ROOT for keyid in rule.keyids}
    return [key for keyid, key in before.keys.items() if keyid not in others]


def _role(keys: Iterable[WireKey], threshold: int) -> dict[str, Any]:
    return {"keyids": [key.id for key in keys], "threshold": threshold}


def _delegations(delegations: Iterable[Delegation], before: TargetsFile | None) -> dict[str, Any]:
    """In the order that they had, the new ones last; a delegation that did not change is written as it was."""
    wanted = {full_name(item.name): item.authority for item in delegations}
    old = {item.name: item for item in before.delegations} if before else {}
    written = {item["name"]: item for item in (_signed_delegations(before) if before else ())}
    keys: dict[str, WireKey] = {}
    roles = []
    for name in (*old, *(name for name in wanted if name not in old)):
        if name in old and role_name(name) is not None and name not in wanted:
            continue
        wire = _wire_keys(wanted.get(name), old.get(name), before)
        keys |= {key.id: key for key in wire}
        roles.append(_delegation(name, wanted.get(name), wire, written.get(name)))
    as_it_was = before is not None and before.envelope.signed["delegations"]["roles"] is None and not roles
    return {"keys": {key_id: key.document() for key_id, key in keys.items()}, "roles": None if as_it_was else roles}


def _signed_delegations(before: TargetsFile) -> list[dict[str, Any]]:
    return before.envelope.signed["delegations"]["roles"] or []


def _wire_keys(authority: Authority | None, old: WireDelegation | None, before: TargetsFile | None) -> list[WireKey]:
    """The keys of a delegation in the order that they had, in the certificates that they came in."""
    held = before.keys_of(old.role) if before is not None and old is not None else []
    if authority is None:
        return held
    known = {key.material.id: key for key in (before.keys.values() if before else ())}
    known |= {key.material.id: key for key in held}
    wanted = {key.id: key for key in authority.keys}
    kept = [key for key in held if key.material.id in wanted]
    there = {key.material.id for key in kept}
    return kept + [known.get(key_id) or WireKey.plain(key) for key_id, key in wanted.items() if key_id not in there]


def _delegation(
    name: str, authority: Authority | None, keys: list[WireKey], written: Mapping[str, Any] | None
) -> dict[str, Any]:
    if written is not None and (written["keyids"] or []) == [key.id for key in keys]:
        unchanged = authority is None or authority.threshold == written["threshold"]
        if unchanged:
            return dict(written)
    paths = {"paths": [""]} if written is None else {"paths": written["paths"]} if "paths" in written else {}
    threshold = authority.threshold if authority is not None else (written or {})["threshold"]
    return {"keyids": [key.id for key in keys], "name": name, **paths, "threshold": threshold}


def _targets(document: Targets, before: TargetsFile | None, through: WireDelegation | None) -> dict[str, Any]:
    """What was said stays as it was written; what the model cannot show stays, too."""
    shown = targets_of(before, through).targets if before else {}
    written = (before.envelope.signed["targets"] or {}) if before else {}
    result = {name: item for name, item in written.items() if name not in shown}
    for tag, target in document.targets.items():
        result[tag] = written[tag] if shown.get(tag) == target else _write_target(target)
    return result


def _write_target(target: Target) -> dict[str, Any]:
    custom = {"custom": found} if (found := custom_of(target)) else {}
    digest = base64.b64encode(bytes.fromhex(target.digest.hex)).decode()
    return {**custom, "hashes": {"sha256": digest}, "length": target.length}
