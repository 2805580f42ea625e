"""What does not fit the shape of the policy file, said with its line and in plain words. Pure.

The decoder says what it expected and at which path; the line comes from the path, the words that are known there
from the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from pytrust.policy.schema import Document, policy_schema
from pytrust.policy.strictyaml import Path, Tree
from pytrust.trust.errors import UsageError

_HINT: Final = "see docs/policy.md, or: pytrust policy schema"
_LATER: Final = frozenset({"builds", "identities"})
_LISTED_MAX = 20  # more known words than these do not help on one line
_AT = re.compile(r" - at `\$((?:\.\w+|\[(?:\d+|\.{3})\])*)`\Z")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.{3})\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_NOT_LISTED = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_KIND = re.compile(r"`([a-z |]+)`")
_KINDS = {
    "array": "a list",
    "object": "a mapping",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}


def complaint(error: msgspec.ValidationError, tree: Tree, what: str) -> UsageError:
    """What to raise for a document that the decoder refused."""
    message = str(error)
    at = _AT.search(message)
    path = _path(at[1], tree) if at else ()
    text, place = _in_words(message[: at.start()] if at else message, path)
    return UsageError(f"{what}:{tree.lines.get(place, 1)}: {text}", hint=_HINT)


def _path(text: str, tree: Tree) -> Path:
    steps: list[str | int] = []
    for key, item in _STEP.findall(text):
        steps.append(key or (_root_at_fault(tree) if item == "..." else int(item)))
    return tuple(steps)


def _root_at_fault(tree: Tree) -> str:
    """The name in ``roots``, the only mapping with free keys: the decoder does not tell them."""
    for name, value in tree.value["roots"].items():
        try:
            msgspec.convert({"version": 1, "roots": {name: value}}, Document)
        except msgspec.ValidationError:
            return str(name)
    return ""


def _in_words(message: str, path: Path) -> tuple[str, Path]:
    """The sentence, and the path whose line it is about."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "the policy")
    if found := _UNKNOWN.fullmatch(message):
        return _unknown_key(found[1], name, path), (*path, found[1])
    if found := _MISSING.fullmatch(message):
        return f"{found[1]} is missing in {name}", path
    if found := _NOT_LISTED.fullmatch(message):
        return f"{name}: {found[1][:60]} is not known{_listed(_words(path))}", path
    if "matching regex" in message:
        wanted = next(shape["description"] for shape in _shapes(path) if "pattern" in shape)
        return f"{name}: expected {wanted}", path
    plain = _KIND.sub(lambda kinds: " or ".join(_KINDS.get(kind, kind) for kind in kinds[1].split(" | ")), message)
    return f"{name}: {plain[:1].lower()}{plain[1:]}", path


def _unknown_key(key: str, name: str, path: Path) -> str:
    if key in _LATER:
        return f"{key} in {name} is not supported yet: leave it out"
    known = [key for shape in _shapes(path) for key in shape.get("properties", ())]
    return f"unknown key {key[:60]!r} in {name}{_listed(known)}"


def _words(path: Path) -> list[str]:
    return [str(word) for shape in _shapes(path) for word in shape.get("enum", ())]


def _listed(known: Sequence[str]) -> str:
    return f"; known: {', '.join(known)}" if 0 < len(known) <= _LISTED_MAX else ""


def _shapes(path: Path) -> list[dict[str, Any]]:
    """What the schema says of a path: one shape, or several of which one must hold."""
    shapes = list(_plain(_schema()))
    for step in path:
        shapes = [plain for shape in shapes for inner in _inner(shape, step) for plain in _plain(inner)]
    return shapes


def _inner(shape: dict[str, Any], step: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(step, int):
        inner = shape.get("items")
    else:
        inner = shape.get("properties", {}).get(step) or shape.get("additionalProperties")
    if inner:
        yield inner


def _plain(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """``shape`` with references and alternatives resolved."""
    if "$ref" in shape:
        yield from _plain(_schema()["$defs"][shape["$ref"].rpartition("/")[2]])
    elif "anyOf" in shape:
        for option in shape["anyOf"]:
            yield from _plain(option)
    else:
        yield shape


@cache
def _schema() -> dict[str, Any]:
    return policy_schema()
