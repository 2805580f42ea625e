"""CycloneDX VEX, 1.4 to 1.6: analyses of vulnerabilities in a BOM. Source: the CycloneDX specification. Pure.

Its words are mapped to OpenVEX's, which are what is signed:

    resolved, resolved_with_pedigree -> fixed             exploitable -> affected
    not_affected, false_positive -> not_affected          in_triage -> under_investigation
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from pytrust.scanner.claim import Status
from pytrust.scanner.limits import VEX_STATEMENTS_MAX
from pytrust.scanner.purls import package_of
from pytrust.scanner.vex.document import NAMELESS, Product, Said, quoted, utc
from pytrust.trust.errors import UsageError

_LINK: Final = "urn:cdx:"
_SERIAL: Final = "urn:uuid:"
VERSIONS: Final = frozenset({"1.4", "1.5", "1.6"})
STATES: Final = MappingProxyType(
    {
        "resolved": Status.FIXED,
        "resolved_with_pedigree": Status.FIXED,
        "exploitable": Status.AFFECTED,
        "in_triage": Status.UNDER_INVESTIGATION,
        "false_positive": Status.NOT_AFFECTED,
        "not_affected": Status.NOT_AFFECTED,
    }
)
JUSTIFICATIONS: Final = MappingProxyType(
    {
        "code_not_present": "vulnerable_code_not_present",
        "code_not_reachable": "vulnerable_code_not_in_execute_path",
        "requires_configuration": "vulnerable_code_cannot_be_controlled_by_adversary",
        "requires_dependency": "component_not_present",
        "requires_environment": "vulnerable_code_cannot_be_controlled_by_adversary",
        "protected_by_compiler": "inline_mitigations_already_exist",
        "protected_at_runtime": "inline_mitigations_already_exist",
        "protected_at_perimeter": "inline_mitigations_already_exist",
        "protected_by_mitigating_control": "inline_mitigations_already_exist",
    }
)


class _Component(msgspec.Struct, frozen=True, rename={"ref": "bom-ref"}):
    ref: str = ""
    purl: str = ""
    components: list[_Component] = []


class _Author(msgspec.Struct, frozen=True):
    name: str = ""


class _Metadata(msgspec.Struct, frozen=True):
    timestamp: datetime | None = None
    authors: list[_Author] = []
    component: _Component | None = None


class _Analysis(msgspec.Struct, frozen=True, rename="camel"):
    state: str = ""
    justification: str = ""
    detail: str = ""
    response: list[str] = []
    first_issued: datetime | None = None
    last_updated: datetime | None = None


class _Ref(msgspec.Struct, frozen=True):
    ref: str
    versions: list[dict[str, Any]] = []


class _Reference(msgspec.Struct, frozen=True):
    id: str = ""


class _Vulnerability(msgspec.Struct, frozen=True):
    id: str = ""
    references: list[_Reference] = []
    analysis: _Analysis | None = None
    affects: list[_Ref] = []
    updated: datetime | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    spec_version: str
    serial_number: str = ""
    version: int = 1
    vulnerabilities: list[_Vulnerability] = []
    metadata: _Metadata = _Metadata()
    components: list[_Component] = []


def read_cyclonedx(value: dict[str, Any], what: str) -> tuple[str, tuple[Said, ...]]:
    """The author, and what is said; raises ``UsageError`` for a plain BOM and for what breaks the specification."""
    try:
        document = msgspec.convert(value, _Document)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"{what} is no CycloneDX document: {quoted(str(error))}") from error
    if document.spec_version not in VERSIONS:
        known = ", ".join(sorted(VERSIONS))
        raise UsageError(f"{what} is of CycloneDX {quoted(document.spec_version)}; those that are read: {known}")
    analysed = [one for one in document.vulnerabilities if one.analysis and one.analysis.state]
    if not analysed:
        raise UsageError(f"{what} is a bill of materials, and no VEX: it analyses no vulnerability")
    if len(analysed) > VEX_STATEMENTS_MAX:
        raise UsageError(f"{what} has {len(analysed)} analyses, of {VEX_STATEMENTS_MAX} that are read")
    whole = document.metadata.component
    known_refs = _purls([*document.components, *([whole] if whole else [])], what)
    author = ", ".join(one.name for one in document.metadata.authors if one.name)
    return author, tuple(_said(one, document, known_refs, what) for one in analysed)


def _purls(components: list[_Component], what: str) -> dict[str, str]:
    """The purl of each component by its ``bom-ref``, empty where it has none; raises ``UsageError`` for two of one."""
    found: dict[str, str] = {}
    for one in _flat(components):
        if found.get(one.ref, one.purl) != one.purl:
            raise UsageError(f"{what} has two components with the bom-ref {quoted(one.ref)}")
        if one.ref:
            found[one.ref] = one.purl
    return found


def _flat(components: list[_Component]) -> Iterator[_Component]:
    waiting = components[:]
    while waiting:
        yield (one := waiting.pop())
        waiting += one.components


def _said(one: _Vulnerability, document: _Document, refs: dict[str, str], what: str) -> Said:
    analysis, where = one.analysis or _Analysis(), f"{what}, {quoted(one.id)}"
    if not one.id:
        raise UsageError(f"{what} analyses a vulnerability without an id")
    if analysis.state not in STATES:
        raise UsageError(f"{where} has the state {quoted(analysis.state)}, which is none of CycloneDX's")
    if analysis.justification and analysis.justification not in JUSTIFICATIONS:
        raise UsageError(
            f"{where} has the justification {quoted(analysis.justification)}, which is none of CycloneDX's"
        )
    status = STATES[analysis.state]
    if status is Status.NOT_AFFECTED and not (analysis.justification or analysis.detail):
        raise UsageError(f"{where} says {analysis.state}, and not why", hint="it needs a justification or a detail")
    at = analysis.last_updated or analysis.first_issued or one.updated or document.metadata.timestamp
    return Said(
        ids=tuple(dict.fromkeys((one.id, *(alias.id for alias in one.references if alias.id)))),
        status=status,
        products=tuple(_product(affected, document, refs) for affected in one.affects),
        justification=JUSTIFICATIONS.get(analysis.justification, ""),
        text="; ".join(part for part in (analysis.detail, *analysis.response) if part),
        at=utc(at, where),
    )


def _product(affected: _Ref, document: _Document, refs: dict[str, str]) -> Product:
    """What is meant; where only some ``versions`` are, and it does not itself name one, a part of it."""
    product = _referred(affected.ref, document, refs)
    if affected.versions and not all(map(_is_one_version, product.names)):
        return Product(product.names, (NAMELESS,))
    return product


def _referred(ref: str, document: _Document, refs: dict[str, str]) -> Product:
    """A component of the BOM, also through a BOM-Link (``urn:cdx:SERIAL/VERSION#REF``), or a purl itself.

    A component without a purl is some part of the whole: its ``bom-ref`` is a label, whatever else is called so. Of a
    link into another BOM only a purl can be read.
    """
    name = ref
    if ref.startswith(_LINK):
        bom, _, fragment = ref.partition("#")
        name, serial = unquote(fragment), document.serial_number.removeprefix(_SERIAL)
        if not serial or bom != f"{_LINK}{serial}/{document.version}":
            return Product((name,) if package_of(name) else ())
    whole = document.metadata.component or _Component()
    of_whole = tuple(part for part in (whole.purl, whole.ref) if part)
    if name == whole.ref:
        return Product(of_whole)
    return Product((refs.get(name) or name,)) if refs.get(name, name) else Product(of_whole, (NAMELESS,))


def _is_one_version(name: str) -> bool:
    package = package_of(name)
    return "sha256:" in name if package is None else package.version is not None
