"""A server with two users."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.password_house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Alice and Bob have passwords; nothing else is out of the ordinary."""
    found = House(tmp_path)
    found.table |= {"service": "trust.example.com"}
    found.users(alice="wonder:land", bob="builder")
    return found
