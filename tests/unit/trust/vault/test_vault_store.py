"""The open vault: several openers, bounds that are kept before anything is written, and what goes wrong on the way."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest
from tests.fakes.vault_store import NOW, VaultStore, desk_of, dump, seed, slot, value

from pytrust.trust.errors import Busy, Damaged, NotSetUp, PytrustError, Unsound, UsageError, VaultLocked
from pytrust.trust.vault import folder, frames, vault
from pytrust.trust.vault.anchor import AnchorFile
from pytrust.trust.vault.folder import MADE, Folder
from pytrust.trust.vault.header import NewSlot, open_slot, read_header
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Amend, Audit, Get, Put, PutMany, Remove, Trail
from pytrust.trust.vault.vault import Vault, create_vault

A, B = SecretName("a"), SecretName("b")


@pytest.fixture
def store(tmp_path: Path) -> VaultStore:
    return VaultStore(tmp_path).create()


@pytest.fixture
def opened(store: VaultStore) -> Iterator[Vault]:
    with closing(store.open()) as made:
        yield made


def put(name: SecretName, data: bytes = b"1") -> Put:
    return Put(name=name, value=data)


def test_making_one(tmp_path: Path) -> None:
    store = VaultStore(tmp_path)
    with pytest.raises(NotSetUp):
        read_header(store.folder)
    with pytest.raises(UsageError, match="a way to unlock"):
        create_vault(store.folder, store.anchor, [], now=NOW)
    with closing(create_vault(store.folder, store.anchor, [slot(0), slot(1)], now=NOW)) as made:
        assert (made.names(), made.header.generation, made.header.epoch) == ([], 1, 1)
    header = read_header(store.folder)
    assert {open_slot(header, each, seed(int(each.label))).bytes() for each in header.slots} == {made_bytes(store)}
    with pytest.raises(UsageError, match="there is a vault"):
        store.create()


def made_bytes(store: VaultStore) -> bytes:
    return store.master().bytes()


def test_values_without_a_header_are_not_written_over(store: VaultStore) -> None:
    """A backup of the header opens them again."""
    store.ask(put(A, b"value"))
    (store.folder / "vault.json").rename(store.at / "backup")
    with pytest.raises(UsageError, match="gone"):
        store.create()
    (store.at / "backup").rename(store.folder / "vault.json")
    assert store.dump() == {"a": (10, {1: b"value"})}


def test_two_makers_at_once(tmp_path: Path) -> None:
    for number in range(8):
        store = VaultStore(tmp_path / str(number))
        store.at.mkdir(0o700)
        made: list[bytes] = []

        def make(store: VaultStore = store, made: list[bytes] = made) -> None:
            with suppress(UsageError), closing(create_vault(store.folder, store.anchor, [slot(0)], now=NOW)) as one:
                made.append(one.master.bytes())

        threads = [threading.Thread(target=make) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [made_bytes(store)]


def test_openers_see_each_other(store: VaultStore, opened: Vault) -> None:
    with closing(store.open()) as other:
        desk_of(other).ask(put(A, b"1"))
        assert value(desk_of(opened), A) == b"1"
        desk_of(opened).ask(put(A, b"2"))
        assert value(desk_of(other), A) == b"2"
        assert value(desk_of(other), A, 1) == b"1"
        slot_made = other.add_slot(slot(1), NOW)
        opened.names()
        assert slot_made in opened.header.slots
        opened.rekey(NOW)
        for ask in (Get(name=A), put(A), Audit()):
            with pytest.raises(VaultLocked):
                desk_of(other).ask(ask)
        with pytest.raises(VaultLocked):
            other.add_slot(slot(2), NOW)
        with pytest.raises(VaultLocked):
            other.rekey(NOW)
        assert value(desk_of(opened), A) == b"2"


def test_a_look_is_never_stale(store: VaultStore, opened: Vault) -> None:
    """Even where time stands still, and the system gives numbers of files again."""
    opened.names()
    before = (store.folder / "vault.json").stat()
    with closing(store.open()) as other:
        for number in range(60):
            desk_of(other).ask(put(A, b"%02d" % number))
            os.utime(store.folder / "vault.json", ns=(before.st_atime_ns, before.st_mtime_ns))
            after = (store.folder / "vault.json").stat()
            assert after.st_ino != before.st_ino, "the number is held"
            if number % 7 == 0:
                assert value(desk_of(opened), A) == b"%02d" % number
                before = (store.folder / "vault.json").stat()
    desk_of(opened).ask(put(B))
    assert max(store.dump()["a"][1].items()) == (60, b"59")


def test_slots(store: VaultStore, opened: Vault) -> None:
    with pytest.raises(UsageError, match="only slot"):
        opened.remove_slot(opened.header.slots[0].id, NOW)
    with pytest.raises(UsageError, match="has no slot"):
        opened.remove_slot("nothing", NOW)
    desk_of(opened).ask(put(A, b"value"))
    old_master = opened.master.bytes()
    opened.add_slot(slot(1), NOW)
    opened.remove_slot(opened.header.slots[0].id, NOW)
    assert [each.label for each in opened.header.slots] == ["1"]
    assert opened.master.bytes() != old_master
    assert value(desk_of(opened), A) == b"value"
    assert store.dump() == {"a": (10, {1: b"value"})}
    for number in range(2, 65):
        opened.add_slot(slot(number), NOW)
    with pytest.raises(UsageError, match="at most"):
        opened.add_slot(slot(65), NOW)
    assert open_slot(opened.header, opened.header.slots[-1], seed(64)).bytes() == opened.master.bytes()


@pytest.mark.parametrize("bad", [("x" * 2**20, NOW), ("\udcff", NOW), ("", -1)], ids=["large", "no-text", "early"])
def test_a_slot_that_could_not_be_read_again(store: VaultStore, opened: Vault, bad: tuple[str, int]) -> None:
    with pytest.raises(UsageError):
        opened.add_slot(NewSlot("file", bad[0], bytes(32), {}), bad[1])
    desk_of(opened).ask(put(A))
    assert store.dump() == {"a": (10, {1: b"1"})}


def test_a_full_manifest(store: VaultStore, opened: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can still be read, and a rekey begins a shorter one."""
    monkeypatch.setattr(folder, "VAULT_MANIFEST_MAX_BYTES", 4000)
    desk = desk_of(opened)
    desk.ask(Put(name=A, value=b"1", keep=1))
    with pytest.raises(Unsound, match="full") as caught:
        for _ in range(40):
            desk.ask(put(A))
    assert "rekey" in caught.value.hint
    kept = dump(desk)
    assert store.dump() == kept
    desk.ask(Get(name=A))
    opened.rekey(NOW)
    desk.ask(put(B))
    assert store.dump() == {**kept, "b": (10, {1: b"1"})}


def test_a_rekey_of_more_than_one_frame_can_hold(
    store: VaultStore, opened: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytrust.trust.vault.manifest._PART", 4)
    desk = desk_of(opened)
    for number in range(9):
        desk.ask(put(SecretName(f"s{number}")))
    desk.ask(Remove(name=SecretName("s0")))
    monkeypatch.setattr(frames, "VAULT_FRAME_MAX_BYTES", 1000)
    opened.rekey(NOW)
    assert opened.header.manifest.frames > 1
    kept = dump(desk)
    assert len(kept) == 8
    assert store.dump() == kept
    monkeypatch.setattr(frames, "VAULT_FRAME_MAX_BYTES", 300)
    with pytest.raises(Unsound):
        opened.rekey(NOW)
    monkeypatch.undo()
    assert store.dump() == dump(desk) == kept
    assert desk.ask(put(SecretName("s0"))).number == 2  # type: ignore[union-attr]


def test_how_many_secrets(opened: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "SECRETS_MAX", 2)
    desk = desk_of(opened)
    desk.ask(PutMany(puts=(put(A), put(B))))
    with pytest.raises(UsageError):
        desk.ask(put(SecretName("c")))
    desk.ask(put(A))
    desk.ask(Amend(name=B, keep=1))
    desk.ask(Remove(name=B))
    desk.ask(put(SecretName("c")))
    assert opened.names() == ["a", "c"]


def test_numbers_are_never_given_again(store: VaultStore, opened: Vault) -> None:
    desk = desk_of(opened)
    for _ in range(3):
        desk.ask(put(A))
    desk.ask(Remove(name=A))
    opened.rekey(NOW)
    with closing(store.open()) as again:
        assert desk_of(again).ask(Put(name=A, value=b"1", expect=0)).number == 4  # type: ignore[union-attr]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file grows beyond: the last write before is a short one."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_short_writes_at_every_length(store: VaultStore, opened: Vault) -> None:
    """Of the record, the manifest, the header or the anchor: what is reported is so."""
    desk = desk_of(opened)
    desk.ask(put(A, b"0" * 400))
    expected, outcomes = {1: b"0" * 400}, set()
    for size in range(0, 6000, 97):
        data = b"%d" % size * 100
        error = None
        with file_limit(size):
            try:
                desk.ask(Put(name=A, value=data, keep=1))
            except Unsound as caught:
                error = caught
        outcomes.add(None if error is None else error.hint)
        if error is None or error.hint == MADE:
            expected = {max(expected) + 1: data}
        assert {number: value(desk, A, number) for number in expected} == expected
        assert store.dump()["a"][1] == expected, size
    assert len(outcomes) == 2
    assert not list(store.at.rglob("*.new"))


def test_a_failed_change_leaves_no_value(store: VaultStore, opened: Vault) -> None:
    desk = desk_of(opened)
    desk.ask(put(A))
    kept = set(store.folder.glob("records/??/*"))
    with pytest.raises(PytrustError):
        desk.ask(PutMany(puts=(put(B), Put(name=A, value=b"2", expect=7))))
    with (
        mock.patch.object(Folder, "append_manifest", side_effect=OSError(28, "No space left on device")),
        pytest.raises(Unsound),
    ):
        desk.ask(put(B))
    assert set(store.folder.glob("records/??/*")) == kept
    assert dump(desk) == store.dump()


def test_an_anchor_that_cannot_be_moved(store: VaultStore, opened: Vault) -> None:
    """The change was made, and it says so; the next one moves the anchor."""
    store.anchor.rename(store.at / "aside")
    store.anchor.touch()
    with pytest.raises(Unsound) as caught:
        desk_of(opened).ask(put(A, b"1"))
    assert caught.value.hint == MADE
    assert value(desk_of(opened), A) == b"1"
    store.anchor.unlink()
    (store.at / "aside").rename(store.anchor)
    desk_of(opened).ask(put(A, b"2"))
    anchor = AnchorFile(store.anchor, opened.header.store).read()
    assert anchor is not None
    assert anchor.generation == opened.header.generation
    assert store.dump()["a"][1] == {1: b"1", 2: b"2"}


def test_new_keys_that_this_process_cannot_use(store: VaultStore) -> None:
    """The next audit cannot be made: the keys are new, the old ones are of no use, and nothing is closed twice."""
    opened = store.open()
    desk_of(opened).ask(put(A, b"1"))
    (store.folder / "audit-2").mkdir()
    with pytest.raises(Unsound) as caught:
        opened.rekey(NOW)
    assert caught.value.hint == MADE
    with pytest.raises(VaultLocked):
        opened.names()
    opened.close()
    (store.folder / "audit-2").rmdir()
    assert store.dump() == {"a": (10, {1: b"1"})}


def test_a_manifest_that_is_gone_under_an_open_vault(store: VaultStore, opened: Vault) -> None:
    """Nothing is written behind a hole; new keys write all that is in memory."""
    desk = desk_of(opened)
    desk.ask(put(A, b"1"))
    data = (store.folder / "manifest-1").read_bytes()
    for left in (None, b"", data[:-1]):
        (store.folder / "manifest-1").unlink(missing_ok=True)
        if left is not None:
            (store.folder / "manifest-1").write_bytes(left)
        with pytest.raises(Unsound):
            desk.ask(put(A, b"2"))
    opened.rekey(NOW)
    assert store.dump() == {"a": (10, {1: b"1"})}


def test_an_audit_that_was_cut_off_is_told_until_there_are_new_keys(store: VaultStore, opened: Vault) -> None:
    desk = desk_of(opened)
    desk.ask(put(A, b"1"))
    for _ in range(3):
        desk.ask(Get(name=A))
    os.truncate(store.folder / "audit-1", 10)
    for ask in (Get(name=A), put(A, b"2")):
        with pytest.raises(Damaged, match="cut off") as caught:
            desk.ask(ask)
        assert "rekey" in caught.value.hint
    opened.rekey(NOW)
    assert value(desk, A) == b"1"
    trail = desk.ask(Audit())
    assert isinstance(trail, Trail)
    assert [(read.name, read.refused) for read in trail.reads] == [("", "damaged"), ("a", "")]


def test_after_fork(store: VaultStore, opened: Vault) -> None:
    """Parent and children read and write at once: no entry is lost, no random number used twice."""
    desk = desk_of(opened)
    desk.ask(put(A, b"1"))
    desk.ask(Get(name=A))
    children = []
    for number in range(3):
        if not (child := os.fork()):
            code = 1
            try:
                for _ in range(150):
                    desk.ask(Get(name=A, purpose=str(number)))
                for count in range(5):
                    desk.ask(put(SecretName(f"s{number}-{count}"), b"x"))
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    for _ in range(150):
        desk.ask(Get(name=A, purpose="parent"))
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    trail = desk.ask(Audit(limit=10_000))
    assert isinstance(trail, Trail)
    assert len(trail.reads) == 1 + 4 * 150
    assert len(store.dump()) == 16
    records = [path.read_bytes()[:12] for path in store.folder.glob("records/??/*")]
    assert len(set(records)) == len(records) == 16


def test_a_lock_that_is_held(store: VaultStore, opened: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LOCK_TIMEOUT", 0.05)
    desk_of(opened).ask(put(A, b"1"))
    with Folder(store.folder).locked():
        began = time.monotonic()
        with pytest.raises(Busy):
            desk_of(opened).ask(put(A, b"2"))
        assert time.monotonic() - began < 5
        assert value(desk_of(opened), A) == b"1"
    desk_of(opened).ask(put(A, b"2"))


def test_opening_while_others_change(store: VaultStore) -> None:
    """Whoever opens meanwhile is never told that the vault went back, and the anchor never does."""
    stop, found, seen = threading.Event(), [], []

    def write() -> None:
        with closing(store.open()) as vault:
            while not stop.is_set():
                desk_of(vault).ask(Put(name=A, value=b"1", keep=1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            try:
                store.open().close()
            except PytrustError as error:
                found.append(str(error))
            anchor = AnchorFile(store.anchor, read_header(store.folder).store).read()
            assert anchor is not None
            seen.append(anchor.generation)
    finally:
        stop.set()
        writer.join()
    assert found == []
    assert seen == sorted(seen)


def test_verify_names_every_fault(store: VaultStore, opened: Vault) -> None:
    desk_of(opened).ask(PutMany(puts=(put(A), put(B))))
    desk_of(opened).ask(Get(name=A))
    assert not list(opened.verify())
    store.record("a").write_bytes(b"x" * 29)
    store.record("b").unlink()
    (store.folder / "audit-1").write_bytes(b"\0\0\0\x20" + bytes(32))
    found = "\n".join(opened.verify())
    assert "audit-1" in found
    assert "version 1 of a" in found
    assert "version 1 of b" in found


def test_what_belongs_to_nothing_goes_with_new_keys(store: VaultStore, opened: Vault) -> None:
    desk_of(opened).ask(put(A))
    stray = store.folder / "records" / "ab" / ("c" * 30)
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    (stray.parent / "notes").touch()
    (store.folder / "manifest-7").touch()
    opened.rekey(NOW)
    assert not stray.exists()
    assert (stray.parent / "notes").exists()
    assert [path.name for path in store.folder.glob("manifest-*")] == ["manifest-2"]


def test_errors_of_the_system_are_ours(store: VaultStore) -> None:
    master = store.master()
    shutil.rmtree(store.folder / "records")
    with closing(store.open()) as vault, pytest.raises(Unsound):
        desk_of(vault).ask(put(A))
    with (
        mock.patch("pytrust.trust.vault.header.read_private", side_effect=OSError(5, "Input/output error")),
        pytest.raises(Unsound, match="Input/output"),
    ):
        Vault.open(store.folder, store.anchor, master)
    with (
        mock.patch("pytrust.trust.vault.anchor.read_private", side_effect=OSError(5, "Input/output error")),
        pytest.raises(Unsound, match="Input/output"),
    ):
        Vault.open(store.folder, store.anchor, master)
    with pytest.raises(Unsound):
        read_header(store.at / ("x" * 300))
