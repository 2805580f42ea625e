"""A vault in one file: deterministic, readable by tar, and read back in its one spelling only."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, PytrustError, Unsound, UsageError
from pytrust.trust.vault import folder as folders
from pytrust.trust.vault.copy import backup, put_in_place, unpack
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Remove, Value
from pytrust.trust.vault.vault import Vault, create_vault

SEED = bytes(range(32))
CANARY = b"canary-90af"


def desk_of(vault: Vault) -> Desk:
    return Desk(vault, now=lambda: 1_800_000_000, owner="uid:0")


def put(vault: Vault, name: str, value: bytes) -> None:
    desk_of(vault).ask(Put(name=SecretName(name), value=value))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """One with two secrets, three versions, and a read."""
    made = create_vault(tmp_path / "vault", tmp_path / "anchor", [NewSlot("unlock-key", "", SEED, {})], now=7)
    for value in (CANARY, b"second"):
        put(made, "db/password", value)
    put(made, "other", b"x" * 1000)
    desk_of(made).ask(Get(name=SecretName("other")))
    return made


@pytest.fixture
def saved(vault: Vault, tmp_path: Path) -> Path:
    backup(tmp_path / "vault", tmp_path / "saved.tar")
    return tmp_path / "saved.tar"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_of_it_comes_back_byte_for_byte(vault: Vault, saved: Path, tmp_path: Path) -> None:
    header = unpack(saved, tmp_path / "new")
    assert header == vault.header
    lock = {"lock": b""}
    assert files(tmp_path / "new") | lock == files(tmp_path / "vault")
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600)
    again = Vault.open(tmp_path / "new", tmp_path / "anchor2", vault.master, accept_rollback=True)
    assert list(again.verify()) == []
    assert desk_of(again).ask(Get(name=SecretName("db/password"), number=1)) == Value(number=1, value=CANARY)  # type: ignore[arg-type]


def test_the_file_is_private_and_always_the_same(saved: Path, tmp_path: Path) -> None:
    backup(tmp_path / "vault", tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == saved.read_bytes()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert CANARY not in saved.read_bytes()
    assert b"password" not in saved.read_bytes()


def test_tar_reads_it(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "out", "-xf", saved], check=True, capture_output=True)
    assert files(tmp_path / "out") | {"lock": b""} == files(tmp_path / "vault")


def test_what_is_not_the_vaults_stays_out(vault: Vault, tmp_path: Path) -> None:
    for name in ("notes.txt", ".1.2.new", "manifest-99", "records/zz", "records/aa/short"):
        path = tmp_path / "vault" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not the vault's")
    backup(tmp_path / "vault", tmp_path / "saved.tar")
    unpack(tmp_path / "saved.tar", tmp_path / "new")
    assert b"not the vault's" not in files(tmp_path / "new").values()


def test_a_value_that_goes_meanwhile_is_not_missed(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever removes a secret takes its values away without the lock, after the header was written."""
    gone: list[str] = []
    monkeypatch.setattr(folders.Folder, "remove_records", lambda self, records: gone.extend(records))
    desk_of(vault).ask(Remove(name=SecretName("db/password")))
    monkeypatch.undo()
    real = os.open

    def opening(path: str, *rest: int) -> int:
        if "records" in str(path):
            folders.Folder(tmp_path / "vault").remove_records(gone)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", opening)
    backup(tmp_path / "vault", tmp_path / "saved.tar")
    monkeypatch.undo()
    unpack(tmp_path / "saved.tar", tmp_path / "new")
    again = Vault.open(tmp_path / "new", tmp_path / "anchor2", vault.master, accept_rollback=True)
    assert list(again.verify()) == []
    assert again.names() == ["other"]


def test_a_change_waits_for_the_backup(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    def linked(source: Path, target: Path) -> None:
        with pytest.raises(PytrustError, match="locked"), folders.Folder(tmp_path / "vault").locked():
            raise AssertionError("somebody else could change the vault")
        held.append(True)

    monkeypatch.setattr(folders, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(os, "link", linked)
    backup(tmp_path / "vault", tmp_path / "saved.tar")
    assert held == [True]


@pytest.mark.parametrize("how", ["file", "link", "folder"])
def test_what_is_there_is_not_written_over(vault: Vault, tmp_path: Path, how: str) -> None:
    target = tmp_path / "saved.tar"
    if how == "file":
        target.write_bytes(b"mine")
    elif how == "link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
    with pytest.raises(UsageError, match="exists already"):
        backup(tmp_path / "vault", target)
    assert not (tmp_path / "nowhere").exists()


def test_where_it_cannot_be_written(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        backup(tmp_path / "vault", tmp_path / "no" / "saved.tar")
    with pytest.raises(NotSetUp):
        backup(tmp_path / "nothing", tmp_path / "saved.tar")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []


def test_a_vault_without_its_manifest(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "vault" / "manifest-1").unlink()
    with pytest.raises(Damaged, match="manifest-1 is gone"):
        backup(tmp_path / "vault", tmp_path / "saved.tar")
    assert not (tmp_path / "saved.tar").exists()


def test_a_disk_that_is_full_leaves_nothing(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unsound, match="No space left"):
        backup(tmp_path / "vault", tmp_path / "saved.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"vault", "anchor"}


def test_every_truncation_is_refused(saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    lengths = {*range(0, len(data), 97), *range(len(data) - 1030, len(data))}
    for length in lengths:
        short = tmp_path / "short.tar"
        short.write_bytes(data[:length])
        short.chmod(0o600)
        with pytest.raises(Damaged):
            unpack(short, tmp_path / f"new{length}")


def test_every_changed_byte_of_a_head_is_refused(saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    with tarfile.open(saved) as archive:
        heads = [member.offset for member in archive.getmembers()]
    for offset in (*heads[1:2], len(data) - 1024):
        for position in range(offset, offset + 512):
            changed = bytearray(data)
            changed[position] ^= 1
            (tmp_path / "changed.tar").write_bytes(changed)
            (tmp_path / "changed.tar").chmod(0o600)
            with pytest.raises(Damaged):
                unpack(tmp_path / "changed.tar", tmp_path / f"new{position}")


def archive_of(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        end = archive.offset
    return made.getvalue()[: end + 1024]  # without what tar adds to fill its records


def member(name: str, **changes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = 0o600
    for key, value in changes.items():
        setattr(info, key, value)
    return info


RECORD = f"records/ab/{'0' * 30}"
HEAD = (member("vault.json"), b"{}")
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "zeros": lambda: bytes(10240),
    "text": lambda: b"hello" * 1000,
    "no header": lambda: archive_of((member("manifest-1"), b"x")),
    "the header later": lambda: archive_of((member("audit-1"), b"x"), HEAD),
    "the header twice": lambda: archive_of(HEAD, HEAD),
    "a path upwards": lambda: archive_of(HEAD, (member("../evil"), b"x")),
    "a path upwards within": lambda: archive_of(HEAD, (member("records/../../evil"), b"x")),
    "an absolute path": lambda: archive_of(HEAD, (member("/tmp/evil"), b"x")),
    "another name": lambda: archive_of(HEAD, (member("lock"), b"x")),
    "a name with a zero": lambda: archive_of(HEAD, (member("audit-1\0x"), b"x")),
    "a number in two spellings": lambda: archive_of(HEAD, (member("audit-01"), b"x")),
    "a symbolic link": lambda: archive_of(HEAD, (member("audit-1", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
    "a hard link": lambda: archive_of(HEAD, (member("audit-1", type=tarfile.LNKTYPE, linkname="vault.json"), b"")),
    "a device": lambda: archive_of(HEAD, (member("audit-1", type=tarfile.CHRTYPE), b"")),
    "a fifo": lambda: archive_of(HEAD, (member("audit-1", type=tarfile.FIFOTYPE), b"")),
    "a folder": lambda: archive_of(HEAD, (member("audit-1", type=tarfile.DIRTYPE), b"")),
    "a mode": lambda: archive_of(HEAD, (member("audit-1", mode=0o4755), b"x")),
    "an owner": lambda: archive_of(HEAD, (member("audit-1", uname="root"), b"x")),
    "a time": lambda: archive_of(HEAD, (member("audit-1", mtime=1), b"x")),
    "a name twice": lambda: archive_of(HEAD, (member("audit-1"), b"x"), (member("audit-1"), b"y")),
    "another order": lambda: archive_of(HEAD, (member("manifest-1"), b"x"), (member("audit-1"), b"y")),
    "an extended head": lambda: archive_of(
        HEAD, (member("audit-1", pax_headers={"path": "../evil"}), b"x"), form=tarfile.PAX_FORMAT
    ),
    "a long name": lambda: archive_of(HEAD, (member("records/" + "a" * 120), b"x"), form=tarfile.GNU_FORMAT),
    "a value that is too large": lambda: archive_of(HEAD, (member(RECORD), bytes(1024 * 1024 + 29))),
    "a header that is too large": lambda: archive_of((member("vault.json"), bytes(1024 * 1024 + 1))),
    "the end of tar itself": lambda: archive_of(HEAD) + bytes(10240 - 2048),
    "one block of the end": lambda: archive_of(HEAD)[:-512],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_that_others_made(tmp_path: Path, case: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir(0o700)
    file = tmp_path / "hostile.tar"
    file.write_bytes(HOSTILE[case]())
    file.chmod(0o600)
    with pytest.raises(Damaged, match="is no backup of a vault"):
        unpack(file, inside / "new")
    assert {path.name for path in tmp_path.iterdir()} == {"inside", "hostile.tar"}
    assert {path.name for path in inside.iterdir()} == {"new"}
    assert not any(path.is_symlink() for path in inside.rglob("*"))


def test_a_size_that_nothing_follows_costs_nothing(tmp_path: Path, saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    info = member("audit-1")
    info.size = 8 * 1024**3 - 1
    with tarfile.open(saved) as archive:
        second = archive.getmembers()[1].offset
    data[second : second + 512] = info.tobuf(tarfile.USTAR_FORMAT)
    saved.write_bytes(data)
    with pytest.raises(Damaged):
        unpack(saved, tmp_path / "new")


def test_a_backup_that_others_could_have_written(saved: Path, tmp_path: Path) -> None:
    saved.chmod(0o666)
    with pytest.raises(BadPermissions):
        unpack(saved, tmp_path / "new")
    saved.chmod(0o600)
    (tmp_path / "link").symlink_to(saved)
    with pytest.raises(BadPermissions):
        unpack(tmp_path / "link", tmp_path / "new")
    with pytest.raises(NotSetUp):
        unpack(tmp_path / "nothing", tmp_path / "new")


def test_the_vault_that_was_there_stays_beside(vault: Vault, saved: Path, tmp_path: Path) -> None:
    place = tmp_path / "vault"
    for number in (1, 2):
        before = files(place)
        new = tmp_path / f"new{number}"
        unpack(saved, new)
        aside = put_in_place(new, place)
        assert aside == tmp_path / f"vault.replaced.{number}"
        assert files(aside) == before | {"lock": b""}
        assert not new.exists()
    (tmp_path / "elsewhere").mkdir()
    unpack(saved, tmp_path / "new")
    assert put_in_place(tmp_path / "new", tmp_path / "elsewhere" / "vault") is None


def test_a_failed_swap_puts_the_old_vault_back(vault: Vault, tmp_path: Path) -> None:
    before = files(tmp_path / "vault")
    with pytest.raises(Unsound):
        put_in_place(tmp_path / "not there", tmp_path / "vault")
    assert files(tmp_path / "vault") == before
