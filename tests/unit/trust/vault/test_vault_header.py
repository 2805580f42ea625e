"""``vault.json``: one spelling, within bounds, of one key; and slots that open nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.limits import VAULT_HEADER_MAX_BYTES, VAULT_SLOTS_MAX
from pytrust.trust.vault import xwing
from pytrust.trust.vault.header import (
    Head,
    Header,
    NewSlot,
    check_header,
    decode_header,
    encode_header,
    open_slot,
    reseal_slot,
    seal_slot,
)
from pytrust.trust.vault.master import Master, bound

STORE, MASTER = "5" * 32, Master(bytes(range(32)))
SEED = b"s" * 32


def header(master: Master = MASTER, slots: int = 1, **more: object) -> Header:
    made = tuple(seal_slot(NewSlot("file", f"l{n}", SEED, {"n": n}), STORE, 1, master, 9) for n in range(slots))
    plain = Header(format=1, store=STORE, epoch=1, generation=3, created=9, manifest=Head(), audit=Head(), slots=made)
    return replace(plain, **more)


PLAIN = header()
DATA = encode_header(PLAIN, MASTER)


def spelled(change: dict[str, Any] | bytes) -> bytes:
    """A file with that line instead, and something like a MAC below it."""
    if isinstance(change, dict):
        found = json.loads(DATA.splitlines()[0]) | change
        change = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    return change + b"\n" + b"0" * 64 + b"\n"


def test_round_trip() -> None:
    found = decode_header(DATA)
    check_header(DATA, found, MASTER)
    assert found == PLAIN
    assert open_slot(found, found.slots[0], SEED).bytes() == MASTER.bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": 0},
        {"format": "1"},
        {"store": "5" * 31},
        {"store": "../../etc/passwd/../../../../../.."},
        {"epoch": -1},
        {"epoch": 10**17 * 99},
        {"generation": -1},
        {"generation": 2**63},
        {"generation": 1.5},
        {"created": None},
        {"slots": []},
        {"slots": [json.loads(DATA.splitlines()[0])["slots"][0]] * 2},
        {"slots": {}},
        {"manifest": {"length": -1, "frames": 0, "tag": "0" * 32}},
        {"manifest": {"length": 1, "frames": 0, "tag": "0" * 33}},
        {"manifest": {}},
        {"more": 1},
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff",
        DATA.splitlines()[0][:-1] + b',"epoch":1}',
        DATA.splitlines()[0][:-1] + b',"store":"x"}',
        b" " + DATA.splitlines()[0],
        DATA.splitlines()[0].replace(b'"epoch":1', b'"epoch":01'),
        DATA.splitlines()[0].replace(b'"epoch":1', b'"epoch":1e0'),
        b'"' + b"x" * VAULT_HEADER_MAX_BYTES + b'"',
    ],
    ids=lambda change: str(change)[:40],
)
def test_headers_that_are_none(change: dict[str, Any] | bytes) -> None:
    with pytest.raises(Damaged) as caught:
        decode_header(spelled(change))
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"public": b"x"}, {"public": PLAIN.slots[0].public + b"x"}, {"id": "../../ab"}, {"created": -1}]
)
def test_slots_that_are_none(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        encode_header(replace(PLAIN, slots=(replace(PLAIN.slots[0], **change),)), MASTER)


@pytest.mark.parametrize("cut", [1, 2, 30, 65, 66])
def test_cut_off_macs(cut: int) -> None:
    with pytest.raises(Damaged):
        decode_header(DATA[:-cut])
    with pytest.raises(Damaged):
        decode_header(DATA + b"0" * cut)


def test_how_many_slots() -> None:
    assert len(decode_header(encode_header(header(slots=VAULT_SLOTS_MAX), MASTER)).slots) == VAULT_SLOTS_MAX
    with pytest.raises(UsageError):
        encode_header(header(slots=VAULT_SLOTS_MAX + 1), MASTER)


@pytest.mark.parametrize("label", ["x" * VAULT_HEADER_MAX_BYTES, "\udcff"])
def test_what_could_not_be_read_again_is_not_written(label: str) -> None:
    with pytest.raises(UsageError):
        encode_header(replace(PLAIN, slots=(replace(PLAIN.slots[0], label=label),)), MASTER)


@pytest.mark.parametrize(
    "change", [{"epoch": 2}, {"generation": 4}, {"created": 8}, {"manifest": Head(1)}, {"audit": Head(1)}]
)
def test_the_mac_covers_everything(change: dict[str, Any]) -> None:
    line = encode_header(replace(PLAIN, **change), MASTER).splitlines()[0]
    mixed = line + b"\n" + DATA.splitlines()[1] + b"\n"
    with pytest.raises(Damaged):
        check_header(mixed, decode_header(mixed), MASTER)


def test_of_another_master_key() -> None:
    with pytest.raises(Damaged):
        check_header(DATA, PLAIN, Master(bytes(32)))


@pytest.mark.parametrize("change", [{"id": "00000000"}, {"kind": "age"}])
def test_a_slot_is_bound_to_what_it_is(change: dict[str, Any]) -> None:
    with pytest.raises(WrongPassphrase):
        open_slot(PLAIN, replace(PLAIN.slots[0], **change), SEED)


@pytest.mark.parametrize("change", [{"epoch": 2}, {"store": "6" * 32}])
def test_a_slot_is_bound_to_its_vault_and_epoch(change: dict[str, Any]) -> None:
    with pytest.raises(WrongPassphrase):
        open_slot(replace(PLAIN, **change), PLAIN.slots[0], SEED)


def test_every_bit_and_every_length_of_what_a_slot_seals() -> None:
    slot = PLAIN.slots[0]
    bad = [slot.sealed[:length] for length in range(len(slot.sealed))]
    bad += [
        slot.sealed[:at] + bytes([slot.sealed[at] ^ 1 << at % 8]) + slot.sealed[at + 1 :]
        for at in range(len(slot.sealed))
    ]
    for sealed in (*bad, slot.sealed + b"x"):
        with pytest.raises(WrongPassphrase):
            open_slot(PLAIN, replace(slot, sealed=sealed), SEED)


@pytest.mark.parametrize("seed", [b"", b"s", b"s" * 31, b"s" * 33, b"t" * 32])
def test_other_seeds(seed: bytes) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        open_slot(PLAIN, PLAIN.slots[0], seed)
    assert str(caught.value) == f"that does not open slot {PLAIN.slots[0].id} (file) of the vault"


def test_who_knows_only_the_public_key_makes_no_slot() -> None:
    """A partition: a slot that gives another master key to the same seed. It takes the vault's key to make one."""
    slot, mine = PLAIN.slots[0], Master(bytes(32))
    info = bound("pytrust vault 1 slot", STORE, 1, slot.id, slot.kind)
    forged = replace(slot, sealed=xwing.seal(mine.bytes(), slot.public, info))
    with pytest.raises(WrongPassphrase):
        open_slot(PLAIN, forged, SEED)


def test_a_slot_of_another_master_key_is_not_the_vaults() -> None:
    other = seal_slot(NewSlot("file", "", SEED, {}), STORE, 1, Master(bytes(32)), 9)
    line = encode_header(replace(PLAIN, slots=(other,)), MASTER)
    found = decode_header(line)
    master = open_slot(found, found.slots[0], SEED)
    with pytest.raises(Damaged):
        check_header(line, found, master)


def test_resealed_without_the_secret() -> None:
    new = Master(bytes(32))
    slot = reseal_slot(PLAIN.slots[0], PLAIN, MASTER, new)
    assert open_slot(replace(PLAIN, epoch=2), slot, SEED).bytes() == new.bytes()
    with pytest.raises(WrongPassphrase):
        open_slot(PLAIN, slot, SEED)
    with pytest.raises(Damaged):
        reseal_slot(PLAIN.slots[0], PLAIN, new, MASTER)


def test_nothing_shows_the_key() -> None:
    assert repr(MASTER) == "Master()"
    assert "s" * 8 not in repr(NewSlot("file", "", SEED, {}))
    gone = Master(b"k" * 32)
    gone.wipe()
    assert gone.bytes() == bytes(32)
