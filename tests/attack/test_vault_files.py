"""A vault whose files were cut, changed, exchanged, put back or replaced: refused with an error of ours, or unharmed.

Whoever can write to the disk may do all of this; see ADR 22. What counts is never read otherwise than it was written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.vault_store import NOW, VaultStore, desk_of, dump, seed, slot, value

from pytrust.trust.errors import (
    BadPermissions,
    Damaged,
    PytrustError,
    RolledBack,
    Unsound,
    VaultLocked,
    WrongPassphrase,
)
from pytrust.trust.vault.anchor import AnchorFile
from pytrust.trust.vault.epoch import envelope_of, manifest_chain
from pytrust.trust.vault.header import check_header, decode_header, open_slot, read_header
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, Get, Put, Remove, Rollback, Trail

A, B = SecretName("a"), SecretName("b")
NAMES = ("vault.json", "manifest-1", "audit-1", "record", "anchor")


def put(name: SecretName, data: bytes) -> Put:
    return Put(name=name, value=data)


def read(name: SecretName) -> Get:
    return Get(name=name, purpose="test")


@pytest.fixture
def store(tmp_path: Path) -> VaultStore:
    """Values of equal length; of the audit the header knows two entries, and one is younger."""
    at = tmp_path / "at"
    at.mkdir(0o700)
    made = VaultStore(at).create()
    made.ask(put(A, b"a1"), put(A, b"a2"), put(B, b"b1"), read(A), read(B), put(B, b"b2"), read(A))
    return made


def place(store: VaultStore, name: str) -> Path:
    if name == "record":
        return store.record("a")
    return store.anchor_file if name == "anchor" else store.folder / name


def copied(store: VaultStore, to: Path) -> VaultStore:
    shutil.copytree(store.at, to)
    return VaultStore(to)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def everything(store: VaultStore) -> tuple[object, ...]:
    """All that can be read; raises what stands in the way."""
    with store.desk() as desk:
        trail = desk.ask(Audit(limit=1000))
        assert isinstance(trail, Trail)
        return dump(desk), trail.reads


def test_every_bit_of_the_header(store: VaultStore) -> None:
    data, master = (store.folder / "vault.json").read_bytes(), store.master()
    check_header(data, decode_header(data), master)
    for bit in range(8 * len(data)):
        changed = flipped(data, bit)
        with pytest.raises(Damaged):
            check_header(changed, decode_header(changed), master)


def test_every_bit_of_the_manifest(store: VaultStore) -> None:
    data, header, master = (store.folder / "manifest-1").read_bytes(), read_header(store.folder), store.master()
    assert len(data) == header.manifest.length
    for bit in range(8 * len(data)):
        with pytest.raises(Damaged):
            list(manifest_chain(header, master).read(flipped(data, bit), "it"))


def test_every_bit_of_a_record(store: VaultStore) -> None:
    data, header = store.record("a").read_bytes(), read_header(store.folder)
    with closing(store.open()) as vault:
        found = vault.find(A)
        assert found is not None
        envelope = envelope_of(header, vault.master)
        assert envelope.open(data, A, found.current) == b"a2"
        for bit in range(8 * len(data)):
            with pytest.raises(Damaged):
                envelope.open(flipped(data, bit), A, found.current)


def test_every_bit_of_the_audit(store: VaultStore) -> None:
    """Where a length was changed so that the last entry looks unfinished, only what the header does not know may go."""
    path, known = store.folder / "audit-1", read_header(store.folder).audit
    data = path.read_bytes()
    assert known.frames == 2
    assert known.length < len(data)
    with closing(store.open()) as vault:
        whole = vault.trail(100)
        for bit in range(8 * len(data)):
            path.write_bytes(flipped(data, bit))
            try:
                left = vault.trail(100)
            except Damaged:
                continue
            assert known.length * 8 <= bit < (known.length + 4) * 8
            assert left == whole[:2]


@pytest.mark.parametrize("name", NAMES)
def test_every_byte_through_the_front_door(store: VaultStore, name: str) -> None:
    """The anchor is not authenticated: it can be changed to what was true before, and then shows less."""
    path, expected = place(store, name), everything(store)
    data, kept = path.read_bytes(), (store.folder / "audit-1").read_bytes()
    for byte in range(0, len(data), 1 if len(data) < 1000 else 7):
        (store.folder / "audit-1").write_bytes(kept)
        path.write_bytes(flipped(data, 8 * byte + byte % 8))
        try:
            found = everything(store)
        except PytrustError as error:
            assert isinstance(error, Unsound), error
            assert name != "record" or "a2" not in str(error).replace(str(path), "")
        else:
            assert name in {"anchor", "audit-1"}, byte
            assert found[0] == expected[0]
        if name == "anchor":
            path.write_bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_at_every_length(store: VaultStore, name: str) -> None:
    path, known = place(store, name), read_header(store.folder).audit.length
    data, kept = path.read_bytes(), (store.folder / "audit-1").read_bytes()
    with closing(store.open()) as vault:
        whole = vault.trail(100)
    for length in range(0, len(data), 1 if len(data) < 1500 else 5):
        (store.folder / "audit-1").write_bytes(kept)
        path.write_bytes(data[:length])
        try:
            with closing(store.open()) as vault:
                left = vault.trail(100)
                value(desk_of(vault), "a")
        except Unsound as error:
            assert not isinstance(error, WrongPassphrase) or name == "vault.json"
        else:
            assert name == "audit-1"
            assert length >= known
            assert left == whole[: len(left)]


@pytest.mark.parametrize("name", ["manifest-1", "audit-1"])
@pytest.mark.parametrize("tail", [b"\0", b"\xff" * 3, bytes(1000), b"\0\0\0\x40" + b"x" * 63])
def test_what_a_dead_writer_left_behind_the_end_changes_nothing(store: VaultStore, name: str, tail: bytes) -> None:
    expected = everything(store)
    if name == "audit-1" and int.from_bytes(tail[:4]) <= len(tail) - 4 and len(tail) > 4:
        tail = b"\0\1\0\0" + tail  # an unfinished entry; a finished one of other bytes would be refused
    with (store.folder / name).open("ab") as file:
        file.write(tail)
    assert everything(store)[0] == expected[0]
    store.ask(put(B, b"b3"), read(B))
    assert value_of(store, B) == b"b3"
    assert everything(store)


def value_of(store: VaultStore, name: SecretName) -> bytes:
    with store.desk() as desk:
        return value(desk, name)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def test_exchanged_records(store: VaultStore) -> None:
    swap(store.record("a"), store.record("b"))
    with store.desk() as desk:
        for name in (A, B):
            with pytest.raises(Damaged):
                value(desk, name)
    swap(store.record("a"), store.record("b"))
    swap(store.record("a", 1), store.record("a", 2))
    with store.desk() as desk:
        for number in (1, 2):
            with pytest.raises(Damaged):
                value(desk, A, number)
        with pytest.raises(Damaged):
            desk.ask(Rollback(name=A, number=1))
        assert value(desk, B) == b"b2"
    with closing(store.open()) as vault:
        assert len(list(vault.verify())) == 2


@pytest.mark.parametrize("name", ["vault.json", "manifest-1", "audit-1", "record"])
def test_files_of_another_vault(store: VaultStore, tmp_path: Path, name: str) -> None:
    """Of the same slots, the same names, the same values."""
    (tmp_path / "other").mkdir(0o700)
    other = VaultStore(tmp_path / "other").create()
    other.ask(put(A, b"a1"), put(A, b"a2"), put(B, b"b1"), read(A), read(B), put(B, b"b2"), read(A))
    shutil.copyfile(place(other, name), place(store, name))
    with pytest.raises(Unsound):
        everything(store)


def test_manifest_and_header_of_another_epoch(store: VaultStore, tmp_path: Path) -> None:
    before = copied(store, tmp_path / "before")
    with closing(store.open()) as vault:
        vault.rekey(NOW)
        data = (store.folder / "manifest-2").read_bytes()
        shutil.copyfile(before.folder / "manifest-1", store.folder / "manifest-2")
        with pytest.raises(Unsound):
            store.open()
        (store.folder / "manifest-2").write_bytes(data)
        header = (store.folder / "vault.json").read_bytes()
        for name in ("vault.json", "manifest-1"):
            shutil.copyfile(before.folder / name, store.folder / name)
        with pytest.raises(VaultLocked):
            value(desk_of(vault), A)
    with pytest.raises(RolledBack):
        store.open()
    (store.folder / "vault.json").write_bytes(header)
    assert value_of(store, A) == b"a2"


def test_put_back_whole(store: VaultStore, tmp_path: Path) -> None:
    before = copied(store, tmp_path / "before")
    store.ask(Remove(name=A))
    shutil.rmtree(store.folder)
    shutil.copytree(before.folder, store.folder)
    with pytest.raises(RolledBack):
        store.open()
    with store.desk(accept=True) as desk:
        assert value(desk, A) == b"a2"
    assert value_of(store, A) == b"a2"


def test_put_back_under_an_open_vault(store: VaultStore, tmp_path: Path) -> None:
    before = copied(store, tmp_path / "before")
    with closing(store.open()) as vault:
        desk = desk_of(vault)
        desk.ask(put(B, b"b3"))
        for name in ("vault.json", "manifest-1"):
            shutil.copyfile(before.folder / name, store.folder / f"{name}.new")
            (store.folder / f"{name}.new").chmod(0o600)
            (store.folder / f"{name}.new").rename(store.folder / name)
        for ask in (read(B), put(B, b"b4")):
            with pytest.raises(RolledBack):
                desk.ask(ask)
    with pytest.raises(RolledBack):
        store.open()


def test_header_and_manifest_put_back(store: VaultStore, tmp_path: Path) -> None:
    before = copied(store, tmp_path / "before")
    store.ask(put(B, b"b3"))
    for name in ("vault.json", "manifest-1"):
        shutil.copyfile(before.folder / name, store.folder / name)
    with pytest.raises(RolledBack):
        store.open()


def test_one_value_put_back(store: VaultStore) -> None:
    old = store.record("b").read_bytes()
    store.ask(put(B, b"b3"))
    store.record("b").write_bytes(old)
    with store.desk() as desk, pytest.raises(Damaged):
        value(desk, B)


def test_audit_put_back(store: VaultStore) -> None:
    old = (store.folder / "audit-1").read_bytes()
    store.ask(read(A), put(B, b"b3"))
    (store.folder / "audit-1").write_bytes(old)
    for ask in (read(A), put(B, b"b4"), Audit()):
        with store.desk() as desk, pytest.raises(Damaged):
            desk.ask(ask)
    with closing(store.open()) as vault:
        vault.rekey(NOW)
        assert value(desk_of(vault), B) == b"b3"
    store.ask(put(B, b"b4"))
    assert value_of(store, B) == b"b4"


def test_a_fork_with_more_changes(store: VaultStore, tmp_path: Path) -> None:
    """Another host wrote to a copy, more than we did; it is genuine, and not ours."""
    fork = copied(store, tmp_path / "fork")
    store.ask(put(B, b"ours"))
    fork.ask(put(B, b"theirs"), put(B, b"more"), put(B, b"and more"))
    shutil.rmtree(store.folder)
    shutil.copytree(fork.folder, store.folder)
    with pytest.raises(RolledBack, match="another way"):
        store.open()
    with store.desk(accept=True) as desk:
        assert value(desk, B) == b"and more"


def test_the_manifest_of_a_fork(store: VaultStore, tmp_path: Path) -> None:
    """As long as ours, of the same key, and whole: only the last tag tells."""
    fork = copied(store, tmp_path / "fork")
    store.ask(put(B, b"ours"))
    fork.ask(put(B, b"fork"))
    data = (fork.folder / "manifest-1").read_bytes()
    assert len(data) == (store.folder / "manifest-1").stat().st_size
    (store.folder / "manifest-1").write_bytes(data)
    with pytest.raises(Unsound):
        store.open()
    with pytest.raises(Damaged):
        store.open(accept=True)


def test_no_anchor(store: VaultStore) -> None:
    store.anchor_file.unlink()
    with pytest.raises(RolledBack):
        store.open()


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"epoch":1}', b"\xff", b"1" * 5000])
def test_an_anchor_of_nonsense(store: VaultStore, text: bytes) -> None:
    store.anchor_file.write_bytes(text)
    with pytest.raises(Damaged):
        store.open()
    store.open(accept=True).close()
    assert value_of(store, A) == b"a2"


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def fifo(path: Path, _: Path) -> None:
    os.mkfifo(path, 0o600)


def folder(path: Path, _: Path) -> None:
    path.mkdir(0o700)


@pytest.mark.parametrize("plant", [link, fifo, folder])
@pytest.mark.parametrize("name", [*NAMES, "lock", "vault", "anchors"])
def test_what_is_no_file_in_place_of_one(
    store: VaultStore, tmp_path: Path, plant: Callable[[Path, Path], None], name: str
) -> None:
    """The victim is a copy of what was there, so that only how it is found is wrong."""
    path = {"vault": store.folder, "anchors": store.anchor}.get(name) or place(store, name)
    victim = tmp_path / "victim"
    path.rename(victim)
    before = victim.stat() if victim.is_dir() else victim.read_bytes()
    plant(path, victim)
    if (name, plant) == ("lock", fifo):
        store.ask(put(B, b"b3"))  # a lock can be held on it all the same
        return
    with pytest.raises((PytrustError, NotADirectoryError)) as caught:
        store.ask(read(A), put(B, b"b3"))
    assert isinstance(caught.value, PytrustError), caught.value
    assert before == (victim.stat() if victim.is_dir() else victim.read_bytes())


@pytest.mark.parametrize("plant", [link, fifo, folder, lambda path, victim: path.hardlink_to(victim)], ids=range(4))
def test_planted_where_a_rekey_writes(store: VaultStore, tmp_path: Path, plant: Callable[[Path, Path], None]) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"victim")
    plant(store.folder / "manifest-2", victim)
    with closing(store.open()) as vault:
        try:
            vault.rekey(NOW)
        except Unsound:
            assert plant is folder
    assert victim.read_bytes() == b"victim"
    assert value_of(store, A) == b"a2"


def test_a_hard_link_keeps_what_it_had(store: VaultStore, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.hardlink_to(store.folder / "vault.json")
    before = other.read_bytes()
    store.ask(put(B, b"b3"))
    assert other.read_bytes() == before


def test_folders_exchanged_under_an_open_vault(store: VaultStore, tmp_path: Path) -> None:
    """Neither takes harm, and nothing of one comes into the other."""
    (tmp_path / "other").mkdir(0o700)
    other = VaultStore(tmp_path / "other").create()
    other.ask(put(A, b"other"))
    with closing(store.open()) as vault:
        store.folder.rename(tmp_path / "aside")
        other.folder.rename(store.folder)
        for ask in (read(A), put(A, b"x")):
            with pytest.raises(VaultLocked):
                desk_of(vault).ask(ask)
    store.folder.rename(other.folder)
    (tmp_path / "aside").rename(store.folder)
    assert (value_of(store, A), value_of(other, A)) == (b"a2", b"other")


def test_the_same_vault_elsewhere_under_an_open_one(store: VaultStore, tmp_path: Path) -> None:
    """A restored copy of the same moment: what is read goes on into the audit that lies there now."""
    with closing(store.open()) as vault:
        desk = desk_of(vault)
        value(desk, A)
        shutil.copytree(store.folder, tmp_path / "copy")
        store.folder.rename(tmp_path / "aside")
        (tmp_path / "copy").rename(store.folder)
        for data in (b"b3", b"b4"):
            desk.ask(put(B, data))
            value(desk, B)
    assert everything(store)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("vault", 0o755),
        ("vault", 0o770),
        ("vault.json", 0o644),
        ("vault.json", 0o660),
        ("anchor", 0o644),
        ("anchors", 0o777),
    ],
)
def test_open_to_others(store: VaultStore, name: str, mode: int) -> None:
    path = {"vault": store.folder, "anchors": store.anchor}.get(name) or place(store, name)
    path.chmod(mode)
    with pytest.raises(BadPermissions):
        store.open()


@pytest.mark.skipif(os.geteuid() != 0, reason="another owner needs root")
@pytest.mark.parametrize("name", ["vault", "vault.json", "anchor", "anchors"])
def test_of_another_owner(store: VaultStore, name: str) -> None:
    path = {"vault": store.folder, "anchors": store.anchor}.get(name) or place(store, name)
    os.chown(path, 12345, 12345)
    with pytest.raises(BadPermissions):
        store.open()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_under_every_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        at = tmp_path / "at"
        at.mkdir(0o700)
        store = VaultStore(at).create()
        store.ask(put(A, b"a1"), read(A), put(A, b"a2"))
        with closing(store.open()) as vault:
            vault.add_slot(slot(1), NOW)
            vault.rekey(NOW)
    finally:
        os.umask(before)
    for path in at.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_slot_that_opens_another_master_key(store: VaultStore, tmp_path: Path) -> None:
    """Made by somebody who knows all that lies on the disk; only the header's MAC and the slot's key are in the way."""
    (tmp_path / "other").mkdir(0o700)
    other = VaultStore(tmp_path / "other").create()
    ours, theirs = read_header(store.folder), read_header(other.folder)
    with pytest.raises(WrongPassphrase):
        open_slot(ours, theirs.slots[0], seed(0))
    data = (store.folder / "vault.json").read_bytes()
    with pytest.raises(Damaged):
        check_header(data, ours, other.master())


def test_an_anchor_moves_forward_only(store: VaultStore) -> None:
    """Whoever opens late has read an older anchor than there is by then."""
    header = read_header(store.folder)
    with closing(store.open()) as vault:
        desk_of(vault).ask(put(B, b"b3"))
        found = AnchorFile(store.anchor, header.store).read()
        assert found is not None
        assert found.generation == vault.header.generation == header.generation + 1
