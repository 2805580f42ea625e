"""The journal: what was acknowledged is there, in order, for its owner alone, whoever else reads, dies or competes."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.journal import DENY, NOW, decided, event

from pytrust.policy.journal import Entry, Journal, JournalReader, Verified
from pytrust.policy.journal.coding import ENTRY_MAX_BYTES, encode
from pytrust.policy.journal.file import paths
from pytrust.trust.chain import ORIGIN, extend
from pytrust.trust.errors import BadPermissions, Busy, NotSetUp, Unsound

ROOT = Path(__file__).parents[4]
SMALL = 49_152  # bytes: a rotation every few entries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proxy" / "journal"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with Journal.open(folder) as opened:
        yield opened


def numbers(
    reader: JournalReader, after: int = 0, limit: int | None = None, *, newest_first: bool = False
) -> list[int]:
    return [stored.seq for stored in reader.entries(after, limit, newest_first=newest_first)]


def test_what_was_appended_is_there(journal: Journal, folder: Path) -> None:
    written: list[Entry] = [event(), decided(), decided(decision=DENY)]
    assert [journal.append(entry) for entry in written] == [1, 2, 3]
    reader = JournalReader(folder)
    link = ORIGIN
    for stored, entry in zip(reader.entries(), written, strict=True):
        link = extend(link, encode(entry).data)
        assert (stored.seq, stored.hash, stored.entry) == (*link, entry)
    assert reader.entry(2) == list(reader.entries())[1]
    assert reader.entry(4) is None
    assert reader.verify() == Verified(3, 1, 3, link.hash)


def test_nothing_is_there_before_the_first_entry(journal: Journal, folder: Path) -> None:
    for reader in (journal, JournalReader(folder / "nowhere")):
        with pytest.raises(NotSetUp, match="there is no journal in"):
            reader.verify()
        with pytest.raises(NotSetUp):
            reader.entries()


def test_it_goes_on_after_a_restart(folder: Path) -> None:
    for number in range(1, 4):
        with Journal.open(folder) as journal:
            assert journal.append(event()) == number
    assert len(paths(folder)) == 1
    assert JournalReader(folder).verify().entries == 3


@pytest.mark.parametrize("newest_first", [False, True])
def test_reading_across_files_and_batches(folder: Path, newest_first: bool) -> None:
    with Journal.open(folder, max_bytes=200_000, keep=100) as journal:
        for _ in range(700):
            journal.append(event("x" * 500))
    assert len(paths(folder)) == 3
    reader, every = JournalReader(folder), list(range(1, 701))
    assert numbers(reader, newest_first=newest_first) == every[:: -1 if newest_first else 1]
    starts = [int(path.stem) for path in paths(folder)]
    for after in (*starts, *(start - 1 for start in starts), *(start - 2 for start in starts[1:]), 699, 700, 701):
        found = every[after:][:: -1 if newest_first else 1]
        assert numbers(reader, after, newest_first=newest_first) == found
        assert numbers(reader, after, 3, newest_first=newest_first) == found[:3]
    assert all(reader.entry(seq) is not None for seq in every[::50])


def test_only_its_owner_can_read_it(folder: Path) -> None:
    old = os.umask(0)
    try:
        with Journal.open(folder, max_bytes=SMALL) as journal:
            for _ in range(40):
                journal.append(decided())
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    finally:
        os.umask(old)
    newest = paths(folder)[-1].name
    assert {newest, f"{newest}-wal", f"{newest}-shm", "lock"} < modes.keys()
    assert all(mode == (0o600 if name.startswith((newest, "lock")) else 0o400) for name, mode in modes.items()), modes
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]


def test_a_folder_that_others_can_write(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o750)
    with pytest.raises(BadPermissions, match="open to others"):
        Journal.open(folder)


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    folder.parent.write_text("a file")
    with pytest.raises(Unsound, match="journal"):
        Journal.open(folder)


def test_two_proxies_on_one_home(journal: Journal, folder: Path) -> None:
    journal.append(event())
    with pytest.raises(Busy, match="another proxy writes the journal in") as caught:
        Journal.open(folder)
    assert caught.value.hint
    assert journal.append(event()) == 2
    journal.close()
    with Journal.open(folder) as second:
        assert second.append(event()) == 3


def test_a_closed_journal_takes_nothing(journal: Journal, folder: Path) -> None:
    journal.append(event())
    journal.close()
    with pytest.raises(Unsound, match="the journal is closed"):
        journal.append(event())
    journal.close()
    assert numbers(JournalReader(folder)) == [1]


def test_an_entry_too_large_leaves_the_journal_as_it_is(journal: Journal) -> None:
    assert journal.append(event("x" * (ENTRY_MAX_BYTES - 1000))) == 1
    with pytest.raises(Unsound, match="too large"):
        journal.append(event("x" * ENTRY_MAX_BYTES))
    assert journal.append(event()) == 2
    assert journal.verify().entries == 2


def test_many_threads(folder: Path) -> None:
    with Journal.open(folder, max_bytes=SMALL, keep=100) as opened, ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda _: opened.append(event()), range(200)))
        assert sorted(given) == list(range(1, 201)) == numbers(opened)
        assert opened.verify().entries == 200


def test_readers_while_it_is_written(folder: Path) -> None:
    def look() -> set[int]:
        reader, looks = JournalReader(folder), set[int]()
        while len(looks) < 25:
            found = reader.verify()
            seen = numbers(reader, found.last - 20)
            newest = numbers(reader, found.last - 20, newest_first=True)
            assert seen == list(range(seen[0], seen[-1] + 1))
            assert newest == list(range(newest[0], newest[-1] - 1, -1))
            looks.add(found.last)
        return looks

    with Journal.open(folder, max_bytes=SMALL, keep=12) as opened, ThreadPoolExecutor(2) as pool:
        opened.append(event())
        readers = [pool.submit(look) for _ in range(2)]
        while not all(reader.done() for reader in readers) or opened.verify().first == 1:
            opened.append(decided())
        assert all(reader.result() for reader in readers)


def test_a_reader_who_stays_does_not_stop_the_proxy(folder: Path) -> None:
    with Journal.open(folder, max_bytes=SMALL, keep=2) as journal:
        for _ in range(10):
            journal.append(decided())
        slow = JournalReader(folder).entries()
        first = next(slow).seq
        for _ in range(100):
            journal.append(decided())
        assert first == 1
        assert journal.verify().first > 10
        rest = [stored.seq for stored in slow]
        assert rest[0] == 2  # it had begun with this file
        assert rest == sorted(set(rest))


WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.fakes.journal import decided
from pytrust.policy.journal import Journal
with Journal.open(Path(sys.argv[1]), max_bytes=49_152, keep=3) as journal:
    while True:
        print(journal.append(decided()), flush=True)
"""


@pytest.mark.parametrize("lines", [1, 2, 7, 40, 41, 90])
def test_kill_9(folder: Path, lines: int) -> None:
    last = 0
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT) as writer:
            assert writer.stdout is not None
            acknowledged = [int(writer.stdout.readline()) for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout.read().splitlines() if line]
        assert acknowledged[0] > last
        last = acknowledged[-1]
        found = JournalReader(folder).verify()
        assert found.last in {last, last + 1, last + 2}  # written and not said; with an event about a deleted file
        assert found.first == 1 or lines >= 40
    with Journal.open(folder, max_bytes=SMALL, keep=3) as journal:
        last = journal.append(event())
        assert last in {found.last + 1, found.last + 2}  # as above
        assert journal.verify().last == last


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("size", "max_bytes"), [(300_000, 10**9), (56_000, SMALL), (4_096, SMALL)])
def test_no_room(folder: Path, size: int, max_bytes: int) -> None:
    written, failures = [], []
    with Journal.open(folder, max_bytes=max_bytes, keep=100) as journal:
        written.append(journal.append(event("before")))
        with room(size):
            for number in range(100):
                try:
                    written.append(journal.append(event(f"{number} {'x' * 10_000}")))
                except Unsound as error:
                    failures.append(error)
        assert failures
        assert str(folder) in str(failures[0])
        assert failures[0].hint
        assert journal.append(event("after")) == written[-1] + 1
        assert written == list(range(1, len(written) + 1))
        assert journal.verify().entries == len(written) + 1


def test_an_entry_costs_little(folder: Path) -> None:
    entry = decided()
    with Journal.open(folder) as journal:
        journal.append(entry)
        took = []
        for _ in range(2000):
            start = time.perf_counter()
            journal.append(entry)
            took.append(time.perf_counter() - start)
    assert sorted(took)[1000] < 150e-6


def test_a_clock_that_is_set_back(journal: Journal) -> None:
    for seconds in (0, 3600, -3600):
        journal.append(event(after=seconds))
    assert [stored.entry.at for stored in journal.entries()] == [NOW + timedelta(seconds=s) for s in (0, 3600, -3600)]
