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
_OTHERS: Final = frozenset({"CustomResources", "ImageConfig"})
_RESULT: Final = spellings(model.Result)
_METADATA: Final = spellings(model.Metadata)
_ANY: Final = Spellings()
_ITEM: Final = Spellings(
    *(
        field.encode_name
        for part in vars(model).values()
        if isinstance(part, type) and issubclass(part, msgspec.Struct)
        for field in msgspec.structs.fields(part)
        if field.encode_name != "extended"
    )
)


def read_model(data: bytes, *, what: str = "the report") -> model.TrivyReport:
    """The report of one artefact, whole; of the array of Trivy before 0.20, its results.

    Raises:
        BadReport: it is none, has more than one reading, or is of a cluster.
    """
    try:
        return _read(data)
    except Fault as fault:
        raise bad_report(fault, what) from fault


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
    for name, raw in settle(members.get("Metadata"), _METADATA, "$.Metadata").items():
        _check(raw, _Names(_ANY if name in _OTHERS else _ITEM), f"$.Metadata.{name}")
    for name, raw in settle(members.get("Trivy"), _ITEM, "$.Trivy").items():
        _check(raw, _Names(_ITEM), f"$.Trivy.{name}")


def _check_results(results: Objects, place: str) -> None:
    names, others = _Names(_ITEM), _Names(_ANY)
    for index, result in enumerate(results):
        for name, value in settle(result, _RESULT, f"{place}[{index}]").items():
            for number, raw in enumerate(value if isinstance(value, list) else ()):
                _check(raw, others if name in _OTHERS else names, f"{place}[{index}].{name}[{number}]")


def _check(raw: Raw, names: _Names, place: str) -> None:
    """Raises ``Fault`` where an object in ``raw`` has more than one reading."""
    names.place = place
    try:
        json.loads(bytes(raw), object_pairs_hook=names.judge, parse_int=len, parse_float=len)
    except RecursionError as error:
        raise Fault("it is nested too deeply", place) from error


class _Names:
    """The names of all objects that ``json`` comes by; it makes nothing of them, so nothing stays in memory."""

    def __init__(self, names: Spellings) -> None:
        self.place = ""
        self._names = names
        self._sound: set[tuple[str, ...]] = set()

    def judge(self, members: list[tuple[str, Any]]) -> None:
        """For ``object_pairs_hook``."""
        shape = tuple([name for name, _ in members])
        if shape not in self._sound:
            self._names.judge(shape, self.place)
            if len(self._sound) < SHAPES_MAX:
                self._sound.add(shape)
