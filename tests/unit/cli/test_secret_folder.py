"""Folders of secrets in memory: who can read them, when they go, and whose they are."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytrust.cli.secret_folder import (
    Process,
    filesystem_of,
    find_memory,
    find_process,
    make_folder,
    remove_folder,
    sweep,
)
from pytrust.trust.errors import Unsound

MOUNTINFO = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /dev/shm rw,nosuid - tmpfs tmpfs rw
24 22 0:22 / /mnt/a\\040b rw shared:3 master:1 - fuse.x x rw
"""


@pytest.fixture
def here() -> Process:
    found = find_process(os.getpid())
    assert found is not None
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


def gone() -> Process:
    """A process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = find_process(child.pid)
    child.communicate()
    assert found is not None
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_files_are_for_their_user_alone_whatever_the_umask(place: Path, here: Process) -> None:
    before = os.umask(0)
    try:
        folder = make_folder(place, here, {"a": b"1", "b": b"\x00" * 9})
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "a"), mode(folder / "b")) == (0o500, 0o400, 0o400)
    assert ((folder / "a").read_bytes(), (folder / "b").read_bytes()) == (b"1", b"\x00" * 9)
    remove_folder(folder)
    assert list(place.iterdir()) == []


def test_no_name_is_used_twice(place: Path, here: Process) -> None:
    assert make_folder(place, here, {}) != make_folder(place, here, {})


def test_what_fails_half_way_leaves_nothing(place: Path, here: Process) -> None:
    with pytest.raises(OSError, match="name too long"):
        make_folder(place, here, {"a": b"1", "b" * 300: b"2"})
    assert list(place.iterdir()) == []


def test_what_the_program_put_there_goes_too(place: Path, here: Process) -> None:
    outside = place / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = make_folder(place, here, {"a": b"1"})
    folder.chmod(0o700)
    (folder / "sub").mkdir()
    (folder / "sub" / "link").symlink_to(outside)
    remove_folder(folder)
    assert not folder.exists()
    assert (outside / "kept").exists()
    remove_folder(folder)  # nothing is there any more


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a real tmpfs, as the user's own runtime folder."""
    path = Path(tempfile.mkdtemp(dir="/dev/shm"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    yield path
    shutil.rmtree(path)


def test_the_runtime_folder_comes_first(runtime: Path) -> None:
    assert find_memory() == runtime


def test_a_folder_on_a_disk_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert find_memory() != tmp_path
    monkeypatch.setattr("pytrust.cli.secret_folder._PLACES", (tmp_path, tmp_path / "none"))
    with pytest.raises(Unsound, match="no disk"):
        find_memory()


@pytest.mark.parametrize("bits", [0o777, 0o730])
def test_a_folder_in_which_others_could_swap_ours_is_not_used(runtime: Path, bits: int) -> None:
    runtime.chmod(bits)
    assert find_memory() != runtime


def test_a_relative_runtime_folder_is_not_used(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runtime.parent)
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime.name)
    assert find_memory().is_absolute()


def test_what_a_killed_process_left_is_swept_and_nothing_else(runtime: Path, here: Process) -> None:
    dead = gone()
    left = make_folder(runtime, dead, {"a": b"1"})
    again = make_folder(runtime, here._replace(start=here.start + 1), {"a": b"1"})  # the number was given out anew
    used = make_folder(runtime, here, {"a": b"1"})
    elsewhere = make_folder(runtime, dead._replace(namespace=dead.namespace + 1), {"a": b"1"})  # cannot be known
    other = runtime / left.name.replace("pytrust-", "pytrust-x-")
    other.mkdir()
    target = runtime / "target"
    target.mkdir()
    link = runtime / f"{left.name[:-16]}{'0' * 16}"
    link.symlink_to(target)
    sweep()
    assert not left.exists()
    assert not again.exists()
    assert set(runtime.iterdir()) == {used, elsewhere, other, target, link}


def test_another_users_folder_is_left_alone(runtime: Path) -> None:
    dead = gone()
    folder = make_folder(runtime, dead, {"a": b"1"})
    renamed = folder.rename(runtime / folder.name.replace(f"pytrust-{os.geteuid()}-", "pytrust-4242-"))
    sweep()
    assert renamed.exists()


def test_a_process_is_told_from_others(here: Process) -> None:
    assert find_process(os.getpid()) == here
    assert find_process(2**22 + 1) is None
    child = subprocess.Popen(["sh", "-c", "exec sleep 5"])
    try:
        other = find_process(child.pid)
        assert other is not None
        assert other.start >= here.start
    finally:
        child.kill()
        child.wait()


def test_a_process_that_nobody_waited_for_has_ended() -> None:
    child = subprocess.Popen(["true"])
    try:
        end = time.monotonic() + 10
        while find_process(child.pid) is not None and time.monotonic() < end:
            time.sleep(0.01)
        assert find_process(child.pid) is None
        assert Path(f"/proc/{child.pid}").exists()
    finally:
        child.wait()


def test_a_program_may_be_called_anything(tmp_path: Path) -> None:
    program = tmp_path / ") S 1 2 ("
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "5"])
    try:
        found, here = find_process(child.pid), find_process(os.getpid())
        assert found is not None
        assert here is not None
        assert 0 <= found.start - here.start < 10_000_000
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("device", "kind"), [((254, 0), "ext4"), ((0, 21), "tmpfs"), ((0, 22), "fuse.x"), ((0, 2), None), ((0, 99), None)]
)
def test_file_systems_by_device(device: tuple[int, int], kind: str | None) -> None:
    assert filesystem_of(MOUNTINFO, os.makedev(*device)) == kind
    assert filesystem_of(b"junk\n\n - \n", os.makedev(*device)) is None
