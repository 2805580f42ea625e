"""Answers as JSON documents: the shapes that ``--json`` prints. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytrust.trust.collection.model import PROFILES, SCANS
from pytrust.trust.errors import PytrustError

if TYPE_CHECKING:
    from pytrust.trust.client.trusted import SignedStatement, Trusted, Verified
    from pytrust.trust.collection.model import Target


def verified_json(found: Verified) -> dict[str, Any]:
    """One verified image."""
    return {
        "name": str(found.ref),
        "ok": True,
        "digest": str(found.digest),
        "signed": target_json(found.target),
        "signers": list(found.signers),
        "role": found.role,
        "threshold": found.authority.threshold,
        "keys": [key.id for key in found.authority.keys],
        "expires": found.expires.isoformat(),
        "timestamp": found.timestamp,
        "refreshed": found.refreshed.isoformat(),
        "offline": found.offline,
    }


def target_json(target: Target) -> dict[str, Any]:
    """One signed entry."""
    return {
        "tag": target.tag,
        "digest": str(target.digest),
        "size": target.length,
        "mediaType": target.media_type,
        "signed_at": target.signed_at,
        "previous": str(target.previous) if target.previous else None,
        "platforms": [
            {"os": item.os, "architecture": item.architecture, "variant": item.variant, "digest": str(item.digest)}
            for item in target.platforms
        ],
    }


def collection_json(trusted: Trusted) -> dict[str, Any]:
    """A whole collection."""
    collection = trusted.collection
    return {
        "name": collection.name,
        "tags": [
            {
                **target_json(target),
                "signers": list(collection.vouchers(target)),
                "profile": str(said.digest) if (said := profile_of(trusted, target)) else None,
                "scans": scans_of(trusted, target),
            }
            for _, target in trusted.tags.values()
        ],
        "signers": [
            {"name": item.name, "keys": [key.id for key in item.authority.keys]} for item in collection.signers
        ],
        "roles": [
            {
                "role": role,
                "version": trusted.versions[role],
                "expires": expires.isoformat(),
                "threshold": authority.threshold if (authority := collection.authority(role)) else None,
                "keys": [key.id for key in authority.keys] if authority else [],
            }
            for role, expires in trusted.expiries.items()
        ],
        "disbelieved": [
            {"role": role, "code": error.code, "message": str(error), "hint": error.hint}
            for role, error in trusted.silent.items()
        ],
        "refreshed": trusted.refreshed.isoformat(),
        "offline": trusted.offline,
    }


def profile_of(trusted: Trusted, target: Target) -> SignedStatement | None:
    """The profile of what a tag points to; None also where nothing of the kind is believed."""
    try:
        return trusted.statement(PROFILES, target.digest)
    except PytrustError:
        return None


def scans_of(trusted: Trusted, target: Target) -> int:
    """How many scans are signed of what a tag points to: one for each platform; 0 also where they are not believed."""
    held = trusted.collection.delegated.get(SCANS)
    digests = {target.digest, *(child.digest for child in target.platforms)}
    return len(digests & held.statements.keys()) if held else 0
