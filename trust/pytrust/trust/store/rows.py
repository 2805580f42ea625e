"""From the rows of a database to values: what nobody could have published is damage, not data.

Whoever can write to a store's file can put anything there, and names become folders and parts of messages.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from pytrust.trust.errors import Damaged, InvalidName
from pytrust.trust.limits import NOTARY_NAME_MAX_BYTES
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName, parse_collection, parse_role
from pytrust.trust.store.interface import Change, Kept, RoleFile, ServerKey
from pytrust.trust.store.statements import LAYOUT

_NOT_A_NOTARY_NAME: Final = re.compile(r"[\x00-\x1f\x7f-\x9f*]")
_NOTARY_ROLE: Final = re.compile(r"root|snapshot|timestamp|targets(?:/[-a-z0-9_]+)*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def require_layout(rows: list[tuple[Any, ...]], place: str) -> None:
    """Refuse the store at ``place`` where its tables are laid out in another way; raises ``Damaged``."""
    if rows != [(LAYOUT,)]:
        raise Damaged(
            f"{place} has the layout {rows!r:.60}, but this version of pytrust reads {LAYOUT}",
            hint="use the version of pytrust that wrote it",
        )


def stored_name(value: object, form: Format) -> CollectionName:
    """A name as it lies in a database; raises ``Damaged`` for what no collection of that format is called."""
    if isinstance(value, str) and (_is_gun(value) if form is Format.NOTARY else _is_image_name(value)):
        return CollectionName(value)
    raise Damaged(f"the store holds something called {_shown(value)}")


def stored_role(value: object, form: Format) -> RoleName:
    """A role name as it lies in a database; raises ``Damaged`` for what is none in that format."""
    try:
        if isinstance(value, str):
            return _notary_role(value) if form is Format.NOTARY else parse_role(value)
    except InvalidName:
        pass
    raise Damaged(f"the store holds a role called {_shown(value)}")


def stored_format(value: object) -> Format:
    """A format as it lies in a database; raises ``Damaged`` for any that is not known."""
    try:
        return Format(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise Damaged(f"the store holds files of the format {_shown(value)}") from error


def stored_bytes(value: object) -> bytes:
    """A file as it lies in a database; raises ``Damaged`` for what is no bytes."""
    if not isinstance(value, bytes):
        raise Damaged(f"the store holds a file that is {type(value).__name__}, not bytes")
    return value


def stored_number(value: object) -> int:
    """A version, or the id of a change; raises ``Damaged`` for what is no whole number."""
    if not isinstance(value, int):
        raise Damaged(f"the store holds a number that is {_shown(value)}")
    return value


def stored_time(value: object) -> datetime:
    """A moment as it lies in a database, seconds since 1970; raises ``Damaged`` for what is none."""
    try:
        return datetime.fromtimestamp(value, UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Damaged(f"the store holds a moment that is {_shown(value)}") from error


def seconds(moment: datetime) -> int:
    """A moment as it lies in a database."""
    return int(moment.timestamp())


def kept(row: tuple[Any, ...]) -> Kept:
    """From ``version, data, published``."""
    version, data, published = row
    return Kept(stored_number(version), stored_bytes(data), stored_time(published))


def role_file(row: tuple[Any, ...], form: Format) -> RoleFile:
    """From ``role, version, expires, data``."""
    role, version, expires, data = row
    return RoleFile(stored_role(role, form), stored_number(version), stored_time(expires), stored_bytes(data))


def change(row: tuple[Any, ...]) -> Change:
    """From ``id, at, collection, version, sha256``."""
    number, at, name, version, sha256 = row
    if sha256 != "" and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise Damaged(f"the store holds a change with the sha256 {_shown(sha256)}")
    known = stored_name(name, Format.NOTARY)
    return Change(stored_number(number), stored_time(at), known, stored_number(version), sha256)


def server_key(row: tuple[Any, ...]) -> ServerKey:
    """From ``role, key, sealed``."""
    role, key, sealed = row
    if not (isinstance(key, str) and _SHA256.fullmatch(key)):
        raise Damaged(f"the store holds a key with the id {_shown(key)}")
    return ServerKey(stored_role(role, Format.NOTARY), KeyId(key), stored_bytes(sealed))


def _is_gun(text: str) -> bool:
    """What notary clients call a GUN: any text but ``*``, as long as the stock server's database takes."""
    return 0 < len(text.encode("utf-8", "replace")) <= NOTARY_NAME_MAX_BYTES and not _NOT_A_NOTARY_NAME.search(text)


def _is_image_name(text: str) -> bool:
    try:
        return parse_collection(text) == text
    except InvalidName:
        return False


def _notary_role(text: str) -> RoleName:
    if len(text) > NOTARY_NAME_MAX_BYTES or not _NOTARY_ROLE.fullmatch(text):
        raise InvalidName(f"{text[:100]!r} is not a role of Notary")
    return RoleName(text)


def _shown(value: object) -> str:
    return repr(str(value)[:200])
