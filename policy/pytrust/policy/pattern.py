"""Patterns of the policy file: which can fit anything, and which takes in which. Pure.

What they mean is said by ``pytrust.trust.pins.matches``: ``*`` stands for a part between slashes, ``**`` for any
rest, and all else for itself. Image names are compared as ``ImageRef`` spells them, so a pattern that is spelled
otherwise, such as ``foo/*`` for ``docker.io/foo/*``, would look like a rule and never be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.names import parse_collection
from pytrust.trust.pins import matches

# The time of a match grows with the length of a name to the power of the wildcards.
NAME_WILDCARDS_MAX: Final = 3  # names have 240 characters: some milliseconds
VALUE_WILDCARDS_MAX: Final = 2  # paths have 4,096
VALUE_MAX_CHARS: Final = 4096  # Linux, PATH_MAX

_WILDCARDS: Final = frozenset({"*", "**"})
_WILDCARD = re.compile(r"\*\*|\*")
_WILDCARD_OR_CHARACTER = re.compile(r"\*\*|.", re.DOTALL)
_PART, _REST = "00007", "00008/00009"  # stand for * and ** in a name: good as host, port and path
_HOST = re.compile(r"[a-z0-9.:*\[\]-]+")
_ANY_HOST = "host.invalid"  # RFC 2606, section 2


def check_name_pattern(text: str) -> None:
    """Refuse a pattern that no image name can fit; raises ``UsageError``."""
    _check_wildcards(text, NAME_WILDCARDS_MAX)
    host, _, path = text.partition("/")
    if not path and {".", ":"} & set(host) and "*" not in host:
        raise _fits_nothing(text, f"a host alone is no name: write {host}/**")
    if "*" not in host:
        _check_name(text, text)
    elif not path and "**" not in host:
        raise _fits_nothing(text, "a name has a host and a path: write ** for every image")
    elif not _HOST.fullmatch(host):
        raise _fits_nothing(text, "hosts are lower case")
    else:
        _check_name(text, f"{_ANY_HOST}/{path or '*'}")


def check_value_pattern(text: str, most: int = VALUE_WILDCARDS_MAX) -> None:
    """Refuse a pattern for values with more than ``most`` wildcards, or too long; raises ``UsageError``."""
    _check_wildcards(text, most)
    if not text or len(text) > VALUE_MAX_CHARS or not text.isprintable():
        raise UsageError(
            f"{text[:60]!r} is no pattern for values", hint=f"write 1 to {VALUE_MAX_CHARS} printable characters"
        )


def covers(broad: str, narrow: str) -> bool:
    """Whether every name that fits ``narrow`` also fits ``broad``; a no may be wrong, a yes is not."""
    rests = ("\0", "\0/" * (broad.count("/") + 1) + "\0")  # only a wildcard takes these; the long one only **
    return all(matches(broad, narrow.replace("**", rest).replace("*", "\0")) for rest in rests)


def meet(one: str, other: str) -> bool:
    """Whether some text fits both."""
    here, there = _WILDCARD_OR_CHARACTER.findall(one), _WILDCARD_OR_CHARACTER.findall(other)
    seen, open_ = set[tuple[int, int]](), [(0, 0)]
    while open_:
        at = open_.pop()
        if at == (len(here), len(there)):
            return True
        if at not in seen:
            seen.add(at)
            open_.extend(_steps(here, there, *at))
    return False


def _steps(here: list[str], there: list[str], i: int, j: int) -> Iterator[tuple[int, int]]:
    """How two patterns can go on: a wildcard ends, or takes what stands in the other one; else both say the same."""
    one, other = here[i] if i < len(here) else "", there[j] if j < len(there) else ""
    if one in _WILDCARDS:
        yield i + 1, j
    if other in _WILDCARDS:
        yield i, j + 1
    if one == "**" or (one == "*" and other != "/"):
        yield from [(i, j + 1)] if other else []
    if other == "**" or (other == "*" and one != "/"):
        yield from [(i + 1, j)] if one else []
    if one and one == other:
        yield i + 1, j + 1


def _check_wildcards(text: str, most: int) -> None:
    if "***" in text:
        raise UsageError(f"{text[:60]!r} has three stars in a row", hint="write * or **")
    if len(_WILDCARD.findall(text)) > most:
        raise UsageError(f"{text[:60]!r} has more than {most} wildcards", hint="write several narrower patterns")


def _check_name(pattern: str, probe: str) -> None:
    """An example of what fits must be a name in full."""
    name = probe.replace("**", _REST).replace("*", _PART)
    try:
        full = parse_collection(name)
    except InvalidName as error:
        raise _fits_nothing(pattern, "names are lower case, without tag and digest: HOST/NAME") from error
    if full != name:
        raise _fits_nothing(pattern, f"write {full.replace(_REST, '**').replace(_PART, '*')}")


def _fits_nothing(pattern: str, hint: str) -> UsageError:
    return UsageError(f"no image name can fit {pattern[:300]!r}", hint=hint)
