"""Files of the journal: begun, sealed and deleted in an order that leaves a whole chain wherever it is cut."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.journal import NOW, decided, event, tamper

from pytrust.policy.journal import Event, Journal, JournalReader
from pytrust.policy.journal import file as files
from pytrust.policy.journal.file import first_of, is_sealed, paths
from pytrust.trust.chain import Link
from pytrust.trust.errors import Damaged, Unsound

SMALL = 49_152  # bytes: a rotation every few entries
LARGE = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proxy" / "journal"


def fill(folder: Path, count: int, keep: int = 100) -> None:
    with Journal.open(folder, max_bytes=SMALL, keep=keep) as journal:
        for _ in range(count):
            journal.append(decided())


def texts(folder: Path, what: str) -> list[str]:
    entries = (stored.entry for stored in JournalReader(folder).entries())
    return [entry.text for entry in entries if isinstance(entry, Event) and entry.what == what]


def test_a_full_file_is_one_plain_file(folder: Path) -> None:
    fill(folder, 40)
    found = paths(folder)
    assert len(found) > 2
    assert sorted(path.name for path in folder.iterdir()) == [*(path.name for path in found), "lock"]
    for path in found[:-1]:
        assert is_sealed(path)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
            (low, high) = connection.execute("SELECT min(seq), max(seq) FROM entries").fetchone()
        assert (path.name, high + 1) == (f"{low:012d}.db", first_of(found[found.index(path) + 1]))
        assert SMALL <= path.stat().st_size <= SMALL + 8192


@pytest.mark.parametrize(("days", "count"), [(29.9, 1), (30.1, 2)])
def test_a_file_of_a_month(folder: Path, days: float, count: int) -> None:
    with Journal.open(folder) as journal:
        journal.append(event())
        journal.append(event(after=days * 86_400))
    assert len(paths(folder)) == count


def test_age_counts_from_the_start_of_the_file_also_after_a_restart(folder: Path) -> None:
    for day in range(0, 70, 7):
        with Journal.open(folder) as journal:
            journal.append(event(after=day * 86_400))
    assert [first_of(path) for path in paths(folder)] == [1, 6]


def test_old_files_are_deleted_and_that_is_written_down(folder: Path) -> None:
    fill(folder, 100, keep=3)
    found = paths(folder)
    assert len(found) == 4
    assert texts(folder, "journal-trimmed")[-1] == f"entries up to {first_of(found[0]) - 1} are no longer kept"
    verified = JournalReader(folder).verify()
    assert (verified.first, verified.last) == (first_of(found[0]), max(s.seq for s in JournalReader(folder).entries()))
    assert JournalReader(folder).entry(verified.first - 1) is None


def test_files_deleted_by_somebody_else(folder: Path) -> None:
    fill(folder, 40)
    first = paths(folder)[0]
    last = first_of(paths(folder)[1]) - 1
    first.unlink()
    with pytest.raises(Damaged, match=f"entry {last} and all before it are missing"):
        JournalReader(folder).verify()


def test_fewer_files_from_now_on(folder: Path) -> None:
    fill(folder, 60)
    assert len(paths(folder)) > 5
    fill(folder, 10, keep=2)
    assert len(paths(folder)) == 3
    announced = [int(text.split()[3]) for text in texts(folder, "journal-trimmed")]
    assert announced == sorted(set(announced))
    assert announced[-1] + 1 == JournalReader(folder).verify().first == first_of(paths(folder)[0])


class Killed(BaseException):
    """In place of kill -9: what lies on the disk then was copied before."""


@pytest.mark.parametrize(("owner", "step", "suffix"), [
    (files, "create", ""),  # nothing done yet
    (Path, "rename", ".new.db"),  # the new file complete, without its name
    (files, "seal", ".db"),  # two files that are not sealed
    (Path, "chmod", ".db"),  # one plain file, not yet sealed
    (Path, "unlink", ".db"),  # announced, and not deleted
])  # fmt: skip
def test_a_rotation_cut_short(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, suffix: str
) -> None:
    fill(folder, 60)
    copy, call = tmp_path / "copy" / "journal", getattr(owner, step)
    copy.parent.mkdir()

    def cut(path: Path, *arguments: object, **options: object) -> object:
        if not path.name.endswith(suffix) or options:
            return call(path, *arguments, **options)
        shutil.copytree(folder, copy)
        raise Killed

    with monkeypatch.context() as patch, Journal.open(folder, max_bytes=SMALL, keep=3) as journal:
        patch.setattr(owner, step, cut)
        with pytest.raises(Killed):
            for _ in range(20):
                journal.append(decided())
    check_goes_on(copy)


def check_goes_on(folder: Path) -> None:
    """Whatever was left behind: the chain is whole, takes entries, and the next rotation tidies up."""
    before = JournalReader(folder).verify()
    with Journal.open(folder, max_bytes=LARGE) as journal:
        assert journal.append(event()) == before.last + 1
        assert all(map(is_sealed, paths(folder)[:-1]))
        assert journal.verify().last == before.last + 1
    fill(folder, 30, keep=3)
    assert len(paths(folder)) == 4
    assert sorted(folder.iterdir()) == [*paths(folder), folder / "lock"]
    assert JournalReader(folder).verify().first == first_of(paths(folder)[0])


def test_what_is_left_of_a_file_begun_is_no_obstacle(folder: Path) -> None:
    fill(folder, 3)
    (folder / ".new.db").write_bytes(b"half a file")
    fill(folder, 40)
    assert not (folder / ".new.db").exists()
    assert JournalReader(folder).verify().last == 43


def test_a_file_that_is_being_read_is_sealed_later(folder: Path) -> None:
    with Journal.open(folder, max_bytes=SMALL) as journal:
        journal.append(decided())
        first = paths(folder)[0]
        with files.reading(first) as opened:
            assert opened.given == 1
            while len(paths(folder)) == 1:
                journal.append(decided())
            assert not is_sealed(first)
        while len(paths(folder)) == 2:
            journal.append(decided())
        assert all(map(is_sealed, paths(folder)[:-1]))
        assert journal.verify().first == 1


def test_the_newest_file_is_missing(folder: Path) -> None:
    fill(folder, 40)
    last = paths(folder)[-1]
    last.unlink()
    message = f"entry {first_of(last)} is missing"
    with pytest.raises(Damaged, match=message):
        JournalReader(folder).verify()
    with pytest.raises(Damaged, match=message):
        Journal.open(folder)


def test_a_file_in_the_middle_is_missing(folder: Path) -> None:
    fill(folder, 40)
    gone = paths(folder)[1]
    gone.unlink()
    with pytest.raises(Damaged, match=f"entry {first_of(gone)} is missing"):
        JournalReader(folder).verify()


def test_a_damaged_newest_file_is_not_gone_on_with(folder: Path) -> None:
    fill(folder, 2)
    tamper(paths(folder)[0], "UPDATE entries SET entry = x'00' WHERE seq = 2")
    with pytest.raises(Damaged, match="entry 2 is not what was written"):
        Journal.open(folder)
    with pytest.raises(Damaged):  # and the lock is free again
        Journal.open(folder)


def test_a_folder_of_foreign_things(folder: Path) -> None:
    fill(folder, 3)
    for name in ("notes.txt", "1.db", "000000000001.db.bak", "0000000000001.db"):
        (folder / name).write_text("x")
    assert JournalReader(folder).verify().last == 3


def test_a_file_that_comes_and_goes(folder: Path) -> None:
    fill(folder, 3)
    (folder / "000000000000.db").symlink_to("nowhere")
    with pytest.raises(Damaged, match="files vanish"):
        JournalReader(folder).verify()
    assert len(list(JournalReader(folder).entries())) == 3


def test_a_restored_copy_with_other_modes(folder: Path) -> None:
    fill(folder, 40)
    for path in paths(folder):
        path.chmod(0o600)
    assert JournalReader(folder).verify().last == 40
    fill(folder, 1)
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths(folder)] == [0o400] * (len(paths(folder)) - 1) + [0o600]


def test_a_failure_while_rotating_is_no_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 3)
    with Journal.open(folder, max_bytes=1, max_age=timedelta(0)) as journal:

        def broken(*_: object) -> None:
            raise OSError(28, "No space left on device")

        for name in ("sync_folder", "make_private"):
            with monkeypatch.context() as patch:
                patch.setattr(files, name, broken)
                with pytest.raises(Unsound, match="No space left on device"):
                    journal.append(event())
            last = journal.append(event())
        assert last == 5
        assert journal.verify().last == 5
        assert [stored.entry.at for stored in journal.entries(after=3)] == [NOW, NOW]


def test_after_a_failure_the_disk_decides_where_to_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next file was there already when it failed; the clock then went back, so that none would be begun."""
    month = 31 * 86_400
    with Journal.open(folder) as journal:
        journal.append(event())
        with monkeypatch.context() as patch:
            patch.setattr(files, "sync_folder", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
            with pytest.raises(Unsound, match="Input/output error"):
                journal.append(event(after=month))
        assert journal.append(event(after=1)) == 2
        assert [first_of(path) for path in paths(folder)] == [1, 2]
        assert journal.verify().last == 2


def test_an_empty_file_is_gone_on_with_however_old(folder: Path) -> None:
    fill(folder, 2)
    empty = files.create(folder, Link(2, JournalReader(folder).verify().head), NOW)
    identity = empty.stat().st_ino
    with Journal.open(folder, max_bytes=1) as journal:
        assert journal.append(event(after=90 * 86_400)) == 3
        assert (paths(folder)[-1], empty.stat().st_ino) == (empty, identity)
        assert journal.verify().last == 3


def test_a_journal_moved_away_while_it_is_written(folder: Path, tmp_path: Path) -> None:
    fill(folder, 40)
    with Journal.open(folder) as journal:
        journal.append(event())
        shutil.copytree(folder, tmp_path / "old")
        journal.append(event())
        for path in folder.glob("*.db*"):
            path.unlink()
        with pytest.raises(Unsound, match="No such file"):
            journal.append(event())
        with pytest.raises(Damaged, match="entry 1 is missing"):
            journal.append(event())
        for path in (tmp_path / "old").glob("*.db*"):
            shutil.copy(path, folder)
        with pytest.raises(Damaged, match="entry 42 is missing"):  # an older copy in its place
            journal.append(event())
    with Journal.open(folder) as journal:
        assert journal.append(event()) == 42  # another process knows no better


def test_a_file_replaced_while_it_is_written(folder: Path) -> None:
    with Journal.open(folder) as journal:
        journal.append(event())
        path = paths(folder)[0]
        shutil.copy(path, folder / "copy")
        (folder / "copy").rename(path)
        with pytest.raises(Damaged, match="was replaced while it was written"):
            journal.append(event())
