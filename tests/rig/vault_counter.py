"""Adds one to a secret by check-and-set, again and again: ``vault_counter.py FOLDER LOG TIMES``.

What it was told stands in the log: the new number, or ``conflict``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fakes.vault_store import VaultStore

from pytrust.trust.errors import Busy, Conflict
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Value

NAME = SecretName("counter")


def add(desk: Desk) -> int | None:
    """The new number, or None where somebody else was first."""
    found = desk.ask(Get(name=NAME, purpose="count"))
    assert isinstance(found, Value)
    try:
        desk.ask(Put(name=NAME, value=str(int(found.value) + 1).encode(), expect=found.number))
    except (Conflict, Busy):
        return None
    return int(found.value) + 1


def main(folder: Path, log: Path, times: int) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    vault = VaultStore(folder).open()
    desk = Desk(vault, now=lambda: 1_800_000_000, owner=f"pid:{os.getpid()}")
    while times:
        number = add(desk)
        os.write(descriptor, f"{number or 'conflict'}\n".encode())
        times -= number is not None


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
