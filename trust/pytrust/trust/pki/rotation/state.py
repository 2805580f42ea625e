"""A rotation as bytes, for the index to keep between two runs. Pure."""

from __future__ import annotations

from typing import Any, Final

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged
from pytrust.trust.pki.model import Kind, Serial, ca_kind
from pytrust.trust.pki.rotation.model import Need, Phase, Rotation, Sign

_VERSION: Final = 1
_MAX_BYTES: Final = 1024 * 1024  # 20,000 clients that are waited for; no note of the index is larger


def encode(rotation: Rotation) -> bytes:
    """The bytes to keep; what was seen of clients stands in the index anyway, and may be of thousands."""
    return encode_json(
        {
            "version": _VERSION,
            "kind": rotation.kind,
            "leaving": rotation.leaving,
            "coming": rotation.coming,
            "phase": rotation.phase,
            "aborting": rotation.aborting,
            "vouched": sorted(rotation.vouched),
            "awaited": sorted(f"{serial:x}" for serial in rotation.awaited),
            "signs": [[sign.holder, sign.need, sign.text] for sign in rotation.signs if sign.kind is Kind.SERVER],
        }
    )


def decode(data: bytes) -> Rotation:
    """Read what ``encode`` wrote; raises ``Damaged`` for anything else, a newer version included."""
    try:
        found = parse_json(data, what="the state of the rotation", max_bytes=_MAX_BYTES)
        if found["version"] != _VERSION:
            raise Damaged("the rotation was begun by a newer pytrust", hint="go on with that one")
        return _rotation(found)
    except (BadMetadata, KeyError, TypeError, ValueError) as error:
        raise Damaged("the state of the rotation cannot be read", hint="restore ca.db from a backup") from error


def _rotation(found: dict[str, Any]) -> Rotation:
    return Rotation(
        kind=ca_kind(Kind(found["kind"])),
        leaving=int(found["leaving"]),
        coming=int(found["coming"]),
        phase=Phase(found["phase"]),
        aborting=bool(found["aborting"]),
        vouched=frozenset(map(str, found["vouched"])),
        awaited=frozenset(Serial(int(serial, 16)) for serial in found["awaited"]),
        signs=tuple(_sign(*entry) for entry in found["signs"]),
    )


def _sign(holder: str, need: str | None, text: str) -> Sign:
    return Sign(kind=Kind.SERVER, holder=str(holder), need=None if need is None else Need(need), text=str(text))
