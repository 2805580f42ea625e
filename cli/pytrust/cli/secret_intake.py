"""Values from files become secrets: all at once, and what is there already stays unless it is to be replaced."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import UNSET

from pytrust.cli.secret_sources import Taken
from pytrust.trust.errors import Conflict, NoSuchSecret, SecretExpired, UsageError
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.model import Reader, Secret
from pytrust.trust.vault.operations import ABSENT, Amend, Find, Get, Page, Put, PutMany, Value

_PURPOSE: Final = "pytrust secret import"
_NAMED_MAX: Final = 5


class State(StrEnum):
    """What becomes of a value."""

    NEW = "new"
    SAME = "there already"
    NEXT = "a new version"


class Step(NamedTuple):
    """A value, what becomes of it, and what is there now."""

    taken: Taken
    state: State
    there: Secret | None


def merge(taken: Iterable[Taken]) -> tuple[Taken, ...]:
    """One for each name; raises ``UsageError`` where two values would have the same."""
    found: dict[str, Taken] = {}
    for each in taken:
        other = found.setdefault(each.name, each)
        if other.value != each.value:
            raise UsageError(
                f"{other.whence} and {each.whence} hold different values for {each.name}",
                hint="import them one by one, with --prefix",
            )
        readers = tuple(sorted({*other.readers, *each.readers}))
        found[each.name] = Taken(
            each.name, each.value, other.whence, readers, other.labels or each.labels, other.expires or each.expires
        )
    return tuple(found.values())


def plan(vault: Vaulted, taken: Iterable[Taken], *, replace: bool) -> tuple[Step, ...]:
    """What becomes of each.

    Raises:
        Conflict: there are secrets of these names with other values, and they are not to be replaced.
    """
    steps = tuple(_step(vault, each) for each in taken)
    other = [step.taken.name for step in steps if step.state is State.NEXT]
    if other and not replace:
        named = ", ".join(other[:_NAMED_MAX]) + (" and others" if len(other) > _NAMED_MAX else "")
        raise Conflict(
            f"the vault holds other values for {named}",
            hint="--replace makes these new versions, --prefix gives them other names",
        )
    return steps


def carry_out(vault: Vaulted, steps: Iterable[Step]) -> None:
    """All values or none; then readers that are missing where the value was there.

    Raises:
        Conflict: somebody else was first.
    """
    listed = tuple(steps)
    puts = tuple(_put(step) for step in listed if step.state is not State.SAME)
    if puts:
        vault.ask(PutMany(puts=puts))
    for step in listed:
        if step.state is State.SAME and (amend := _amend(step)):
            vault.ask(amend)


def _step(vault: Vaulted, taken: Taken) -> Step:
    try:
        page = vault.ask(Find(name=taken.name))
    except NoSuchSecret:
        return Step(taken, State.NEW, None)
    assert isinstance(page, Page)
    there = page.secrets[0]
    return Step(taken, State.SAME if _is_same(vault, taken, there) else State.NEXT, there)


def _is_same(vault: Vaulted, taken: Taken, there: Secret) -> bool:
    """Values of other lengths need not be read."""
    if there.current.size != len(taken.value):
        return False
    try:
        found = vault.ask(Get(name=taken.name, purpose=_PURPOSE))
    except SecretExpired:
        return False
    assert isinstance(found, Value)
    return found.value == taken.value


def _put(step: Step) -> Put:
    taken, there = step.taken, step.there
    return Put(
        name=taken.name,
        value=taken.value,
        expect=there.current.number if there else ABSENT,
        readers=_readers(step),
        labels=dict(taken.labels) if taken.labels else UNSET,
        expires=UNSET if taken.expires is None else taken.expires,
    )


def _amend(step: Step) -> Amend | None:
    assert step.there is not None
    readers = _readers(step)
    return None if readers == step.there.terms.readers else Amend(name=step.taken.name, readers=readers)


def _readers(step: Step) -> tuple[Reader, ...]:
    before = step.there.terms.readers if step.there else ()
    return tuple(sorted({*before, *step.taken.readers}))
