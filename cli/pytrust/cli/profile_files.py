"""Profiles that commands read and write: our own documents, and seccomp files of Docker in their place."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytrust.trust.errors import BadContent, UsageError
from pytrust.trust.limits import PROFILE_MAX_BYTES, SECCOMP_FILE_MAX_BYTES

if TYPE_CHECKING:
    from pytrust.policy.profiles.model import Profile

STDIN: Final = "-"
DOCKER_DEFAULT: Final = "docker-default"
"""Stands for the profile that Docker gives a container that asks for none."""


def read_profile(place: str) -> Profile:
    """The profile at ``place``: a file's path, ``-`` for stdin, or ``docker-default``.

    A seccomp file of Docker becomes a profile of nothing else: it has Docker's capabilities.

    Raises:
        UsageError: it cannot be read.
        BadContent: it is neither.
    """
    from pytrust.policy.profiles.document import decode_profile
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES
    from pytrust.policy.profiles.seccomp.docker_default import docker_default
    from pytrust.policy.profiles.seccomp.docker_json import parse_docker

    default = tuple(sorted(DEFAULT_CAPABILITIES))
    if place == DOCKER_DEFAULT:
        return Profile(name=place, seccomp=docker_default(), capabilities=default, no_new_privileges=False)
    data = _read(place)
    if b'"defaultAction"' not in data:
        return decode_profile(data, place)
    return Profile(name=place, seccomp=parse_docker(data, place), capabilities=default, no_new_privileges=False)


def write_profile(profile: Profile, place: str) -> None:
    """Write a document, whole or not at all; ``-`` is stdout."""
    from pytrust.cli import voice
    from pytrust.policy.profiles.document import encode_profile
    from pytrust.trust.files import write_atomic

    data = encode_profile(profile) + b"\n"
    if place == STDIN:
        voice.write(data)
        return
    try:
        write_atomic(Path(place), data)
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {(error.strerror or str(error)).lower()}") from error


def check_place(place: str) -> None:
    """Refuse, before long work, a place where ``write_profile`` would fail."""
    path = Path(place)
    if place == STDIN or (not path.is_dir() and path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        return
    reason = "is a directory" if path.is_dir() else "no folder that can be written to"
    raise UsageError(f"{place} cannot be written: {reason}", hint="give a file after -o")


def _read(place: str) -> bytes:
    most = max(PROFILE_MAX_BYTES, SECCOMP_FILE_MAX_BYTES)
    try:
        if place == STDIN:
            data = sys.stdin.buffer.read(most + 1)
        else:
            with Path(place).open("rb") as file:
                data = file.read(most + 1)
    except OSError as error:
        raise UsageError(
            f"the profile {place} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="make one: pytrust profile record IMAGE -o FILE -- WORKLOAD",
        ) from error
    if len(data) > most:
        raise BadContent(
            f"{place} is larger than {most} bytes, and so no profile",
            hint="make one: pytrust profile record",
        )
    return data
