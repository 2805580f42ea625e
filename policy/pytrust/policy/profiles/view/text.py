"""A view for a terminal and for machines: rows, lines, documents. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from pytrust.policy.profiles.view.look import Figures, Line, View

_WIDTH: Final = 60  # of a column of names

HEADERS: Final = ("FOR", "CALL", "ONLY", "WHY", "")


def figure_words(figures: Figures) -> str:
    """``60 of 385 calls are open; docker's default opens 309, of which 252 are shut here``."""
    text = (
        f"{figures.open} of {figures.every} calls are open;"
        f" docker's default opens {figures.docker}, of which {figures.shut} are shut here"
    )
    return (
        f"{text}; the runtime needs {figures.floor} more, which are joined when it is applied"
        if figures.floor
        else text
    )


def call_rows(view: View) -> Iterator[tuple[str, ...]]:
    """Calls under ``HEADERS``; the purpose stands once, and calls of which the same is to be said stand together."""
    for section in view.calls:
        groups: dict[tuple[str, ...], list[str]] = {}
        for line in section.lines:
            groups.setdefault((line.limit, line.why, marks(line)), []).append(line.name)
        rows = [(names, *said) for said, together in groups.items() for names in _wrapped(together)]
        for number, row in enumerate(rows):
            yield ("" if number else section.title, *row)


def _wrapped(words: list[str]) -> list[str]:
    return textwrap.wrap(" ".join(words), _WIDTH, break_long_words=False)


def marks(line: Line) -> str:
    """What is to be said of a line, if anything."""
    parts = [f"dangerous: {line.danger}"] if line.danger else []
    return "; ".join([*parts, *(["beyond docker's default"] if line.beyond else [])])


def view_json(view: View) -> dict[str, Any]:
    """The whole of it."""
    return {
        "name": view.name,
        "figures": view.figures._asdict(),
        "facts": dict(view.facts),
        "calls": [{"purpose": section.title, "calls": [_line(one) for one in section.lines]} for section in view.calls],
        "refused": [{"calls": one.name, "answer": one.limit} for one in view.rest],
        "capabilities": [_line(one) for one in view.capabilities],
        "files": [_line(one) for one in view.files],
        "networks": [{"family": one.name, "type": one.limit} for one in view.networks],
        "recordings": [
            dict(zip(("method", "records", "workload", "image", "where"), one, strict=True)) for one in view.recordings
        ],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "limit": line.limit,
        "why": line.why,
        "dangerous": line.danger or None,
        "beyond_docker": line.beyond,
    }
