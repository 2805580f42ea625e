"""A verified collection as a value, and the question it answers: may I believe this name? Pure.

Consumers accept a tag from ``releases``, else from ``targets`` itself, and from nowhere else, as docker does. (In TUF
1.0 collections ``targets`` says nothing of tags: ADR 0007.) A digest is accepted when a released image is that digest,
or an index that lists it as a platform.

What is said of an image by a role of statements (its profile) is believed or refused for itself: a tag does not depend
on it. But where such a role is delegated to and cannot be believed, no answer is "nothing is said".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from pytrust.trust.collection.model import (
    KINDS,
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Authority,
    Collection,
    Target,
)
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadMetadata, PytrustError, Unsigned
from pytrust.trust.names import Digest, Format, ImageRef, RoleName

_CHAIN = (ROOT, TIMESTAMP, SNAPSHOT, TARGETS)


class SignedStatement(NamedTuple):
    """What is said of an image; ``digest`` is the content's own, ``expires`` the earliest end of the chain."""

    content: bytes
    digest: Digest
    expires: datetime


class Trusted(NamedTuple):
    """What was verified, and when.

    ``versions`` and ``expiries`` are those of every role that was read; ``refreshed`` is when the source was asked;
    ``first_use``: no pin covers its root, it was believed when it was seen first; ``silent`` are the roles of
    statements that cannot be believed, and why.
    """

    collection: Collection
    versions: Mapping[RoleName, int]
    expiries: Mapping[RoleName, datetime]
    refreshed: datetime
    offline: bool
    form: Format = Format.TUF
    first_use: bool = False
    silent: Mapping[RoleName, PytrustError] = MappingProxyType({})

    @property
    def tags(self) -> dict[str, tuple[RoleName, Target]]:
        """Every tag that consumers accept, with the role that releases it: what ``releases`` says comes first."""
        roles = ((TARGETS, self.collection.targets.targets), (RELEASES, self.collection.releases))
        return {tag: (role, target) for role, targets in roles for tag, target in targets.items()}

    def find(self, tag: str) -> tuple[RoleName, Target] | None:
        """The same for one tag."""
        if target := self.collection.releases.get(tag):
            return RELEASES, target
        own = self.collection.targets.targets.get(tag)
        return None if own is None else (TARGETS, own)

    def expires(self, *roles: RoleName) -> datetime:
        """The earliest end of the chain down to ``roles``."""
        return min(self.expiries[role] for role in (*_CHAIN, *roles))

    def statement(self, role: RoleName, digest: Digest) -> SignedStatement | None:
        """What ``role`` says of an image, or else of the index that lists it.

        Raises:
            Stale, ExpiredCache: the time of the role is over.
            BadMetadata: it cannot be believed, or says different things of two indexes that list the image.
        """
        if (why := self.silent.get(role)) is not None:
            raise type(why)(str(why), hint=why.hint)
        held = self.collection.delegated.get(role)
        found = None if held is None else _statement(self, role, held.statements, digest)
        return None if found is None else SignedStatement(found.content, found.digest, self.expires(role))


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
    first_use: bool = False


def verify(trusted: Trusted, ref: ImageRef) -> Verified:
    """Answer for one reference: by digest where it has one (a tag must then agree), else by tag.

    Raises:
        Unsigned: nobody who is trusted vouches for it.
    """
    role, target = _by_digest(trusted, ref, ref.digest) if ref.digest else _by_tag(trusted, ref)
    authority = trusted.collection.authority(role)
    if authority is None:
        raise BadMetadata(f"{ref.collection} does not delegate to {role}")
    return Verified(
        ref=ref,
        digest=ref.digest or target.digest,
        target=target,
        role=role,
        signers=trusted.collection.vouchers(target),
        authority=authority,
        expires=trusted.expires(role),
        timestamp=trusted.versions[TIMESTAMP],
        refreshed=trusted.refreshed,
        offline=trusted.offline,
        first_use=trusted.first_use,
    )


def _statement(trusted: Trusted, role: RoleName, said: Mapping[Digest, Statement], digest: Digest) -> Statement | None:
    if digest in said:
        return said[digest]
    indexes = {target.digest for _, target in trusted.tags.values() if target.covers(digest)}
    found = {said[index].content: said[index] for index in sorted(indexes & said.keys(), key=str)}
    if len(found) > 1:
        one, other, *_ = found.values()
        raise BadMetadata(
            f"{digest} is part of {one.about} and of {other.about}, of which different things are said",
            hint=f"let something be said of it alone: {KINDS[role].command} NAME@DIGEST ...",
        )
    return next(iter(found.values()), None)


def _by_tag(trusted: Trusted, ref: ImageRef) -> tuple[RoleName, Target]:
    if found := trusted.find(ref.tag or ""):
        return found
    raise Unsigned(f"{ref} is not signed", hint=f"sign it (pytrust sign {ref}), or use a signed tag")


def _by_digest(trusted: Trusted, ref: ImageRef, digest: Digest) -> tuple[RoleName, Target]:
    for role, target in trusted.tags.values():
        if target.covers(digest) and ref.tag in {None, target.tag}:
            return role, target
    under = "any tag" if ref.tag is None else f"the tag {ref.tag}"
    raise Unsigned(
        f"{digest} is not signed under {under} of {ref.collection}",
        hint=f"see what is: pytrust inspect {ref.collection}",
    )
