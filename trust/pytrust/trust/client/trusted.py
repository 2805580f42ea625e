"""A verified collection as a value, and the question it answers: may I believe this name? Pure.

Consumers accept a tag from ``releases`` and from nowhere else. A digest is accepted when a released image is that
digest, or an index that lists it as a platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Authority,
    Collection,
    Target,
)
from pytrust.trust.errors import BadMetadata, Unsigned
from pytrust.trust.names import Digest, ImageRef, RoleName

_CHAIN = (ROOT, TIMESTAMP, SNAPSHOT, TARGETS)


class Trusted(NamedTuple):
    """What was verified, and when.

    ``versions`` and ``expiries`` are those of every role that was read; ``refreshed`` is when the source was asked.
    """

    collection: Collection
    versions: Mapping[RoleName, int]
    expiries: Mapping[RoleName, datetime]
    refreshed: datetime
    offline: bool

    def expires(self, *roles: RoleName) -> datetime:
        """The earliest end of the chain down to ``roles``."""
        return min(self.expiries[role] for role in (*_CHAIN, *roles))


class Verified(NamedTuple):
    """One image that is vouched for.

    ``digest`` is the one to run; ``target`` the signed entry that covers it; ``signers`` vouch for exactly this
    content; ``authority`` is that of ``role``, which released it; ``expires`` the earliest end of a role in the chain;
    ``timestamp`` the version of the timestamp, which rises with every publish and renewal.
    """

    ref: ImageRef
    digest: Digest
    target: Target
    role: RoleName
    signers: tuple[RoleName, ...]
    authority: Authority
    expires: datetime
    timestamp: int
    refreshed: datetime
    offline: bool


def verify(trusted: Trusted, ref: ImageRef) -> Verified:
    """Answer for one reference: by digest where it has one (a tag must then agree), else by tag.

    Raises:
        Unsigned: nobody who is trusted vouches for it.
    """
    target = _by_digest(trusted, ref, ref.digest) if ref.digest else _by_tag(trusted, ref)
    authority = trusted.collection.authority(RELEASES)
    if authority is None:
        raise BadMetadata(f"{ref.collection} does not delegate to {RELEASES}")
    return Verified(
        ref=ref,
        digest=ref.digest or target.digest,
        target=target,
        role=RELEASES,
        signers=trusted.collection.vouchers(target),
        authority=authority,
        expires=trusted.expires(RELEASES),
        timestamp=trusted.versions[TIMESTAMP],
        refreshed=trusted.refreshed,
        offline=trusted.offline,
    )


def _by_tag(trusted: Trusted, ref: ImageRef) -> Target:
    if target := trusted.collection.releases.get(ref.tag or ""):
        return target
    raise Unsigned(f"{ref} is not signed", hint=f"sign it (pytrust sign {ref}), or use a signed tag")


def _by_digest(trusted: Trusted, ref: ImageRef, digest: Digest) -> Target:
    for target in trusted.collection.releases.values():
        if target.covers(digest) and ref.tag in {None, target.tag}:
            return target
    under = "any tag" if ref.tag is None else f"the tag {ref.tag}"
    raise Unsigned(
        f"{digest} is not signed under {under} of {ref.collection}",
        hint=f"see what is: pytrust inspect {ref.collection}",
    )
