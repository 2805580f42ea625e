"""Hands on the files: SQLite refuses what it can, and verification names the first entry that is not as it was."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.journal import decided, event, tamper

from pytrust.policy.journal import Journal, JournalReader, Stored
from pytrust.policy.journal.file import paths
from pytrust.trust.errors import Damaged, Unsound

COUNT = 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of one file; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "journal"
    with Journal.open(folder) as journal:
        for number in range(COUNT):
            journal.append(decided() if number % 2 else event(f"event {number}"))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "journal")
    return tmp_path / "journal"


def verify(folder: Path) -> list[Stored]:
    reader = JournalReader(folder)
    reader.verify()
    return list(reader.entries())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET entry = x'00'",
        "UPDATE entries SET seq = seq + 1",
        "DELETE FROM entries",
        "DELETE FROM entries WHERE seq = 6",
        "INSERT INTO entries VALUES (NULL, x'00', x'00')",
        "INSERT INTO entries VALUES (8, x'00', x'00')",
        "INSERT OR REPLACE INTO entries VALUES (3, x'00', x'00')",
        "REPLACE INTO entries VALUES (6, x'00', x'00')",
        "INSERT INTO entries VALUES (3, x'00', x'00') ON CONFLICT (seq) DO UPDATE SET entry = x'00'",
        "UPDATE origin SET seq = 1",
        "DELETE FROM origin",
    ],
)
def test_what_the_file_itself_refuses(folder: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(paths(folder)[0])) as connection,
        pytest.raises(sqlite3.IntegrityError, match="never|at the end"),
    ):
        connection.execute(statement)
    assert len(verify(folder)) == COUNT


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE entries SET entry = x'00' WHERE seq = 1"], "entry 1 is not what was written"),
        (["UPDATE entries SET entry = CAST(entry AS TEXT) WHERE seq = 4"], "entry 4 is not what was written"),
        (["UPDATE entries SET hash = zeroblob(32) WHERE seq = 6"], "entry 6 is not what was written"),
        (["UPDATE entries SET hash = 7 WHERE seq = 6"], "entry 6 is not what was written"),
        (["DELETE FROM entries WHERE seq = 1"], "entry 1 is missing"),
        (["DELETE FROM entries WHERE seq IN (3, 4)"], "entry 3 is missing"),
        (["DELETE FROM entries WHERE seq = 6"], "entry 6 is missing"),
        (["DELETE FROM entries WHERE seq > 2"], "entry 3 is missing"),
        (["DELETE FROM entries"], "entry 1 is missing"),
        (
            ["DELETE FROM entries WHERE seq = 6", "UPDATE sqlite_sequence SET seq = 9"],
            "entry 6 is missing",
        ),
        (["UPDATE sqlite_sequence SET seq = 5"], "entry 6 was not added by its writer"),
        (["DELETE FROM sqlite_sequence"], "entry 6 was not added by its writer"),
        (["UPDATE sqlite_sequence SET seq = 'x'"], "entry 6 was not added by its writer"),
        (["INSERT INTO entries VALUES (7, x'00', zeroblob(32))"], "entry 7 is not what was written"),
        (["INSERT INTO entries VALUES (-1, x'00', zeroblob(32))"], "entry 1 is missing"),
        (["UPDATE origin SET hash = randomblob(32)"], "entry 1 does not follow"),
        (["UPDATE origin SET seq = 3"], "does not begin with entry 1"),
        (["UPDATE origin SET seq = 'x'"], "a hash that is none"),
        (["UPDATE origin SET hash = 7"], "a hash that is none"),
        (["DELETE FROM origin"], "not one origin"),
        (["INSERT INTO origin SELECT * FROM origin"], "not one origin"),
        (["DROP TABLE entries"], "does not hold the tables of a journal"),
        (["DROP TABLE origin"], "does not hold the tables of a journal"),
        (["ALTER TABLE entries ADD COLUMN more TEXT"], "does not hold the tables of a journal"),
        (["CREATE VIEW sqlite AS SELECT 1"], "does not hold the tables of a journal"),
    ],
)  # fmt: skip
def test_what_verification_finds(folder: Path, statements: list[str], said: str) -> None:
    tamper(paths(folder)[0], *statements)
    with pytest.raises(Damaged, match=said) as caught:
        verify(folder)
    assert caught.value.hint


def test_an_entry_too_large_to_be_ours(folder: Path) -> None:
    tamper(paths(folder)[0], "UPDATE entries SET entry = zeroblob(4000000) WHERE seq = 2")
    with pytest.raises(Damaged, match=r"entry 2 cannot be read \(string or blob too big\)"):
        verify(folder)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_flipped_byte_of_the_file(whole: Path, data: st.DataObject) -> None:
    """Bytes that nobody reads are free; all others are noticed, or change nothing."""
    before = verify(whole)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "journal"
        shutil.copytree(whole, folder)
        path = paths(folder)[0]
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            after = verify(folder)
        except Unsound:
            return
        assert after == before


def test_a_schema_that_is_no_text(folder: Path) -> None:
    path = paths(folder)[0]
    content = path.read_bytes()
    assert b"CREATE TRIGGER entries_stay" in content
    path.write_bytes(content.replace(b"CREATE TRIGGER entries_stay", b"CREATE TR\xc2GGER entries_stay"))
    reader = JournalReader(folder)
    for look in (reader.verify, lambda: list(reader.entries()), lambda: Journal.open(folder)):
        with pytest.raises(Damaged):
            look()


@given(st.integers(0, 20_000))
@settings(deadline=None, max_examples=50)
def test_a_file_cut_short(whole: Path, size: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "journal"
        shutil.copytree(whole, folder)
        path = paths(folder)[0]
        content = path.read_bytes()[:size]
        path.write_bytes(content)
        if size < paths(whole)[0].stat().st_size:
            with pytest.raises(Unsound):
                verify(folder)


def test_entries_swapped(folder: Path) -> None:
    tamper(
        paths(folder)[0],
        "UPDATE entries SET seq = -3 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = 5",
        "UPDATE entries SET seq = 5 WHERE seq = -3",
    )
    with pytest.raises(Damaged, match="entry 3 is not what was written"):
        verify(folder)


def test_a_noted_head(folder: Path) -> None:
    reader = JournalReader(folder)
    heads = [stored.hash for stored in reader.entries()]
    for head in heads:
        assert reader.verify(head).head == heads[-1]
    with pytest.raises(Damaged, match="does not lead through sha256:0505") as caught:
        reader.verify(b"\x05" * 32)
    assert "replaced, or cut short" in caught.value.hint


def test_a_journal_made_anew_is_whole_but_not_the_noted_one(whole: Path, tmp_path: Path) -> None:
    noted = JournalReader(whole).verify().head
    with Journal.open(tmp_path / "journal") as journal:
        for number in range(COUNT):
            journal.append(event(f"event {number}"))
        assert journal.verify().entries == COUNT
        with pytest.raises(Damaged, match="does not lead through"):
            journal.verify(noted)


def test_a_tail_cut_off_with_care_is_found_by_a_noted_head(folder: Path) -> None:
    noted = JournalReader(folder).verify().head
    tamper(paths(folder)[0], "DELETE FROM entries WHERE seq = 6", "UPDATE sqlite_sequence SET seq = 5")
    assert JournalReader(folder).verify().last == 5
    with pytest.raises(Damaged, match="does not lead through"):
        JournalReader(folder).verify(noted)


def test_a_query_without_an_end_in_place_of_the_table(folder: Path) -> None:
    tamper(
        paths(folder)[0],
        "DROP TABLE entries",
        "CREATE VIEW entries AS WITH RECURSIVE n(seq) AS (SELECT 'x' UNION ALL SELECT 'x' FROM n)"
        " SELECT seq, 'y' AS entry, 'z' AS hash FROM n",
    )
    for look in (
        JournalReader(folder).verify,
        lambda: list(JournalReader(folder).entries()),
        lambda: Journal.open(folder),
    ):
        with pytest.raises(Damaged, match="does not hold the tables of a journal"):
            look()


@pytest.mark.parametrize("column", ["entry = 'text'", "entry = 7", "hash = 'text'", "hash = 7.5"])
def test_reading_what_is_no_entry(folder: Path, column: str) -> None:
    tamper(paths(folder)[0], f"UPDATE entries SET {column} WHERE seq = 4")
    found = JournalReader(folder).entries()
    assert [next(found).seq for _ in range(3)] == [1, 2, 3]
    with pytest.raises(Damaged, match="entry 4 is not what was written"):
        next(found)


def test_no_database_at_all(folder: Path) -> None:
    paths(folder)[0].write_bytes(b"not a database, but long enough to be looked at twice" * 100)
    with pytest.raises(Damaged, match="file is not a database"):
        verify(folder)
    paths(folder)[0].write_bytes(b"")
    with pytest.raises(Damaged, match="does not hold the tables"):
        verify(folder)
