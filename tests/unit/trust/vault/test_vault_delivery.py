"""Files of secrets for containers: in memory, whole, whose they are to be at every instant, and nothing is followed."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytrust.trust.errors import BadPermissions, NotFound, PytrustError, Unsound, UsageError
from pytrust.trust.vault import delivery_place
from pytrust.trust.vault.delivery import Deliveries, SecretFile, new_token
from pytrust.trust.vault.delivery_place import is_in_memory, prepare_place

TOKEN = "0123456789abcdef" * 2
MEMORY = Path("/dev/shm")
US = (os.geteuid(), os.getegid())
DB = SecretFile("db", b"hunter2", *US, 0o440)
KEY = SecretFile("key", b"\0\xff\n", *US, 0o400)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, as a user without rights has it."""
    if not is_in_memory(MEMORY):
        raise AssertionError(f"{MEMORY} is no tmpfs")
    folder = MEMORY / f"pytrust-test-{new_token()}"
    folder.mkdir(0o700)
    try:
        yield folder / "secrets"
    finally:
        subprocess.run(["umount", "-q", "-l", folder / "secrets"], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", folder], check=True)


@pytest.fixture
def deliveries(place: Path) -> Deliveries:
    made = Deliveries(place)
    made.make(TOKEN, uid=US[0], gid=US[1])
    return made


def inside(deliveries: Deliveries, token: str = TOKEN) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (deliveries.place / token).iterdir()}


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.iterdir()}


def test_values_as_they_were_asked_for(deliveries: Deliveries) -> None:
    deliveries.fill(TOKEN, [DB, KEY])
    assert inside(deliveries) == {"db": b"hunter2", "key": b"\0\xff\n"}
    assert modes(deliveries.place / TOKEN) == {"db": 0o440, "key": 0o400}
    assert modes(deliveries.place) == {TOKEN: 0o755}
    assert stat.S_IMODE(deliveries.place.stat().st_mode) == (0o710 if US[1] else 0o700)
    assert is_in_memory(deliveries.place / TOKEN)


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_whatever_the_umask_is(place: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        deliveries = Deliveries(place)
        deliveries.make(TOKEN, uid=US[0], gid=US[1])
        deliveries.fill(TOKEN, [DB])
    finally:
        os.umask(before)
    assert modes(deliveries.place / TOKEN) == {"db": 0o440}
    assert modes(deliveries.place) == {TOKEN: 0o755}


def test_at_no_instant_it_is_half_there_or_for_others(deliveries: Deliveries) -> None:
    """Somebody looks all the time: a file has its mode and all of its value whenever it has its name."""
    seen: set[tuple[int, int]] = set()
    over = threading.Event()

    def look() -> None:
        file = deliveries.place / TOKEN / "db"
        while not over.is_set():
            try:
                found = file.stat()
            except FileNotFoundError:
                continue
            seen.add((stat.S_IMODE(found.st_mode), found.st_size))

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(200):
        deliveries.fill(TOKEN, [SecretFile("db", b"x" * 100_000, *US, 0o440)])
        if number % 10 == 0:
            deliveries.empty(TOKEN)
    over.set()
    watcher.join()
    assert seen == {(0o440, 100_000)}


def test_what_is_on_its_way_is_nobody_elses(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it has its owner and mode, it is ours alone, and in no container's folder."""
    early: list[tuple[dict[str, int], dict[str, int]]] = []
    real = os.fchown

    def fchown(descriptor: int, uid: int, gid: int) -> None:
        early.append((modes(deliveries.place), modes(deliveries.place / TOKEN)))
        real(descriptor, uid, gid)

    monkeypatch.setattr(os, "fchown", fchown)
    deliveries.fill(TOKEN, [DB])
    ((beside, there),) = early
    assert sorted(beside.values()) == [0o600, 0o755]
    assert there == {}


def test_filled_again_it_is_the_new_value(deliveries: Deliveries) -> None:
    deliveries.fill(TOKEN, [DB, KEY])
    with (deliveries.place / TOKEN / "db").open("rb") as held:
        deliveries.fill(TOKEN, [DB._replace(value=b"longer than before")])
        assert held.read() == b"hunter2"  # who has it open goes on with the old one
    assert inside(deliveries) == {"db": b"longer than before", "key": b"\0\xff\n"}


def test_emptied_and_removed(deliveries: Deliveries) -> None:
    deliveries.fill(TOKEN, [DB])
    assert deliveries.filled(TOKEN)
    assert deliveries.empty(TOKEN)
    assert not deliveries.empty(TOKEN)
    assert not deliveries.filled(TOKEN)
    assert deliveries.tokens() == {TOKEN}
    deliveries.fill(TOKEN, [DB])
    deliveries.remove(TOKEN)
    assert deliveries.tokens() == frozenset()
    deliveries.remove(TOKEN)
    assert not deliveries.filled(TOKEN)
    with pytest.raises(NotFound):
        deliveries.fill(TOKEN, [DB])


def test_made_again_it_stays_as_it_is(deliveries: Deliveries) -> None:
    deliveries.fill(TOKEN, [DB])
    deliveries.make(TOKEN, uid=US[0], gid=US[1])
    assert inside(deliveries) == {"db": b"hunter2"}


def test_what_a_killed_process_left_is_tidied(deliveries: Deliveries) -> None:
    (deliveries.place / f".{'1' * 32}").write_bytes(b"hunter2")
    half = deliveries.place / f".{'2' * 32}"
    half.mkdir()
    deliveries.fill(TOKEN, [DB])
    deliveries.tidy()
    assert [path.name for path in deliveries.place.iterdir()] == [TOKEN]
    assert inside(deliveries) == {"db": b"hunter2"}


def test_there_is_nothing_yet(tmp_path: Path) -> None:
    deliveries = Deliveries(tmp_path / "none")
    deliveries.tidy()
    deliveries.remove(TOKEN)
    assert deliveries.tokens() == frozenset()


@pytest.mark.parametrize(
    "token", ["", ".", "..", "../x", "a" * 31, "A" * 32, "g" * 32, f"{'a' * 32}/x", f"{'a' * 32}\n"]
)
def test_a_token_is_a_token(deliveries: Deliveries, token: str) -> None:
    for act in (deliveries.make, deliveries.empty, deliveries.remove, deliveries.filled):
        with pytest.raises(UsageError):
            act(token)
    with pytest.raises(UsageError):
        deliveries.fill(token, [DB])


# -- what is planted --------------------------------------------------------------------------------------------------


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "victim"
    file.write_bytes(b"mine")
    file.chmod(0o600)
    return file


def test_a_link_is_replaced(deliveries: Deliveries, victim: Path) -> None:
    (deliveries.place / TOKEN / "db").symlink_to(victim)
    deliveries.fill(TOKEN, [DB])
    assert inside(deliveries) == {"db": b"hunter2"}
    assert (victim.read_bytes(), stat.S_IMODE(victim.stat().st_mode)) == (b"mine", 0o600)


def test_a_hard_link_is_replaced(deliveries: Deliveries) -> None:
    other = deliveries.place / "other"
    other.write_bytes(b"mine")
    os.link(other, deliveries.place / TOKEN / "db")
    deliveries.fill(TOKEN, [DB])
    assert other.read_bytes() == b"mine"


def test_links_are_not_followed_when_it_is_emptied(deliveries: Deliveries, victim: Path) -> None:
    folder = deliveries.place / TOKEN
    (folder / "link").symlink_to(victim.parent)
    (folder / "sub").mkdir()
    (folder / "sub" / "link").symlink_to(victim.parent)
    deliveries.empty(TOKEN)
    assert list(folder.iterdir()) == []
    assert victim.read_bytes() == b"mine"


def test_a_folder_in_the_place_of_a_file_is_refused(deliveries: Deliveries) -> None:
    (deliveries.place / TOKEN / "key").mkdir()
    (deliveries.place / TOKEN / "key" / "x").touch()
    with pytest.raises(Unsound):
        deliveries.fill(TOKEN, [KEY])
    assert [path.name for path in deliveries.place.iterdir()] == [TOKEN]


def test_a_link_in_the_place_of_a_folder_is_not_entered(deliveries: Deliveries, victim: Path) -> None:
    folder = deliveries.place / TOKEN
    folder.rmdir()
    folder.symlink_to(victim.parent)
    with pytest.raises(PytrustError):
        deliveries.fill(TOKEN, [DB])
    with pytest.raises(PytrustError):
        deliveries.empty(TOKEN)
    assert [path.name for path in victim.parent.iterdir()] == ["victim"]


def test_a_folder_on_a_disk_gets_nothing(tmp_path: Path) -> None:
    if is_in_memory(tmp_path):
        raise AssertionError("this test wants a disk")
    deliveries = Deliveries(tmp_path)
    (tmp_path / TOKEN).mkdir()
    with pytest.raises(Unsound, match="written to no disk"):
        deliveries.fill(TOKEN, [DB])
    assert list((tmp_path / TOKEN).iterdir()) == []


# -- the place --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("errno_", [22, 1])
def test_kernels_that_know_less_and_users_that_may_less(
    place: Path, monkeypatch: pytest.MonkeyPatch, errno_: int
) -> None:
    """EINVAL for noswap: without. EPERM: what is in memory already will do."""
    asked: list[str] = []

    def mount(folder: Path, options: str) -> None:
        asked.append(options)
        if errno_ == 1 or "noswap" in options:
            raise OSError(errno_, os.strerror(errno_), str(folder))

    monkeypatch.setattr(delivery_place, "_mount_with", mount)
    prepare_place(place, US[1])
    assert ["noswap" in options for options in asked] == ([True, False] if errno_ == 22 else [True])


def test_never_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mount(folder: Path, options: str) -> None:
        raise PermissionError(1, "Operation not permitted", str(folder))

    monkeypatch.setattr(delivery_place, "_mount_with", mount)
    with pytest.raises(Unsound, match="written to no disk"):
        prepare_place(tmp_path / "secrets", US[1])


def test_what_lies_there_on_a_disk_is_not_hidden_by_a_mount(tmp_path: Path) -> None:
    place = tmp_path / "secrets"
    place.mkdir(0o700)
    (place / "something").touch()
    with pytest.raises(Unsound, match="holds files"):
        prepare_place(place, US[1])


def test_a_place_that_others_could_swap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(BadPermissions):
        prepare_place(tmp_path / "open" / "secrets", US[1])
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(BadPermissions):
        prepare_place(tmp_path / "link", US[1])
    (tmp_path / "file").touch()
    with pytest.raises(Unsound):
        prepare_place(tmp_path / "file", US[1])


@pytest.mark.parametrize(("mode", "fits"), [(0o777, False), (0o775, False), (0o1777, True), (0o755, True)])
def test_nobody_can_put_another_folder_where_it_lies(tmp_path: Path, mode: int, fits: bool) -> None:
    (tmp_path / "above" / "parent").mkdir(parents=True)
    (tmp_path / "above").chmod(mode)
    deliveries = Deliveries(tmp_path / "above" / "parent" / "secrets")
    (tmp_path / "above" / "parent" / "secrets").mkdir(0o700)
    (tmp_path / "above" / "parent" / "secrets" / "kept").touch()
    with pytest.raises(Unsound, match="holds files") if fits else pytest.raises(BadPermissions, match="above"):
        deliveries.make(TOKEN)


def test_no_value_in_a_repr() -> None:
    assert "hunter2" not in repr(DB) + str([DB]) + f"{DB}"
