"""Sealed files, and references to a vault: the same to everybody who signs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.contract.keyring_suite import KeyringSuite, Kind
from tests.fakes.agent import KEY, World, agent
from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.vault.agent.client import AgentVault
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot, open_slot
from pytrust.trust.vault.vault import Vault, create_vault

NOW = 1_800_000_000


@contextmanager
def _sealed(folder: Path) -> Iterator[Kind]:
    yield Kind(folder, lambda: Keyring(folder, rounds=1), asks=True)


@contextmanager
def _fake(folder: Path) -> Iterator[Kind]:
    vault = FakeVaulted()
    yield Kind(folder, lambda: Keyring(folder, rounds=1, vault=lambda: vault), asks=False)


@contextmanager
def _vault(folder: Path) -> Iterator[Kind]:
    """One process keeps it open; ``reopen`` is another one that unlocks it anew."""
    home, seed, opened = folder.parent, secrets.token_bytes(32), []
    opened.append(create_vault(home / "vault", home / "anchor", [NewSlot("unlock-key", "", seed, {})], now=NOW))

    def ring() -> Keyring:
        header = opened[0].header
        vault = Vault.open(home / "vault", home / "anchor", open_slot(header, header.slots[0], seed))
        opened.append(vault)
        desk = Desk(vault, now=lambda: NOW, owner="uid:0")
        return Keyring(folder, rounds=1, vault=lambda: desk)

    yield Kind(folder, ring, asks=False)
    for vault in opened:
        vault.close()


@contextmanager
def _agent(folder: Path) -> Iterator[Kind]:
    """Another process, here another thread, keeps it open."""
    path = folder.parent / "vault.sock"
    with agent(path, World()):
        AgentVault(path).unlock(KEY)
        yield Kind(folder, lambda: Keyring(folder, rounds=1, vault=lambda: AgentVault(path)), asks=False)


KINDS: dict[str, Callable[[Path], AbstractContextManager[Kind]]] = {
    "sealed": _sealed,
    "fake vault": _fake,
    "vault": _vault,
    "agent": _agent,
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    with KINDS[request.param](folder) as made:
        yield made


class TestKeyrings(KeyringSuite):
    pass
