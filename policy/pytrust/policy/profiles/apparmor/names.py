"""What a profile is called in the kernel. Pure."""

from __future__ import annotations

import re
from typing import Final

from pytrust.trust.errors import InvalidName
from pytrust.trust.names import Digest

_DIGITS: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TAKEN: Final = frozenset({"unconfined", "docker-default"})


def profile_name(digest: Digest) -> str:
    """The name under which an image's profile is loaded: ``pytrust-`` and the first 16 digits of its document's digest.

    A name of its own for every document: a container keeps what it was started with when another is loaded.
    """
    return f"pytrust-{digest.hex[:_DIGITS]}"


def check_name(name: str) -> str:
    """The name, if a profile may have it: letters, digits, ``._-``, so that it is no path, no pattern and no namespace.

    Raises:
        InvalidName: it may not.
    """
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise InvalidName(
            f"{name[:60]!r} is no name for an AppArmor profile",
            hint="letters, digits, dots, dashes and underscores, at most 128, such as pytrust-web",
        )
    return name
