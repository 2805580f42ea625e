"""The vault as the proxy holds it: opened late, opened again, and never by asking anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytrust.cli import vault_given
from pytrust.cli.proxy_vault import ProxyVault
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import NotSetUp, VaultLocked
from pytrust.trust.vault.agent import hygiene
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Value
from pytrust.trust.vault.slots import key_file, unlock_key
from pytrust.trust.vault.vault import create_vault

GET = Get(name=SecretName("db"))


@pytest.fixture(autouse=True)
def _this_process_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hygiene, "harden", lambda: None)
    monkeypatch.setattr(vault_given, "_has_terminal", lambda: False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def vault(tmp_path: Path) -> tuple[ProxyVault, Path]:
    """A home whose vault a file opens, with one secret."""
    home = tmp_path / "home"
    home.mkdir(0o700)
    file = tmp_path / "slot"
    _, paper = unlock_key.make()
    made = key_file.make(file, home / "vault")
    slots = [NewSlot("unlock-key", "", *paper), NewSlot("file", "", *made)]
    opened = create_vault(home / "vault", tmp_path / "home.anchor", slots, now=1)
    Desk(opened, now=lambda: 1, owner="uid:0").ask(Put(name=SecretName("db"), value=b"hunter2"))
    opened.close()
    return ProxyVault(Workspace(home, None, None, None, None)), file


def test_it_opens_when_it_is_asked(tmp_path: Path) -> None:
    held, _ = vault(tmp_path)
    answer = held.ask(GET)
    assert isinstance(answer, Value)
    assert answer.value == b"hunter2"
    assert held.ask(GET) == answer


def test_nobody_opens_it_until_somebody_does(tmp_path: Path) -> None:
    held, file = vault(tmp_path)
    away = file.rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(VaultLocked) as caught:
            held.ask(GET)
        assert caught.value.hint == "pytrust vault unlock"
    away.rename(file)
    assert isinstance(held.ask(GET), Value)


def test_locked_in_between_it_is_opened_again(tmp_path: Path) -> None:
    held, file = vault(tmp_path)
    held.ask(GET)
    held._open = _Locked()  # as an agent that was told to lock
    assert isinstance(held.ask(GET), Value)
    held._open = _Locked()
    file.unlink()
    with pytest.raises(VaultLocked):
        held.ask(GET)


class _Locked:
    def ask(self, *_: object, **__: object) -> Value:
        raise VaultLocked("nobody holds the vault open")


def test_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(0o700)
    with pytest.raises(NotSetUp, match="no vault"):
        ProxyVault(Workspace(tmp_path / "home", None, None, None, None)).ask(GET)
