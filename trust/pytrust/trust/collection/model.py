"""A collection as values: who may say what about one image name, and what they say.

Both wire formats (TUF 1.0 and Notary v1) have this shape, so nothing here knows either. Values are checked when they
are made; a value that exists is consistent in itself. Whether anybody signed it is ``formats``' question.

    root ──> targets ──> releases     the tags that consumers accept
                    ├──> alice        what alice vouches for, tag by tag
                    ├──> bob
                    ├──> profiles     what is said of images, by digest: how they are confined,
                    ├──> scans        what was found in them,
                    └──> vex          and which of that does not affect them
    root ──> snapshot, timestamp      which versions belong together, and that they are current
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadMetadata, InvalidName
from pytrust.trust.image import Platform
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import (
    PROFILES_LIFETIME,
    PROFILES_WARN_BEFORE,
    ROOT_LIFETIME,
    SCANS_LIFETIME,
    SCANS_WARN_BEFORE,
    TARGETS_LIFETIME,
    VEX_LIFETIME,
    VEX_WARN_BEFORE,
    WARN_BEFORE,
)
from pytrust.trust.names import CollectionName, Digest, RoleName, parse_role

ROOT: Final = RoleName("root")
TARGETS: Final = RoleName("targets")
SNAPSHOT: Final = RoleName("snapshot")
TIMESTAMP: Final = RoleName("timestamp")
RELEASES: Final = RoleName("releases")
PROFILES: Final = RoleName("profiles")
SCANS: Final = RoleName("scans")
VEX: Final = RoleName("vex")
TOP_LEVEL: Final = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)


class Kind(NamedTuple):
    """What a role of statements speaks of: ``word`` ends its paths, ``warn_before`` is when to sign it again.

    ``command`` is the one that makes a statement.
    """

    word: str
    command: str
    lifetime: timedelta
    warn_before: timedelta


KINDS: Final[Mapping[RoleName, Kind]] = MappingProxyType(
    {
        PROFILES: Kind("profile", "pytrust profile attach", PROFILES_LIFETIME, PROFILES_WARN_BEFORE),
        SCANS: Kind("scan", "pytrust scan add", SCANS_LIFETIME, SCANS_WARN_BEFORE),
        VEX: Kind("vex", "pytrust scan vex attach", VEX_LIFETIME, VEX_WARN_BEFORE),
    }
)
"""The roles of statements."""
RESERVED: Final = frozenset({*TOP_LEVEL, RELEASES, *KINDS, "sha256"})
SHARED: Final = (RELEASES, *KINDS)
"""Delegations that several people sign together, as many as the threshold says."""


def parse_signer(text: str) -> RoleName:
    """Read the name of a signer; raises ``InvalidName``, also for names that mean something else."""
    name = parse_role(text)
    if name in RESERVED:
        raise InvalidName(f"{name!r} is a reserved name, not a signer", hint="name signers after people or machines")
    return name


def lifetime(role: RoleName) -> timedelta:
    """How long a file of an offline role lives."""
    if role in KINDS:
        return KINDS[role].lifetime
    return ROOT_LIFETIME if role == ROOT else TARGETS_LIFETIME


def warn_before(role: RoleName) -> timedelta:
    """How long before its end an offline role is to be signed again."""
    return KINDS[role].warn_before if role in KINDS else WARN_BEFORE


@dataclass(frozen=True, slots=True)
class Authority:
    """The keys that may sign a role, and how many distinct ones must."""

    keys: tuple[PublicKey, ...]
    threshold: int

    def __post_init__(self) -> None:
        if len({key.id for key in self.keys}) != len(self.keys):
            raise BadMetadata("one key is listed twice in a role, so that it could sign twice")
        if not 1 <= self.threshold <= max(1, len(self.keys)):
            raise BadMetadata(f"a threshold of {self.threshold} does not fit {len(self.keys)} keys")


@dataclass(frozen=True, slots=True)
class Target:
    """What a tag points to.

    ``length`` is the manifest's size in bytes, ``signed_at`` RFC 3339 UTC or empty, ``previous`` the content that was
    released under this tag before.
    """

    tag: str
    digest: Digest
    length: int
    media_type: str = ""
    platforms: tuple[Platform, ...] = ()
    signed_at: str = ""
    previous: Digest | None = None

    def covers(self, digest: Digest) -> bool:
        """Whether ``digest`` is this image, or one of the platforms behind its index."""
        return digest == self.digest or any(child.digest == digest for child in self.platforms)

    def same_content(self, other: Target) -> bool:
        """Whether both say the same of the tag, whenever they said it; docker's clients do not say a media type."""
        said = [(item.tag, item.digest, item.length, item.platforms) for item in (self, other)]
        return said[0] == said[1] and (self.media_type == other.media_type or "" in {self.media_type, other.media_type})


@dataclass(frozen=True, slots=True)
class Delegation:
    """``targets`` lets ``name`` speak: ``releases`` about every tag, a signer about what it vouches for."""

    name: RoleName
    authority: Authority


@dataclass(frozen=True, slots=True)
class Root:
    """The root role: who may sign the four top-level roles."""

    version: int
    expires: datetime
    authorities: Mapping[RoleName, Authority]

    def __post_init__(self) -> None:
        object.__setattr__(self, "authorities", MappingProxyType(dict(self.authorities)))


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets role, or one it delegates to.

    ``targets`` maps tag to target; ``statements`` maps the digest of an image to what is said of it.
    """

    version: int
    expires: datetime
    targets: Mapping[str, Target] = field(default_factory=dict)
    delegations: tuple[Delegation, ...] = ()
    statements: Mapping[Digest, Statement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", MappingProxyType(dict(self.targets)))
        object.__setattr__(self, "statements", MappingProxyType(dict(self.statements)))
        names = [delegation.name for delegation in self.delegations]
        if len(set(names)) != len(names):
            raise BadMetadata("one role is delegated to twice")

    def delegation(self, name: RoleName) -> Delegation | None:
        """The delegation called ``name``."""
        return next((delegation for delegation in self.delegations if delegation.name == name), None)


@dataclass(frozen=True, slots=True)
class Collection:
    """All offline-signed roles of one image name; snapshot and timestamp are the store's business."""

    name: CollectionName
    root: Root
    targets: Targets
    delegated: Mapping[RoleName, Targets]

    def __post_init__(self) -> None:
        object.__setattr__(self, "delegated", MappingProxyType(dict(self.delegated)))

    @classmethod
    def of(cls, name: CollectionName, documents: Mapping[RoleName, Root | Targets]) -> Collection:
        """Build from what ``documents()`` gave; raises ``BadMetadata`` where root or targets is missing."""
        root, targets = documents.get(ROOT), documents.get(TARGETS)
        if not isinstance(root, Root) or not isinstance(targets, Targets):
            raise BadMetadata(f"{name} has no root or no targets role")
        delegated = {
            role: held for role, held in documents.items() if role not in TOP_LEVEL and isinstance(held, Targets)
        }
        return cls(name, root, targets, delegated)

    @property
    def signers(self) -> tuple[Delegation, ...]:
        """The delegations to people and machines, that is all but the reserved ones."""
        return tuple(item for item in self.targets.delegations if item.name not in RESERVED)

    @property
    def classic(self) -> bool:
        """Whether tags stand in ``targets`` itself, as ``docker push`` leaves them where nobody else may sign."""
        return not self.targets.delegations

    @property
    def accepted(self) -> Mapping[str, Target]:
        """Every tag that consumers accept: of ``releases``, and what ``targets`` says of others (docker's rule)."""
        return {**self.targets.targets, **self.releases}

    @property
    def releases(self) -> Mapping[str, Target]:
        """The tags of ``releases``, where somebody may speak for it."""
        role = self.delegated.get(RELEASES) if self.authority(RELEASES) else None
        return {} if role is None else role.targets

    def authority(self, role: RoleName) -> Authority | None:
        """Who may sign ``role``."""
        if role in TOP_LEVEL:
            return self.root.authorities.get(role)
        delegation = self.targets.delegation(role)
        return None if delegation is None else delegation.authority

    def vouchers(self, target: Target) -> tuple[RoleName, ...]:
        """The signers who vouch for exactly this content under this tag."""
        return tuple(
            item.name
            for item in self.signers
            if (role := self.delegated.get(item.name))
            and (said := role.targets.get(target.tag))
            and said.same_content(target)
        )

    def documents(self) -> dict[RoleName, Root | Targets]:
        """Every role of the collection by name."""
        return {ROOT: self.root, TARGETS: self.targets, **self.delegated}
