"""What a role says of images one by one: text that is signed under the image's digest.

Such a role is a delegation of ``targets`` with keys, a threshold and a lifetime of its own. It knows no tags: a
statement is about content, and holds under whatever tag that content is released.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from pytrust.trust.errors import BadMetadata
from pytrust.trust.limits import STATEMENT_MAX_BYTES
from pytrust.trust.names import Digest


@dataclass(frozen=True, slots=True)
class Statement:
    """``content`` is said of the image or index ``about``: UTF-8 text, kept byte for byte."""

    about: Digest
    content: bytes

    def __post_init__(self) -> None:
        if not 0 < len(self.content) <= STATEMENT_MAX_BYTES:
            raise BadMetadata(f"{len(self.content)} bytes are said of {self.about}, of at most {STATEMENT_MAX_BYTES}")
        try:
            self.content.decode()
        except UnicodeDecodeError as error:
            raise BadMetadata(f"what is said of {self.about} is not UTF-8 text") from error

    @property
    def digest(self) -> Digest:
        """The sha256 of ``content``."""
        return Digest(sha256(self.content).hexdigest())

    @property
    def text(self) -> str:
        """``content`` as text."""
        return self.content.decode()
