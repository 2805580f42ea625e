"""Real files that lie beside the checkout: scan reports, and what real Notary clients wrote.

They are read in place and never committed. Where the folder is absent, as on a user's machine, tests that want it say so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

_FOLDER: Final = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """The folder ``name`` of the shared data; ends the test where there is none, as a failure in CI."""
    folder = _FOLDER / name
    if folder.is_dir():
        return folder
    reason = f"the shared data folder {name} is not beside this checkout"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
