"""The key ring: one file a key, no name twice, nothing that others could have swapped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.keys import ALICE, BOB, PASSPHRASE, keyring, passphrase, private, public

from pytrust.trust.errors import (
    BadPermissions,
    Damaged,
    InvalidName,
    NoSuchKey,
    NotSetUp,
    PytrustError,
    UsageError,
    WrongPassphrase,
)
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.signers import open_signer
from pytrust.trust.names import RoleName


def names(folder: Path | str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir() if path.name != ".lock")


def test_add_list_find_open(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice", "bob")
    assert [(entry.name, entry.public, entry.uri) for entry in ring.entries()] == [
        ("alice", public("alice"), None),
        ("bob", public("bob"), None),
    ]
    assert ring.find(public("bob").id) == ring.entry(BOB)
    assert ring.find(public("carol").id) is None
    assert ring.open(ALICE, passphrase).public_key() == private("alice").public_key()
    assert (tmp_path / "keys" / "alice.key").stat().st_mode & 0o777 == 0o600


def test_the_passphrase_is_asked_for_by_name(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(name: RoleName) -> bytes:
        asked.append(name)
        return b"wrong"

    with pytest.raises(WrongPassphrase, match="the key alice"):
        keyring(tmp_path / "keys", "alice").open(ALICE, ask)
    assert asked == ["alice"]


def test_a_name_is_given_once(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    before = (tmp_path / "keys" / "alice.key").read_bytes()
    with pytest.raises(UsageError, match="already"):
        ring.add(ALICE, private("bob"), lambda _: PASSPHRASE)
    with pytest.raises(UsageError, match="already"):
        ring.add_uri(ALICE, public("bob"), "hsm:2?label=x")
    assert (tmp_path / "keys" / "alice.key").read_bytes() == before
    assert names(tmp_path / "keys") == ["alice.key"]


def test_remove(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    ring.remove(ALICE)
    assert ring.entries() == []
    for act in (ring.remove, ring.entry):
        with pytest.raises(NoSuchKey, match="no key named alice"):
            act(ALICE)


def test_promote_keeps_the_old_key_under_its_id(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice", "alice-next1")
    kept = ring.promote(RoleName("alice-next1"), ALICE)
    assert kept == f"alice-{public('alice').id[:8]}"
    assert {entry.name: entry.public for entry in ring.entries()} == {
        "alice": public("alice-next1"),
        kept: public("alice"),
    }
    assert ring.open(kept, passphrase).public_key() == private("alice").public_key()


def test_promote_again_after_a_crash_between_its_two_steps(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice", "alice-next1")
    os.link(tmp_path / "keys" / "alice.key", tmp_path / "keys" / f"alice-{public('alice').id[:8]}.key")
    ring.promote(RoleName("alice-next1"), ALICE)
    assert ring.entry(ALICE).public == public("alice-next1")


def test_promoting_a_key_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    with pytest.raises(NoSuchKey):
        ring.promote(BOB, ALICE)
    assert names(tmp_path / "keys") == ["alice.key"]


def test_promoting_never_loses_the_old_key_to_a_name_that_is_taken(tmp_path: Path) -> None:
    taken = f"alice-{public('alice').id[:8]}"
    ring = keyring(tmp_path / "keys", "alice", "alice-next1", taken)
    with pytest.raises(UsageError, match="already"):
        ring.promote(RoleName("alice-next1"), ALICE)
    assert ring.find(public("alice").id) is not None


def test_a_swapped_public_half_is_noticed(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    path = tmp_path / "keys" / "alice.key"
    path.write_bytes(path.read_bytes().replace(public("alice").pem.encode(), public("bob").pem.encode()))
    with pytest.raises(Damaged, match="do not belong together"):
        ring.open(ALICE, passphrase)


@pytest.mark.parametrize("content", [b"", b"junk", public("alice").pem.encode(), b"-----END PUBLIC KEY-----\nx"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys" / "alice.key").write_bytes(content)
    with pytest.raises(PytrustError):
        ring.open(ALICE, passphrase)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_key_files_that_others_can_read(tmp_path: Path, mode: int) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys" / "alice.key").chmod(mode)
    for act in (lambda: ring.entry(ALICE), lambda: ring.open(ALICE, passphrase), ring.entries):
        with pytest.raises(BadPermissions):
            act()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770])
def test_a_folder_that_others_can_enter(tmp_path: Path, mode: int) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys").chmod(mode)
    for act in (ring.entries, lambda: ring.entry(ALICE), lambda: ring.add(BOB, private("bob"), lambda _: PASSPHRASE)):
        with pytest.raises(BadPermissions):
            act()


def test_links_are_not_followed(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys" / "bob.key").symlink_to("alice.key")
    with pytest.raises(BadPermissions, match="symbolic link"):
        ring.entry(BOB)


def test_no_folder_yet(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp):
        Keyring(tmp_path / "keys").entries()


def test_keys_that_live_elsewhere(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys")
    ring.add_uri(ALICE, public("alice"), "hsm:2?label=release&pin=no")
    assert ring.entry(ALICE).uri == "hsm:2?label=release&pin=no"
    assert ring.find(public("alice").id) == ring.entry(ALICE)
    with pytest.raises(UsageError, match="outside this key ring"):
        ring.open(ALICE, passphrase)


@pytest.mark.parametrize("uri", ["", "a b", "a\nb", "é", "x" * 1025, "a\x7f"])
def test_what_is_no_uri(tmp_path: Path, uri: str) -> None:
    ring = keyring(tmp_path / "keys")
    with pytest.raises(UsageError, match="not a key URI"):
        ring.add_uri(ALICE, public("alice"), uri)
    assert ring.entries() == []


def test_an_unknown_scheme_cannot_sign(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys")
    ring.add_uri(ALICE, public("alice"), "ftp:x")
    with pytest.raises(UsageError, match="unknown URI scheme 'ftp'"):
        open_signer(ring, ring.entry(ALICE), passphrase)


@pytest.mark.parametrize(
    ("uri", "extra"),
    [("awskms:a", "aws"), ("gcpkms:a", "gcp"), ("azurekms:a", "azure"), ("hv:a", "vault")],
)
def test_a_missing_extra_is_named(tmp_path: Path, uri: str, extra: str) -> None:
    ring = keyring(tmp_path / "keys")
    ring.add_uri(ALICE, public("alice", "ecdsa-p256"), uri)
    with pytest.raises(UsageError) as caught:
        open_signer(ring, ring.entry(ALICE), passphrase)
    assert f"pytrust[{extra}]" in caught.value.hint


def test_a_stray_file_is_named(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys" / "Stray Name.key").touch(0o600)
    with pytest.raises(InvalidName, match="Stray Name"):
        ring.entries()


def test_what_a_killed_write_leaves_is_no_key(tmp_path: Path) -> None:
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys" / ".bob.key.12.34.new").write_bytes(b"half")
    assert [entry.name for entry in ring.entries()] == ["alice"]
