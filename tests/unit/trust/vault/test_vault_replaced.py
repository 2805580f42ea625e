"""Somebody who can write the vault's folder, and has none of its keys, puts a vault of his own in its place.

Everything that the header says of the slots is public, their public keys with it: the vault that he makes is well
formed, sealed to those, newer than what the host has seen, and would be one whose key he knows.
"""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vectors.age.make import IDENTITY, RECIPIENT

from pytrust.trust.errors import Damaged, RolledBack, WrongPassphrase
from pytrust.trust.vault import lineage, xwing
from pytrust.trust.vault.epoch import begin
from pytrust.trust.vault.folder import Folder
from pytrust.trust.vault.header import (
    Head,
    Header,
    NewSlot,
    Slot,
    encode_header,
    open_slot,
    read_header,
    reseal_slot,
    seal_slot,
)
from pytrust.trust.vault.lineage import leads, public_of, turned
from pytrust.trust.vault.manifest import Step
from pytrust.trust.vault.master import Master, bound
from pytrust.trust.vault.slots import age_slot, unlock_key
from pytrust.trust.vault.vault import Vault, create_vault

EMPTY = Header(format=1, store="0" * 32, epoch=1, generation=1, created=1, manifest=Head(), audit=Head(), slots=())


def made(tmp_path: Path) -> bytes:
    """A vault, and the seed of its slot."""
    _, new = unlock_key.make()
    create_vault(tmp_path / "vault", tmp_path / "anchor", [_new(new.seed)], now=1).close()
    return new.seed


def _new(seed: bytes) -> NewSlot:
    return NewSlot("unlock-key", "", seed, {})


def _info(header: Header, slot: Slot) -> bytes:
    return bound("pytrust vault 1 slot", header.store, header.epoch, slot.id, slot.kind)


def replaced(folder: Path, change: int) -> Header:
    """The folder with a vault of his in it, ``change`` epochs further."""
    real, his = read_header(folder), Master.new()
    base = msgspec.structs.replace(real, epoch=real.epoch + change - 1, generation=real.generation + 5, slots=())
    header = msgspec.structs.replace(base, epoch=real.epoch + change)
    slots = tuple(
        msgspec.structs.replace(slot, sealed=xwing.seal(his.bytes(), slot.public, _info(header, slot)))
        for slot in real.slots
    )
    begun = begin(base, Step(2, ""), slots, his)
    shutil.rmtree(folder)
    place = Folder(folder)
    place.create()
    place.append_manifest(header.epoch, 0, begun.frames)
    place.write_header(encode_header(begun.header, his))
    return begun.header


@pytest.mark.parametrize("change", [0, 1, 7])
def test_no_slot_of_the_real_one_opens_it(tmp_path: Path, change: int) -> None:
    seed = made(tmp_path)
    header = replaced(tmp_path / "vault", change)
    with pytest.raises(WrongPassphrase):
        open_slot(header, header.slots[0], seed)


def test_a_seal_of_another_slot_key_does_not_open(tmp_path: Path) -> None:
    seed = made(tmp_path)
    header = read_header(tmp_path / "vault")
    his = seal_slot(_new(bytes(32)), header.store, header.epoch, Master.new(), 1)
    for part in ("sealed", "public"):
        changed = msgspec.structs.replace(header.slots[0], **{part: getattr(his, part)})
        with pytest.raises(WrongPassphrase):
            open_slot(header, changed, b"\1" * 32 if part == "public" else seed)


def test_a_slot_key_is_not_taken_from_another_slot_or_epoch(tmp_path: Path) -> None:
    seed = made(tmp_path)
    header = read_header(tmp_path / "vault")
    master = open_slot(header, header.slots[0], seed)
    other = seal_slot(_new(bytes(32)), header.store, header.epoch, master, 1)
    swapped = msgspec.structs.replace(header.slots[0], link=other.link)
    with pytest.raises(Damaged):
        reseal_slot(swapped, header, master, Master.new())
    with pytest.raises(Damaged):
        reseal_slot(header.slots[0], msgspec.structs.replace(header, epoch=header.epoch + 1), master, Master.new())


def test_every_slot_opens_after_new_keys_and_again(tmp_path: Path) -> None:
    seed = made(tmp_path)
    header = read_header(tmp_path / "vault")
    vault = Vault.open(tmp_path / "vault", tmp_path / "anchor", open_slot(header, header.slots[0], seed))
    vault.add_slot(_new(bytes(32)), 2)
    for _ in range(3):
        vault.rekey(3)
        header = read_header(tmp_path / "vault")
        for slot, secret in zip(header.slots, (seed, bytes(32)), strict=True):
            assert open_slot(header, slot, secret).bytes() == vault.master.bytes()
    vault.close()


# Whoever writes an age file for a recipient chooses what is in it, so that such a slot opens what he made. The anchor
# of this host tells.


def by_age(folder: Path, his: Master, change: int, before: Master | None = None) -> Header:
    """The folder with a vault of his in it, that the identity of a slot of kind age opens."""
    real, new = read_header(folder), age_slot.make([RECIPIENT])
    base = msgspec.structs.replace(real, epoch=real.epoch + change - 1, generation=real.generation + 5, slots=())
    slot = seal_slot(NewSlot("age", "", new.seed, new.params), real.store, real.epoch + change, his, 1)
    begun = begin(base, Step(2, ""), (slot,), his, before)
    header = (
        begun.header if before else msgspec.structs.replace(begun.header, turns=real.turns[: begun.header.epoch - 1])
    )
    shutil.rmtree(folder)
    place = Folder(folder)
    place.create()
    place.append_manifest(header.epoch, 0, begun.frames)
    place.write_header(encode_header(header, his))
    return header


def opened(tmp_path: Path, anchor: str = "anchor") -> Vault:
    header = read_header(tmp_path / "vault")
    master = open_slot(header, header.slots[0], age_slot.seed(header.slots[0].params, IDENTITY.encode()))
    return Vault.open(tmp_path / "vault", tmp_path / anchor, master)


def age_vault(tmp_path: Path) -> Vault:
    new = age_slot.make([RECIPIENT])
    slot = NewSlot("age", "", new.seed, new.params)
    return create_vault(tmp_path / "vault", tmp_path / "anchor", [slot], now=1)


@pytest.mark.parametrize("keys", [0, 1, 3])
@pytest.mark.parametrize("change", [0, 1, 2, 7])
def test_a_vault_whose_key_came_from_nowhere_is_not_taken(tmp_path: Path, keys: int, change: int) -> None:
    vault = age_vault(tmp_path)
    for _ in range(keys):
        vault.rekey(2)
    vault.close()
    opened(tmp_path).close()
    by_age(tmp_path / "vault", Master.new(), change)
    with pytest.raises(RolledBack):
        opened(tmp_path)


@pytest.mark.parametrize("old", [False, True])
def test_who_was_removed_leads_nobody_on_who_has_seen_the_next_keys(tmp_path: Path, old: bool) -> None:
    vault = age_vault(tmp_path)
    known = Master(vault.master.bytes())
    vault.rekey(2)
    vault.close()
    header = by_age(tmp_path / "vault", Master.new(), 1, known)
    if old:  # with the line as it was when he knew the key
        header = msgspec.structs.replace(header, turns=header.turns[1:])
    with pytest.raises(RolledBack):
        opened(tmp_path)


@pytest.mark.parametrize("keys", [0, 1, 5])
def test_a_host_that_was_away_follows_the_line(tmp_path: Path, keys: int) -> None:
    vault = age_vault(tmp_path)
    shutil.copytree(tmp_path / "anchor", tmp_path / "elsewhere")
    for _ in range(keys):
        vault.rekey(2)
    vault.close()
    opened(tmp_path, "elsewhere").close()
    opened(tmp_path, "elsewhere").close()


@pytest.mark.parametrize("here", [0, 1, 2])
@pytest.mark.parametrize("there", [0, 1, 2])
@pytest.mark.parametrize("keys", [1, 3])
def test_a_copy_that_got_new_keys_is_not_what_came_later(tmp_path: Path, here: int, there: int, keys: int) -> None:
    """Two hosts wrote to copies of one vault; nobody lost a key. What was written here must not go in silence."""
    vault = age_vault(tmp_path)
    vault.close()
    shutil.copytree(tmp_path / "vault", tmp_path / "copy")
    shutil.copytree(tmp_path / "anchor", tmp_path / "elsewhere")
    vault = opened(tmp_path)
    for number in range(here):
        vault.add_slot(_new(bytes([number]) * 32), 2)
    vault.close()
    shutil.move(tmp_path / "vault", tmp_path / "ours")
    shutil.move(tmp_path / "copy", tmp_path / "vault")
    vault = opened(tmp_path, "elsewhere")
    for number in range(there):
        vault.add_slot(_new(bytes([9 - number]) * 32), 2)
    for _ in range(keys):
        vault.rekey(2)
    vault.close()
    if here and here >= there:
        with pytest.raises(RolledBack):
            opened(tmp_path)
    elif not here:
        opened(tmp_path).close()


@given(change=st.integers(0, 5), byte=st.integers(0, 63), cut=st.integers(0, 5))
def test_a_line_with_one_fault_leads_nowhere(change: int, byte: int, cut: int) -> None:
    masters = [Master(bytes([number]) * 32) for number in range(1, 8)]
    header = EMPTY
    for before, after in pairwise(masters):
        header = msgspec.structs.replace(header, turns=turned(header, before, after), epoch=header.epoch + 1)
    first = public_of(masters[0], EMPTY.store, 1)
    assert leads(header, 1, first, masters[-1])
    assert leads(header, 3, public_of(masters[2], EMPTY.store, 3), masters[-1])
    assert not leads(header, 1, first, masters[-2])
    assert not leads(header, 2, first, masters[-1])
    assert not leads(header, 9, first, masters[-1])
    turns = list(header.turns)
    signature = bytearray(turns[change].signature)
    signature[byte] ^= 1
    turns[change] = msgspec.structs.replace(turns[change], signature=bytes(signature))
    assert not leads(msgspec.structs.replace(header, turns=tuple(turns)), 1, first, masters[-1])
    turns[change] = msgspec.structs.replace(header.turns[change], ended=Head(1, 2, "3" * 32))
    assert not leads(msgspec.structs.replace(header, turns=tuple(turns)), 1, first, masters[-1])
    less = header.turns[:cut] + header.turns[cut + 1 :]
    assert not leads(msgspec.structs.replace(header, turns=less), 1, first, masters[-1])
    assert not leads(msgspec.structs.replace(header, store="1" * 32), 1, first, masters[-1])


def test_a_line_gets_no_longer_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "VAULT_TURNS_MAX", 3)
    masters = [Master(bytes([number]) * 32) for number in range(1, 8)]
    header = EMPTY
    for before, after in pairwise(masters):
        header = msgspec.structs.replace(header, turns=turned(header, before, after), epoch=header.epoch + 1)
    assert len(header.turns) == 3
    assert leads(header, 4, public_of(masters[3], EMPTY.store, 4), masters[-1])
    assert not leads(header, 3, public_of(masters[2], EMPTY.store, 3), masters[-1])
