"""What writers left in a folder of keys that were killed: temporary files of ``files.write_atomic``.

They are no keys to anybody, but may hold one.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"\.([0-9]+)\.[0-9]+\.new")
_SURELY_OVER: Final = 60.0  # seconds; a write takes milliseconds


def sweep(folder: Path) -> None:
    """Remove them, but for one whose writer may be at work."""
    for path in folder.glob(".*.new"):
        found = _NAME.fullmatch(path.name)
        with suppress(FileNotFoundError):
            if found and (not Path("/proc", found[1]).exists() or _age(path) > _SURELY_OVER):
                path.unlink()


def _age(path: Path) -> float:
    return time.time() - path.lstat().st_mtime
