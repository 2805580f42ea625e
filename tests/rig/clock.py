"""A clock that a test moves, for one real process: libfaketime, reading its offset from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_NAME = "libfaketimeMT.so.1"


@dataclass(frozen=True, slots=True)
class Clock:
    """Starts at the true time."""

    file: Path

    @classmethod
    def at(cls, file: Path) -> Clock:
        """Keep the offset in ``file``."""
        file.write_text("+0\n")
        return cls(file)

    def move(self, days: float) -> None:
        """Let it show so many days more than the true time."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{days:+g}d\n")
        fresh.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        """What puts a process under this clock; durations stay true."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # what it fixes is not in today's glibc; it makes each wait 100 ms long
            "NO_FAKE_STAT": "1",
        }


def missing() -> str:
    """Why no clock can be moved here, as a sentence; empty if one can."""
    return "" if library() else "moving a clock needs libfaketime: scripts/install-packages"


def library() -> Path | None:
    """Where libfaketime lies."""
    return next((path for folder in _FOLDERS for path in sorted(Path(folder).glob(f"**/{_NAME}"))), None)
