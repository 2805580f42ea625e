"""Bytes of a report of Trivy in, the whole of it out: ``model.TrivyReport``.

As strict about the file as ``read``. Here every object is read, so every object has to have one reading: each item of
each list is read a second time by Python's own ``json``, which tells of every member of every object. What others
than Trivy wrote (the image's configuration, data of modules) may have names that differ in case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from pytrust.scanner.limits import SHAPES_MAX
from pytrust.scanner.trivy import model
from pytrust.scanner.trivy.document import load
from pytrust.scanner.trivy.envelope import Cluster, Objects, Single, recognise
from pytrust.scanner.trivy.fault import Fault, misfit
from pytrust.scanner.trivy.keys import Spellings, settle
from pytrust.scanner.trivy.read import bad_report
from pytrust.scanner.trivy.shapes import spellings

_REPORT: Final = msgspec.json.Decoder(model.TrivyReport)
_RESULTS: Final = msgspec.json.Decoder(list[model.Result])
_RESULT: Final = spellings(model.Result)
_METADATA: Final = spellings(model.Metadata)
_SUMMARY: Final = spellings(model.MisconfigurationSummary)
_PROGRAM: Final = spellings(model.Program)
_ANY: Final = Spellings()
_OTHERS: Final = frozenset({"Custom", "CustomResources", "ImageConfig"})
_SCORES: Final = "CVSS"
_KNOWN: Final = Spellings(
    *(
        field.encode_name
        for part in vars(model).values()
        if isinstance(part, type) and issubclass(part, msgspec.Struct)
        for field in msgspec.structs.fields(part)
    )
)


def read_model(data: bytes, *, what: str = "the report") -> model.TrivyReport:
    """The report of one artefact, whole; of the array of Trivy before 0.20, its results.

    Raises:
        BadReport: it is none, has more than one reading, or is of a cluster.
    """
    try:
        return _read(data)
    except (Fault, RecursionError) as error:
        raise bad_report(error, what) from error


def _read(data: bytes) -> model.TrivyReport:
    form = recognise(load(data), legacy=False)
    if isinstance(form, Cluster):
        raise Fault("it is about a cluster, and no single artefact", hint="pytrust.scanner.read_reports reads those")
    place = "$.Results" if isinstance(form, Single) else "$"
    if isinstance(form, Single):
        _check_head(form.members)
    _check_results(form.results, place)
    try:
        return _REPORT.decode(data) if isinstance(form, Single) else model.TrivyReport(results=_RESULTS.decode(data))
    except msgspec.ValidationError as error:
        raise misfit(error, "$") from error


def _check_head(members: Mapping[str, Any]) -> None:
    names = _Names()
    for outer, known in (("Metadata", _METADATA), ("Trivy", _PROGRAM)):
        for name, raw in settle(members.get(outer), known, f"$.{outer}").items():
            names.check(raw, name, f"$.{outer}.{name}")


def _check_results(results: Objects, place: str) -> None:
    names = _Names()
    for index, result in enumerate(results):
        members = settle(result, _RESULT, f"{place}[{index}]")
        settle(members.get("MisconfSummary"), _SUMMARY, f"{place}[{index}].MisconfSummary")
        for name, value in members.items():
            for number, raw in enumerate(value if isinstance(value, list) else ()):
                names.check(raw, name, f"{place}[{index}].{name}[{number}]")


class _Names:
    """Judges the names of all objects that ``json`` comes by, and makes nothing of them, so nothing stays in memory."""

    def __init__(self) -> None:
        self._sound: set[tuple[str, ...]] = set()
        self._odd = False

    def check(self, raw: Raw, name: str, place: str) -> None:
        """Raises ``Fault`` where an object in ``raw``, a member called ``name``, has more than one reading."""
        self._odd = False
        try:
            json.loads(bytes(raw), object_pairs_hook=self._look, parse_int=len, parse_float=len)
            if self._odd:
                _walk({name: json.loads(bytes(raw), object_pairs_hook=_unique, parse_int=len)}, place)
        except Fault as fault:
            raise Fault(fault.reason, place, hint=fault.hint) from fault

    def _look(self, members: list[tuple[str, Any]]) -> None:
        """Most objects are of the same few shapes; others are looked at again, when it is known what they are in."""
        shape = tuple([name for name, _ in members])
        if shape in self._sound:
            return
        try:
            _KNOWN.judge(shape, "")
        except Fault:
            self._odd = True
        else:
            if len(self._sound) < SHAPES_MAX:
                self._sound.add(shape)


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    _ANY.judge((name for name, _ in members), "")
    return dict(members)


def _walk(value: object, place: str) -> None:
    """Judge all names but those within what is not known here, or what others than Trivy wrote."""
    if isinstance(value, dict):
        _KNOWN.judge(value, place)
        for name, member in value.items():
            if name == _SCORES and isinstance(member, dict):
                _walk(list(member.values()), place)  # its own names are of sources
            elif name in _KNOWN and name not in _OTHERS:
                _walk(member, place)
    elif isinstance(value, list):
        for item in value:
            _walk(item, place)
