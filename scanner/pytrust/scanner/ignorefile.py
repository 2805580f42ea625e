"""Files that tell Trivy what to leave out, as exceptions that somebody answers for. Pure.

Trivy's dates end at the beginning of their day, exceptions of the policy with its end: so one day is taken off. And a
finding without a package URL fits every ``purls`` there, and none here.

Source: Trivy, pkg/result/ignore.go; doublestar, "Patterns".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from pytrust.scanner.finding import Kind
from pytrust.scanner.limits import IGNORE_ENTRIES_MAX, IGNORE_MAX_BYTES
from pytrust.scanner.purls import canonical
from pytrust.scanner.rules import Waiver
from pytrust.trust.errors import UsageError

_ID_MAX_CHARS: Final = 256  # the longest are names of licences
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # Python reads 20261231 and 2026-W01-1, too; Trivy does not
_STARS: Final = re.compile(r"\*\*+")
_UNREAD: Final = frozenset("?[]{}\\")  # wildcards of doublestar that patterns of the policy do not have
_KINDS: Final = {
    "vulnerabilities": Kind.VULNERABILITY,
    "misconfigurations": Kind.MISCONFIGURATION,
    "secrets": Kind.SECRET,
    "licenses": Kind.LICENSE,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers for what a file leaves out, why, and until when where the file does not say."""

    owner: str
    reason: str
    expires: date
    match: str = "**"


@dataclass(frozen=True, slots=True)
class Ignored:
    """``notes`` say what became of something otherwise than in Trivy, one line each."""

    waivers: tuple[Waiver, ...]
    notes: tuple[str, ...] = ()


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    paths: list[str] = []
    purls: list[str] = []
    expired_at: str | None = None
    statement: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vulnerabilities: list[_Entry] = []
    misconfigurations: list[_Entry] = []
    secrets: list[_Entry] = []
    licenses: list[_Entry] = []


def read_ignore(data: bytes, answer: Answer, *, what: str) -> Ignored:
    """A ``.trivyignore``: an id a line, ``exp:YYYY-MM-DD`` anywhere after it; raises ``UsageError`` with the line.

    A comment has its line for itself: after an id, ``# exp:2026-12-31`` is a date to Trivy, too.
    """
    if len(data) > IGNORE_MAX_BYTES:
        raise UsageError(f"{what} is larger than {IGNORE_MAX_BYTES} bytes")
    waivers: list[Waiver] = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):  # Python knows more ends of lines
        words = line.split()
        if words and not words[0].startswith("#"):
            waivers.append(_of_line(words, answer, f"{what}:{number}"))
    return _bounded(waivers, [], what)


def read_ignore_tree(value: Any, answer: Answer, *, what: str) -> Ignored:  # noqa: ANN401 - any YAML
    """A ``.trivyignore.yaml``, already read as YAML; raises ``UsageError`` with the place."""
    try:
        file = msgspec.convert(value, _File)
    except msgspec.ValidationError as error:
        raise UsageError(f"{what}: {_plain(str(error))}", hint="see trivy's documentation on filtering") from error
    waivers: list[Waiver] = []
    notes: list[str] = []
    for key, kind in _KINDS.items():
        for number, entry in enumerate(getattr(file, key), 1):
            where = f"{what}, {key}[{number}]"
            waivers.append(_of_entry(entry, kind, answer, where))
            notes += _notes(entry, where)
    return _bounded(waivers, notes, what)


def _bounded(waivers: list[Waiver], notes: list[str], what: str) -> Ignored:
    if len(waivers) > IGNORE_ENTRIES_MAX:
        raise UsageError(f"{what} has {len(waivers)} entries, of {IGNORE_ENTRIES_MAX} that are read")
    return Ignored(tuple(waivers), tuple(notes))


def _of_line(words: list[str], answer: Answer, where: str) -> Waiver:
    dates = [word.removeprefix("exp:") for word in words[1:] if word.startswith("exp:")]
    expires = _last_day(dates[0], where) if dates else answer.expires
    return Waiver(
        ids=(_id(words[0], where),), reason=answer.reason, owner=answer.owner, expires=expires, match=answer.match
    )


def _of_entry(entry: _Entry, kind: Kind, answer: Answer, where: str) -> Waiver:
    purls = tuple(canonical(purl) for purl in entry.purls)
    if "" in purls:
        raise UsageError(f"{where}: {_plain(entry.purls[purls.index('')])} is no package URL")
    return Waiver(
        ids=(_id(entry.id, where),),
        reason=_plain(entry.statement) or answer.reason,
        owner=answer.owner,
        expires=answer.expires if entry.expired_at is None else _last_day(entry.expired_at, where),
        match=answer.match,
        kind=kind,
        purls=purls,
        paths=tuple(_path(path, where) for path in entry.paths),
    )


def _notes(entry: _Entry, where: str) -> Iterator[str]:
    if entry.purls:
        yield f"{where}: findings without a package URL are no longer left out"
    for path in entry.paths:
        if _UNREAD & set(path):
            yield f"{where}: {_plain(path)} is taken as it is written, only * and ** are wildcards"
    if kind_of_expression := next((word for word in (" AND ", " OR ") if word in entry.id), ""):
        yield f"{where}: the licence has to be called exactly so, {kind_of_expression.strip()} is not understood"


def _path(pattern: str, where: str) -> str:
    """``**`` crosses slashes there only as a part of its own; beside other text it is ``*``."""
    if not pattern or not pattern.isprintable():
        raise UsageError(f"{where}: {_plain(pattern) or 'an empty text'} is no path")
    return "/".join(part if part == "**" else _STARS.sub("*", part) for part in pattern.split("/"))


def _last_day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "") - timedelta(days=1)
    except (ValueError, OverflowError):
        raise UsageError(f"{where}: {_plain(text)} is no date", hint="write 2026-12-31") from None


def _id(text: str, where: str) -> str:
    if not text.isprintable() or not 0 < len(text) <= _ID_MAX_CHARS:
        raise UsageError(f"{where}: {_plain(text)} is no id")
    return text


def _plain(text: str) -> str:
    """One line, printable, not long."""
    line = " ".join(text.split())[:500]
    return line if line.isprintable() else repr(line)[1:-1]
