"""The configuration of an image: what its manifest names, hashed here, and as much of it as says which image it is.

Source: OCI image specification, "Image Configuration"; Docker's own schema 2 has the same fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from pytrust.trust.errors import BadContent, InvalidName
from pytrust.trust.limits import MANIFEST_MAX_BYTES
from pytrust.trust.names import Digest

LAYERS_MAX = 1_000  # diff ids of one image; engines take 127 layers


@dataclass(frozen=True, slots=True)
class Configuration:
    """``layers`` are the digests of unpacked layers (``rootfs.diff_ids``); ``platform`` reads ``linux/arm64/v8``."""

    digest: Digest
    platform: str
    layers: tuple[Digest, ...]


class _RootFs(msgspec.Struct):
    diff_ids: list[str]


class _Document(msgspec.Struct):
    os: str
    architecture: str
    rootfs: _RootFs
    variant: str = ""


class _Named(msgspec.Struct):
    digest: str
    size: int


class _Manifest(msgspec.Struct):
    config: _Named


def configuration_named(manifest: bytes) -> tuple[Digest, int]:
    """The digest and size (bytes) of the configuration that a manifest names.

    Raises:
        BadContent: it names none, or a larger one than is read.
    """
    named = _decoded(manifest, _Manifest, "the manifest").config
    if not 0 < named.size <= MANIFEST_MAX_BYTES:
        raise BadContent(f"the configuration has {named.size} bytes, of {MANIFEST_MAX_BYTES} that are read")
    return _digest(named.digest), named.size


def read_configuration(data: bytes, expected: Digest) -> Configuration:
    """Read a configuration as served.

    Raises:
        BadContent: other bytes than ``expected``, or none of an image.
    """
    if (digest := Digest(sha256(data).hexdigest())) != expected:
        raise BadContent(f"the registry served {digest} where {expected} was expected")
    said = _decoded(data, _Document, "the configuration")
    if len(said.rootfs.diff_ids) > LAYERS_MAX:
        raise BadContent(f"the configuration lists {len(said.rootfs.diff_ids)} layers, of {LAYERS_MAX} that are read")
    platform = "/".join(part for part in (said.os, said.architecture, said.variant) if part)
    if not platform.isprintable() or len(platform) > 100:  # noqa: PLR2004 - no platform has a third of that
        raise BadContent("the configuration names a platform that is none")
    return Configuration(digest, platform, tuple(map(_digest, said.rootfs.diff_ids)))


def _decoded(data: bytes, kind: type[Any], what: str) -> Any:  # noqa: ANN401 - as ``kind`` says
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadContent(f"{what} is not one of an image: {reason[:200]}") from error


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidName as error:
        raise BadContent(f"{text!r:.100} is named, which is not sha256") from error
