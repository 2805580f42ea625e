"""Manifest bytes -> ``Descriptor``: hash first, parse after, and accept only what has one reading.

The same bytes can be shown as an index or as a manifest by changing a header (CVE-2021-41190), so the header, the
``mediaType`` field and the shape of the document must all say the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadContent, BadMetadata, InvalidName
from pytrust.trust.image import Platform
from pytrust.trust.limits import MANIFEST_MAX_BYTES
from pytrust.trust.names import Digest

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED: Final = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})

_SCHEMA_VERSION = 2
_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"
_PLATFORM_WORD = re.compile(r"[\x21-\x7e]{0,128}")
_UNKNOWN = "unknown"  # what buildkit writes for a child that is no image


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a name stands for: ``data`` are the raw bytes, ``digest`` and ``size`` (bytes) were taken from them here."""

    media_type: str
    digest: Digest
    size: int
    data: bytes = field(repr=False)
    platforms: tuple[Platform, ...]


def describe(data: bytes, content_type: str, expected: Digest | None) -> Descriptor:
    """Check a manifest as served.

    Args:
        data: the body.
        content_type: the header, empty where it was missing.
        expected: the digest asked for, or what the registry's header promised; None where neither exists.

    Raises:
        BadContent: other bytes than expected, not an accepted type, or a type the document contradicts.
    """
    digest = Digest(sha256(data).hexdigest())
    if expected is not None and digest != expected:
        raise BadContent(f"the registry served {digest} where {expected} was expected")
    media_type = _accepted(content_type.partition(";")[0].strip().lower())
    document = _document(data)
    _check_agreement(media_type, document)
    children = document["manifests"] if media_type in INDEXES else []
    return Descriptor(media_type, digest, len(data), data, tuple(_platform(child) for child in children))


def subject_of(data: bytes) -> Digest | None:
    """The manifest that this one refers to (OCI image specification, ``subject``); None where there is none.

    Raises:
        BadContent: not JSON, or a subject that is none.
    """
    subject = _document(data).get("subject")
    if subject is None:
        return None
    if not isinstance(subject, dict):
        raise BadContent("the subject of the manifest is not a JSON object")
    return _digest(subject)


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = parse_json(data, what="the manifest", max_bytes=MANIFEST_MAX_BYTES)
    except BadMetadata as error:
        raise BadContent(str(error)) from error
    if not isinstance(document, dict):
        raise BadContent("the manifest is not a JSON object")
    return document


def _accepted(media_type: str) -> str:
    if media_type.startswith(_SCHEMA1):
        hint = "push the image again with a docker of this decade"
        raise BadContent("the registry served a schema 1 manifest, which is not accepted", hint=hint)
    if media_type not in ACCEPTED:
        raise BadContent(f"the registry served {media_type[:100]!r}, which is not an image manifest")
    return media_type


def _check_agreement(media_type: str, document: dict[str, Any]) -> None:
    version = document.get("schemaVersion")
    if version != _SCHEMA_VERSION:
        raise BadContent(f"the manifest is of schema version {version!r:.60}, not {_SCHEMA_VERSION}")
    said = document.get("mediaType", media_type)
    if said != media_type:
        raise BadContent(f"the registry served {said!r:.100} as {media_type!r}")
    _check_shape(media_type, document)


def _check_shape(media_type: str, document: dict[str, Any]) -> None:
    index_like = isinstance(document.get("manifests"), list) and not {"config", "layers"} & document.keys()
    manifest_like = (
        isinstance(document.get("config"), dict)
        and isinstance(document.get("layers"), list)
        and "manifests" not in document
    )
    if not (index_like if media_type in INDEXES else manifest_like):
        raise BadContent(f"the document is not of the shape of {media_type!r}")


def _platform(child: object) -> Platform:
    if not isinstance(child, dict):
        raise BadContent("a child of the index is not a JSON object")
    size = child.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise BadContent(f"a child of the index has the size {size!r:.60}")
    platform = child.get("platform", {})
    if not isinstance(platform, dict):
        raise BadContent("the platform of a child is not a JSON object")
    return Platform(
        _word(platform, "os") or _UNKNOWN,
        _word(platform, "architecture") or _UNKNOWN,
        _word(platform, "variant") or None,
        _digest(child),
        size,
    )


def _word(platform: dict[str, Any], name: str) -> str:
    word = platform.get(name, "")
    if not isinstance(word, str) or not _PLATFORM_WORD.fullmatch(word):
        raise BadContent(f"the {name} of a child reads {word!r:.100}")
    return word


def _digest(descriptor: dict[str, Any]) -> Digest:
    text = descriptor.get("digest")
    try:
        return Digest.parse(text if isinstance(text, str) else "")
    except InvalidName as error:
        raise BadContent(f"the manifest names the digest {text!r:.100}, which is not sha256") from error
