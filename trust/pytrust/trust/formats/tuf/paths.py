"""Target paths: what a role says of a tag lies where no other role speaks."""

from __future__ import annotations

from pytrust.trust.collection.model import (
    RELEASES,
    TARGETS,
)
from pytrust.trust.names import RoleName


def target_path(role: RoleName, tag: str) -> str:
    """The TUF target path under which ``role`` speaks of ``tag``."""
    return tag if role in {RELEASES, TARGETS} else f"{role}/{tag}"
