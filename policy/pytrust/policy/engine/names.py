"""Names of things on an engine other than images: containers, volumes, accounts. Pure."""

from __future__ import annotations

import re

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.target import NAME_MAX_CHARS

_NAME = re.compile(rf"[a-zA-Z0-9][a-zA-Z0-9_.-]{{0,{NAME_MAX_CHARS - 1}}}")  # moby, daemon/names; ids fit as well
_ID = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[+-]?[0-9]+")


def container_name(text: str) -> str:
    """The name or id of a container, which engines also take with a slash in front; raises ``Malformed``."""
    name = text.removeprefix("/")
    if not _NAME.fullmatch(name):
        raise Malformed(400, f"{text[:100]!r} is not the name of a container")
    return name


def new_container_name(text: str) -> str:
    """The name that a container is to get; raises ``Malformed``.

    Not that of an id: engines look for ids first, and then for names, so that what was judged by the id of a container
    that ends meanwhile would be done to the one of that name.
    """
    name = container_name(text)
    if _ID.fullmatch(name):
        raise Malformed(400, f"{name[:12]}... reads like the id of a container: choose another name")
    return name


def volume_name(text: str) -> str:
    """The name of a volume, or nothing for a new one without; raises ``Malformed`` where it is neither."""
    if text and not _NAME.fullmatch(text):
        raise Malformed(400, f"{text[:100]!r} is neither the name of a volume nor an absolute path")
    return text


def account(text: str) -> str:
    """A user or group, numbers in one spelling: to an engine ``+0``, ``-0`` and ``00`` are root, too."""
    return str(int(text)) if _NUMBER.fullmatch(text) else text
