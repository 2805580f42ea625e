"""What a signed profile writes into a new container, in place of what the client says of it. Pure.

What the client takes away of it, the decision has taken away already.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from pytrust.policy.core.facts import Profiled
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models_host import HostConfig
from pytrust.policy.engine.securityopt import parse_security_options
from pytrust.policy.engine.shapes import given
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import PROFILE_MAX_BYTES

_WHAT: Final = "the seccomp file"
SECCOMP_MAX_CHARS: Final = PROFILE_MAX_BYTES  # of a client's own seccomp file, where the decision has to look at it
_ALL: Final = "ALL"


def understood(text: str) -> str:
    """A client's seccomp file as it is judged, written down and sent: in one spelling, without remarks.

    Empty where it is none that every engine reads alike. Raises ``Malformed`` where it is too large to be looked at.
    """
    from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker

    if len(text) > SECCOMP_MAX_CHARS:
        raise Malformed(400, f"a seccomp file of more than {SECCOMP_MAX_CHARS} characters is not looked at")
    try:
        seccomp = parse_docker(text.encode(), _WHAT)
    except (BadContent, UnicodeEncodeError):
        return ""
    return docker_text(replace(seccomp, rules=tuple(replace(rule, comment="") for rule in seccomp.rules)))


def confined(host: HostConfig, profile: Profiled) -> HostConfig:
    """``HostConfig`` under the profile."""
    return replace(
        host,
        security_opt=_options(given(host.security_opt) or (), profile),
        cap_drop=(_ALL,),
        cap_add=tuple(sorted(profile.capabilities)),
        readonly_rootfs=profile.read_only or given(host.readonly_rootfs) or False,
    )


def _options(asked: Iterable[str], profile: Profiled) -> tuple[str, ...]:
    ours = [f"seccomp={profile.seccomp}"]
    if profile.no_new_privileges:
        ours.append("no-new-privileges")
    if profile.apparmor:
        ours.append(f"apparmor={profile.apparmor}")
    return parse_security_options((*asked, *ours)).texts()
