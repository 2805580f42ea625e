"""The package URLs of a report, in their canonical spelling.

Trivy's own are canonical but for a few, and the library that knows takes 40 us for each. So those that are made of
nothing but what every rule leaves as it is (ECMA-427 and the rules of the types named here) are taken as they are.
"""

from __future__ import annotations

import re
from typing import Final

from pytrust.scanner.limits import PURL_MAX_CHARS

_WORD: Final = r"[a-z0-9][a-z0-9.-]*"
_NAME: Final = rf"{_WORD}(?:%2B[a-z0-9.-]*)*"  # libstdc++; the library spells %2B in two ways for the other types
_VALUE: Final = r"[A-Za-z0-9._:~-]+"
_PURL: Final = (
    rf"pkg:(?:(?:cargo|deb|gem|maven|rpm)/(?:{_NAME}/)*{_NAME}"
    rf"|(?:apk|golang|npm|nuget|pypi)/(?:%40(?={_WORD}/))?(?:{_WORD}/)*{_WORD})"
    rf"@{_VALUE}(?:%2B{_VALUE})*"
    rf"(?:\?(?:arch={_VALUE}(?:&distro={_VALUE})?|distro={_VALUE})(?:&epoch=[0-9]+)?)?"
)
_PLAIN: Final = re.compile(_PURL)
_IDENTIFIER: Final = re.compile(rf'{{\s*"PURL":\s*"({_PURL})"\s*(?:,\s*"UID":\s*"[0-9a-f]*"\s*)?}}'.encode())


def is_plain(purl: str) -> bool:
    """Whether it is canonical at a glance."""
    return _PLAIN.fullmatch(purl) is not None


def identified(text: bytes) -> str:
    """The package URL of a ``PkgIdentifier`` that has no more than Trivy usually writes; empty where it has."""
    if len(text) > PURL_MAX_CHARS:
        return ""
    found = _IDENTIFIER.fullmatch(text.replace(rb"\u0026", b"&"))  # as Go's encoder writes it
    return found[1].decode() if found else ""


def spelled(purl: str) -> str:
    """As ``purls.canonical``."""
    if is_plain(purl):
        return purl
    from pytrust.scanner.purls import canonical

    return canonical(purl)
