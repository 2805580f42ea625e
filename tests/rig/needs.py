"""What happens where a real part is missing: the one rule."""

from __future__ import annotations

import os

import pytest


def in_ci() -> bool:
    """Whether nothing may be skipped."""
    return os.environ.get("CI") == "true"


def need(missing: str) -> None:
    """Skip the test for the reason ``missing``, or fail it in CI; an empty reason means that nothing is missing."""
    if missing and in_ci():
        pytest.fail(f"in CI nothing may be skipped: {missing}", pytrace=False)
    if missing:
        pytest.skip(missing)
