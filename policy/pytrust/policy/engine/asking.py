"""How the fields of a body become asks: small makers of askers, and tables of them. Pure.

A table names every field of its model, either with what it asks for or as harmless. A field in neither would slip
through unseen; a test holds each table against its model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine.shapes import Part, given

Asker = Callable[[Any], Iterable[Ask]]
"""Takes the value of one field, neither absent nor null."""

RESERVED_PREFIX: Final = "io.pytrust."
"""Begins the labels that pytrust writes itself."""


class Table(NamedTuple):
    """``asks`` by attribute; ``harmless`` fields give a container nothing that it could not do anyway."""

    asks: Mapping[str, Asker]
    harmless: frozenset[str]


def asked(table: Table, part: Part) -> Iterator[Ask]:
    """What one object asks for; raises ``Malformed`` where a value has no meaning."""
    for name, asker in table.asks.items():
        value = given(getattr(part, name))
        if value is not None:
            yield from asker(value)


def unique(asks: Iterable[Ask]) -> tuple[Ask, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(asks))


def ask_text(field: Field, *harmless: str) -> Asker:
    """A text is asked for, unless it is empty or one of ``harmless``."""
    return lambda text: [Ask(field=field, value=text)] if text not in {"", *harmless} else []


def ask_each(field: Field, spell: Callable[[str], str] = str) -> Asker:
    """Each text of a list, or each key of a map, in canonical spelling."""
    return lambda texts: [Ask(field=field, value=spell(text)) for text in texts]


def ask_pairs(field: Field) -> Asker:
    """Each entry of a map as ``key=value``."""
    return lambda pairs: [Ask(field=field, value=f"{key}={value}") for key, value in pairs.items()]


def ask_number(field: Field) -> Asker:
    """A number above zero; zero and less leave the default."""
    return lambda number: [Ask(field=field, value=str(number))] if number > 0 else []


def ask_whether(field: Field, value: str = "true") -> Asker:
    """``value`` where the field is neither false nor zero."""
    return lambda there: [Ask(field=field, value=value)] if there else []


def ask_set(field: Field, value: str) -> Asker:
    """``value`` where the field is there at all, be it empty."""
    return lambda _: [Ask(field=field, value=value)]


def reserved_labels(labels: Mapping[str, str]) -> Iterable[Ask]:
    """Labels that only pytrust may write."""
    return [Ask(field=Field.LABEL, value=key) for key in labels if key.startswith(RESERVED_PREFIX)]
