"""The ``WWW-Authenticate`` header (RFC 9110 section 11.6.1), as far as registries use it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytrust.trust.errors import BadContent

_NAME = r"([\w!#$%&'*+.^`|~-]+)"
_END = r"[ \t]*(?=,|\Z)"
_SEPARATORS = re.compile(r"[ \t,]*")
_SCHEME = re.compile(rf"{_NAME}(?:[ \t]+|(?=,)|\Z)", re.ASCII)
_PARAMETER = re.compile(rf'{_NAME}[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=]+)){_END}', re.ASCII)
_TOKEN68 = re.compile(rf"[A-Za-z0-9._~+/-]+=*{_END}")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a registry offers; absent parameters are empty."""

    scheme: str
    realm: str
    service: str


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read a header that may hold several challenges.

    Raises:
        BadContent: it does not follow the grammar, or gives one parameter twice.
    """
    found: list[tuple[str, dict[str, str]]] = []
    at = _match_end(_SEPARATORS, header, 0)
    while at < len(header):
        at = _match_end(_SEPARATORS, header, _step(header, at, found))
    return tuple(Challenge(scheme, given.get("realm", ""), given.get("service", "")) for scheme, given in found)


def choose(challenges: tuple[Challenge, ...]) -> Challenge | None:
    """The challenge to answer: rather a short-lived token than a password; None if we speak none of them."""
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    return None


def _step(header: str, at: int, found: list[tuple[str, dict[str, str]]]) -> int:
    """Read one parameter, or the start of one challenge, at ``at``; gives the place after it."""
    if found and (parameter := _PARAMETER.match(header, at)):
        _add(found[-1][1], parameter)
        return parameter.end()
    scheme = _SCHEME.match(header, at)
    if scheme is None:
        raise BadContent(f"the challenge {header[:200]!r} cannot be read")
    found.append((scheme[1].lower(), {}))
    if _PARAMETER.match(header, scheme.end()):
        return scheme.end()
    return _match_end(_TOKEN68, header, scheme.end())


def _add(given: dict[str, str], parameter: re.Match[str]) -> None:
    name, quoted, plain = parameter[1].lower(), parameter[2], parameter[3]
    if name in given:
        raise BadContent(f"the challenge gives {name[:60]!r} twice")
    given[name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
