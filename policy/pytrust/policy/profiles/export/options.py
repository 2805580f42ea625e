"""What confines a container besides seccomp, as ``docker run`` is told it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from pytrust.policy.profiles.model import Profile

_WORDS: Final = frozenset({"unconfined", "builtin"})
"""What ``docker run`` takes for itself where the path of a seccomp file could stand."""


def run_options(profile: Profile, seccomp_file: str, apparmor: str) -> tuple[str, ...]:
    """Options of ``docker run``, a word each.

    Args:
        profile: what confines.
        seccomp_file: path of the file that ``--as docker`` wrote, as the client finds it.
        apparmor: the name under which the AppArmor profile is loaded; empty where there is none.
    """
    return tuple(_options(profile, seccomp_file, apparmor))


def flags_text(profile: Profile, seccomp_file: str, apparmor: str) -> str:
    """The same for a shell, an option a line."""
    return " \\\n".join(map(shlex.quote, run_options(profile, seccomp_file, apparmor))) + "\n"


def _options(profile: Profile, seccomp_file: str, apparmor: str) -> Iterator[str]:
    path = f"./{seccomp_file}" if seccomp_file in _WORDS else seccomp_file
    yield f"--security-opt=seccomp={path}"
    if apparmor:
        yield f"--security-opt=apparmor={apparmor}"
    if profile.no_new_privileges:
        yield "--security-opt=no-new-privileges"
    yield "--cap-drop=ALL"
    yield from (f"--cap-add={capability}" for capability in profile.capabilities)
    if profile.read_only:
        yield "--read-only"
    if profile.user:
        yield f"--user={profile.user}"
