"""``pytrust serve backup`` and ``restore`` as commands: which store they take, and what they say."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.keys import NAME, NOW

from pytrust.cli.root import run
from pytrust.trust.collection.model import TIMESTAMP
from pytrust.trust.names import Format
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteStore


def fill(path: Path, version: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(SqliteStore(path)) as store, store.writing(NAME) as transaction:
        transaction.put(NAME, RoleFile(TIMESTAMP, version, NOW, b"%d" % version), form=Format.NOTARY)


def held(path: Path) -> bytes | None:
    with closing(SqliteStore(path)) as store:
        return store.read(NAME, TIMESTAMP, form=Format.NOTARY)


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "trust.db"
    fill(old / "store" / "store.db")
    assert run(["--home", str(old), "serve", "backup", str(file)]) == 0
    assert f"wrote {file}" in capsys.readouterr().out
    assert file.stat().st_mode & 0o077 == 0
    assert run(["--home", str(new), "serve", "restore", str(file)]) == 0
    assert held(new / "store" / "store.db") == b"1"


def test_the_store_is_the_one_that_would_be_served(tmp_path: Path) -> None:
    fill(tmp_path / "a.db", 7)
    (tmp_path / "serve.toml").write_text(f'[serve]\nstore = "sqlite:///{tmp_path / "a.db"}"\n')
    home = ["--home", str(tmp_path / "home"), "serve"]
    assert run([*home, "--config", str(tmp_path / "serve.toml"), "backup", str(tmp_path / "one.db")]) == 0
    assert run([*home, "--store", f"sqlite:///{tmp_path / 'b.db'}", "restore", str(tmp_path / "one.db")]) == 0
    assert held(tmp_path / "b.db") == b"7"


def test_what_is_not_there_is_not_backed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--home", str(tmp_path / "home"), "serve", "backup", str(tmp_path / "x.db")]) == 4
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_newer_is_dropped_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, file = tmp_path / "home" / "store" / "store.db", tmp_path / "x.db"
    words = ["--home", str(tmp_path / "home"), "serve", "restore", str(file)]
    fill(path, 1)
    assert run(["--home", str(tmp_path / "home"), "serve", "backup", str(file)]) == 0
    fill(path, 2)
    assert run(words) == 1
    assert "--replace" in capsys.readouterr().err
    assert held(path) == b"2"
    assert run([*words, "--replace"]) == 0
    assert held(path) == b"1"
