"""What an image is, as far as trust goes: the platforms behind an index."""

from __future__ import annotations

from dataclasses import dataclass

from pytrust.trust.names import Digest


@dataclass(frozen=True, slots=True)
class Platform:
    """One child of an image index (OCI image-spec, "Image Index"); ``size`` is its manifest's, in bytes."""

    os: str
    architecture: str
    variant: str | None
    digest: Digest
    size: int
