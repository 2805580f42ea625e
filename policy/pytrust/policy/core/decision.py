"""The three answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pytrust.policy.core.facts import Delivery, Profiled, Query
from pytrust.policy.core.request import Image
from pytrust.policy.core.value import Value
from pytrust.trust.names import ImageRef


class Injection(StrEnum):
    """What is written into a request where it was left open."""

    DROP_CAPABILITIES = "drop-capabilities"  # CapDrop = ["ALL"]
    NO_NEW_PRIVILEGES = "no-new-privileges"
    PIDS = "pids"  # value: the limit
    MEMORY = "memory"  # value: bytes
    PRIVATE_IPC = "private-ipc"
    PRIVATE_CGROUPNS = "private-cgroupns"
    TMPFS_FLAGS = "tmpfs-flags"  # noexec, nosuid, nodev on every tmpfs


class Mutation(Value, frozen=True, kw_only=True):
    """One injection; ``value`` is a number where the injection has one."""

    injection: Injection
    value: int = 0


class Reason(Value, frozen=True, kw_only=True):
    """Why not: ``text`` names the thing and the reason, ``rule`` the rule and its place, ``hint`` the way out.

    ``code`` is stable. ``firm`` reasons hold in learning mode, too: what cannot be judged cannot be sent on.
    """

    code: str
    text: str
    rule: str = ""
    hint: str = ""
    firm: bool = False


class Pin(Value, frozen=True, kw_only=True):
    """``image`` as it was asked for, and the reference to send on; ``image_id`` is the engine's, if it has it."""

    image: Image
    ref: ImageRef
    image_id: str = ""


class Allow(Value, frozen=True, kw_only=True):
    """Send it on, but so: images as pinned, ``mutations`` written in, ``container`` by its full id.

    The first pin is that of the container's own image. ``expires`` is the end of the earliest signature relied on.
    ``overruled``: reasons that learning mode passes over. ``delivery``: the secrets to be handed over. ``profile``:
    what confines the container, in place of what the request says of it. ``warnings`` are told to the client, ``noted``
    is written down.
    """

    pins: tuple[Pin, ...] = ()
    mutations: tuple[Mutation, ...] = ()
    container: str = ""
    expires: datetime | None = None
    overruled: tuple[Reason, ...] = ()
    delivery: Delivery | None = None
    profile: Profiled | None = None
    warnings: tuple[Reason, ...] = ()
    noted: tuple[Reason, ...] = ()


class Deny(Value, frozen=True, kw_only=True):
    """Every reason, not only the first."""

    reasons: tuple[Reason, ...]


class Need(Value, frozen=True, kw_only=True):
    """Ask again with these answered."""

    queries: frozenset[Query]


Decision = Allow | Deny | Need
