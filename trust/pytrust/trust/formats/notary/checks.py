"""Is a file signed by enough of the keys that may? Pure; raises, and never answers with a truth value to be forgotten.

Keys are counted by material. Those of a root count only while their certificate can carry a key of this collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import BadMetadata, BadSignature, Stale
from pytrust.trust.formats.notary.certificates import leaf_fault, parse_bundle
from pytrust.trust.formats.notary.envelope import Envelope, signed_by
from pytrust.trust.formats.notary.files import RoleDocument, RootFile, TargetsFile, WireRole, parent
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.names import CollectionName, KeyId


def root_keys(name: CollectionName, root: RootFile, now: datetime | None) -> list[WireKey]:
    """The root keys that count; ``now`` None lets certificates count whose time is over (for a root's successor).

    Raises:
        BadMetadata: there are none.
    """
    faults, found = [], []
    for key in root.keys_of(ROOT):
        fault = leaf_fault(parse_bundle(key.public), name, now) if key.is_carried else "it is not in a certificate"
        faults.append(fault)
        if not fault:
            found.append(key)
    if not found:
        raise BadMetadata(f"no root key of {name} can be used: {'; '.join(faults) or 'it names none'}")
    return found


def require_root(name: CollectionName, root: RootFile, before: RootFile | None, now: datetime | None) -> None:
    """A root is signed by its own threshold, and by that of the root before it, whose time may be over.

    Raises:
        BadMetadata: a certificate that cannot carry a root key, or a version that does not follow.
        BadSignature: too few signatures.
    """
    _require(f"root {root.version} of {name}", root.envelope, root_keys(name, root, now), root.roles[ROOT].threshold)
    if before is None:
        return
    if root.version != before.version + 1:
        raise BadMetadata(f"root {before.version} of {name} is followed by {root.version}")
    what = f"root {root.version} of {name}, by the keys of the root before it,"
    _require(what, root.envelope, root_keys(name, before, None), before.roles[ROOT].threshold)


def root_signers(name: CollectionName, root: RootFile, now: datetime | None) -> frozenset[KeyId]:
    """The root keys, by material, whose signature and certificate on the root itself are valid."""
    return signed_by(root.envelope, root_keys(name, root, now))


def require_role(
    name: CollectionName, role: str, file: RoleDocument, root: RootFile, above: TargetsFile | None
) -> None:
    """Any role but root is signed as ``root``, or the file ``above`` it, says; raises ``BadSignature``."""
    keys, threshold = keys_for(role, root, above)
    _require(f"{role} of {name}", file.envelope, keys, threshold)


def keys_for(role: str, root: RootFile, above: TargetsFile | None) -> tuple[list[WireKey], int]:
    """Who may sign ``role``, and how many must; raises ``BadSignature`` where nobody may."""
    if role in root.roles:
        return root.keys_of(role), root.roles[role].threshold
    found = above.delegation(role) if above is not None else None
    if above is None or found is None:
        raise BadSignature(f"{parent(role)} does not delegate to {role}")
    rule: WireRole = found.role
    return above.keys_of(rule), rule.threshold


def require_fresh(name: CollectionName, role: str, file: RoleDocument, now: datetime) -> None:
    """Raises ``Stale`` when the time of a file is over."""
    if file.expires <= now:
        raise Stale(
            f"{role} of {name} ended {file.expires:%Y-%m-%d %H:%M} UTC",
            hint="its publisher must sign it again; until then this may be a replay",
        )


def _require(what: str, envelope: Envelope, keys: Iterable[WireKey], threshold: int) -> None:
    count = len(signed_by(envelope, keys))
    if count < threshold:
        raise BadSignature(
            f"{what} has {count} of {threshold} signatures", hint="it is forged or damaged: do not use it"
        )
