"""The small objects within a vulnerability: scores by source, and what identifies the package.

There are two of them in every finding, so their names are counted instead of seen: an object of n members has n - 1
commas and those of its texts. Where the text of such an object has no more commas than the decoded members need, none
was dropped for another of the same name, however it is spelled. In every other case ``keys`` looks at each name.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from pytrust.scanner.limits import SCORES_MAX_BYTES, SHAPES_MAX
from pytrust.scanner.trivy.fault import Fault, misfit, quoted
from pytrust.scanner.trivy.keys import Member, Spellings, make, settle
from pytrust.scanner.trivy.shapes import IDENTIFIER, SCORE, SOURCES, Loose
from pytrust.scanner.trivy.values import Scores

Flat = dict[str, Loose]
_T = TypeVar("_T")

_FLAT: Final = msgspec.json.Decoder(Flat | None)
_FLAT_EXACT: Final = msgspec.json.Decoder(dict[Member, Loose] | None, dec_hook=make)
_NESTED: Final = msgspec.json.Decoder(dict[str, Flat | None] | None)
_NESTED_EXACT: Final = msgspec.json.Decoder(dict[Member, dict[Member, Loose] | None] | None, dec_hook=make)


class Small:
    """Reads such objects. Belongs to one reading: it remembers which sequences of names are sound."""

    def __init__(self) -> None:
        self._sound: dict[Spellings, set[tuple[str, ...]]] = {IDENTIFIER: set(), SOURCES: set(), SCORE: set()}

    def identifier(self, text: bytes, spot: object) -> Flat:
        """``PkgIdentifier``."""
        return self._flat(text, IDENTIFIER, "PkgIdentifier", spot)

    def vendors(self, text: bytes, spot: object) -> Flat:
        """``VendorSeverity``."""
        return self._flat(text, SOURCES, "VendorSeverity", spot)

    def scores(self, text: bytes, spot: object) -> Scores:
        """``CVSS``."""
        sources = _decoded(_NESTED, text, "CVSS", spot)
        if not sources:
            return {}
        inner = list(filter(None, sources.values()))
        if text.count(b",") != sum(map(len, inner)) - 1 or not self._sound[SCORE].issuperset(map(tuple, inner)):
            exact = settle(_NESTED_EXACT.decode(text), SOURCES, f"{spot}.CVSS")
            for source, members in exact.items():
                self._remember(SCORE, settle(members, SCORE, f"{spot}.CVSS[{quoted(source)}]"))
        return sources

    def _flat(self, text: bytes, names: Spellings, name: str, spot: object) -> Flat:
        members = _decoded(_FLAT, text, name, spot)
        if not members:
            return {}
        if text.count(b",") != len(members) - 1 or tuple(members) not in self._sound[names]:
            self._remember(names, settle(_FLAT_EXACT.decode(text), names, f"{spot}.{name}"))
        return members

    def _remember(self, names: Spellings, members: Flat) -> None:
        if len(self._sound[names]) < SHAPES_MAX:
            self._sound[names].add(tuple(members))


def _decoded(decoder: msgspec.json.Decoder[_T], text: bytes, name: str, spot: object) -> _T:
    if len(text) > SCORES_MAX_BYTES:
        raise Fault(f"it is longer than {SCORES_MAX_BYTES:,} bytes", f"{spot}.{name}")
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise misfit(error, f"{spot}.{name}") from error
