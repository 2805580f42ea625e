"""Root may read what others have in their vaults; what he wrote there, they could not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.vault_store import NOW, slot

from pytrust.trust.errors import BadPermissions
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Value
from pytrust.trust.vault.vault import create_vault


def test_only_its_owner_changes_a_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = create_vault(tmp_path / "vault", tmp_path / "anchor", [slot()], now=NOW)
    desk = Desk(vault, now=lambda: NOW, owner="uid:0")
    desk.ask(Put(name=SecretName("web"), value=b"1"))
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(BadPermissions, match=rf"belongs to user {os.getuid()}"):
        desk.ask(Put(name=SecretName("web"), value=b"2"))
    found = desk.ask(Get(name=SecretName("web")))
    assert isinstance(found, Value)
    assert found.value == b"1"
    vault.close()
