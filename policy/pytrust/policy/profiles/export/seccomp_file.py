"""A profile's seccomp part as one engine takes it: with the runtime's floor, without what the engine would drop. Pure.

Engines before 23 drop some keys without a word. They are left out here, so that the file says what happens; what that
changes is told, and where it would let more through, or leave a listener unheard, there is no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec.structs import replace

from pytrust.policy.profiles.compare.diff import seccomp_widened
from pytrust.policy.profiles.model import Profile, Seccomp
from pytrust.policy.profiles.names import Action, Generation, Syscall
from pytrust.policy.profiles.propose import with_floor
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.policy.profiles.seccomp.generation import losses
from pytrust.policy.profiles.seccomp.oci_json import oci_json
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.trust.errors import Refused

LOG_FLAG: Final = "SECCOMP_FILTER_FLAG_LOG"
_RUNC: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})(?:\.|$)")
_TELLS: Final = (1, 2)  # runc from here on loads filters with flags; older ones do not start such a container


class Exported(NamedTuple):
    """The file as a value, and what the engine's generation took from it, a phrase each."""

    seccomp: Seccomp
    losses: tuple[str, ...]


def for_engine(profile: Profile, host: Host, floor: Iterable[Syscall]) -> Exported:
    """What goes to an engine; ``host`` says which, and whose containers' capabilities count.

    Raises:
        Refused: it would not confine there as the profile says.
        UsageError, BadContent: as of ``diff``.
    """
    asked = with_floor(profile, floor).seccomp
    found = Exported(_kept(asked, host.generation), losses(asked, host.generation))
    _check(asked, found, host)
    return found


def docker_file(seccomp: Seccomp) -> str:
    """Docker's JSON, for people to read, too."""
    return json.dumps(json.loads(docker_text(seccomp)), indent=2) + "\n"


def oci_file(profile: Profile, host: Host, floor: Iterable[Syscall]) -> str:
    """OCI's JSON, resolved for one host: what Kubernetes and Podman take.

    Raises:
        UsageError: an architecture that Docker does not know.
    """
    resolved = resolve(with_floor(profile, floor).seccomp, host)
    return json.dumps(oci_json(resolved), indent=2) + "\n"


def audible(seccomp: Seccomp, generation: Generation, runc: str) -> Seccomp:
    """The same, with each refusal told to the kernel's audit stream where engine and runtime can; else as it is.

    Asking an older runc for it would keep the container from starting.
    """
    version = _RUNC.match(runc)
    able = version is not None and (int(version[1]), int(version[2])) >= _TELLS
    if generation is Generation.BEFORE_23 or not able or LOG_FLAG in seccomp.flags:
        return seccomp
    return replace(seccomp, flags=(*seccomp.flags, LOG_FLAG))


def _kept(seccomp: Seccomp, generation: Generation) -> Seccomp:
    if generation is Generation.FROM_23:
        return seccomp
    return replace(seccomp, default_errno=None, flags=(), listener_path="", listener_metadata="")


def _check(asked: Seccomp, found: Exported, host: Host) -> None:
    if found.seccomp == asked:
        return
    if any(rule.action is Action.NOTIFY for rule in asked.rules):
        raise Refused(
            "the engine drops listenerPath, and nobody would hear what is asked", hint="use engine 23 or newer"
        )
    if more := seccomp_widened(asked, found.seccomp, host):
        raise Refused(f"on that engine the profile would let through more: {more[0]}", hint="use engine 23 or newer")
