"""What a report says of itself, of the image, and of the program that wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw

from pytrust.scanner.limits import DATABASE_VERSION_MAX, TEXT_MAX_CHARS
from pytrust.scanner.report import Image
from pytrust.scanner.scan import Database, System
from pytrust.scanner.trivy import values
from pytrust.scanner.trivy.fault import Fault, misfit, quoted
from pytrust.scanner.trivy.keys import Spellings, settle, settle_raw
from pytrust.scanner.trivy.remarks import Remarks
from pytrust.scanner.trivy.shapes import NOTHING, Loose, Text
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import Digest

METADATA: Final = Spellings("OS", "ImageID", "DiffIDs", "RepoTags", "RepoDigests", "ImageConfig")
_OS: Final = Spellings("Family", "Name", "EOSL", also=["Eosl"])  # the second from 0.30 to 0.43
_CONFIG: Final = Spellings("architecture", "os", "variant")  # OCI image specification, "config.md"
_PROGRAM: Final = Spellings("Version", "Server")
_SERVER: Final = Spellings("VulnerabilityDB")
_DATABASE: Final = Spellings("Version", "UpdatedAt")
_NAME: Final = re.compile(r"[a-zA-Z0-9][^@\s]{0,400}@sha256:[0-9a-f]{64}")
_IMAGE_KEYS: Final = ("ImageID", "DiffIDs", "RepoTags", "RepoDigests")


def text(members: Mapping[str, Any], name: str, place: str) -> str:
    """A member that is a text; empty where it is null or missing."""
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > TEXT_MAX_CHARS:
        raise Fault(f"expected a text of at most {TEXT_MAX_CHARS} characters", f"{place}.{name}")
    return value


def created(members: Mapping[str, Any], remarks: Remarks) -> datetime | None:
    """``CreatedAt``; None before 0.48, and where Go wrote that there is none."""
    written = text(members, "CreatedAt", "$")
    found = values.moment(written) if written else None
    if written and found is None and not written.startswith("0001-01-01T"):
        raise Fault(f"{quoted(written)} is no moment with a time zone (RFC 3339)", "$.CreatedAt")
    if written and found is None:
        remarks.add("it says that it was made at no time", "$.CreatedAt")
    return found


def system(metadata: Mapping[str, Raw], place: str) -> System:
    """``Metadata.OS``."""
    members = settle_raw(metadata.get("OS"), _OS, f"{place}.OS")
    ended = members.get("EOSL", members.get("Eosl"))
    return System(
        family=_value(members.get("Family"), Text, f"{place}.OS.Family") or "",
        name=_value(members.get("Name"), Text, f"{place}.OS.Name") or "",
        ended=_value(ended, bool | None, f"{place}.OS.EOSL") or False,
    )


def image(metadata: Mapping[str, Raw], place: str, remarks: Remarks) -> Image | None:
    """What ``Metadata`` says of an image; None where it says nothing."""
    if not any(name in metadata for name in _IMAGE_KEYS):
        return None
    config = _value(metadata.get("ImageID"), Text, f"{place}.ImageID")
    names = _texts(metadata, "RepoDigests", place)
    good = tuple(name for name in names if _NAME.fullmatch(name))
    if len(good) != len(names):
        remarks.add("a name with a digest that is none", f"{place}.RepoDigests")
    return Image(
        config=_digest(config, f"{place}.ImageID", remarks) if config else None,
        layers=_layers(_texts(metadata, "DiffIDs", place), f"{place}.DiffIDs", remarks),
        names=good,
        tags=_texts(metadata, "RepoTags", place),
        platform=_platform(metadata.get("ImageConfig"), f"{place}.ImageConfig"),
    )


def program(members: Mapping[str, Any]) -> tuple[str, Database]:
    """The version of Trivy, and the database of its server; both are rarely there."""
    known = settle(members.get("Trivy"), _PROGRAM, "$.Trivy")
    server = settle_raw(known.get("Server"), _SERVER, "$.Trivy.Server")
    place = "$.Trivy.Server.VulnerabilityDB"
    record = settle_raw(server.get("VulnerabilityDB"), _DATABASE, place)
    number = _value(record.get("Version"), Loose, f"{place}.Version")
    updated = _value(record.get("UpdatedAt"), Text, f"{place}.UpdatedAt")
    database = Database(
        version=int(number) if isinstance(number, (int, float)) and 0 <= number <= DATABASE_VERSION_MAX else 0,
        updated_at=values.moment(updated) if updated else None,
    )
    return _value(known.get("Version"), Text, "$.Trivy.Version") or "", database


def _platform(raw: Raw | None, place: str) -> str:
    """``linux/arm64/v8``, as the image's configuration has it."""
    members = settle_raw(raw, _CONFIG, place)
    system_name, architecture, variant = (
        _value(members.get(name), Text, f"{place}.{name}") or "" for name in ("os", "architecture", "variant")
    )
    known = f"{system_name}/{architecture}" if system_name and architecture else ""
    return f"{known}/{variant}" if known and variant else known


def _layers(texts: tuple[str, ...], place: str, remarks: Remarks) -> tuple[Digest, ...]:
    """All of them, or none: some are no list of layers."""
    found = [_digest(layer, place, remarks) for layer in texts]
    return tuple(layer for layer in found if layer) if all(found) else ()


def _digest(written: str, place: str, remarks: Remarks) -> Digest | None:
    try:
        return Digest.parse(written)
    except InvalidName:
        remarks.add("a digest that is none", place)
        return None


def _texts(metadata: Mapping[str, Raw], name: str, place: str) -> tuple[str, ...]:
    """A list of texts without the empty ones, which some versions write for none at all."""
    found: list[Text] | None = _value(metadata.get(name), list[Text] | None, f"{place}.{name}")
    return tuple(filter(None, found or ()))


def _value(raw: Raw | None, kind: Any, place: str) -> Any:  # noqa: ANN401
    """A member of a small object; None where it is missing."""
    try:
        return msgspec.json.decode(raw or NOTHING, type=kind)
    except msgspec.ValidationError as error:
        raise misfit(error, place) from error
