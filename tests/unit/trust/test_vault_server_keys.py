"""What a server signs with, where it lies in the vault: opened when it is needed, moved there whole, taken along."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, PytrustError, Unsound, VaultLocked
from pytrust.trust.keys.leftovers import sweep
from pytrust.trust.keys.online import (
    OnlineRole,
    adopt_online_key,
    create_online_keys,
    load_online_keys,
    online_files,
    rotate_online_key,
)
from pytrust.trust.keys.pocket import KeyFile, Pocket
from pytrust.trust.keys.sealing import SEAL_FILE, adopt_seal, load_sealer, make_seal
from pytrust.trust.keys.vaulted_keys import keep_key
from pytrust.trust.server.auth.signing_key import adopt_signing_key, signing_key
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.operations import Get, List

PLACE = "docker.io/foo/web timestamp 00"


@dataclass
class Town:
    """The folder of online keys, and a vault."""

    online: Path
    vault: FakeVaulted

    def opening(self) -> Vaulted:
        return self.vault

    @property
    def token(self) -> Path:
        return self.online.parent / "token-key.pem"

    def files(self) -> list[KeyFile]:
        found: list[KeyFile] = [(path, "online") for path in (*online_files(self.online), self.online / SEAL_FILE)]
        return [*found, (self.token, "server")] if self.token.exists() else found

    def adopt(self) -> list[bool]:
        """All that there is."""
        moved = [adopt_online_key(path, self.opening) for path in online_files(self.online)]
        return [*moved, adopt_seal(self.online, self.opening), adopt_signing_key(self.token, self.opening)]

    def reads(self) -> int:
        return sum(isinstance(operation, Get) for operation in self.vault.asked)

    def texts(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.online.parent.rglob("*") if path.is_file())


@pytest.fixture
def town(tmp_path: Path) -> Town:
    tmp_path.chmod(0o700)
    (tmp_path / "online").mkdir(mode=0o700)
    return Town(tmp_path / "online", FakeVaulted())


@pytest.fixture
def bare(town: Town) -> Town:
    """With all its keys in files."""
    create_online_keys(town.online)
    load_sealer(town.online)
    signing_key(town.token)
    return town


def test_new_keys_lie_in_the_vault_alone(town: Town) -> None:
    create_online_keys(town.online, town.opening)
    make_seal(town.online, town.opening)
    signing_key(town.token, town.opening)
    assert b"PRIVATE" not in town.texts()
    assert [name.rpartition("-")[0] for name in town.vault.names()] == [
        "pytrust/key/online/seal",
        "pytrust/key/online/snapshot",
        "pytrust/key/online/timestamp",
        "pytrust/key/server/token",
    ]


def test_loading_opens_nothing_and_signing_opens_once(town: Town) -> None:
    create_online_keys(town.online, town.opening)
    before = town.reads()
    keys = load_online_keys(town.online, town.opening)
    snapshot, timestamp = (held.public for held in (keys.snapshot[0], keys.timestamp[0]))
    assert keys.offered("x") == (snapshot, timestamp)  # type: ignore[arg-type]
    assert keys.all_of("snapshot") == {snapshot}
    assert keys.find("snapshot", [timestamp]) is None
    assert town.reads() == before
    for _ in range(3):
        found = keys.find("snapshot", [snapshot])
        assert found is not None
        assert found.public == snapshot
        assert found.private is not None
    assert town.reads() == before + 1
    town.vault.close()
    assert keys.find("snapshot", [snapshot]) is not None
    with pytest.raises(VaultLocked):
        keys.find("timestamp", [timestamp])


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
@pytest.mark.parametrize("adopted", [False, True])
def test_rotation_keeps_the_old_key(bare: Town, role: OnlineRole, adopted: bool) -> None:
    before = load_online_keys(bare.online)
    if adopted:
        bare.adopt()
    fresh = [rotate_online_key(bare.online, role, bare.opening), rotate_online_key(bare.online, role, bare.opening)]
    after = load_online_keys(bare.online, bare.opening)
    old = (before.snapshot if role == "snapshot" else before.timestamp)[0].public
    assert after.all_of(role) == {old, *fresh}
    assert (after.snapshot if role == "snapshot" else after.timestamp)[0].public == fresh[1]
    for public in (old, *fresh):
        found = after.find(role, [public])
        assert found is not None
        assert found.private is not None
        assert found.private.public_key() == public.load()


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_no_key_takes_the_place_of_one_in_a_vault_that_is_not_there(bare: Town, role: OnlineRole) -> None:
    """It would lie in the clear, and nobody would be told."""
    bare.adopt()
    before = bare.texts()
    with pytest.raises(NotSetUp, match=f"the key {role} lies in a vault, and there is none here"):
        rotate_online_key(bare.online, role)
    assert bare.texts() == before


def test_what_is_moved_stays_what_it_was(bare: Town) -> None:
    rotate_online_key(bare.online, "snapshot")
    before, sealed = load_online_keys(bare.online), load_sealer(bare.online).seal(b"secret", PLACE)
    token = signing_key(bare.token)
    assert bare.adopt() == [True] * 5
    assert b"PRIVATE" not in bare.texts()
    left = bare.texts()
    assert bare.adopt() == [False] * 5
    assert bare.texts() == left
    after = load_online_keys(bare.online, bare.opening)
    for role in ("snapshot", "timestamp"):
        assert after.all_of(role) == before.all_of(role)
        for public in before.all_of(role):
            assert after.find(role, [public]) is not None
    assert load_sealer(bare.online, bare.opening).open(sealed, PLACE) == b"secret"
    assert signing_key(bare.token, bare.opening).private_numbers() == token.private_numbers()
    assert {path.stat().st_mode & 0o777 for path in (*bare.online.iterdir(), bare.token)} == {0o600}


def test_the_sealer_opens_the_vault_when_it_is_needed(bare: Town) -> None:
    sealed = load_sealer(bare.online).seal(b"secret", PLACE)
    bare.adopt()
    before = bare.reads()
    sealer = load_sealer(bare.online, bare.opening)
    assert bare.reads() == before
    for _ in range(3):
        assert sealer.open(sealed, PLACE) == b"secret"
    assert bare.reads() == before + 1


def test_a_store_without_a_seal_makes_one_when_it_is_needed(town: Town) -> None:
    sealer = load_sealer(town.online, town.opening)
    assert not (town.online / SEAL_FILE).exists()
    sealed = sealer.seal(b"secret", PLACE)
    assert load_sealer(town.online, town.opening).open(sealed, PLACE) == b"secret"


def test_many_begin_at_one_time_and_agree(town: Town) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(lambda _: load_sealer(town.online, town.opening), range(8)))
        sealed = list(pool.map(lambda sealer: sealer.seal(b"secret", PLACE), sealers))
        keys = set(pool.map(lambda _: signing_key(town.token, town.opening).private_numbers().private_value, range(8)))
    assert {sealer.open(one, PLACE) for sealer in sealers for one in sealed} == {b"secret"}
    assert len(keys) == 1


@pytest.mark.parametrize("vault", [None, FakeVaulted])
def test_files_that_were_taken_elsewhere(bare: Town, vault: Callable[[], FakeVaulted] | None) -> None:
    sealed = load_sealer(bare.online).seal(b"secret", PLACE)
    bare.adopt()
    keys, expected = load_online_keys(bare.online, vault), NotSetUp if vault is None else Damaged
    for act in (
        lambda: keys.find("snapshot", keys.all_of("snapshot")),
        lambda: load_sealer(bare.online, vault).open(sealed, PLACE),
        lambda: signing_key(bare.token, vault),
    ):
        with pytest.raises(expected, match=r"lies in a vault|not in the vault") as caught:
            act()
        assert caught.value.hint


def test_one_key_is_not_taken_for_another(bare: Town) -> None:
    bare.adopt()
    one, other = bare.online / "snapshot.pem", bare.online / "timestamp.pem"
    end = b"-----END PUBLIC KEY-----\n"
    one.write_bytes(one.read_bytes().partition(end)[0] + end + other.read_bytes().partition(end)[2])
    keys = load_online_keys(bare.online, bare.opening)
    with pytest.raises(Damaged, match="do not belong together"):
        keys.find("snapshot", keys.all_of("snapshot"))


def test_a_token_key_of_another_kind_in_the_vault(town: Town) -> None:
    from tests.fakes.keys import private, public

    secret = keep_key(town.vault, "server", "token", private("alice"))
    town.token.touch(0o600)
    town.token.write_bytes(public("alice").pem.encode() + f"URI: vault:{secret}\n".encode())
    with pytest.raises(Unsound, match="not a P-256 key"):
        signing_key(town.token, town.opening)


def test_others_may_not_read_what_is_moved(bare: Town) -> None:
    (bare.online / "snapshot.pem").chmod(0o640)
    with pytest.raises(BadPermissions):
        adopt_online_key(bare.online / "snapshot.pem", bare.opening)
    assert bare.vault.names() == []


def pocket(town: Town, opened: list[bool]) -> Pocket:
    """One whose vault is open as ``opened`` says."""
    return Pocket(town.files, lambda: town.vault if opened[0] else None)


def carried(made: Pocket) -> Pocket:
    """As a process gets it."""
    found = pickle.loads(pickle.dumps(made))
    assert isinstance(found, Pocket)
    return found


def test_a_process_signs_with_what_it_was_given(bare: Town) -> None:
    sealed = load_sealer(bare.online).seal(b"secret", PLACE)
    bare.adopt()
    made = pocket(bare, [False])
    made.fill(bare.vault)
    bare.vault.close()
    child = carried(made)
    keys = load_online_keys(bare.online, child)
    assert keys.find("snapshot", keys.all_of("snapshot")) is not None
    assert load_sealer(bare.online, child).open(sealed, PLACE) == b"secret"
    assert signing_key(bare.token, child).key_size == 256


def test_what_was_moved_or_rotated_meanwhile_is_taken_along_if_the_vault_is_open(bare: Town) -> None:
    opened = [False]
    made = pocket(bare, opened)
    bare.adopt()
    keys = load_online_keys(bare.online, carried(made))
    with pytest.raises(VaultLocked) as caught:
        keys.find("snapshot", keys.all_of("snapshot"))
    assert caught.value.hint
    opened[0] = True
    assert keys_of(bare, made).find("snapshot", keys.all_of("snapshot")) is not None
    fresh = rotate_online_key(bare.online, "snapshot", bare.opening)
    assert keys_of(bare, made).find("snapshot", [fresh]) is not None
    opened[0] = False
    assert keys_of(bare, made).find("snapshot", [fresh]) is not None


def keys_of(town: Town, made: Pocket):  # type: ignore[no-untyped-def]
    return load_online_keys(town.online, carried(made))


def test_a_key_is_taken_out_of_the_vault_once(bare: Town) -> None:
    bare.adopt()
    made = pocket(bare, [True])
    carried(made)
    before = bare.reads()
    for _ in range(3):
        carried(made)
    assert bare.reads() == before


@pytest.mark.parametrize("damage", ["gone", "junk", "open"])
def test_a_process_can_begin_though_a_file_is_unfit(bare: Town, damage: str) -> None:
    """It says itself what it cannot work with."""
    bare.adopt()
    made = pocket(bare, [True])
    path = bare.online / "snapshot.pem"
    if damage == "gone":
        path.unlink()
    elif damage == "junk":
        path.write_bytes(b"URI: vault:x\n")
    else:
        path.chmod(0o644)
    with pytest.raises(PytrustError):
        load_online_keys(bare.online, carried(made))


def test_nothing_of_a_key_is_shown(bare: Town) -> None:
    bare.adopt()
    made = pocket(bare, [True])
    made.fill(bare.vault)
    assert repr(made) == "Pocket(4 keys)"
    with pytest.raises(VaultLocked):
        made.ask(List())


def test_what_a_killed_write_left_is_swept_and_nothing_else(bare: Town) -> None:
    left = bare.online / ".999999999.123.new"
    left.write_bytes((bare.online / "snapshot.pem").read_bytes())
    mine = bare.online / f".{os.getpid()}.123.new"
    mine.touch()
    kept = {path.name for path in bare.online.iterdir()} - {left.name}
    sweep(bare.online)
    assert {path.name for path in bare.online.iterdir()} == kept
