"""Answers of an engine, as far as they have the shape that they should: what has not is left out, and only that. Pure.

A field of another type is as one that was not said. Go writes ``null`` for a list or an object that is empty.
"""

from __future__ import annotations

from functools import lru_cache
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from pytrust.trust.errors import BadContent

LIST_MAX: Final = 10_000  # things of one answer that are looked at; engines with some hundred are large

T = TypeVar("T")


def read(data: bytes, kind: type[T], what: str) -> T:
    """One answer as a struct; raises ``BadContent`` where it is no object, or lacks what nothing is without."""
    found = _taken(_decoded(data, what), kind)
    if found is None:
        raise BadContent(f"the engine's {what} cannot be read: it has another shape", hint="try: docker info")
    return found  # type: ignore[no-any-return]


def read_list(data: bytes, kind: type[T], what: str) -> tuple[T, ...]:
    """One answer as a list of structs; raises ``BadContent`` where it is none, or one of them cannot be read."""
    value = _decoded(data, what)
    if not isinstance(value, list):
        raise BadContent(f"the engine's {what} cannot be read: it is no list", hint="try: docker info")
    if len(value) > LIST_MAX:
        raise BadContent(f"the engine's {what} has {len(value)} entries, of {LIST_MAX} that are looked at")
    found = tuple(_taken(one, kind) for one in value)
    if None in found:
        raise BadContent(f"the engine's {what} cannot be read: one of it has another shape", hint="try: docker info")
    return found


def _decoded(data: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadContent(f"the engine's {what} cannot be read: {str(error)[:200]}", hint="try: docker info") from error


def _taken(value: object, kind: Any) -> Any:  # noqa: ANN401 - whatever ``kind`` is a type of
    """None where it has another shape."""
    if (struct := _struct(kind)) is not None:
        return _filled(value, struct) if isinstance(value, dict) else None
    if value is None:
        return _empty(kind)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def _filled(value: dict[str, Any], struct: type[msgspec.Struct]) -> msgspec.Struct | None:
    said = {name: _taken(value[key], kind) for name, key, kind in _fields(struct) if key in value}
    try:
        return struct(**{name: part for name, part in said.items() if part is not None})
    except TypeError:  # something that nothing is without
        return None


@lru_cache
def _fields(struct: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    return tuple((field.name, field.encode_name, field.type) for field in msgspec.structs.fields(struct))


@lru_cache
def _struct(kind: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 - as above
    """The struct that it is, or that is one side of ``Struct | None``."""
    sides = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return next((side for side in sides if isinstance(side, type) and issubclass(side, msgspec.Struct)), None)


def _empty(kind: Any) -> list[Any] | dict[str, Any] | None:  # noqa: ANN401 - as above
    origins = {get_origin(side) or side for side in (get_args(kind) if isinstance(kind, UnionType) else (kind,))}
    if list in origins:
        return []
    return {} if dict in origins else None
