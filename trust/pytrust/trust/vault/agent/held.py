"""A vault of this host, as the agent holds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pytrust.trust.vault.agent.holder import Opener
from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.master import Master
from pytrust.trust.vault.operations import Done, Operation, Page, Trail, Value
from pytrust.trust.vault.vault import Vault


class Place(NamedTuple):
    """Where a vault lies, where the anchors do, and whose it is, such as ``uid:0``."""

    folder: Path
    anchor: Path
    owner: str


class HeldVault:
    """An open vault and its desk; implements ``holder.Held``."""

    def __init__(self, vault: Vault, now: Callable[[], int], owner: str) -> None:
        self._vault = vault
        self._desk = Desk(vault, now=now, owner=owner)

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        """See ``asking.Vaulted``."""
        return self._desk.ask(operation, caller=caller)

    @property
    def store(self) -> str:
        """The vault's id."""
        return self._vault.header.store

    @property
    def generation(self) -> int:
        """How far it has come."""
        return self._vault.header.generation

    def close(self) -> None:
        """Forget the key."""
        self._vault.close()


def opener(place: Place, now: Callable[[], int]) -> Opener:
    """Opens the vault at ``place``."""
    return partial(_open, place, now)


def _open(place: Place, now: Callable[[], int], master: bytes) -> HeldVault:
    vault = Vault.open(place.folder, place.anchor, Master(master))
    return HeldVault(vault, now, place.owner)
