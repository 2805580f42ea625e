"""The target of a request, in its one accepted spelling: ``/v1.41/containers/web/json?size=1``.

The engine's router decodes and cleans a path before it looks at it, takes many spellings of a version, and drops query
pairs that it cannot read. Here a path is what it says, or it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import unquote, unquote_plus

from pytrust.policy.engine.call import Malformed
from pytrust.trust.limits import REFERENCE_MAX_CHARS

API_MIN: Final = (1, 24)  # older ones read a HostConfig at start, which nobody would have judged
API_MAX: Final = (1, 51)  # the newest whose fields are all known here; newer ones could hold a way out
TARGET_MAX_CHARS: Final = 8 * 1024  # long lists of filters stay below
QUERY_PAIRS_MAX: Final = 64
NAME_MAX_CHARS: Final = 255

_SEGMENT = r"/[A-Za-z0-9_\[%][A-Za-z0-9_.:@%\[\]-]*"
_TARGET = re.compile(rf"(?:/v([1-9]\.(?:0|[1-9][0-9]?))(?=/))?((?!/v[0-9.]+/)(?:{_SEGMENT})+)(?:\?([!\"$-~]*))?")
_ESCAPES = re.compile(
    r"(?:[^%]|%(?:2[Ff]|3[Aa]|40|5[BbDd]))*"
)  # of / : @ [ ], which some clients encode in image names
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_MAX_CHARS - 1}}}")
_HOST = r"\[[0-9A-Fa-f:]+\](?::[0-9]+)?/"
_REFERENCE = re.compile(rf"(?:{_HOST})?[A-Za-z0-9][A-Za-z0-9._:@-]*(?:/[A-Za-z0-9][A-Za-z0-9._:@-]*)*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VERSIONS = frozenset(f"{API_MIN[0]}.{minor}" for minor in range(API_MIN[1], API_MAX[1] + 1))
_NO_QUERY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Target(NamedTuple):
    """``version`` is ``1.41`` or empty; ``segments`` of the path and ``query`` are still escaped."""

    version: str
    segments: tuple[str, ...]
    query: str


def read_target(text: str) -> Target:
    """Split a target; raises ``Malformed`` unless it is an absolute path in its shortest spelling."""
    if len(text) > TARGET_MAX_CHARS:
        raise Malformed(414, f"the request target is longer than {TARGET_MAX_CHARS} characters")
    found = _TARGET.fullmatch(text)
    if found is None:
        raise Malformed(400, _fault(text))
    version, path, query = found.groups("")
    if version and version not in _VERSIONS:
        raise Malformed(400, _outdated(version))
    if "%" in path and not _ESCAPES.fullmatch(path):
        raise Malformed(400, "the path has an escape that no name needs")
    return Target(version, tuple(path[1:].split("/")), query)


def read_name(text: str, thing: str) -> str:
    """The name or id of a ``thing`` (container, network, volume, exec) in a path.

    Raises:
        Malformed: it cannot be one. The status is 404, which lets ``docker inspect foo/web`` look among the images.
    """
    if not _NAME.fullmatch(text):
        why = f"{text[:NAME_MAX_CHARS]!r} is not the name or id of one"
        raise Malformed(400 if "%" in text else 404, f"no such {thing}: {why}")
    return text


def read_reference(text: str) -> str:
    """The name or id of an image in a path, decoded once; its grammar is looked at more closely later."""
    decoded = unquote(text)
    if len(decoded) > REFERENCE_MAX_CHARS or not _REFERENCE.fullmatch(decoded):
        raise Malformed(400, f"{decoded[:NAME_MAX_CHARS]!r} is not the name or id of an image")
    return decoded


def read_query(text: str, allowed: frozenset[str], repeatable: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """The pairs of a query by key, values decoded; keys are ``allowed`` or refused, once unless ``repeatable``.

    Raises:
        Malformed: a key is unknown or repeated, or a value is not printable text in UTF-8.
    """
    if not text:
        return _NO_QUERY
    if ";" in text or text.count("&") >= QUERY_PAIRS_MAX:
        raise Malformed(400, f"the query has a semicolon, or more than {QUERY_PAIRS_MAX} pairs")
    found: dict[str, tuple[str, ...]] = {}
    for pair in text.split("&"):
        key, _, value = pair.partition("=")
        if key not in allowed:
            raise Malformed(400, f"the query key {key[:NAME_MAX_CHARS]!r} is not known here")
        if key in found and key not in repeatable:
            raise Malformed(400, f"the query key {key!r} is given twice")
        found[key] = (*found.get(key, ()), _value(key, value))
    return found


def _value(key: str, text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        decoded = unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if _BAD_ESCAPE.search(text) or not decoded.isprintable():
        raise Malformed(400, f"the value of the query key {key!r} is not escaped text")
    return decoded


def _outdated(version: str) -> str:
    """The engine's own words, by which clients know what to do."""
    new = tuple(map(int, version.split("."))) > API_MAX
    least, most = (".".join(map(str, end)) for end in (API_MIN, API_MAX))
    if new:
        return f"client version {version} is too new. Maximum supported API version is {most}"
    advice = "please upgrade your client to a newer version"
    return f"client version {version} is too old. Minimum supported API version is {least}, {advice}"


def _fault(text: str) -> str:
    """What is wrong with a target that has not the right shape."""
    path = text.partition("?")[0]
    if not text.isascii() or not text.isprintable() or " " in text:
        return "the request target is not printable ASCII"
    if not path.startswith("/"):
        return "the request target is not a path: write /containers/json"
    if re.match(r"/v[0-9.]+/", path):
        return "the API version in the path is not written like v1.41"
    if "//" in path or path.endswith("/"):
        return "the path has an empty part"
    if "/." in path:
        return "the path has a part that begins with a dot"
    return "the request target has a character that no name needs"
