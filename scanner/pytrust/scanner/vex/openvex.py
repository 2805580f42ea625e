"""OpenVEX 0.2.0, 0.0.2 and 0.0.1: statements about products. Pure.

Source: the OpenVEX specification, "Data Structures" and "Inheritance", and its JSON schema. Statements and products
have no keys but its own: Go's readers take ``Subcomponents`` for ``subcomponents``, and what narrows a statement must
not be passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from pytrust.scanner.claim import Status
from pytrust.scanner.limits import VEX_STATEMENTS_MAX
from pytrust.scanner.purls import package_of
from pytrust.scanner.vex.document import NAMELESS, Product, Said, quoted, utc
from pytrust.trust.errors import UsageError

CONTEXT: Final = "https://openvex.dev/ns"
VERSIONS: Final = ("", "/v0.0.1", "/v0.0.2", "/v0.2.0")  # after CONTEXT; before 0.2.0 it named none
JUSTIFICATIONS: Final = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)


class _Named(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="@id", default="")
    name: str = ""
    aliases: list[str] = []


class _Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str = msgspec.field(name="@id", default="")
    identifiers: dict[str, str] = {}
    hashes: dict[str, str] = {}
    supplier: str = ""


class _Product(_Component, frozen=True):
    subcomponents: list[_Component] = []


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``subcomponents`` of all its products, and ``vuln_description``, are of 0.0.1."""

    vulnerability: _Named | str
    status: Status
    id: str = msgspec.field(name="@id", default="")
    version: int | str = 0
    supplier: str = ""
    vuln_description: str = ""
    products: list[_Product | str] = []
    subcomponents: list[str] = []
    justification: str = ""
    impact_statement: str = ""
    action_statement: str = ""
    action_statement_timestamp: str = ""
    status_notes: str = ""
    timestamp: datetime | None = None
    last_updated: datetime | None = None


class _Document(msgspec.Struct, frozen=True):
    statements: list[_Statement]
    author: str = ""
    timestamp: datetime | None = None
    last_updated: datetime | None = None


def read_openvex(value: dict[str, Any], what: str) -> tuple[str, tuple[Said, ...]]:
    """The author, and what is said; raises ``UsageError`` for a document that does not keep the specification."""
    if (version := value["@context"].removeprefix(CONTEXT)) not in VERSIONS:
        known = ", ".join(one.removeprefix("/v") for one in VERSIONS if one)
        raise UsageError(f"{what} is of OpenVEX {quoted(version)}; those that are read: {known}")
    try:
        document = msgspec.convert(value, _Document)
    except msgspec.ValidationError as error:
        raise UsageError(f"{what} is no OpenVEX document: {quoted(str(error))}") from error
    if len(document.statements) > VEX_STATEMENTS_MAX:
        raise UsageError(f"{what} has {len(document.statements)} statements, of {VEX_STATEMENTS_MAX} that are read")
    said = tuple(_said(one, document, f"{what}, statement {at}") for at, one in enumerate(document.statements, 1))
    return document.author, said


def _said(one: _Statement, document: _Document, where: str) -> Said:
    named = one.vulnerability
    ids = (named,) if isinstance(named, str) else (named.name, named.id, *named.aliases)
    if not any(ids):
        raise UsageError(f"{where} names no vulnerability")
    _require_reason(one, where)
    at = one.last_updated or one.timestamp or document.last_updated or document.timestamp
    return Said(
        ids=tuple(dict.fromkeys(name for name in ids if name)),
        status=one.status,
        products=tuple(_product(product, one.subcomponents) for product in one.products),
        justification=one.justification,
        text=one.impact_statement or one.action_statement or one.status_notes,
        at=utc(at, where),
    )


def _require_reason(one: _Statement, where: str) -> None:
    if one.status is Status.NOT_AFFECTED and not (one.justification or one.impact_statement):
        raise UsageError(f"{where} says not_affected, and not why", hint="it needs a justification or impact_statement")
    if one.justification and one.justification not in JUSTIFICATIONS:
        raise UsageError(f"{where} has the justification {quoted(one.justification)}, which is none of OpenVEX's")
    if one.status is Status.AFFECTED and not one.action_statement:
        raise UsageError(f"{where} says affected, and not what to do", hint="it needs an action_statement")


def _product(product: _Product | str, shared: list[str]) -> Product:
    if isinstance(product, str):  # before 0.2.0
        return Product((product,), _parts([[name] for name in shared]))
    return Product(tuple(_names(product)), _parts([*map(_names, product.subcomponents), *([name] for name in shared)]))


def _parts(named: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The purls of each part; a part without one is there, too."""
    purls = ([name for name in names if package_of(name)] for names in named)
    return tuple(dict.fromkeys(name for part in purls for name in part or [NAMELESS]))


def _names(component: _Component) -> Iterator[str]:
    if component.id:
        yield component.id
    yield from component.identifiers.values()
    for algorithm, value in component.hashes.items():
        if algorithm.lower() in {"sha-256", "sha256"}:
            yield f"sha256:{value.lower()}"
