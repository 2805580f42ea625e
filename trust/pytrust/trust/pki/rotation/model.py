"""A rotation as a value, what this host can do for it, and what it may have to wait for. Pure; see machine.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pytrust.trust.pki.model import CaKind, LeafKind, Serial, kind_text


class Phase(StrEnum):
    """Where a rotation is; see machine.py."""

    PREPARE = "prepare"
    SPREAD = "spread"
    MOVE = "move"
    DROP = "drop"
    SETTLE = "settle"


class Need(StrEnum):
    """What a holder lacks."""

    RESTART = "restart"  # it answers, and does not do its part
    REACH = "reach"  # it does not answer
    CONFIRM = "confirm"  # nobody can ask it
    RENEW = "renew"  # its key lies elsewhere, and it has not come for what is new


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The newest certificate of a holder, while it counts; ``local``: this host writes its folder.

    ``until`` is its end; ``endpoint`` where a server can be asked, ``host:port`` or empty.
    """

    kind: LeafKind
    holder: str
    serial: Serial
    generation: int
    local: bool
    until: datetime
    endpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What was seen of a holder in this phase; ``need`` is None where it has done its part."""

    kind: LeafKind
    holder: str
    need: Need | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A rotation under way: ``leaving`` and ``coming`` are generations.

    ``aborting``: it is being taken back, so ``coming`` is the older one. ``vouched``: servers that were seen to have
    done their part in this phase, and holders that the operator vouched for. ``awaited``: when the phase began,
    certificates of clients that keep their files themselves; each has to come back once. ``signs``: what was seen last.
    """

    kind: CaKind
    leaving: int
    coming: int
    phase: Phase = Phase.PREPARE
    aborting: bool = False
    vouched: frozenset[str] = frozenset()
    awaited: frozenset[Serial] = frozenset()
    signs: tuple[Sign, ...] = ()


@dataclass(frozen=True, slots=True)
class AddGeneration:
    """Make the next generation, known to peers and issuing nothing."""


@dataclass(frozen=True, slots=True)
class CrossSign:
    """Certify the key of a CA under every root that counts."""

    kind: CaKind


@dataclass(frozen=True, slots=True)
class Promote:
    """Let this generation issue."""

    generation: int


@dataclass(frozen=True, slots=True)
class Reissue:
    """Renew a certificate in its folder on this host."""

    serial: Serial


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Put every folder in order."""


@dataclass(frozen=True, slots=True)
class KeepProof:
    """Keep a client certificate of this generation: afterwards engines have to refuse it."""

    generation: int


@dataclass(frozen=True, slots=True)
class Retire:
    """Let nobody trust this generation."""

    generation: int


Act = AddGeneration | CrossSign | Promote | Reissue | Rewrite | KeepProof | Retire


@dataclass(frozen=True, slots=True)
class Go:
    """On to this phase."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Wait:
    """These have to do something first."""

    lacking: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """The operator has to say yes before this phase begins."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Over:
    """It is done."""


Next = Go | Wait | Ask | Over


def ca_label(kind: CaKind, generation: int) -> str:
    """A CA as people know it, such as ``client CA G2``."""
    return f"{kind_text(kind)} G{generation}"
