"""Patterns for names of packages and for paths, in time that hostile names cannot stretch."""

from __future__ import annotations

from functools import lru_cache

_KEPT = 65_536  # answers that are remembered; a large image has some thousands of packages and paths


@lru_cache(_KEPT)
def fits_name(pattern: str, name: str) -> bool:
    """``*`` stands for any text. Leftmost places are enough, since nothing else in a pattern varies."""
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
def fits_path(pattern: str, path: str) -> bool:
    """``*`` stands for any text within one part between slashes, a part ``**`` for any parts, or none."""
    parts = path.strip("/").split("/")
    places = {0}  # how many parts may be used up so far
    for piece in pattern.strip("/").split("/"):
        if piece == "**":
            places = set(range(min(places, default=len(parts) + 1), len(parts) + 1))
        else:
            places = {at + 1 for at in places if at < len(parts) and fits_name(piece, parts[at])}
    return len(parts) in places
