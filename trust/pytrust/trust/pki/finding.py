"""What is found wrong with certificates, files and servers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``error``: it does not work, or is not safe; ``warning``: it soon will not; ``note``: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found.

    ``code`` is stable, such as ``ca-without-key-usage``; ``thing`` names the file or server; ``text`` says the cause
    in one line; ``hint`` says what to do.
    """

    code: str
    severity: Severity
    thing: str
    text: str
    hint: str = ""
