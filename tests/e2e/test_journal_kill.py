"""kill -9 at every write of a rotation, and a disk that is full: the journal stays whole, and goes on.

strace ends the writer with SIGKILL at the k-th system call of a kind that changes a file, for every k until it gets
through. What it does is everything at once: it begins a file, seals the full one, deletes the oldest, adds an entry.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fakes.journal import decided, event
from tests.rig.needs import need
from tests.rig.processes import environment, find

from pytrust.policy.journal import Journal, JournalReader
from pytrust.policy.journal.file import first_of, is_sealed, paths
from pytrust.trust.errors import Damaged, Unsound

ROOT = Path(__file__).parents[2]
SYSCALLS = ("pwrite64", "rename", "unlink", "fsync", "fdatasync", "ftruncate", "chmod")
_KILLED = -9
_MOST = 120  # more calls of one kind than a rotation makes

WRITER = """
import sys
from pathlib import Path
from tests.fakes.journal import decided
from pytrust.policy.journal import Journal
print(Journal.open(Path(sys.argv[1]), max_bytes=1, keep=2).append(decided()), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of three files with two entries each; the next entry begins a fourth, and deletes the first."""
    made = tmp_path / "journal"
    for _ in range(3):
        with Journal.open(made, max_bytes=1, keep=2) as journal:
            journal.append(decided())
        with Journal.open(made) as journal:
            journal.append(decided())
    return made


def test_a_rotation(folder: Path) -> None:
    need("" if find("strace") else "killing at every write needs strace: scripts/install-packages")
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(SYSCALLS, pool.map(lambda syscall: kill_at_each(folder, syscall), SYSCALLS), strict=True))
    assert all(counts.values()), counts


def test_what_must_reach_the_disk_first(folder: Path, tmp_path: Path) -> None:
    """A power cut: a hash that a new file names, and the word that a file is deleted, must not be lost afterwards."""
    need("" if find("strace") else "looking at what reaches the disk needs strace: scripts/install-packages")
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,fdatasync,fsync,unlink,rename"
    command = ["strace", "-o", str(trace), "-e", calls, sys.executable, "-c", WRITER, str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=ROOT, env=environment({}))
    lines = trace.read_text().splitlines()
    begun = next(at for at, line in enumerate(lines) if "/.new.db" in line and line.startswith("unlink"))
    named = next(at for at, line in enumerate(lines) if line.startswith("rename"))
    deleted = next(at for at, line in enumerate(lines) if line.startswith("unlink") and '/000000000001.db"' in line)
    assert begun < named < deleted
    for at in (begun, named, deleted):
        assert lines[at - 1].startswith("fdatasync"), lines[at - 3 : at + 1]
    assert lines[named + 1].startswith("fsync")


def kill_at_each(folder: Path, syscall: str) -> int:
    """Kill at the first, second, ... call of ``syscall`` until there are no more; gives how often it was killed."""
    for number in range(1, _MOST):
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            here = Path(scratch) / "journal"
            shutil.copytree(folder, here)
            inject = ("-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=KILL:when={number}")
            command = ["strace", "-f", "-qqq", "-o", "/dev/null", *inject, sys.executable, "-c", WRITER, str(here)]
            done = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=ROOT, env=environment({}))
            if done.returncode == 0:
                assert done.stdout == b"8\n"
                return number - 1
            assert done.returncode in {_KILLED, 137}, done.stderr
            check(here, int(done.stdout or 0))
    raise AssertionError(f"{syscall}: it never got through")


def check(folder: Path, acknowledged: int) -> None:
    """Nothing that was acknowledged is lost, nothing stands twice, and the next one goes on from there."""
    try:
        JournalReader(folder).verify()
    except Damaged:
        raise
    except Unsound:
        pass  # a file half way to being sealed is put right by the next writer, not by a reader
    with Journal.open(folder, max_bytes=10**9, keep=2) as journal:
        given = journal.append(event())
        found = journal.verify()
    assert found.last == given in {7, 8, 9}
    assert given > acknowledged
    assert found.first == first_of(paths(folder)[0]) in {1, 3}
    assert all(map(is_sealed, paths(folder)[:-1]))
    seen = [stored.seq for stored in JournalReader(folder).entries()]
    assert seen == list(range(found.first, given + 1))


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """A file system of 400 KiB at ``path``."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("max_bytes", [32_768, 10**9])
def test_a_full_disk(tmp_path: Path, max_bytes: int) -> None:
    need("" if os.geteuid() == 0 else "a small disk is mounted by root only")
    with small_disk(tmp_path / "disk"), Journal.open(tmp_path / "disk" / "journal", max_bytes=max_bytes) as journal:
        written, failed = 0, list[Unsound]()
        ballast = tmp_path / "disk" / "ballast"
        ballast.write_bytes(bytes(150_000))
        while len(failed) < 20:
            try:
                written = journal.append(decided())
            except Unsound as error:
                failed.append(error)
        assert "disk" in str(failed[0])
        assert failed[0].hint
        ballast.unlink()
        assert journal.append(event()) == written + 1
        assert journal.verify().entries == written + 1
