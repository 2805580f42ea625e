"""The kinds of slots: a closed set, each opened by its own secret; the header's own slots, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from tests.vectors.age.make import IDENTITY, RECIPIENT

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.vault.header import Head, Header, NewSlot, Slot, open_slot, seal_slot
from pytrust.trust.vault.master import Master
from pytrust.trust.vault.slots import age_slot, key_file, passphrase, unlock_key
from pytrust.trust.vault.slots.kinds import (
    KINDS,
    Identities,
    KeyFile,
    OsKeyring,
    Passphrase,
    Pin,
    Secret,
    UnlockKey,
    seed,
    silent,
    silent_secret,
)
from pytrust.trust.vault.slots.made import Made, Params

CANARY = b"canary-9c31"
STORE = "5a" * 16


class Lock(NamedTuple):
    kind: str
    params: Params


def sealed(kind: str, made: Made, master: Master) -> tuple[Header, Slot]:
    slot = seal_slot(NewSlot(kind, "", made.seed, made.params), STORE, 1, master, 0)
    header = Header(
        format=1, store=STORE, epoch=1, generation=1, created=0, manifest=Head(), audit=Head(), slots=(slot,)
    )
    return header, slot


def test_each_secret_opens_its_slot_of_a_header(tmp_path: Path) -> None:
    key, of_key = unlock_key.make()
    made: dict[str, tuple[Made, Secret]] = {
        "passphrase": (passphrase.make(b"correct horse", passphrase.Cost(64, 1, 1)), Passphrase(b"correct horse")),
        "unlock-key": (of_key, UnlockKey(f"{key}\n".encode())),
        "file": (key_file.make(tmp_path / "key", tmp_path / "vault"), KeyFile()),
        "age": (age_slot.make([RECIPIENT]), Identities(IDENTITY.encode())),
    }
    for kind, (new, secret) in made.items():
        master = Master(bytearray(range(32)))
        header, slot = sealed(kind, new, master)
        assert open_slot(header, slot, seed(slot, secret)).bytes() == master.bytes()


def test_a_wrong_secret_is_told_by_the_header() -> None:
    header, slot = sealed("unlock-key", unlock_key.make()[1], Master(bytearray(32)))
    with pytest.raises(WrongPassphrase):
        open_slot(header, slot, seed(slot, UnlockKey(unlock_key.make()[0].encode())))


def test_what_a_key_file_holds_opens_its_slot_wherever_the_file_is(tmp_path: Path) -> None:
    made = key_file.make(tmp_path / "key", tmp_path / "vault")
    text = (tmp_path / "key").read_bytes()
    (tmp_path / "key").unlink()
    assert seed(Lock("file", made.params), UnlockKey(text)) == made.seed


SECRETS: list[Secret] = [
    Passphrase(CANARY),
    UnlockKey(CANARY),
    KeyFile(),
    Identities(CANARY),
    OsKeyring(),
    Pin(CANARY),
]
FITS = {
    ("passphrase", Passphrase),
    ("unlock-key", UnlockKey),
    ("file", KeyFile),
    ("file", UnlockKey),
    ("age", Identities),
    ("os-keyring", OsKeyring),
    ("pkcs11", Pin),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: type(secret).__name__)
def test_no_slot_takes_the_secret_of_another_kind(kind: str, secret: Secret) -> None:
    if (kind, type(secret)) not in FITS:
        with pytest.raises(UsageError, match=f"a slot of kind {kind} is not opened by"):
            seed(Lock(kind, {}), secret)


def test_every_kind_has_a_secret() -> None:
    assert {kind for kind, _ in FITS} == set(KINDS)


@pytest.mark.parametrize("kind", ["", "kms", "Passphrase", "passphrase ", "\n", "x" * 1000])
@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: type(secret).__name__)
def test_an_unknown_kind_is_never_guessed(kind: str, secret: Secret) -> None:
    with pytest.raises(Damaged) as caught:
        seed(Lock(kind, {}), secret)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: type(secret).__name__)
def test_a_secret_is_not_shown(secret: Secret) -> None:
    assert "canary" not in repr(secret)
    assert "canary" not in f"{secret}"


def test_which_kinds_ask_nobody() -> None:
    assert {kind for kind in KINDS if silent(Lock(kind, {}))} == {"file", "os-keyring"}
    assert [silent_secret(Lock(kind, {})) for kind in KINDS] == [None, None, KeyFile(), None, OsKeyring(), None]
