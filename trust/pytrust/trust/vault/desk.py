"""The one counter over which everything in a vault goes: who asks, may they, is its time over; and the audit of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from threading import Lock
from typing import Final, assert_never

from msgspec.structs import replace

from pytrust.trust.errors import AccessDenied, NoSuchSecret, PytrustError, SecretExpired, UsageError
from pytrust.trust.limits import SECRETS_AT_ONCE_MAX
from pytrust.trust.vault.callers import Caller, Owner, may_read, spelled
from pytrust.trust.vault.draft import Draft
from pytrust.trust.vault.edit import (
    add_version,
    amend,
    check_expected,
    check_value,
    drop_version,
    find_version,
    missing,
    next_terms,
)
from pytrust.trust.vault.model import Secret, Terms, VersionNumber
from pytrust.trust.vault.names import OWN, SecretName, is_own, parse_secret_name
from pytrust.trust.vault.operations import (
    Amend,
    Audit,
    Done,
    Find,
    Get,
    List,
    Operation,
    Page,
    Put,
    PutMany,
    Read,
    Remove,
    Rollback,
    Trail,
    Value,
)
from pytrust.trust.vault.vault import Vault

_PAGE_MAX: Final = 10_000
_PURPOSE_MAX_CHARS: Final = 300


class Desk:
    """Serves the operations on one open vault, for any thread; implements ``asking.Vaulted``.

    Args:
        vault: open.
        now: the clock, seconds since 1970.
        owner: who asks where nobody else is named, such as ``uid:0``.
    """

    def __init__(self, vault: Vault, *, now: Callable[[], int], owner: str) -> None:
        self._vault, self._now, self._owner = vault, now, Owner(owner)
        self._lock = Lock()

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        """See ``asking.Vaulted.ask``."""
        with self._lock:
            who = caller or self._owner
            if isinstance(operation, Get):
                return self._get(operation, who)
            if isinstance(operation, Find):
                found = self._found(operation.name, who)
                return Page(secrets=(found if isinstance(who, Owner) else _for_others(found),))
            if not isinstance(who, Owner):
                raise AccessDenied("only the owner of the vault may do that", hint="run it as the owner")
            return self._serve(operation, spelled(who))

    def _serve(self, operation: Operation, who: str) -> Done | Page | Trail:
        match operation:
            case Put():
                return self._change(PutMany(puts=(operation,)), who)
            case PutMany() | Amend() | Rollback() | Remove():
                return self._change(operation, who)
            case List():
                return self._list(operation)
            case Audit(name=name, limit=limit):
                return Trail(reads=self._vault.trail(limit, name))
            case Get() | Find():
                raise AssertionError(operation)  # pragma: no cover
            case _:
                assert_never(operation)

    def _get(self, operation: Get, who: Caller) -> Value:
        """Every answer is in the audit before it is given, and so is every refusal of a name that can be one."""
        parse_secret_name(operation.name)
        try:
            found = self._read(operation, who)
        except PytrustError as error:
            self._note(operation, who, operation.number or 0, error.code)
            raise
        self._note(operation, who, found.number)
        return found

    def _read(self, operation: Get, who: Caller) -> Value:
        there = self._found(operation.name, who)
        expires = there.terms.expires
        if expires is not None and self._now() >= expires:
            raise SecretExpired(f"the time of {there.name} is over")
        if operation.number is not None and not isinstance(who, Owner):
            raise missing(operation.name)
        version = find_version(there, operation.number)
        try:
            value = self._vault.read(there.name, version)
        except NoSuchSecret:  # gone since a moment ago: another process put a new one
            there = self._found(operation.name, who)
            version = find_version(there, operation.number)
            value = self._vault.read(there.name, version)
        return Value(number=version.number, value=value)

    def _found(self, name: SecretName, who: Caller) -> Secret:
        there = self._vault.find(parse_secret_name(name))
        if there is None or not may_read(there.terms.readers, who) or (is_own(name) and not isinstance(who, Owner)):
            raise missing(name)
        return there

    def _note(self, operation: Get, who: Caller, number: int, refused: str = "") -> None:
        purpose = operation.purpose[:_PURPOSE_MAX_CHARS].encode(errors="replace").decode()
        self._vault.note(Read(self._now(), spelled(who), purpose, str(operation.name), number, refused))

    def _list(self, operation: List) -> Page:
        names = self._vault.names()
        first = max(bisect_left(names, operation.prefix), bisect_right(names, operation.after))
        found: list[Secret] = []
        limit = max(1, min(operation.limit, _PAGE_MAX))
        shows_own = operation.prefix.startswith(OWN)
        for name in names[first:]:
            if not name.startswith(operation.prefix) or len(found) > limit:
                break
            if shows_own or not is_own(name):
                found.append(self._vault.secret(name))
        return Page(secrets=tuple(found[:limit]), more=len(found) > limit)

    def _change(self, operation: PutMany | Amend | Rollback | Remove, who: str) -> Done:
        with self._vault.change(who, self._now()) as draft:
            number = self._draft(operation, draft)
        return Done(number=VersionNumber(number), generation=self._vault.header.generation)

    def _draft(self, operation: PutMany | Amend | Rollback | Remove, draft: Draft) -> int:
        match operation:
            case PutMany(puts=puts):
                if not 0 < len(puts) <= SECRETS_AT_ONCE_MAX:
                    raise UsageError(f"1 to {SECRETS_AT_ONCE_MAX} secrets can be put at once")
                return [_put(draft, put) for put in puts][-1]
            case Amend(name=name):
                edited = amend(_there(draft, name), operation)
                draft.set(edited)
                return edited.secret.current.number
            case Rollback(name=name):
                return self._roll_back(draft, operation)
            case Remove(name=name, number=None):
                draft.remove(parse_secret_name(name))
                return 0
            case Remove(name=name, number=int(number)):
                edited = drop_version(_there(draft, name), number)
                draft.set(edited)
                return edited.secret.current.number
            case _:
                raise AssertionError(operation)  # pragma: no cover

    def _roll_back(self, draft: Draft, operation: Rollback) -> int:
        there = _there(draft, operation.name)
        check_expected(there, operation)
        value = self._vault.read(there.name, find_version(there, operation.number))
        version = draft.seal(there.name, value)
        draft.set(add_version(there, there.name, version, there.terms))
        return version.number


def _for_others(there: Secret) -> Secret:
    """What a reader needs to know: how large the value is, and how long it is served."""
    current = replace(there.current, author="", record="", wrapped=b"")
    return replace(there, versions=(current,), terms=Terms(expires=there.terms.expires))


def _put(draft: Draft, put: Put) -> int:
    name = parse_secret_name(put.name)
    check_value(name, put.value)
    there = draft.find(name)
    check_expected(there, put)
    terms = next_terms(there.terms if there else Terms(), put)
    version = draft.seal(name, put.value)
    draft.set(add_version(there, name, version, terms))
    return version.number


def _there(draft: Draft, name: SecretName) -> Secret:
    found = draft.find(parse_secret_name(name))
    if found is None:
        raise missing(name)
    return found
