"""Ctrl-C at every line of the code that moves a vault on: what is on the disk is whole, and so is what is in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pytrust.trust.errors import VaultLocked
from pytrust.trust.vault import audit, epoch, state
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot, open_slot, read_header
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Value
from pytrust.trust.vault.vault import Vault, create_vault

NAME, SEED = SecretName("web"), bytes(32)
FILES = {state.__file__, audit.__file__, epoch.__file__}
CHANGES: dict[str, Callable[[Vault, Desk], object]] = {
    "put": lambda _, desk: desk.ask(Put(name=NAME, value=b"new")),
    "rekey": lambda vault, _: vault.rekey(2),
    "slot": lambda vault, _: vault.add_slot(NewSlot("unlock-key", "", b"\1" * 32, {}), 2),
}


class Interrupt:
    """Raises at the line of that number."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and frame.f_code.co_filename in FILES:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt
        return self

    def within(self, work: Callable[[], object]) -> None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            work()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)


@pytest.mark.parametrize("change", CHANGES)
def test_whenever_it_comes(tmp_path: Path, change: str) -> None:
    number = 0
    while True:
        number += 1
        place = tmp_path / str(number)
        place.mkdir()
        vault = create_vault(place / "vault", place / "anchor", [NewSlot("unlock-key", "", SEED, {})], now=1)
        desk = Desk(vault, now=lambda: 1, owner="uid:0")
        desk.ask(Put(name=NAME, value=b"old"))
        interrupt = Interrupt(number)
        interrupt.within(lambda: CHANGES[change](vault, desk))  # noqa: B023 - done before the next round
        goes_on(desk, may_be_locked=change == "rekey")
        vault.close()
        check_disk(place)
        if interrupt.left > 0:
            assert number > 20
            return


def goes_on(desk: Desk, *, may_be_locked: bool) -> None:
    try:
        found = desk.ask(Get(name=NAME))
        desk.ask(Put(name=NAME, value=b"later"))
    except VaultLocked:  # new keys are on the disk, and they never came to us
        assert may_be_locked
        return
    assert isinstance(found, Value)
    assert found.value in {b"old", b"new"}


def check_disk(place: Path) -> None:
    header = read_header(place / "vault")
    master = open_slot(header, header.slots[0], SEED)
    vault = Vault.open(place / "vault", place / "anchor", master)
    assert list(vault.verify()) == []
    assert vault.names() == [NAME]
    vault.close()
