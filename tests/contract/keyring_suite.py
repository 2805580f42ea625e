"""What every key ring promises: one suite, for each that a test module gives as the fixture ``kind``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.keys import ALICE, BOB, PASSPHRASE, private, public

from pytrust.trust.errors import Damaged, NoSuchKey, PytrustError, UsageError
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.private import KeyKind, RsaKind, generate
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import open_signer
from pytrust.trust.keys.vaulted_keys import private_pem
from pytrust.trust.names import RoleName

NEXT = RoleName("alice-next1")


@dataclass
class Kind:
    """A key ring, how often it asked for a passphrase, and the same ring as another process would open it."""

    folder: Path
    reopen: Callable[[], Keyring]
    asks: bool

    def __post_init__(self) -> None:
        self.ring = self.reopen()
        self.asked: list[str] = []

    def ask(self, name: RoleName) -> bytes:
        self.asked.append(name)
        return PASSPHRASE

    def add(self, *names: RoleName) -> None:
        for name in names:
            self.ring.add(name, private(name), self.ask)

    def opens(self, name: RoleName, key: str) -> bool:
        """Whether the ring gives the private key ``key`` as ``name``, to this process and another."""
        found = {PublicKey.of(ring.open(name, self.ask).public_key()) for ring in (self.ring, self.reopen())}
        return found == {public(key)}


class KeyringSuite:
    def test_add_list_find_open(self, kind: Kind) -> None:
        kind.add(ALICE, BOB)
        assert [(entry.name, entry.public) for entry in kind.ring.entries()] == [
            ("alice", public("alice")),
            ("bob", public("bob")),
        ]
        assert kind.ring.find(public("bob").id) == kind.ring.entry(BOB)
        assert kind.opens(ALICE, "alice")
        assert kind.opens(BOB, "bob")
        assert (kind.folder / "alice.key").stat().st_mode & 0o777 == 0o600

    def test_a_passphrase_is_asked_for_where_there_is_one(self, kind: Kind) -> None:
        kind.add(ALICE)
        kind.ring.open(ALICE, kind.ask)
        assert kind.asked == (["alice", "alice"] if kind.asks else [])

    def test_nobody_is_asked_for_a_name_that_is_taken(self, kind: Kind) -> None:
        kind.add(ALICE)
        kind.asked.clear()
        with pytest.raises(UsageError, match="already"):
            kind.ring.add(ALICE, private("bob"), kind.ask)
        with pytest.raises(UsageError, match="already"):
            kind.ring.add_uri(ALICE, public("bob"), "hsm:2?label=x")
        assert kind.asked == []
        assert kind.opens(ALICE, "alice")

    def test_it_signs(self, kind: Kind) -> None:
        kind.add(ALICE)
        signer = open_signer(kind.ring, kind.ring.entry(ALICE), kind.ask)
        assert signer.public == public("alice")
        assert signer.private is not None
        assert signer.library.sign(b"x").signature

    @pytest.mark.parametrize("key_kind", ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072"])
    def test_every_kind_of_key_comes_out_as_it_went_in(self, kind: Kind, key_kind: KeyKind | RsaKind) -> None:
        key = generate(key_kind)
        kind.ring.add(ALICE, key, kind.ask)
        assert private_pem(kind.reopen().open(ALICE, kind.ask)) == private_pem(key)

    def test_remove(self, kind: Kind) -> None:
        kind.add(ALICE, BOB)
        kind.ring.remove(ALICE)
        for act in (kind.ring.remove, kind.ring.entry):
            with pytest.raises(NoSuchKey, match="no key named alice"):
                act(ALICE)
        assert kind.opens(BOB, "bob")

    def test_a_name_can_be_used_again_by_the_same_key_or_another(self, kind: Kind) -> None:
        for key in ("alice", "alice", "bob"):
            kind.ring.add(ALICE, private(key), kind.ask)
            assert kind.opens(ALICE, key)
            kind.ring.remove(ALICE)

    def test_promote_keeps_the_old_key_under_its_id(self, kind: Kind) -> None:
        kind.add(ALICE, NEXT)
        kept = kind.ring.promote(NEXT, ALICE)
        assert kept == f"alice-{public('alice').id[:8]}"
        assert {entry.name for entry in kind.ring.entries()} == {"alice", kept}
        assert kind.opens(ALICE, NEXT)
        assert kind.opens(kept, "alice")

    def test_a_rotation_is_followed_by_another(self, kind: Kind) -> None:
        kind.add(ALICE)
        for _ in range(3):
            key = generate("ed25519")
            kind.ring.add(NEXT, key, kind.ask)
            kind.ring.promote(NEXT, ALICE)
            assert kind.reopen().open(ALICE, kind.ask).public_key() == key.public_key()
        assert len(kind.ring.entries()) == 4
        for entry in kind.ring.entries():
            assert PublicKey.of(kind.reopen().open(entry.name, kind.ask).public_key()) == entry.public

    def test_the_old_key_can_be_removed_and_the_new_one_stays(self, kind: Kind) -> None:
        kind.add(ALICE, NEXT)
        kind.ring.remove(kind.ring.promote(NEXT, ALICE))
        assert kind.opens(ALICE, NEXT)

    def test_a_promotion_that_was_killed_leaves_two_names_of_one_key_that_live_apart(self, kind: Kind) -> None:
        kind.add(ALICE, NEXT)
        kept = RoleName(f"alice-{public('alice').id[:8]}")
        os.link(kind.folder / "alice.key", kind.folder / f"{kept}.key")
        kind.ring.remove(kept)
        assert kind.opens(ALICE, "alice")
        os.link(kind.folder / "alice.key", kind.folder / f"{kept}.key")
        kind.ring.promote(NEXT, ALICE)
        assert kind.opens(kept, "alice")
        assert kind.opens(ALICE, NEXT)

    def test_a_swapped_public_half_is_noticed(self, kind: Kind) -> None:
        kind.add(ALICE)
        path = kind.folder / "alice.key"
        path.write_bytes(path.read_bytes().replace(public("alice").pem.encode(), public("bob").pem.encode()))
        with pytest.raises(Damaged, match="do not belong together"):
            kind.ring.open(ALICE, kind.ask)

    def test_swapped_files_are_noticed(self, kind: Kind) -> None:
        """The public half tells: whoever verifies with the key of alice does not take one of bob's for hers."""
        kind.add(ALICE, BOB)
        one, other = kind.folder / "alice.key", kind.folder / "bob.key"
        end = b"-----END PUBLIC KEY-----\n"
        one.write_bytes(one.read_bytes().partition(end)[0] + end + other.read_bytes().partition(end)[2])
        with pytest.raises(Damaged, match="do not belong together"):
            kind.ring.open(ALICE, kind.ask)

    def test_every_truncation_is_noticed(self, kind: Kind) -> None:
        kind.add(ALICE)
        path = kind.folder / "alice.key"
        whole = path.read_bytes()
        for length in range(len(whole) - 1):  # without its last line feed, a sealed key is whole
            path.write_bytes(whole[:length])
            with pytest.raises(PytrustError):
                kind.ring.open(ALICE, kind.ask)
