"""A process that changes vaults, and can be stopped, killed or failed at any system call: ``vault_worker.py``.

It reads lines of JSON, ``[folder, verb, how]``, and forks for each a process that opens the vault, says its number,
stops, and goes on by SIGCONT. That process says as JSON what it saw, with ``writev``, which nothing else here uses.
With ``how`` = ``read`` it reads a value first; with ``on`` it looks, after the change, at the vault that it has open,
and changes it once more. ``getppid`` marks the end of the change. The umask is 0, so that every mode that is not set
shows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fakes.vault_store import NOW, VaultStore, desk_of, dump, slot, value

from pytrust.trust.errors import PytrustError
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Amend, Operation, Put, PutMany, Remove, Rollback
from pytrust.trust.vault.vault import Vault

A, B, C = map(SecretName, "abc")
BASE: tuple[Operation, ...] = (
    Put(name=A, value=b"a1"),
    Put(name=A, value=b"a2"),
    Put(name=B, value=b"b1"),
)
AFTER = Put(name=B, value=b"after")
OPERATIONS: dict[str, Operation] = {
    "put": Put(name=A, value=b"new", keep=2),
    "put-many": PutMany(puts=(Put(name=A, value=b"new"), Put(name=C, value=b"new" * 3000))),
    "amend": Amend(name=A, keep=1),
    "rollback": Rollback(name=A, number=1),
    "remove": Remove(name=B),
}
CHANGES: dict[str, Callable[[Vault], object]] = {
    "rekey": lambda vault: vault.rekey(NOW),
    "slot-add": lambda vault: vault.add_slot(slot(2), NOW),
    "slot-remove": lambda vault: vault.remove_slot(
        next(each.id for each in vault.header.slots if each.label == "1"), NOW
    ),
}
VERBS = (*OPERATIONS, *CHANGES)


def change(vault: Vault, verb: str) -> None:
    """Do it."""
    if verb in OPERATIONS:
        desk_of(vault).ask(OPERATIONS[verb])
    else:
        CHANGES[verb](vault)


def tell(what: object) -> None:
    os.writev(1, [json.dumps(what).encode() + b"\n"])


def attempt(work: Callable[[], object]) -> list[str]:
    """How it ended: empty, or the error's class, text and hint."""
    try:
        work()
    except PytrustError as error:
        return [type(error).__name__, str(error), error.hint]
    except (OSError, ValueError, TypeError, LookupError, AssertionError) as error:
        return ["raw", repr(error), ""]
    return []


def wait() -> None:
    tell(os.getpid())
    os.kill(os.getpid(), signal.SIGSTOP)


def serve(folder: str, verb: str, how: str) -> None:
    store = VaultStore(Path(folder))
    if verb == "create":
        wait()
        tell([attempt(store.create), None, []])
        return
    with closing(store.open()) as vault:
        wait()
        if how == "read":
            value(desk_of(vault), A)
        first = attempt(lambda: change(vault, verb))
        os.getppid()
        if how == "on":
            tell([first, shown(vault), attempt(lambda: desk_of(vault).ask(AFTER))])
        elif first:
            raise SystemExit(3)


def shown(vault: Vault) -> object:
    """The vault as the process sees it that has it open."""
    try:
        found = dump(desk_of(vault))
    except PytrustError as error:
        return str(error)
    return {
        name: [keep, {str(number): value.decode() for number, value in values.items()}]
        for name, (keep, values) in found.items()
    }


def main() -> None:
    os.umask(0)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 1
            try:
                serve(*json.loads(line))
                code = 0
            except SystemExit as error:
                code = int(error.code or 0)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        tell({"status": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
