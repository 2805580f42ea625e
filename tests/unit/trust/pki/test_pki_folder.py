"""Folders that are handed out: whole, private, and where they seem to be."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, Unsound, UsageError
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki import within
from pytrust.trust.pki.folder import publish, read, stage_key, staged_key

OLD = {"ca.pem": b"old ca", "cert.pem": b"old cert", "key.pem": b"old key", "crl.pem": b"old list"}
NEW = {name: data.replace(b"old", b"new") for name, data in OLD.items()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "docker1"


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def listed(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*.pem")}


def test_what_is_published_is_read(place: Path) -> None:
    publish(place, OLD)
    assert read(place) == OLD
    publish(place, NEW)
    assert read(place) == NEW
    assert {name: (place / name).read_bytes() for name in NEW} == NEW, "as a program reads it"


def test_only_the_newest_generation_is_kept(place: Path) -> None:
    for _ in range(3):
        publish(place, OLD)
    assert sorted(listed(place)) == [".3", ".live", "ca.pem", "cert.pem", "crl.pem", "key.pem"]


def test_a_file_that_is_not_given_goes_away(place: Path) -> None:
    publish(place, OLD)
    publish(place, {"ca.pem": b"ca", "cert.pem": b"cert", "key.pem": b"key"})
    assert "crl.pem" not in read(place)
    assert not (place / "crl.pem").is_symlink()


def test_modes_do_not_depend_on_the_umask(place: Path, umask: int) -> None:
    stage_key(place, b"key")
    assert modes(place) == {".next/key.pem": 0o600}
    publish(place, OLD)
    real = {name: mode for name, mode in modes(place).items() if name.startswith(".")}
    assert real == {".1/ca.pem": 0o644, ".1/cert.pem": 0o644, ".1/crl.pem": 0o644, ".1/key.pem": 0o600}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (place, place / ".1")] == [0o700, 0o700]
    assert read(place) == OLD


def test_a_staged_key_is_there_until_something_is_published(place: Path) -> None:
    publish(place, OLD)
    assert staged_key(place) is None
    stage_key(place, b"first")
    stage_key(place, b"second")
    assert (staged_key(place), read(place)) == (b"second", OLD)
    publish(place, NEW)
    assert staged_key(place) is None


def test_readers_see_one_generation(place: Path) -> None:
    publish(place, OLD)
    stop = Event()

    def write() -> None:
        while not stop.is_set():
            publish(place, NEW, sync=False)
            publish(place, OLD, sync=False)

    writer = Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            assert read(place) in (OLD, NEW)
    finally:
        stop.set()
        writer.join()


def test_a_symbolic_link_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    for act in (lambda: publish(place, OLD), lambda: stage_key(place, b"key"), lambda: read(place)):
        with pytest.raises(BadPermissions, match="symbolic link"):
            act()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_swapped_for_a_link_in_between_gets_nothing(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to the folder above swaps it while the files are written: they stay in the old folder."""
    publish(place, OLD)
    (tmp_path / "trap").mkdir()
    real = within.write_tree

    def swap(*words: object, **more: object) -> None:
        place.rename(tmp_path / "aside")
        place.symlink_to(tmp_path / "trap")
        real(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(folders, "write_tree", swap)
    publish(place, NEW)
    assert not list((tmp_path / "trap").iterdir())
    assert read(tmp_path / "aside") == NEW


def test_a_folder_swapped_for_a_link_when_it_is_made_changes_no_other(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    make = Path.mkdir

    def swapped(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        make(self, mode, parents, exist_ok)
        self.rmdir()
        self.symlink_to(other)

    monkeypatch.setattr(Path, "mkdir", swapped)
    with pytest.raises(BadPermissions):
        publish(place, {"key.pem": b"secret"})
    assert other.stat().st_mode & 0o777 == 0o755
    assert not list(other.iterdir())


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_write_to_is_refused(place: Path, mode: int) -> None:
    place.mkdir()
    place.chmod(mode)
    for act in (lambda: publish(place, OLD), lambda: read(place)):
        with pytest.raises(BadPermissions, match="open to others"):
            act()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mkdir(0o700)
    os.chown(place, 4321, -1)
    with pytest.raises(BadPermissions, match="belongs to user 4321"):
        publish(place, OLD)


def test_a_key_that_others_can_read_is_refused(place: Path) -> None:
    publish(place, OLD)
    (place / "key.pem").chmod(0o640)
    with pytest.raises(BadPermissions, match=r"key\.pem is open to others \(mode 0640\)"):
        read(place)


def test_files_of_somebody_else_are_read_and_never_replaced(place: Path, tmp_path: Path) -> None:
    place.mkdir(0o700)
    (place / "ca.pem").write_bytes(b"ca")
    (tmp_path / "certificate").write_bytes(b"cert")
    (place / "cert.pem").symlink_to(tmp_path / "certificate")
    assert read(place) == {"ca.pem": b"ca", "cert.pem": b"cert"}
    for name in ("ca.pem", "cert.pem"):
        with pytest.raises(UsageError, match=r"\.pem that pytrust did not write"):
            publish(place, OLD)
        (place / name).unlink()
    publish(place, OLD)
    assert (tmp_path / "certificate").read_bytes() == b"cert"


def test_other_files_are_left_alone(place: Path) -> None:
    place.mkdir(0o700)
    (place / "config.json").write_text("{}")
    publish(place, OLD)
    publish(place, NEW)
    assert (place / "config.json").read_text() == "{}"


def test_a_folder_that_is_not_there(place: Path) -> None:
    with pytest.raises(NotSetUp, match="docker1 does not exist"):
        read(place)
    with pytest.raises(Unsound, match="no such file"):
        publish(place / "deep", OLD)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_of_a_sane_size_are_read(
    place: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    publish(place, OLD)
    monkeypatch.setattr(within, "FILE_MAX_BYTES", 7)
    with pytest.raises(Damaged, match=r"cert\.pem is larger than 7 bytes"):
        read(place)
    (place / ".1" / "ca.pem").unlink()
    make(place / ".1" / "ca.pem")
    with pytest.raises(Damaged, match=r"ca\.pem is not a regular file"):
        read(place)


@pytest.mark.parametrize("call", ["_write", "symlink", "rename", "mkdir", "fsync"])
def test_a_failure_leaves_the_old_files_and_no_rubbish(place: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    publish(place, OLD)
    (place / "crl.pem").unlink()  # so that a link has to be made
    before = {name for name in listed(place) if name.startswith(".")}

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(within if call == "_write" else os, call, fail)
        with pytest.raises(Unsound, match="docker1: no space left on device"):
            publish(place, NEW)
    assert {name: (place / ".1" / name).read_bytes() for name in OLD} == OLD
    assert {name for name in listed(place) if name.startswith(".")} == before
    publish(place, NEW)
    assert read(place) == NEW
