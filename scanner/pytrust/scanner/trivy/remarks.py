"""What is odd about a report and was let pass: each thing once, with how often and where first."""

from __future__ import annotations

from pytrust.scanner.limits import REMARKS_MAX


class Remarks:
    """Collects; belongs to one reading."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int]] = {}

    def add(self, text: str, place: str) -> None:
        """Note ``text`` about ``place``."""
        if text in self._found or len(self._found) < REMARKS_MAX:
            first, times = self._found.get(text, (place, 0))
            self._found[text] = (first, times + 1)

    def lines(self) -> tuple[str, ...]:
        """One line each."""
        return tuple(
            f"{text} (at {first})" if times == 1 else f"{text} ({times} times, first at {first})"
            for text, (first, times) in self._found.items()
        )
