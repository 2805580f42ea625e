"""Findings of one kind, from the text of each to a shape of ``shapes`` whose keys have one reading."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Raw

from pytrust.scanner.trivy.fault import misfit
from pytrust.scanner.trivy.keys import Watch
from pytrust.scanner.trivy.shapes import spellings

_S = TypeVar("_S", bound=msgspec.Struct)


class Items(Generic[_S]):
    """Reads items of the shape ``read``, and watches the keys of ``known``. Belongs to one reading."""

    def __init__(self, read: type[_S], known: type[msgspec.Struct]) -> None:
        self._decode = msgspec.json.Decoder(read).decode
        self._look = Watch(spellings(known)).look

    def read(self, raw: Raw, place: object) -> _S:
        """One item; ``place`` is its JSON path, or what ``str`` makes one of.

        Raises:
            Fault: it is no such object, or has more than one reading.
        """
        try:
            self._look(raw, place)
            return self._decode(raw)
        except msgspec.ValidationError as error:
            raise misfit(error, str(place)) from error
