"""The one change of a collection that may wait for signatures, as it lies in a store."""

from __future__ import annotations

from collections.abc import Mapping

from pytrust.trust.collection.model import SNAPSHOT, TIMESTAMP
from pytrust.trust.errors import Conflict, NotFound
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.publish.proposal import Proposal, decode
from pytrust.trust.publish.wire import State
from pytrust.trust.store.interface import Transaction

Versions = Mapping[Format, Mapping[RoleName, int]]
"""The version of every role, by format."""


def refuse_second(transaction: Transaction, name: CollectionName, state: State | None) -> None:
    """Publishing beside a waiting change would make it void: that must be said aloud first."""
    held = transaction.proposal(name)
    if held is not None and _is_current(decode(name, held).base, state):
        raise Conflict(
            f"a change to {name} waits for signatures already",
            hint=f"approve it (pytrust approve {name}) or drop it (pytrust approve --reject {name}) first",
        )


def waiting_change(transaction: Transaction, name: CollectionName) -> Proposal:
    """The change that waits; raises ``NotFound`` where none does."""
    held = transaction.proposal(name)
    if held is None:
        raise nothing_waits(name)
    return decode(name, held)


def changed_meanwhile(name: CollectionName) -> Conflict:
    """The error for signing something else than was shown."""
    return Conflict(
        f"the change to {name} is no longer the one that was shown", hint=f"look at it again: pytrust approve {name}"
    )


def nothing_waits(name: CollectionName) -> NotFound:
    """The error for approving nothing."""
    return NotFound(f"no change to {name} waits for signatures", hint="see what does: pytrust status")


def check_base(name: CollectionName, base: Versions, state: State | None) -> None:
    """Refuse a change that was made upon other versions than the current ones; raises ``Conflict``."""
    if not _is_current(base, state):
        raise Conflict(f"{name} was published meanwhile, so this change is out of date", hint="make the change again")


def versions(state: State | None) -> dict[Format, dict[RoleName, int]]:
    """What a change is made upon."""
    sides = state.sides.items() if state else ()
    return {form: {role: file.version for role, file in side.files.items()} for form, side in sides}


def _is_current(base: Versions, state: State | None) -> bool:
    """Online roles are renewed without changing what is said, so their versions do not count."""
    return _offline(base) == _offline(versions(state))


def _offline(base: Versions) -> dict[Format, dict[RoleName, int]]:
    return {
        form: {role: number for role, number in held.items() if role not in {SNAPSHOT, TIMESTAMP}}
        for form, held in base.items()
    }
