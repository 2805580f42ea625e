"""What every engine reads in one way only: the rest is neither signed nor applied. Pure.

A value of ``model`` has the right shape. An engine, though, takes ``ALL`` for a capability, ``+0`` for root and
``:0`` for root, too, and rules of a seccomp file in spellings of its own.
"""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.profiles.model import Profile
from pytrust.policy.profiles.names import CAPABILITIES
from pytrust.trust.errors import BadContent, UsageError

_ACCOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,9}|[A-Za-z_][A-Za-z0-9_.-]{0,63})")
_ID_MAX: Final = 2**31 - 1  # beyond, runc looks a number up as a name
_SHOWN: Final = 60
_ANY_NAME: Final = "pytrust"


def require_sound(profile: Profile, what: str) -> None:
    """Raise ``BadContent``, which calls the profile ``what``, where some part of it has two readings, or none."""
    from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker

    for name in profile.capabilities:
        if name not in CAPABILITIES:
            raise BadContent(f"{what} gives {name[:_SHOWN]!a}, which is no capability", hint="write it like SYS_ADMIN")
    user, separator, group = profile.user.partition(":")
    if profile.user and not (_is_account(user) and _is_account(group or "0") and bool(group) == bool(separator)):
        raise BadContent(f"{what} names the user {profile.user[:_SHOWN]!a}", hint="write it UID or UID:GID")
    parse_docker(docker_text(profile.seccomp).encode(), f"the seccomp part of {what}")
    if profile.apparmor is not None:
        _require_text(profile, what)


def _require_text(profile: Profile, what: str) -> None:
    from pytrust.policy.profiles.apparmor.text import apparmor_text

    try:
        apparmor_text(profile, _ANY_NAME)
    except (BadContent, UsageError) as error:
        raise BadContent(f"the AppArmor part of {what} is none: {error}", hint=error.hint) from error


def _is_account(text: str) -> bool:
    return _ACCOUNT.fullmatch(text) is not None and not (text.isdigit() and int(text) > _ID_MAX)
