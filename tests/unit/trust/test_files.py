"""Files: whole or absent, exactly the mode asked for, and no secret that others could have touched."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytrust.trust.errors import BadPermissions, Busy, Damaged, NotSetUp
from pytrust.trust.files import check_owned, locked, read_bounded, read_private, write_atomic


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def names(folder: Path | str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
@pytest.mark.parametrize("replace", [True, False])
def test_the_mode_is_exact_under_any_umask(tmp_path: Path, umask: int, mode: int, replace: bool) -> None:
    write_atomic(tmp_path / "f", b"data", mode=mode, replace=replace)
    assert mode_of(tmp_path / "f") == mode
    assert (tmp_path / "f").read_bytes() == b"data"
    assert names(tmp_path) == ["f"]


def test_secrets_by_default(tmp_path: Path) -> None:
    write_atomic(tmp_path / "f", b"")
    assert mode_of(tmp_path / "f") == 0o600


def test_replacing_takes_the_place_of_an_open_mode(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "f").chmod(0o666)
    write_atomic(tmp_path / "f", b"new")
    assert ((tmp_path / "f").read_bytes(), mode_of(tmp_path / "f")) == (b"new", 0o600)


def test_replacing_a_link_leaves_what_it_pointed_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / "f").symlink_to("precious")
    write_atomic(tmp_path / "f", b"new")
    assert (tmp_path / "precious").read_bytes() == b"old"
    assert not (tmp_path / "f").is_symlink()


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"old"), lambda path: path.symlink_to("nowhere")])
def test_not_replacing(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "f")
    before = (tmp_path / "f").readlink() if (tmp_path / "f").is_symlink() else (tmp_path / "f").read_bytes()
    with pytest.raises(FileExistsError):
        write_atomic(tmp_path / "f", b"new", replace=False)
    after = (tmp_path / "f").readlink() if (tmp_path / "f").is_symlink() else (tmp_path / "f").read_bytes()
    assert (before, names(tmp_path)) == (after, ["f"])


@pytest.mark.parametrize("call", ["fsync", "fchmod", "link"])
def test_a_failure_leaves_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (tmp_path / "f").write_bytes(b"old")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, broken)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / ("f" if call != "link" else "g"), b"new", replace=call != "link")
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_readers_see_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, done, seen = tmp_path / "f", threading.Event(), set()
    write_atomic(path, b"0" * 100_000)

    def look() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(1, 30):
        write_atomic(path, b"%d" % (number % 10) * 100_000)
    done.set()
    reader.join()
    assert all(len(data) == 100_000 and len(set(data)) == 1 for data in seen)


def test_reading_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_bounded(tmp_path / "f", 5) == b"12345"
    with pytest.raises(Damaged, match="larger than 4 bytes"):
        read_bounded(tmp_path / "f", 4)


def test_reading_a_fifo_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(Damaged, match="not a regular file"):
        read_bounded(tmp_path / "f", 5)


def test_reading_a_folder_leaks_nothing(tmp_path: Path) -> None:
    before = len(names("/proc/self/fd"))
    with pytest.raises(Damaged, match="not a regular file"):
        read_bounded(tmp_path, 5)
    assert len(names("/proc/self/fd")) == before


def test_reading_a_device() -> None:
    with pytest.raises(Damaged):
        read_bounded(Path("/dev/zero"), 5)


@pytest.mark.parametrize(
    ("mode", "forbidden", "fine"),
    [
        (0o600, 0o077, True),
        (0o400, 0o077, True),
        (0o640, 0o077, False),
        (0o604, 0o077, False),
        (0o610, 0o077, False),
        (0o644, 0o022, True),
        (0o755, 0o022, True),
        (0o664, 0o022, False),
        (0o646, 0o022, False),
        (0o1777, 0o022, False),
    ],
)
def test_modes(tmp_path: Path, mode: int, forbidden: int, fine: bool) -> None:
    path = tmp_path / "f"
    path.touch()
    path.chmod(mode)
    if fine:
        check_owned(path, forbidden=forbidden)
        return
    with pytest.raises(BadPermissions, match=f"mode {mode:04o}") as caught:
        check_owned(path, forbidden=forbidden)
    assert caught.value.hint == f"chmod {mode & ~forbidden:04o} {path}"


def test_what_is_missing_or_a_link(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp):
        check_owned(tmp_path / "missing")
    (tmp_path / "real").touch(0o600)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(BadPermissions, match="symbolic link"):
            check_owned(tmp_path / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner(tmp_path: Path) -> None:
    (tmp_path / "f").touch(0o600)
    os.chown(tmp_path / "f", 12345, 12345)
    with pytest.raises(BadPermissions, match="belongs to user 12345"):
        check_owned(tmp_path / "f")


def test_secrets_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"secret")
    (tmp_path / "f").chmod(0o644)
    with pytest.raises(BadPermissions):
        read_private(tmp_path / "f", 100)
    (tmp_path / "f").chmod(0o600)
    assert read_private(tmp_path / "f", 100) == b"secret"


HOLDER = """
import sys, pathlib
from pytrust.trust.files import locked
with locked(pathlib.Path(sys.argv[1]), timeout=5):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_locks_hold_across_processes(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match="locked by another process"), locked(path, timeout=0.05):
            pytest.fail("two processes hold one lock")
        holder.communicate()
    with locked(path, timeout=0):
        assert mode_of(path) == 0o600


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        holder.wait()
    with locked(path, timeout=1):
        pass


def test_locks_hold_between_threads_and_wait_for_each_other(tmp_path: Path) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with locked(tmp_path / "lock", timeout=10):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_whoever_waited_for_a_lock_has_the_one_that_is_there_now(tmp_path: Path) -> None:
    """As when a backup takes the place of a vault: two would hold "the" lock, and write to one folder."""
    (tmp_path / "here").mkdir()
    (tmp_path / "new").mkdir()
    path, inside, go_on = tmp_path / "here" / "lock", threading.Event(), threading.Event()

    def wait() -> None:
        with locked(path, timeout=10):
            inside.set()
            go_on.wait(10)

    with locked(path, timeout=0):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)  # it has opened the old one
        (tmp_path / "here").rename(tmp_path / "aside")
        (tmp_path / "new").rename(tmp_path / "here")
    try:
        assert inside.wait(10)
        with pytest.raises(Busy), locked(path, timeout=0.05):
            pytest.fail("two hold the lock")
    finally:
        go_on.set()
        waiting.join()


def test_a_lock_whose_folder_went_is_none(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    path, failed = tmp_path / "here" / "lock", list[OSError]()

    def wait() -> None:
        try:
            with locked(path, timeout=10):
                pytest.fail("locked what is not there")
        except OSError as error:
            failed.append(error)

    with locked(path, timeout=0):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        (tmp_path / "here").rename(tmp_path / "aside")
    waiting.join()
    assert len(failed) == 1


def test_a_lock_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError), locked(tmp_path / "lock", timeout=0):
        pytest.fail("followed a link")
    assert not (tmp_path / "elsewhere").exists()
