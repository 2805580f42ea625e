"""Target paths: what a role says of a tag, or of a digest, lies where no other role speaks."""

from __future__ import annotations

from typing import Final

from pytrust.trust.collection.model import KINDS, RELEASES, TARGETS
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import Digest, RoleName

ANY: Final = "*"
"""Stands for every tag or digest in the paths of a delegation."""


def target_path(role: RoleName, thing: str) -> str:
    """The TUF target path under which ``role`` speaks of a tag; roles of statements, of a digest's hex digits."""
    if role in KINDS:
        return f"sha256/{thing}/{KINDS[role].word}"
    return thing if role in {RELEASES, TARGETS} else f"{role}/{thing}"


def statement_digest(role: RoleName, path: str) -> Digest:
    """The image that the target ``path`` of a role of statements is about; raises ``InvalidName`` for other paths."""
    before, after = target_path(role, ANY).split(ANY)
    digest = Digest.parse(f"sha256:{path.removeprefix(before).removesuffix(after)}")
    if path != target_path(role, digest.hex):
        raise InvalidName(f"{path[:100]!r} is no path of {role}")
    return digest
