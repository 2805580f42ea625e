"""A profile as a value: everything that confines one image's containers, and why each thing is open.

A ``Seccomp`` is what a Docker seccomp file says, conditions and all; ``seccomp.resolve`` makes of it what one engine
gives its runtime. Values are checked for their shape here, and for their sense by ``lint``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pytrust.policy.profiles.names import Action, Arch, Capability, GoArch, Op, Syscall

U64_MAX: Final = 2**64 - 1  # more than msgspec can bound, so that __post_init__ does
ERRNO_MAX: Final = 4095  # MAX_ERRNO of the kernel

Errno = Annotated[int, Meta(ge=0, le=ERRNO_MAX)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every value of a profile: frozen, hashable, closed, and written as it is."""


class Arg(Part, frozen=True, kw_only=True):
    """A condition on one argument (0 to 5), compared as an unsigned number of 64 bits."""

    index: Annotated[int, Meta(ge=0, le=5)]
    op: Op
    value: Annotated[int, Meta(ge=0)] = 0
    second: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        if max(self.value, self.second) > U64_MAX:
            raise ValueError("an argument is compared with a number of more than 64 bits")


class Condition(Part, frozen=True, kw_only=True):
    """When Docker takes a rule (``includes``) or leaves it out (``excludes``); ``min_kernel`` is ``X.Y`` or empty."""

    caps: tuple[Capability, ...] = ()
    arches: tuple[GoArch, ...] = ()
    min_kernel: str = ""


class Rule(Part, frozen=True, kw_only=True):
    """One rule. Conditions on different arguments must all hold; on the same one, one of them (as runc reads it)."""

    names: Annotated[tuple[Syscall, ...], Meta(min_length=1)]
    action: Action
    errno: Errno | None = None
    args: tuple[Arg, ...] = ()
    comment: str = ""
    includes: Condition = Condition()
    excludes: Condition = Condition()


class ArchMap(Part, frozen=True, kw_only=True):
    """An architecture, and those whose programs run on it too."""

    architecture: Arch
    also: tuple[Arch, ...] = ()


class Seccomp(Part, frozen=True, kw_only=True):
    """A Docker seccomp file. Either ``architectures`` or ``arch_map`` stands there, or neither."""

    default: Action
    default_errno: Errno | None = None
    architectures: tuple[Arch, ...] = ()
    arch_map: tuple[ArchMap, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str = ""
    listener_metadata: str = ""
    rules: tuple[Rule, ...] = ()


class Resolved(Part, frozen=True, kw_only=True):
    """OCI ``linux.seccomp`` as the runtime gets it: rules without comment and conditions, in order."""

    default: Action
    default_errno: Errno | None = None
    architectures: tuple[Arch, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str = ""
    listener_metadata: str = ""
    rules: tuple[Rule, ...] = ()


class FileRule(Part, frozen=True, kw_only=True):
    """AppArmor: what may be done with the files that ``path`` (an AppArmor glob) covers.

    ``modes`` are letters of ``rwalkm`` in that order; ``transition`` is one of ``ix px Px cx Cx ux Ux``, or empty
    where nothing there may be executed.
    """

    path: Annotated[str, Meta(min_length=1, max_length=4096)]
    modes: Annotated[str, Meta(pattern="^r?w?a?l?k?m?$")] = ""
    transition: Literal["", "ix", "px", "Px", "cx", "Cx", "ux", "Ux"] = ""
    owner: bool = False


class NetworkRule(Part, frozen=True, kw_only=True):
    """AppArmor: a family of sockets, and a type of them (``stream``) or every one (empty)."""

    family: Annotated[str, Meta(pattern="^[a-z0-9]{1,16}$")]
    kind: Annotated[str, Meta(pattern="^[a-z]{0,16}$")] = ""


class AppArmor(Part, frozen=True, kw_only=True):
    """What is allowed beyond what every container needs; capabilities are those of the profile."""

    files: tuple[FileRule, ...] = ()
    networks: tuple[NetworkRule, ...] = ()


class Why(StrEnum):
    """Where it comes from that something is open."""

    RECORDED = "recorded"  # seen while the workload ran
    FLOOR = "floor"  # the runtime needs it after the filter is loaded
    SIBLING = "sibling"  # another version of the C library or kernel makes it in place of one that was seen
    STATIC = "static"  # the image's programs can reach it, nobody saw it
    PROVEN = "proven"  # without it the workload failed
    GIVEN = "given"  # somebody wrote it


class Evidence(Part, frozen=True, kw_only=True):
    """Why ``subject`` is open.

    ``subject`` reads ``syscall:openat``, ``argument:socket:AF_INET``, ``capability:CHOWN``, ``file:/etc/passwd``.
    ``note`` is one line: the program that did it, or what failed without it.
    """

    subject: Annotated[str, Meta(max_length=4200)]
    why: Why
    count: Annotated[int, Meta(ge=0)] = 0
    note: Annotated[str, Meta(max_length=500)] = ""


class Recording(Part, frozen=True, kw_only=True):
    """One run that was watched. ``method`` is audit, notify or strace; ``lost`` counts records that did not arrive.

    ``at`` is in seconds since 1970, UTC; ``image`` the id or digest of what ran.
    """

    method: Literal["audit", "notify", "strace"]
    records: Annotated[int, Meta(ge=0)]
    lost: Annotated[int, Meta(ge=0)]
    image: str
    workload: str
    engine: str = ""
    runc: str = ""
    kernel: str = ""
    at: Annotated[int, Meta(ge=0)] = 0


class Profile(Part, frozen=True, kw_only=True):
    """What confines the containers of one image. ``user`` is ``UID[:GID]``, empty for the image's own."""

    format: Literal["pytrust-profile/1"] = "pytrust-profile/1"
    name: Annotated[str, Meta(max_length=512)] = ""
    seccomp: Seccomp
    capabilities: tuple[Capability, ...] = ()
    no_new_privileges: bool = True
    read_only: bool = False
    user: str = ""
    apparmor: AppArmor | None = None
    evidence: tuple[Evidence, ...] = ()
    recordings: tuple[Recording, ...] = ()
