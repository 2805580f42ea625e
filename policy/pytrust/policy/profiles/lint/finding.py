"""What is found in a profile, as values, and the list of everything that can be. Pure.

An error does not do what it says, lets everything through, or stops containers from starting. A warning is weaker, or
dead, or will surprise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.resolve import Host


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What can be found; codes stay."""

    OPEN_DEFAULT = "open-default"
    EMPTY = "empty"
    ARCH_MISSING = "arch-missing"
    ARCH_UNKNOWN = "arch-unknown"
    X32_OPEN = "x32-open"
    MULTIPLEXER = "multiplexer"
    NAME_UNKNOWN = "name-unknown"
    NAME_ELSEWHERE = "name-elsewhere"
    NAME_NOT_ON_HOST = "name-not-on-host"
    DUPLICATE = "duplicate"
    DEAD = "dead"
    CONTRADICTION = "contradiction"
    SAME_AS_DEFAULT = "same-as-default"
    OR_SPLIT = "or-split"
    POINTER = "pointer"
    UPPER_HALF = "upper-half"
    TANGLED = "tangled"
    MASK_OUTSIDE = "mask-outside"
    MASK_EMPTY = "mask-empty"
    NEVER = "never"
    ALWAYS = "always"
    ERRNO_IDLE = "errno-idle"
    ERRNO_ZERO = "errno-zero"
    LISTENER_MISSING = "listener-missing"
    NOTIFY_REFUSED = "notify-refused"
    REFUSED = "refused"
    CAPABILITY_ABSENT = "capability-absent"
    FIELD_LOST = "field-lost"
    FLOOR_MISSING = "floor-missing"
    TOO_LONG = "too-long"
    CLONE_OPEN = "clone-open"
    CLONE3_OPEN = "clone3-open"
    CLONE3_ERRNO = "clone3-errno"
    TRACING = "tracing"
    FILELESS = "fileless"
    KILLS_FALLBACK = "kills-fallback"


class Finding(NamedTuple):
    """``place`` is ``rule 3 (socket)``, or the part of the profile; ``hint`` the way out."""

    code: Code
    severity: Severity
    place: str
    text: str
    hint: str


class Setting(NamedTuple):
    """Where a profile is to be used. ``floor`` are the calls that the runtime needs, none where they are joined later.

    ``unknown`` are names that the host's libseccomp does not know, and ``instructions`` the length of the program that
    it made; both are None where nobody asked it. ``refused`` is why it made none.
    """

    host: Host
    floor: frozenset[Syscall] = frozenset()
    unknown: frozenset[Syscall] | None = None
    instructions: int | None = None
    refused: str = ""


def error(code: Code, place: str, text: str, hint: str) -> Finding:
    """It does not work."""
    return Finding(code, Severity.ERROR, place, text, hint)


def warning(code: Code, place: str, text: str, hint: str) -> Finding:
    """It works, but."""
    return Finding(code, Severity.WARNING, place, text, hint)
