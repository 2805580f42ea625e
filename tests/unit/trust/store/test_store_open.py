"""Which store an address opens, and what opening costs."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pytrust.trust.errors import UsageError
from pytrust.trust.store.open import open_store
from pytrust.trust.store.sqlite import SqliteStore


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_sqlite(tmp_path: Path, form: str) -> None:
    with closing(open_store(form.format(tmp_path / "store.db"))) as store:
        assert isinstance(store, SqliteStore)
    assert (tmp_path / "store.db").exists()


@pytest.mark.parametrize("where", ["mysql://u:hunter2@host/db", "https://host", "sqlite://x", "POSTGRESQL://u@host/db"])
def test_what_no_store_is_opened_by(where: str) -> None:
    with pytest.raises(UsageError, match="no store is opened by") as caught:
        open_store(where)
    assert "hunter2" not in str(caught.value)


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "pytrust.trust.store.postgres", raising=False)
    with pytest.raises(UsageError) as caught:
        open_store("postgresql://u:hunter2@host/db")
    assert caught.value.hint == "pip install 'pytrust[postgresql]'"
    assert "hunter2" not in str(caught.value)


def test_sqlite_pays_for_nothing_else() -> None:
    """A signature is one short process: what it imports is most of its time."""
    listing = "import sys, pytrust.trust.store.sqlite, pytrust.trust.store.open; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    assert not {"psycopg", "psycopg_pool", "sqlalchemy", "cryptography", "asyncio"} & set(modules)
