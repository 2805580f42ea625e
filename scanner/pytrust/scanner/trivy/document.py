"""From bytes to the outer members of a JSON document: sound in every byte, and within bounds.

One pass of msgspec checks the syntax of the whole file, also of what nobody reads, escapes included, and takes apart
the document, its results and the lists in those; what is within a list stays text (``Raw``). 50 ms for 100 MB.
What that pass does not see is looked at before: invalid UTF-8, and documents that would take many times their size in
memory, which are those of nothing but commas.
"""

from __future__ import annotations

import codecs
from typing import Any, Final

import msgspec
from msgspec import Raw

from pytrust.scanner.limits import REPORT_MAX_BYTES, REPORT_VALUES_MAX
from pytrust.scanner.trivy.fault import Fault, misfit
from pytrust.scanner.trivy.foreign import no_json
from pytrust.scanner.trivy.keys import Member, bounded

Leaf = dict[Member, Raw] | list[Raw] | str | int | float | bool | None
"""A member of a result."""
Inner = dict[Member, Leaf] | list[Raw] | str | int | float | bool | None
"""A result, or whatever else stands in a list of the document."""
Outer = dict[Member, list[Inner] | dict[Member, Raw] | str | int | float | bool | None]
"""The document where it is an object."""

_CHUNK: Final = 64 * 1024  # bytes; what is decoded stays in the processor's cache
_DOCUMENT: Final = Outer | list[Inner] | str | int | float | bool | None
_RESULT: Final = dict[Member, Leaf]


def load(data: bytes) -> Any:  # noqa: ANN401
    """The document: ``Outer``, a list of ``Inner``, or a scalar.

    Raises:
        Fault: it is too large, no JSON, or not UTF-8.
        RecursionError: it is nested too deeply.
    """
    _check_size(data)
    if (reason := no_json(data)) is not None:
        raise reason
    _check_utf8(data)
    try:
        return msgspec.json.decode(data, type=_DOCUMENT, dec_hook=bounded())
    except msgspec.ValidationError as error:
        raise misfit(error, "$") from error
    except msgspec.DecodeError as error:
        raise Fault(_in_words(str(error)), hint=_HINT) from error


def load_result(raw: Raw, place: str) -> Any:  # noqa: ANN401
    """A result that stands deeper in the document than usual, as a mapping of ``Member`` to ``Leaf``."""
    try:
        return msgspec.json.decode(raw, type=_RESULT, dec_hook=bounded())
    except msgspec.ValidationError as error:
        raise misfit(error, place) from error


_HINT: Final = "the file is cut off or mixed with other output: use trivy's option --output"


def _check_size(data: bytes) -> None:
    if len(data) > REPORT_MAX_BYTES:
        raise Fault(f"it is larger than {REPORT_MAX_BYTES >> 20} MiB")
    if data.count(b",") > REPORT_VALUES_MAX:
        raise Fault(f"it holds more than {REPORT_VALUES_MAX:,} values")


def _check_utf8(data: bytes) -> None:
    """In pieces, so that the text never is in memory as a whole, with four bytes a character."""
    if data.isascii():
        return
    decoder, view = codecs.getincrementaldecoder("utf-8")(), memoryview(data)
    for start in range(0, len(data), _CHUNK):
        piece = view[start : start + _CHUNK]
        try:
            decoder.decode(piece, final=start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            raise Fault(f"it is not UTF-8 (near byte {start + error.start})") from error


def _in_words(text: str) -> str:
    """Msgspec's words for where the syntax ends to make sense; they never quote the document."""
    if text == "Input data was truncated":
        return "it ends in the middle of the JSON"
    text = text.removeprefix("JSON is malformed: ")
    return f"it is no JSON: {text}"
