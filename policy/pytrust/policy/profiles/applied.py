"""A profile as one engine is to get it, and seccomp files as texts held against each other. Pure.

The runtime's floor is joined here: without it, a container does not start, or hangs (ADR 29). What compares is imported
when it is needed: most decisions need none of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pytrust.policy.profiles.names import Generation
from pytrust.policy.profiles.parts import EngineParts
from pytrust.trust.errors import BadContent

if TYPE_CHECKING:
    from pytrust.policy.profiles.floor import Floors
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Capability
    from pytrust.policy.profiles.seccomp.resolve import Host

_NUMBERS: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_TELL: Final = "SECCOMP_FILTER_FLAG_LOG"
_FLAGS_FROM: Final = (1, 2)  # runc's change 3390
_WHAT: Final = "the seccomp file"
_COMPARED_MAX: Final = 16  # comparisons that are remembered: one decision makes the same up to three times


def host_of(parts: EngineParts, capabilities: Collection[Capability]) -> Host:
    """What conditions of a seccomp file are held against; a kernel that tells no version counts as an old one."""
    from pytrust.policy.profiles.seccomp.generation import generation_of
    from pytrust.policy.profiles.seccomp.resolve import Host, kernel_of

    return Host(parts.arch, kernel_of(parts.kernel), frozenset(capabilities), generation_of(parts.version))


def applied(profile: Profile, parts: EngineParts, measured: Floors) -> str:
    """The text of the seccomp file that the engine gets, with the floor of its runtime; ``measured`` on this host.

    Where the engine and its runtime can, the kernel is asked to tell of what is refused (``observe.denials``).
    """
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.propose import with_floor
    from pytrust.policy.profiles.seccomp.docker_json import docker_text

    needed = floor(parts.runc, profile.no_new_privileges, measured)
    seccomp = with_floor(profile, needed).seccomp
    told = (*seccomp.flags, _TELL) if _can_tell(parts) and _TELL not in seccomp.flags else seccomp.flags
    return docker_text(replace(seccomp, flags=told))


def _can_tell(parts: EngineParts) -> bool:
    """An older runc refuses a file that has flags; an older engine drops them."""
    from pytrust.policy.profiles.seccomp.generation import generation_of

    runc = tuple(map(int, found.groups())) if (found := _NUMBERS.match(parts.runc)) else (0, 0)
    return runc >= _FLAGS_FROM and generation_of(parts.version) is Generation.FROM_23


@lru_cache(_COMPARED_MAX)
def wider(
    allowed: str, asked: str, parts: EngineParts, capabilities: tuple[Capability, ...], left: tuple[Capability, ...]
) -> tuple[str, ...]:
    """What ``asked`` lets through and ``allowed`` does not, a phrase each; both are texts of Docker seccomp files.

    A container has ``capabilities`` under the latter, and those that are ``left`` under the former: an engine takes
    and leaves out rules by what a container really has.
    """
    from pytrust.policy.profiles.compare.diff import seccomp_widened
    from pytrust.policy.profiles.seccomp.docker_json import parse_docker

    try:
        one, other = parse_docker(allowed.encode(), _WHAT), parse_docker(asked.encode(), _WHAT)
    except BadContent as error:
        return (f"what nobody can tell, for {error}",)
    return seccomp_widened(one, other, host_of(parts, capabilities), frozenset(left))


def lacking(asked: str, parts: EngineParts, *, no_new_privileges: bool) -> tuple[str, ...]:
    """The calls that the engine's runtime needs, and this text of a seccomp file refuses."""
    from pytrust.policy.profiles.floor import missing_floor
    from pytrust.policy.profiles.seccomp.docker_json import parse_docker

    try:
        seccomp = parse_docker(asked.encode(), _WHAT)
    except BadContent:
        return ()
    return missing_floor(seccomp, parts.runc, no_new_privileges)
