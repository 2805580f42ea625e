"""What an engine makes of the keys of a seccomp file. Pure.

Docker read these files with a structure of its own that knew four keys, until version 23 embedded that of the OCI
specification (moby ``profiles/seccomp/seccomp.go``). What the older structure does not know is lost without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytrust.policy.profiles.model import Seccomp
from pytrust.policy.profiles.names import Action, Generation

_FIRST: Final = 23
_EPERM: Final = 1  # what runc answers where a file names no other error


def generation_of(engine_version: str) -> Generation:
    """The generation of an engine by its version (``20.10.24``, ``28.5.1-rc.1``); what has no number is a new one."""
    major = engine_version.removeprefix("v").partition(".")[0]
    old = major.isdigit() and int(major) < _FIRST
    return Generation.BEFORE_23 if old else Generation.FROM_23


def losses(profile: Seccomp, generation: Generation) -> tuple[str, ...]:
    """What such an engine drops from ``profile``, a phrase for each; nothing where it takes everything."""
    return tuple(_lost(profile)) if generation is Generation.BEFORE_23 else ()


def _lost(profile: Seccomp) -> Iterator[str]:
    if profile.default in {Action.ERRNO, Action.TRACE} and profile.default_errno not in {None, _EPERM}:
        yield f"defaultErrnoRet {profile.default_errno} is dropped: other calls fail with EPERM"
    if profile.flags:
        yield f"flags are dropped: {' '.join(profile.flags)}"
    if profile.listener_path:
        yield "listenerPath is dropped: a rule with SCMP_ACT_NOTIFY has nobody who listens"
    if profile.listener_metadata:
        yield "listenerMetadata is dropped"
