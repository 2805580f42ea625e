"""The floors that were measured on this host, in one file: strict JSON, whole or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pytrust.policy.profiles.floor import Floors
from pytrust.policy.profiles.names import Syscall
from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged
from pytrust.trust.files import PUBLIC, read_bounded, write_atomic
from pytrust.trust.limits import FLOORS_MAX_BYTES

FILE: Final = "floors.json"
"""Its name in the home."""

_MAX_DEPTH: Final = 5


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    runc: Annotated[str, Meta(min_length=1, max_length=64)]
    no_new_privileges: bool
    calls: Annotated[tuple[Annotated[str, Meta(pattern="^[a-z0-9_]{1,64}$")], ...], Meta(min_length=1, max_length=512)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["pytrust-floors/1"]
    floors: Annotated[tuple[_Entry, ...], Meta(max_length=256)]


def read_floors(path: Path) -> Floors:
    """What was measured; nothing where there is no such file.

    Raises:
        Damaged: it is not what we wrote.
    """
    try:
        data = read_bounded(path, FLOORS_MAX_BYTES)
    except FileNotFoundError:
        return {}
    return parse_floors(data, str(path))


def write_floors(path: Path, floors: Floors) -> None:
    """Write them all, in place of those that are there."""
    entries = [
        {"runc": runc, "no_new_privileges": confined, "calls": sorted(calls)}
        for (runc, confined), calls in sorted(floors.items())
    ]
    write_atomic(path, encode_json({"format": "pytrust-floors/1", "floors": entries}) + b"\n", mode=PUBLIC)


def parse_floors(data: bytes, what: str) -> Floors:
    """Read the file's bytes; ``what`` names it in errors. Raises ``Damaged``."""
    try:
        value = parse_json(data, what=what, max_bytes=FLOORS_MAX_BYTES, max_depth=_MAX_DEPTH)
        entries = msgspec.convert(value, _File).floors
    except (BadMetadata, msgspec.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise Damaged(f"{what} holds no floors: {reason}", hint="measure them again: pytrust profile floor") from error
    floors = {(entry.runc, entry.no_new_privileges): frozenset(map(Syscall, entry.calls)) for entry in entries}
    if len(floors) != len(entries):
        raise Damaged(f"{what} holds no floors: one is there twice", hint="measure them again: pytrust profile floor")
    return floors
