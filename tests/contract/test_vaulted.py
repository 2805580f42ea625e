"""The fake vault promises what the real one does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.vaulted_suite import NAME, Clock, VaultedSuite, get, put
from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.errors import VaultLocked
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.vault import create_vault


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestFake(VaultedSuite):
    @pytest.fixture
    def vault(self, clock: Clock) -> Vaulted:
        return FakeVaulted(clock)

    def test_closed(self) -> None:
        vault = FakeVaulted()
        put(vault)
        vault.closed = True
        with pytest.raises(VaultLocked):
            get(vault)
        vault.closed = False
        assert vault.value(NAME) == b"1"


class TestDesk(VaultedSuite):
    @pytest.fixture
    def vault(self, clock: Clock, tmp_path: Path) -> Iterator[Vaulted]:
        slot = NewSlot("unlock-key", "", bytes(32), {})
        opened = create_vault(tmp_path / "vault", tmp_path / "anchor", [slot], now=clock())
        yield Desk(opened, now=clock, owner="uid:0")
        opened.close()
