"""The user's keyring: only one that encrypts, and never for ever."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from pytrust.trust.errors import Damaged, TooSlow, UsageError, VaultLocked
from pytrust.trust.vault.slots import os_keyring
from pytrust.trust.vault.slots.os_keyring import forget, make, seed


class MemoryKeyring(KeyringBackend):
    """A whole keyring, in memory; takes the place of the desktop's by the name of its module."""

    priority: ClassVar[float] = 0.1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.asks = threading.Event()
        self.asks.set()

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]

    def _open(self) -> None:
        self.asks.wait(5)
        if self.locked:
            raise KeyringLocked("canary-5f2a")


class PlaintextKeyring(MemoryKeyring):
    """What keyrings.alt brings."""


MemoryKeyring.__module__ = "keyring.backends.SecretService"
PlaintextKeyring.__module__ = "keyrings.alt.file"
NOWHERE: Callable[[], KeyringBackend] = null.Keyring
CHAIN: Callable[[], KeyringBackend] = chainer.ChainerBackend


@pytest.fixture
def desktop() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    desktop = MemoryKeyring()
    keyring.set_keyring(desktop)
    yield desktop
    desktop.asks.set()
    keyring.set_keyring(before)


def test_the_keyring_gives_the_seed_again(desktop: MemoryKeyring) -> None:
    made = make()
    assert seed(made.params) == made.seed
    assert [service for service, _ in desktop.kept] == ["pytrust"]


def test_two_slots_are_two_entries_and_one_is_forgotten_alone(desktop: MemoryKeyring) -> None:
    one, two = make(), make()
    forget(one.params)
    forget(one.params)
    assert len(desktop.kept) == 1
    assert seed(two.params) == two.seed
    with pytest.raises(VaultLocked, match="no key for the vault"):
        seed(one.params)


def test_a_locked_keyring_leaves_the_vault_locked(desktop: MemoryKeyring) -> None:
    made = make()
    desktop.locked = True
    for attempt in (lambda: seed(made.params), lambda: make().seed, lambda: forget(made.params)):
        with pytest.raises(VaultLocked) as caught:
            attempt()
        assert "canary" not in str(caught.value)


def test_nobody_waits_for_ever(desktop: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make()
    monkeypatch.setattr(os_keyring, "KEYRING_DEADLINE", 0.05)
    desktop.asks.clear()
    with pytest.raises(TooSlow):
        seed(made.params)


@pytest.mark.parametrize("kept", ["", "x", "PTKEY-1-" + "A" * 48, "PTKEY-1-" + "A" * 47])
def test_what_is_no_seed_is_damage(desktop: MemoryKeyring, kept: str) -> None:
    made = make()
    for entry in desktop.kept:
        desktop.kept[entry] = kept
    with pytest.raises(Damaged):
        seed(made.params)


@pytest.mark.parametrize("kind", [fail.Keyring, null.Keyring, PlaintextKeyring], ids=["fail", "null", "plain"])
def test_a_keyring_that_keeps_nothing_or_in_the_clear_is_refused(
    desktop: MemoryKeyring, kind: Callable[[], KeyringBackend]
) -> None:
    unfit = kind()
    keyring.set_keyring(unfit)
    with pytest.raises(UsageError, match=type(unfit).__module__):
        make()
    assert not getattr(unfit, "kept", {})


def test_of_a_chain_the_one_that_is_fit_is_taken(desktop: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, nowhere, chain = PlaintextKeyring(), NOWHERE(), CHAIN()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [nowhere, plain, desktop])
    keyring.set_keyring(chain)
    made = make()
    assert not plain.kept
    assert seed(made.params) == made.seed


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.hint == "pip install 'pytrust[keyring]'"


HOSTILE: list[dict[str, str | int]] = [{}, {"entry": "x"}, {"entry": 1}, {"entry": "00" * 16, "service": "bank"}]


@pytest.mark.parametrize("params", HOSTILE, ids=str)
def test_a_header_cannot_ask_for_another_entry(desktop: MemoryKeyring, params: dict[str, str | int]) -> None:
    with pytest.raises(Damaged):
        seed(params)
