"""The vault: unlocking, reading, opening a large one, putting into it, and the command beside ``age -d``."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.harness import alternate, command, installed, report
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, PutMany
from pytrust.trust.vault.slots import passphrase
from pytrust.trust.vault.vault import create_vault

_UNLOCK_GOAL: Final = 1.0  # seconds, about: what a guess costs
_PASSPHRASE: Final = b"a passphrase for benchmarks"
_GETS: Final = 20_000
_GETS_GOAL: Final = 20_000  # a second
_MANY: Final = 100_000
_BATCH: Final = 10_000
_PUTS: Final = 50
_OPEN_GOAL: Final = 0.5  # seconds, list included
_MEMORY_GOAL: Final = 200.0  # MB of the process
_VALUE: Final = secrets.token_bytes(1024)
_OPEN: Final = """
import json, resource, sys, time
from pathlib import Path
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import open_slot, read_header
from pytrust.trust.vault.operations import List
from pytrust.trust.vault.vault import Vault
folder, anchor, seed = Path(sys.argv[1]), Path(sys.argv[2]), bytes.fromhex(sys.stdin.read())
header = read_header(folder)
master = open_slot(header, header.slots[0], seed)
started, count, more, after = time.perf_counter(), 0, True, ""
desk = Desk(Vault.open(folder, anchor, master), now=lambda: 0, owner="uid:0")
while more:
    page = desk.ask(List(after=after, limit=10_000))
    count, more, after = count + len(page.secrets), page.more, page.secrets[-1].name
seconds = time.perf_counter() - started
print(json.dumps([count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def unlock() -> None:
    """The passphrase's part of unlocking, at the cost that ``pytrust vault init`` chooses on this machine."""
    made = passphrase.make(_PASSPHRASE, passphrase.calibrate())
    (seconds,) = alternate(lambda: passphrase.seed(made.params, _PASSPHRASE), rounds=5)
    report("vault.unlock", "s", seconds, _UNLOCK_GOAL, ratio=_UNLOCK_GOAL / seconds)


def get() -> None:
    """Values of 1 KiB, read, decrypted and audited, in one process."""
    with _vault() as (desk, _, _):
        desk.ask(Put(name=SecretName("db_password"), value=_VALUE))
        operation = Get(name=SecretName("db_password"), purpose="bench")

        def work() -> None:
            for _ in range(_GETS):
                desk.ask(operation)

        (seconds,) = alternate(work, rounds=5)
    report("vault.get", "1/s", _GETS / seconds, _GETS_GOAL, ratio=_GETS / seconds / _GETS_GOAL)


def scale() -> None:
    """A hundred thousand secrets: opened and listed by a fresh process; and one more put, beside a vault of ten."""
    with _vault() as (large, home, seed), _vault() as (small, _, _):
        _fill(large, _MANY)
        _fill(small, 10)
        count, seconds, memory = _opened(home, seed)
        assert count == _MANY
        report("vault.open", "s", seconds, _OPEN_GOAL, ratio=_OPEN_GOAL / seconds)
        report("vault.memory", "MB", memory, _MEMORY_GOAL, ratio=_MEMORY_GOAL / memory)
        ours, peer = alternate(lambda: _put(large), lambda: _put(small), rounds=7)
    ours, peer = ours / _PUTS * 1e3, peer / _PUTS * 1e3
    report("vault.put", "ms", ours, 0.8, peer=peer, peer_name="a vault of ten", ratio=peer / ours)


def get_command() -> None:
    """``pytrust secret get`` with an open agent, beside ``age -d -i`` on a file of the same size."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name:
        folder = Path(name)
        environment = {"PYTRUST_HOME": f"{folder}/home", "HOME": name, "PATH": "/usr/bin:/bin"}
        pytrust, key = installed("pytrust"), folder / "key"
        command([pytrust, "vault", "init", "--unlock-key-only", "--unlock-key-file", key], environment)()
        command([pytrust, "--unlock-file", key, "vault", "unlock"], environment)()
        try:
            (folder / "value").write_bytes(_VALUE)
            command([pytrust, "secret", "put", "db_password", "--file", folder / "value"], environment)()
            ours, peer = alternate(
                command([pytrust, "secret", "get", "db_password"], environment), _age(folder, environment), rounds=31
            )
        finally:
            command([pytrust, "vault", "lock"], environment)()
    report("vault.command", "ms", ours * 1e3, 1 / 3, peer=peer * 1e3, peer_name="age -d -i", ratio=peer / ours)


def _age(folder: Path, environment: dict[str, str]) -> Callable[[], object]:
    command(["age-keygen", "-o", folder / "identity"], environment)()
    public = next(line for line in (folder / "identity").read_text().splitlines() if "public key" in line).split()[-1]
    command(["age", "-r", public, "-o", folder / "value.age", folder / "value"], environment)()
    return command(["age", "-d", "-i", folder / "identity", folder / "value.age"], environment)


@contextmanager
def _vault() -> Iterator[tuple[Desk, Path, bytes]]:
    """An open vault, the folder that it lies in with its anchor, and what opens it."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as name:
        home, seed = Path(name), secrets.token_bytes(32)
        slots = [NewSlot("unlock-key", "bench", seed, {})]
        vault = create_vault(home / "vault", home / "anchor", slots, now=int(time.time()))
        yield Desk(vault, now=lambda: int(time.time()), owner="uid:0"), home, seed
        vault.close()


def _fill(desk: Desk, count: int) -> None:
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        desk.ask(PutMany(puts=tuple(Put(name=SecretName(f"shop/{number}"), value=_VALUE) for number in numbers)))


def _put(desk: Desk) -> None:
    for _ in range(_PUTS):
        desk.ask(Put(name=SecretName("shop/one"), value=_VALUE))


def _opened(home: Path, seed: bytes) -> tuple[int, float, float]:
    words = [sys.executable, "-c", _OPEN, str(home / "vault"), str(home / "anchor")]
    done = subprocess.run(words, input=seed.hex().encode(), capture_output=True, check=True)
    count, seconds, memory = json.loads(done.stdout)
    return count, seconds, memory


BENCHES: Final = {"vault.unlock": unlock, "vault.get": get, "vault.scale": scale, "vault.command": get_command}
