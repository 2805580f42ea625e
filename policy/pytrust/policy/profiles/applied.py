"""A profile as one engine is to get it, and seccomp files as texts held against each other. Pure.

The runtime's floor is joined here: without it, a container does not start, or hangs (ADR 29). What compares is imported
when it is needed: most decisions need none of it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytrust.policy.profiles.parts import EngineParts
from pytrust.trust.errors import BadContent

if TYPE_CHECKING:
    from pytrust.policy.profiles.floor import Floors
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Capability
    from pytrust.policy.profiles.seccomp.resolve import Host

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
    from pytrust.policy.profiles.export.seccomp_file import audible
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.propose import with_floor
    from pytrust.policy.profiles.seccomp.docker_json import docker_text
    from pytrust.policy.profiles.seccomp.generation import generation_of

    needed = floor(parts.runc, profile.no_new_privileges, measured)
    return docker_text(audible(with_floor(profile, needed).seccomp, generation_of(parts.version), parts.runc))


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
