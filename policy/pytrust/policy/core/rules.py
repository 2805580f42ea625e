"""The policy as a value: which images may run, and how isolated. ``policy.document`` reads it from a file."""

from __future__ import annotations

from enum import StrEnum

from pytrust.policy.core.facts import Roots
from pytrust.policy.core.request import Field
from pytrust.policy.core.value import Value
from pytrust.scanner.rules import ScanRules, Waiver
from pytrust.trust.names import RoleName


class Mode(StrEnum):
    """``warn``: what would be denied is let through, and journalled."""

    ENFORCE = "enforce"
    WARN = "warn"


class Isolation(StrEnum):
    """How much of the host a container may have; the levels of the Kubernetes Pod Security Standards."""

    RESTRICTED = "restricted"
    BASELINE = "baseline"
    PRIVILEGED = "privileged"


class ProfileNeed(StrEnum):
    """What a signed profile of an image means: it has to be there, it is applied where it is there, or nothing."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    IGNORE = "ignore"


class Trust(Value, frozen=True, kw_only=True):
    """``threshold`` of ``signers`` (sorted) must vouch; without names, whoever the collection's owner lets release."""

    roots: Roots | None = None
    signers: tuple[RoleName, ...] = ()
    threshold: int = 1


class ImageRule(Value, frozen=True, kw_only=True):
    """What holds for images whose name fits ``match`` (as in ``trust.pins.matches``); the first that fits decides.

    ``trust`` is None where unsigned images are allowed; ``isolation`` None means that of ``Containers``; ``profile``
    and ``scan`` (None: no scan is looked at) mean something only where there is trust; ``where`` names the line of the
    policy file.
    """

    match: str
    where: str
    trust: Trust | None
    isolation: Isolation | None = None
    profile: ProfileNeed = ProfileNeed.OPTIONAL
    scan: ScanRules | None = None


class Lift(Value, frozen=True, kw_only=True):
    """An exception: for images that fit ``match``, the rule on ``field`` does not hold for values that fit ``values``.

    Patterns as in ``ImageRule``; no values means every value. ``where`` names the line.
    """

    field: Field
    where: str
    match: str = "**"
    values: tuple[str, ...] = ()


class Containers(Value, frozen=True, kw_only=True):
    """What holds for every container. ``pids`` and ``memory`` (bytes) are the limits of one that asks for none."""

    isolation: Isolation = Isolation.RESTRICTED
    pids: int = 512
    memory: int = 2 * 1024**3
    lifts: tuple[Lift, ...] = ()
    where: str = ""


class Policy(Value, frozen=True, kw_only=True):
    """``version`` is the sha256 of the document, lower-case hex; ``+warn`` follows where that mode was forced.

    ``waivers`` are exceptions from the rules on scans.
    """

    version: str
    images: tuple[ImageRule, ...] = ()
    containers: Containers = Containers()
    waivers: tuple[Waiver, ...] = ()
    mode: Mode = Mode.ENFORCE
