"""How bad a finding is."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """Trivy's five words, in their order; in JSON a number. ``UNKNOWN`` means that nobody has decided yet."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """In lower case, as policies and people write it."""
        return self.name.lower()
