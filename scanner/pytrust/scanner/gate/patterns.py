"""Patterns for names of packages and for paths, in time that hostile names cannot stretch."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pytrust.scanner.limits import CACHED_MAX_CHARS

_KEPT: Final = 65_536  # answers that are remembered; a large image has some thousands of packages and paths
_WILD: Final = re.compile(r"((?:^|(?<=/))\*\*/|/\*\*$|\*\*|\*)")


def fits_name(pattern: str, name: str) -> bool:
    """``*`` stands for any text."""
    return _name(pattern, name) if len(name) <= CACHED_MAX_CHARS else _name.__wrapped__(pattern, name)


def fits_path(pattern: str, path: str) -> bool:
    """``*`` stands for any text between slashes, ``**`` for any text; as a part of its own also for no part at all."""
    return _path(pattern, path) if len(path) <= CACHED_MAX_CHARS else _path.__wrapped__(pattern, path)


@lru_cache(_KEPT)
def _name(pattern: str, name: str) -> bool:
    """Leftmost places are enough, since nothing else in a pattern varies."""
    first, *middle = pattern.split("*")
    if not middle:
        return pattern == name
    last = middle.pop()
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


@lru_cache(_KEPT)
def _path(pattern: str, path: str) -> bool:
    path = path.strip("/")
    places = {0}  # up to where the path may be used up so far
    for token in _tokens(pattern):
        places = _after(token, path, places)
        if not places:
            return False
    return len(path) in places


@lru_cache(_KEPT)
def _tokens(pattern: str) -> tuple[str, ...]:
    """Wildcards, with the slash that goes with them, and what is between."""
    bare = pattern.strip("/")
    while "**/**" in bare:
        bare = bare.replace("**/**", "**")
    return tuple(token for token in _WILD.split(bare) if token)


def _after(token: str, path: str, places: set[int]) -> set[int]:
    first, end = min(places), len(path)
    match token:
        case "**":
            return set(range(first, end + 1))
        case "**/":
            return places | {at + 1 for at in range(first, end) if path[at] == "/"}
        case "/**":
            return {end for at in places if at == end or path[at] == "/"}
        case "*":
            return _within_parts(path, places)
        case _:
            return {at + len(token) for at in places if path.startswith(token, at)}


def _within_parts(path: str, places: set[int]) -> set[int]:
    found: set[int] = set()
    for at in sorted(places):
        if at not in found:  # else all of that part is there already
            slash = path.find("/", at)
            found.update(range(at, (len(path) if slash < 0 else slash) + 1))
    return found
