"""Lists that findings are looked up in: how likely exploitation is (EPSS), and what is exploited already (KEV). Pure.

Sources: FIRST's daily CSV, of which the first line is a comment with the day, and CISA's Known Exploited
Vulnerabilities catalogue in JSON.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import msgspec

from pytrust.scanner.limits import EPSS_MAX_BYTES, EPSS_ROWS_MAX, KEV_MAX_BYTES, QUOTE_MAX_CHARS
from pytrust.trust.errors import UsageError

_GZIP: Final = b"\x1f\x8b"
_WINDOW: Final = 16 + zlib.MAX_WBITS  # gzip alone
_DAY: Final = re.compile(r"score_date:(\d{4}-\d{2}-\d{2})")
_CVE: Final = re.compile(r"CVE-\d{4}-\d{4,19}", re.ASCII)
_UNIT: Final = 100_000
_HEADER: Final = ["cve", "epss", "percentile"]


@dataclass(frozen=True, slots=True)
class Epss:
    """``chances`` are hundred-thousandths by id, of the list of that ``day``."""

    day: date
    chances: Mapping[str, int]

    def chance(self, name: str) -> int | None:
        """None for what the list does not have."""
        return self.chances.get(name)


@dataclass(frozen=True, slots=True)
class Exploited:
    """What CISA knows to be exploited, and by ransomware, on that ``day``."""

    day: date
    ids: frozenset[str]
    ransomware: frozenset[str]


class _Entry(msgspec.Struct, frozen=True):
    cve: str = msgspec.field(name="cveID")
    ransomware: str = msgspec.field(name="knownRansomwareCampaignUse", default="")


class _Catalogue(msgspec.Struct, frozen=True):
    version: str = msgspec.field(name="catalogVersion")
    released: str = msgspec.field(name="dateReleased")
    entries: list[_Entry] = msgspec.field(name="vulnerabilities")


def read_epss(data: bytes, *, what: str) -> Epss:
    """Read FIRST's file, gzipped or not; raises ``UsageError`` for any other."""
    text = _unpacked(data, what).decode("utf-8", "replace")
    comment, _, rest = text.partition("\n")
    found = _DAY.search(comment)
    if not comment.startswith("#") or found is None:
        raise _no_list(what, "EPSS list: its first line has no score_date")
    rows = csv.reader(rest.splitlines())
    if next(rows, None) != _HEADER:
        raise _no_list(what, "EPSS list: its second line is not cve,epss,percentile")
    try:
        return Epss(date.fromisoformat(found[1]), _chances(rows, what))
    except (ValueError, csv.Error) as error:
        raise _no_list(what, f"EPSS list: {str(error)[:100]}") from error


def read_exploited(data: bytes, *, what: str) -> Exploited:
    """Read CISA's catalogue; raises ``UsageError`` for any other file."""
    if len(data) > KEV_MAX_BYTES:
        raise UsageError(f"{what} is larger than {KEV_MAX_BYTES} bytes")
    try:
        said = msgspec.json.decode(data, type=_Catalogue)
        day = datetime.fromisoformat(said.released).date()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _no_list(what, f"KEV catalogue: {str(error)[:100]}") from error
    if not said.entries:
        raise _no_list(what, "KEV catalogue: it is empty")
    if (odd := next((entry.cve for entry in said.entries if not _CVE.fullmatch(entry.cve)), None)) is not None:
        raise _no_list(what, f"KEV catalogue: {odd[:QUOTE_MAX_CHARS]} is no id")  # and would fit nothing
    used = (entry.cve for entry in said.entries if entry.ransomware == "Known")
    return Exploited(day, frozenset(entry.cve for entry in said.entries), frozenset(used))


def _chances(rows: Iterable[list[str]], what: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, row in enumerate(rows):
        if number >= EPSS_ROWS_MAX:
            raise UsageError(f"{what} has more than {EPSS_ROWS_MAX} lines")
        name, chance, _ = row
        if not _CVE.fullmatch(name) or not 0 <= (value := float(chance)) <= 1:
            raise ValueError(f"line {number + 3} is no id with a number from 0 to 1")
        found[name] = round(value * _UNIT)
    if not found:
        raise ValueError("it is empty")
    return found


def _unpacked(data: bytes, what: str) -> bytes:
    if len(data) > EPSS_MAX_BYTES:
        raise UsageError(f"{what} is larger than {EPSS_MAX_BYTES} bytes")
    if not data.startswith(_GZIP):
        return data
    try:
        unpacker = zlib.decompressobj(_WINDOW)
        text = unpacker.decompress(data, EPSS_MAX_BYTES + 1)
    except zlib.error as error:
        raise _no_list(what, f"EPSS list: {error}") from error
    if len(text) > EPSS_MAX_BYTES or not unpacker.eof:
        raise UsageError(f"{what} grows to more than {EPSS_MAX_BYTES} bytes, or ends in the middle")
    if unpacker.unused_data:  # what stands there would count as not in the list
        raise _no_list(what, "EPSS list: more follows on its end")
    return text


def _no_list(what: str, reason: str) -> UsageError:
    shown = reason if reason.isprintable() else repr(reason)[1:-1]
    return UsageError(f"{what} is no {shown}", hint="take the file as FIRST or CISA publishes it")
