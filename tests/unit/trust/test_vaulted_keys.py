"""Keys in the vault: what files may refer to, and what is said where the vault has not got it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.keys import ALICE, keyring, passphrase, private, public
from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.errors import Conflict, Damaged, NotSetUp, UsageError, VaultLocked
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.signers import open_signer
from pytrust.trust.keys.vaulted_keys import (
    fetch,
    forget,
    keep_bytes,
    keep_key,
    open_key,
    private_pem,
    read_reference,
    write_reference,
)
from pytrust.trust.names import RoleName
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Remove

NAME = SecretName("pytrust/key/signing/alice-0123456789ab")
PEM = public("alice").pem.encode()


def test_a_reference_is_read_as_it_was_written() -> None:
    line = write_reference(NAME)
    assert read_reference(line, "signing", "x") == NAME
    assert read_reference(PEM + line, "signing", "x") == NAME


@given(st.binary(max_size=200))
def test_what_is_no_reference_is_a_key_or_nothing(data: bytes) -> None:
    assert read_reference(data, "signing", "x") is None


@pytest.mark.parametrize(
    "uri", ["hsm:2?label=x", "hv:a", "Vault:pytrust/key/signing/a", "x", "vaults:pytrust/key/signing/alice"]
)
def test_other_uris_are_none_of_the_vault(uri: str) -> None:
    assert read_reference(PEM + f"URI: {uri}\n".encode(), "signing", "x") is None


@pytest.mark.parametrize(
    "uri",
    [
        "vault:",
        "vault:db_password",
        "vault:pytrust/login/abc",
        "vault:pytrust/key/ca/root-g1-0123456789ab",
        "vault:pytrust/key/signing",
        "vault:pytrust/key/signing/",
        "vault:pytrust/key/signing/../ca/root-g1",
        "vault:pytrust/key/signing//alice",
        "vault:/pytrust/key/signing/alice",
        "vault:pytrust/key/signing/" + "a" * 300,
        "vault:pytrust/key/signing/al%00ice",
    ],
)
def test_a_file_cannot_point_at_what_is_no_key_of_its_kind(tmp_path: Path, uri: str) -> None:
    with pytest.raises(Damaged):
        read_reference(PEM + f"URI: {uri}\n".encode(), "signing", "the file")
    vault = FakeVaulted()
    vault.put("db_password", private_pem(private("alice")))
    ring = keyring(tmp_path / "keys", "alice")
    (tmp_path / "keys" / "alice.key").write_bytes(PEM + f"URI: {uri}\n".encode())
    with pytest.raises(Damaged):
        Keyring(tmp_path / "keys", vault=lambda: vault).open(ALICE, passphrase)
    assert not [operation for operation in vault.asked if isinstance(operation, Get)]
    assert ring.entry(ALICE).public == public("alice")


def test_the_second_time_is_nothing() -> None:
    vault = FakeVaulted()
    names = {keep_key(vault, "signing", "alice", private("alice")) for _ in range(2)}
    assert names == {f"pytrust/key/signing/alice-{public('alice').id[:12]}"}
    assert len(vault.secret(names.pop()).versions) == 1
    assert {keep_bytes(vault, "online", "seal", bytes(32)) for _ in range(2)} == set(vault.names()[:1])


def test_keys_of_one_name_live_beside_each_other() -> None:
    vault = FakeVaulted()
    one, other = (keep_key(vault, "signing", "alice", private(name)) for name in ("alice", "bob"))
    assert open_key(lambda: vault, one, public("alice"), "x").public_key() == private("alice").public_key()
    assert open_key(lambda: vault, other, public("bob"), "x").public_key() == private("bob").public_key()


@pytest.mark.parametrize("name", ["a", "a" * 64, "a-_-", "0_" + "-" * 62, "z" * 47 + "-"])
def test_every_role_name_fits(name: str) -> None:
    vault = FakeVaulted()
    secret = keep_key(vault, "signing", RoleName(name), private("alice"))
    assert read_reference(write_reference(secret), "signing", "x") == secret


@pytest.mark.parametrize("value", [b"no key", private_pem(private("bob")), public("alice").pem.encode()])
def test_something_else_under_its_name_is_refused(value: bytes) -> None:
    vault = FakeVaulted()
    name = f"pytrust/key/signing/alice-{public('alice').id[:12]}"
    vault.put(name, value)
    with pytest.raises(Damaged):
        keep_key(vault, "signing", "alice", private("alice"))
    assert vault.value(name) == value


def test_other_bytes_under_its_name_are_refused() -> None:
    vault = FakeVaulted()
    name = keep_bytes(vault, "online", "seal", bytes(32))
    vault.ask(Remove(name=name))
    vault.put(name, b"other")
    with pytest.raises(Damaged, match="something else"):
        keep_bytes(vault, "online", "seal", bytes(32))


def test_no_vault() -> None:
    with pytest.raises(NotSetUp, match="the key alice lies in a vault, and there is none here") as caught:
        fetch(None, NAME, "the key alice")
    assert "home that they came from" in caught.value.hint


def test_another_vault() -> None:
    with pytest.raises(Damaged, match="the key alice is not in the vault of this home"):
        fetch(FakeVaulted, NAME, "the key alice")


def test_a_locked_vault() -> None:
    vault = FakeVaulted()
    vault.close()
    with pytest.raises(VaultLocked) as caught:
        fetch(lambda: vault, NAME, "the key alice")
    assert caught.value.hint == "pytrust vault unlock"


def test_the_audit_says_which_key() -> None:
    vault = FakeVaulted()
    name = keep_key(vault, "signing", "alice", private("alice"))
    open_key(lambda: vault, name, public("alice"), "the key alice")
    assert [(read.name, read.purpose) for read in vault.reads[-1:]] == [(name, "the key alice")]


def vaulted_ring(folder: Path, *names: str) -> tuple[Keyring, FakeVaulted]:
    """Sealed keys, and a ring that knows a vault."""
    keyring(folder, *names)
    vault = FakeVaulted()
    return Keyring(folder, rounds=1, vault=lambda: vault), vault


def test_listing_opens_nothing(tmp_path: Path) -> None:
    ring, vault = vaulted_ring(tmp_path / "keys", "alice", "bob")
    ring.adopt(ALICE, passphrase)
    vault.close()
    asked = len(vault.asked)
    assert [(entry.name, entry.in_vault, entry.outside) for entry in ring.entries()] == [
        ("alice", True, False),
        ("bob", False, False),
    ]
    assert ring.find(public("alice").id) == ring.entry(ALICE)
    assert len(vault.asked) == asked
    for act in (
        lambda: ring.open(ALICE, passphrase),
        lambda: open_signer(ring, ring.entry(ALICE), passphrase),
        lambda: ring.remove(ALICE),
        lambda: ring.add(RoleName("carol"), private("carol"), passphrase),
    ):
        with pytest.raises(VaultLocked):
            act()
    assert {entry.name for entry in ring.entries()} == {"alice", "bob"}


def test_a_sealed_key_needs_no_vault_though_there_is_one(tmp_path: Path) -> None:
    ring, vault = vaulted_ring(tmp_path / "keys", "alice")
    assert ring.open(ALICE, passphrase).public_key() == private("alice").public_key()
    assert vault.asked == []


def test_adopt_moves_a_key_once_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    ring, vault = vaulted_ring(tmp_path / "keys", "alice")
    assert ring.adopt(ALICE, passphrase)
    left = (tmp_path / "keys" / "alice.key").read_bytes()
    assert left == PEM + f"URI: vault:{vault.names()[0]}\n".encode()
    assert (tmp_path / "keys" / "alice.key").stat().st_mode & 0o777 == 0o600
    assert not ring.adopt(ALICE, lambda _: b"nobody asks")
    assert (tmp_path / "keys" / "alice.key").read_bytes() == left
    assert ring.open(ALICE, lambda _: b"nobody asks").public_key() == private("alice").public_key()


def test_a_key_that_was_replaced_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """The passphrase takes its time, and somebody else rotates."""
    ring, _ = vaulted_ring(tmp_path / "keys", "alice", "alice-next1")

    def rotating(name: RoleName) -> bytes:
        ring.promote(RoleName("alice-next1"), ALICE)
        return passphrase(name)

    with pytest.raises(Conflict):
        ring.adopt(ALICE, rotating)
    assert ring.open(ALICE, passphrase).public_key() == private("alice-next1").public_key()
    kept = RoleName(f"alice-{public('alice').id[:8]}")
    assert ring.open(kept, passphrase).public_key() == private("alice").public_key()


def test_the_vault_that_lost_what_it_was_given_keeps_the_file(tmp_path: Path) -> None:
    class Forgetful(FakeVaulted):
        def ask(self, operation, *, caller=None):  # type: ignore[no-untyped-def]
            answer = super().ask(operation, caller=caller) if not isinstance(operation, Get) else None
            if answer is None:
                super().ask(Remove(name=operation.name))
                return super().ask(operation, caller=caller)
            return answer

    keyring(tmp_path / "keys", "alice")
    before = (tmp_path / "keys" / "alice.key").read_bytes()
    vault = Forgetful()
    with pytest.raises(Damaged):
        Keyring(tmp_path / "keys", vault=lambda: vault).adopt(ALICE, passphrase)
    assert (tmp_path / "keys" / "alice.key").read_bytes() == before


def test_removing_takes_it_out_of_the_vault_and_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    ring, vault = vaulted_ring(tmp_path / "keys", "alice")
    ring.adopt(ALICE, passphrase)
    forget(vault, SecretName(vault.names()[0]), public("alice"))  # as far as a killed one came
    with pytest.raises(Damaged):
        ring.open(ALICE, passphrase)
    ring.remove(ALICE)
    assert ring.entries() == []
    ring.add(ALICE, private("alice"), passphrase)
    ring.remove(ALICE)
    assert vault.names() == []


def test_removing_takes_no_other_key_out_of_the_vault(tmp_path: Path) -> None:
    """Who writes to the home, and cannot read the vault, makes the file of one key refer to another."""
    ring, vault = vaulted_ring(tmp_path / "keys", "alice", "bob")
    ring.adopt(ALICE, passphrase)
    (secret,) = map(SecretName, vault.names())
    decoy = tmp_path / "keys" / "bob.key"
    decoy.write_bytes(public("bob").pem.encode() + write_reference(secret))
    (tmp_path / "keys" / "alice.key").unlink()
    with pytest.raises(Damaged, match="not the other half"):
        ring.remove(RoleName("bob"))
    assert vault.names() == [secret]


def test_a_key_in_a_vault_that_is_not_there_is_not_said_to_be_removed(tmp_path: Path) -> None:
    ring, vault = vaulted_ring(tmp_path / "keys", "alice")
    ring.adopt(ALICE, passphrase)
    with pytest.raises(NotSetUp, match="the key alice lies in a vault, and there is none here"):
        Keyring(tmp_path / "keys").remove(ALICE)
    ring.remove(ALICE)
    assert vault.names() == []


def test_a_key_that_comes_while_another_name_of_it_goes_is_in_the_vault(tmp_path: Path) -> None:
    """Long names that begin alike have one secret."""
    one, other = (RoleName("a" * 48 + end) for end in "12")
    (tmp_path / "keys").mkdir(0o700)
    vault = Slow()
    ring = Keyring(tmp_path / "keys", rounds=1, vault=lambda: vault)
    ring.add(one, private("alice"), passphrase)
    vault.meanwhile = Thread(target=ring.remove, args=(one,))
    ring.add(other, private("alice"), passphrase)
    vault.meanwhile.join()
    assert [entry.name for entry in ring.entries()] == [other]
    assert ring.open(other, passphrase).public_key() == private("alice").public_key()


class Slow(FakeVaulted):
    """A while passes after a read, for ``meanwhile``."""

    meanwhile: Thread | None = None

    def ask(self, operation, *, caller=None):  # type: ignore[no-untyped-def]
        answer = super().ask(operation, caller=caller)
        if isinstance(operation, Get) and self.meanwhile and not self.meanwhile.ident:
            self.meanwhile.start()
            self.meanwhile.join(0.3)
        return answer


def test_references_are_not_made_by_hand(tmp_path: Path) -> None:
    ring, _ = vaulted_ring(tmp_path / "keys")
    with pytest.raises(UsageError, match="by hand"):
        ring.add_uri(ALICE, public("alice"), "vault:pytrust/key/signing/alice-0123456789ab")
    assert ring.entries() == []
