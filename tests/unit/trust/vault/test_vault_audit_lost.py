"""Somebody takes the audit away: nothing is given out, and the new keys that are the way out do not cover it up."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytrust.trust.errors import Damaged
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, Get, Put, Read, Trail
from pytrust.trust.vault.vault import Vault, create_vault

NAME = SecretName("web")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    slots = [NewSlot("unlock-key", "", bytes([number]) * 32, {}) for number in range(2)]
    return create_vault(tmp_path / "vault", tmp_path / "anchor", slots, now=1)


@pytest.fixture
def desk(vault: Vault) -> Desk:
    """Two reads, which the header knows of."""
    made = Desk(vault, now=lambda: 7, owner="uid:0")
    made.ask(Put(name=NAME, value=b"v"))
    made.ask(Get(name=NAME))
    made.ask(Get(name=NAME))
    made.ask(Put(name=NAME, value=b"w"))
    return made


def trail(desk: Desk) -> list[Read]:
    found = desk.ask(Audit())
    assert isinstance(found, Trail)
    return list(found.reads)


@pytest.mark.parametrize("keeps", [0, 1])
@pytest.mark.parametrize("by", ["rekey", "remove_slot"])
def test_new_keys_tell_of_it(vault: Vault, desk: Desk, tmp_path: Path, keeps: int, by: str) -> None:
    audit = tmp_path / "vault" / "audit-1"
    whole = audit.read_bytes()
    audit.write_bytes(whole[: (4 + int.from_bytes(whole[:4])) * keeps])
    with pytest.raises(Damaged):
        desk.ask(Get(name=NAME))
    if by == "rekey":
        vault.rekey(9)
    else:
        vault.remove_slot(vault.header.slots[0].id, 9)
    *before, told = trail(desk)
    assert len(before) == keeps
    assert (told.at, told.caller, told.name, told.refused) == (9, "", "", "damaged")
    assert "cut off" in told.purpose
    assert list(vault.verify()) == []


def test_new_keys_are_not_in_it_otherwise(vault: Vault, desk: Desk) -> None:
    vault.rekey(9)
    assert [read.name for read in trail(desk)] == [NAME, NAME]
