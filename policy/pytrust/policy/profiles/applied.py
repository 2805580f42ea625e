"""A profile as one engine is to get it, and seccomp files as texts held against each other. Pure.

The runtime's floor is joined here: without it, a container does not start, or hangs (ADR 29). What compares is imported
when it is needed: most decisions need none of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from pytrust.policy.profiles.parts import EngineParts
from pytrust.trust.errors import BadContent

if TYPE_CHECKING:
    from pytrust.policy.profiles.floor import Floors
    from pytrust.policy.profiles.seccomp.resolve import Host

    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Capability

_KERNEL: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_WHAT: Final = "the seccomp file"


def host_of(parts: EngineParts, capabilities: Collection[Capability]) -> Host:
    """What conditions of a seccomp file are held against; a kernel that tells no version counts as an old one."""
    from pytrust.policy.profiles.seccomp.generation import generation_of
    from pytrust.policy.profiles.seccomp.resolve import Host

    found = _KERNEL.match(parts.kernel)
    kernel = (int(found[1]), int(found[2])) if found else (0, 0)
    return Host(parts.arch, kernel, frozenset(capabilities), generation_of(parts.version))


def applied(profile: Profile, parts: EngineParts, measured: Floors) -> str:
    """The text of the seccomp file that the engine gets, with the floor of its runtime; ``measured`` on this host."""
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.propose import with_floor
    from pytrust.policy.profiles.seccomp.docker_json import docker_text

    needed = floor(parts.runc, profile.no_new_privileges, measured)
    return docker_text(with_floor(profile, needed).seccomp)


def wider(allowed: str, asked: str, parts: EngineParts, capabilities: Collection[Capability]) -> tuple[str, ...]:
    """What ``asked`` lets through and ``allowed`` does not, a phrase each; both are texts of Docker seccomp files."""
    from pytrust.policy.profiles.compare.diff import seccomp_widened
    from pytrust.policy.profiles.seccomp.docker_json import parse_docker

    try:
        one, other = parse_docker(allowed.encode(), _WHAT), parse_docker(asked.encode(), _WHAT)
    except BadContent as error:
        return (f"what nobody can tell, for {error}",)
    return seccomp_widened(one, other, host_of(parts, capabilities))


def lacking(asked: str, parts: EngineParts, *, no_new_privileges: bool) -> tuple[str, ...]:
    """The calls that the engine's runtime needs, and this text of a seccomp file refuses."""
    from pytrust.policy.profiles.floor import missing_floor
    from pytrust.policy.profiles.seccomp.docker_json import parse_docker

    try:
        seccomp = parse_docker(asked.encode(), _WHAT)
    except BadContent:
        return ()
    return missing_floor(seccomp, parts.runc, no_new_privileges)
