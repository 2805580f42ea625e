"""A vault of its own in a folder, quick to open, as one value that tests can compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot, open_slot, read_header
from pytrust.trust.vault.master import Master
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, List, Operation, Page, Value
from pytrust.trust.vault.vault import Vault, create_vault

NOW: Final = 1_800_000_000
Dump = dict[str, tuple[int, dict[int, bytes]]]
"""All secrets by name: versions kept, and the values by number."""


def slot(number: int = 0) -> NewSlot:
    """A way to unlock whose label says which seed opens it."""
    return NewSlot("unlock-key", str(number), seed(number), {})


def seed(number: int) -> bytes:
    return bytes([number]) * 32


@dataclass(frozen=True)
class VaultStore:
    """``at/vault``, whose anchors lie in ``at/anchor``."""

    at: Path

    @property
    def folder(self) -> Path:
        return self.at / "vault"

    @property
    def anchor(self) -> Path:
        return self.at / "anchor"

    @property
    def anchor_file(self) -> Path:
        (found,) = self.anchor.iterdir()
        return found

    def create(self) -> VaultStore:
        create_vault(self.folder, self.anchor, [slot(0)], now=NOW).close()
        return self

    def master(self, number: int | None = None) -> Master:
        """What a slot gives: the one of that label, or the first."""
        header = read_header(self.folder)
        wanted = [each for each in header.slots if number is None or each.label == str(number)]
        return open_slot(header, wanted[0], seed(int(wanted[0].label)))

    def open(self, *, accept: bool = False) -> Vault:
        return Vault.open(self.folder, self.anchor, self.master(), accept_rollback=accept)

    @contextmanager
    def desk(self, *, accept: bool = False) -> Iterator[Desk]:
        with closing(self.open(accept=accept)) as vault:
            yield desk_of(vault)

    def ask(self, *operations: Operation) -> None:
        with self.desk() as desk:
            for operation in operations:
                desk.ask(operation)

    def dump(self) -> Dump:
        """Every value, read by a new opener that also verifies everything."""
        with closing(self.open()) as vault:
            assert not list(vault.verify())
            return dump(desk_of(vault))

    def files(self) -> list[Path]:
        """Every file of the vault, and its anchor; the lock is empty."""
        found = [*self.folder.rglob("*"), *self.anchor.rglob("*")]
        return sorted(path for path in found if path.is_file() and path.name != "lock")

    def record(self, name: str, number: int | None = None) -> Path:
        """The file of a value."""
        with closing(self.open()) as vault:
            secret = vault.find(SecretName(name))
            assert secret is not None
            version = next(each for each in secret.versions[::-1] if number in {None, each.number})
        return self.folder / "records" / version.record[:2] / version.record[2:]


def desk_of(vault: Vault) -> Desk:
    return Desk(vault, now=lambda: NOW, owner="uid:0")


def dump(desk: Desk) -> Dump:
    page = desk.ask(List())
    assert isinstance(page, Page)
    return {
        secret.name: (
            secret.terms.keep,
            {version.number: value(desk, secret.name, version.number) for version in secret.versions},
        )
        for secret in page.secrets
    }


def value(desk: Desk, name: str, number: int | None = None) -> bytes:
    found = desk.ask(Get(name=SecretName(name), number=number, purpose="test"))
    assert isinstance(found, Value)
    return found.value
