"""What a signed target says beyond digest and length, in the field that both formats leave to us: ``custom``.

Integers and text only, and keys that sort: stock Notary servers refuse what is not canonical (docs/metadata.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytrust.trust.collection.model import Target
from pytrust.trust.image import Platform
from pytrust.trust.names import Digest


def with_custom(target: Target, custom: Mapping[str, Any]) -> Target:
    """``target`` with what ``custom`` says; raises ``ValueError``, ``TypeError``, ``KeyError`` or ``InvalidName``."""
    previous = _text(custom.get("previous", ""))
    return replace(
        target,
        media_type=_text(custom.get("mediaType", "")),
        platforms=tuple(_read_platform(item) for item in custom.get("platforms", ())),
        signed_at=_text(custom.get("signed_at", "")),
        previous=Digest.parse(previous) if previous else None,
    )


def custom_of(target: Target) -> dict[str, Any]:
    """The field for ``target``; empty where there is nothing to say."""
    custom = {
        "mediaType": target.media_type,
        "platforms": [_write_platform(item) for item in target.platforms],
        "previous": str(target.previous or ""),
        "signed_at": target.signed_at,
    }
    return {key: value for key, value in custom.items() if value}


def _read_platform(item: Mapping[str, Any]) -> Platform:
    variant = item.get("variant")
    size = item["size"]
    if type(size) is not int:
        raise TypeError("size is not an integer")
    digest = Digest.parse(item["digest"])
    return Platform(
        _text(item["os"]),
        _text(item["architecture"]),
        None if variant is None else _text(variant),
        digest,
        size,
    )


def _write_platform(item: Platform) -> dict[str, str | int]:
    variant = {} if item.variant is None else {"variant": item.variant}
    return {
        "os": item.os,
        "architecture": item.architecture,
        **variant,
        "digest": str(item.digest),
        "size": item.size,
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
