"""The stores that need nothing but Python; PostgreSQL runs the same suite in ``tests/e2e/test_store_postgres.py``.

``SqliteReader`` takes part as the reading side of ``SqliteStore``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.store_suite import Kind, StoreSuite

from pytrust.trust.store.memory import MemoryStore
from pytrust.trust.store.sqlite import SqliteReader, SqliteStore


def _memory(_: Path) -> Kind:
    store = MemoryStore()
    return Kind(store, store)


def _sqlite(folder: Path) -> Kind:
    store = SqliteStore(folder / "store.db")
    return Kind(store, store)


def _reader(folder: Path) -> Kind:
    return Kind(SqliteStore(folder / "store.db"), SqliteReader(folder / "store.db"))


KINDS: dict[str, Callable[[Path], Kind]] = {"memory": _memory, "sqlite": _sqlite, "sqlite reader": _reader}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    made = KINDS[request.param](tmp_path)
    yield made
    for part in (made.reader, made.store):
        if isinstance(part, SqliteReader):
            part.close()


class TestStores(StoreSuite):
    pass
