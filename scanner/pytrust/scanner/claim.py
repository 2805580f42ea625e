"""What a VEX document says, boiled down to what an image is judged by: signed in the role ``vex``."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from pytrust.trust.names import Digest


class Status(StrEnum):
    """OpenVEX 0.2.0, "Status Labels"; CycloneDX's states are mapped to these."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """``ids`` (with aliases) have this status in the image, or only in its packages ``purls``.

    ``justification`` is OpenVEX's word, ``text`` the author's; ``at`` (UTC) decides between claims: the last counts.
    """

    ids: tuple[str, ...]
    status: Status
    purls: tuple[str, ...] = ()
    justification: str = ""
    text: str = ""
    at: datetime | None = None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """All that is signed about one image; ``sources``: the sha256 of the documents, ``author`` as they name it."""

    sources: tuple[Digest, ...] = ()
    authors: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
