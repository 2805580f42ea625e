"""What all forms say alike: words for marks, totals, and what mends most."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet

TITLES: Final = {
    Mark.FAIL: "failed",
    Mark.WARN: "warned of",
    Mark.NOTE: "noted",
    Mark.WAIVED: "excepted",
    Mark.NOT_AFFECTED: "not affected, by VEX",
    Mark.MANUAL: "to be looked at by people",
    Mark.SKIPPED: "not looked at",
    Mark.PASS: "passed",
}
OUTCOMES: Final = {Mark.FAIL: "FAIL", Mark.WARN: "WARN", Mark.NOTE: "PASS", Mark.PASS: "PASS"}
_VERSIONS: Final = 3  # that are listed
_COMMAND: Final = re.compile(r"##(\w*)\[")  # build servers obey it wherever it stands in a log
_LINK: Final = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:[/?#][^\s<>\"`{}|\\^]*)?", re.ASCII
)


class Group(NamedTuple):
    """One version of a package at one place: the lines on it, worst first."""

    subject: str
    version: str
    fixed: str
    lines: tuple[Line, ...]

    @property
    def severity(self) -> Severity | None:
        """The worst."""
        return max((line.severity for line in self.lines if line.severity is not None), default=None)


class Upgrade(NamedTuple):
    """To one of ``versions`` of a package: that clears ``cleared`` lines."""

    subject: str
    versions: tuple[str, ...]
    cleared: int

    @property
    def text(self) -> str:
        """``upgrade openssl to 3.0.2-1``; of several versions, the latest has to be it."""
        first, *more = self.versions
        listed = ", ".join(self.versions[:_VERSIONS]) + (", ..." if len(self.versions) > _VERSIONS else "")
        return f"upgrade {self.subject} to {f'the latest of {listed}' if more else first}"


def outcome(sheet: Sheet) -> str:
    """One word for the whole."""
    return OUTCOMES.get(sheet.mark, str(sheet.mark).upper())


def totals(lines: Iterable[Line]) -> str:
    """``2 critical, 5 high`` of findings; ``7`` of lines without a severity, or ``7 without severity``."""
    counts = Counter(line.severity for line in lines)
    known = [f"{counts[severity]} {severity.word}" for severity in sorted(Severity, reverse=True) if counts[severity]]
    rest = [f"{counts[None]} without severity" if known else str(counts[None])] if counts[None] else []
    return ", ".join([*known, *rest]) or "none"


def by_mark(lines: Sequence[Line]) -> dict[Mark, list[Line]]:
    """In the order of showing; marks that no line has are left out."""
    found: dict[Mark, list[Line]] = {mark: [] for mark in Mark}
    for line in lines:
        found[line.mark].append(line)
    return {mark: marked for mark, marked in found.items() if marked}


def ranked(lines: Sequence[Line]) -> list[Line]:
    """By mark, in the order of showing; where something has to be cut, that is the end."""
    return [line for some in by_mark(lines).values() for line in some]


def grouped(lines: Iterable[Line]) -> list[Group]:
    """Lines about the same version of the same package, together; fixable groups first among equals."""
    found: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        found.setdefault((line.subject, line.version, line.fixed), []).append(line)
    groups = [Group(*key, tuple(some)) for key, some in found.items()]
    return sorted(groups, key=lambda group: (-(group.severity or Severity.UNKNOWN), not group.fixed))


def upgrades(lines: Iterable[Line]) -> list[Upgrade]:
    """What mends most comes first. Which of several versions is the latest, only the packages' own tools can tell."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.fixed and line.version:
            found.setdefault((line.subject, line.version), []).append(line)
    made = [
        Upgrade(subject, tuple(dict.fromkeys(line.fixed for line in some)), len(some))
        for (subject, _), some in found.items()
    ]
    return sorted(made, key=lambda one: -one.cleared)


def ids(group: Group) -> list[tuple[str, Severity | None]]:
    """Each once, worst first, with its severity where the group has several; as they are found."""
    several = len({line.severity for line in group.lines}) > 1
    lines = sorted(group.lines, key=lambda line: -(line.severity or Severity.UNKNOWN))
    return list(dict.fromkeys((line.id, line.severity if several else None) for line in lines))


def relative(place: str) -> str:
    """A place as a path that leads nowhere else: not absolute, without ``..``; empty where nothing is left."""
    parts = place.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part.strip() not in {"", ".", ".."})


def is_link(address: str) -> bool:
    """Whether an address may become a link: of http or https, to a host, spelled as RFC 3986 has it."""
    return address.isascii() and address.isprintable() and _LINK.fullmatch(address) is not None


def escaped(text: str) -> str:
    """Without anything that a terminal or a log obeys, or that is not seen: such characters as Python writes them."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return _COMMAND.sub(r"##\1\\[", text)


def shortened(text: str, most: int) -> str:
    """Escaped, and cut to ``most`` characters with dots at the end."""
    shown = escaped(text[:most])
    return shown if len(text) <= most and len(shown) <= most else f"{shown[: most - 3]}..."


def as_json(value: object) -> str:
    """ASCII, indented; also in a log it is data, and no command."""
    return _COMMAND.sub(r"##\1\\u005b", json.dumps(value, indent=2)) + "\n"


def sound(text: str) -> str:
    """Without halves of characters, which no encoding of text takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
