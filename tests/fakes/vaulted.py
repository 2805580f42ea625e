"""A vault in memory: every operation of ``pytrust.trust.vault.asking.Vaulted``, with nothing on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from pytrust.trust.errors import AccessDenied, PytrustError, SecretExpired, UsageError, VaultLocked
from pytrust.trust.vault.callers import Caller, Owner, may_read, spelled
from pytrust.trust.vault.edit import (
    Edited,
    add_version,
    amend,
    check_expected,
    check_value,
    drop_version,
    find_version,
    missing,
    next_number,
    next_terms,
)
from pytrust.trust.vault.model import Secret, Terms, Version, VersionNumber
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

_ALGORITHM = "in-memory"


@dataclass(slots=True)
class _State:
    """What one generation holds; replaced as a whole, so that several puts are all or none."""

    secrets: dict[SecretName, Secret]
    values: dict[str, bytes]
    gone: dict[SecretName, int]

    def copy(self) -> _State:
        return _State(dict(self.secrets), dict(self.values), dict(self.gone))

    def set(self, edited: Edited) -> None:
        self.secrets[edited.secret.name] = edited.secret
        for version in edited.dropped:
            del self.values[version.record]


class FakeVaulted:
    """An open vault; ``closed = True`` makes every ask fail as one that somebody locked.

    Args:
        now: the clock, seconds since 1970.
        owner: who asks where no caller is named.
    """

    def __init__(self, now: Callable[[], int] = lambda: 1_800_000_000, owner: str = "uid:0") -> None:
        self.closed = False
        self.generation = 1
        self.reads: list[Read] = []
        self.asked: list[Operation] = []
        """Every operation that was asked, refused ones included, oldest first."""
        self._now, self._owner, self._records = now, Owner(owner), 0
        self._state = _State({}, {}, {})

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        self.asked.append(operation)
        if self.closed:
            raise VaultLocked("the vault is locked")
        asking = caller or self._owner
        if not isinstance(asking, Owner) and not isinstance(operation, Get | Find):
            raise AccessDenied("only the owner of the vault may do that")
        match operation:
            case Get() | Find() | List() | Audit():
                return self._read(operation, asking)
            case Put() | PutMany() | Amend() | Rollback() | Remove():
                return self._write(operation, asking)
            case _:
                assert_never(operation)

    def close(self) -> None:
        self.closed = True

    # what tests ask, past every check and without a trace in the audit

    def names(self) -> list[str]:
        """Every secret there is, own ones included."""
        return sorted(self._state.secrets)

    def secret(self, name: str) -> Secret:
        return self._secret(SecretName(name))

    def value(self, name: str) -> bytes:
        return self._state.values[self.secret(name).current.record]

    def put(self, name: str, value: bytes, **terms: object) -> None:
        """A short way for tests to keep something."""
        self.ask(Put(name=parse_secret_name(name), value=value, **terms))  # type: ignore[arg-type]

    # the operations

    def _read(self, operation: Get | Find | List | Audit, caller: Caller) -> Value | Page | Trail:
        match operation:
            case Get():
                return self._get(operation, caller)
            case Find(name=name):
                return Page(secrets=(self._visible(name, caller),))
            case List():
                return self._list(operation)
            case Audit(name=name, limit=limit):
                found = [read for read in self.reads if name in {None, read.name}]
                return Trail(reads=tuple(found[-limit:] if limit > 0 else ()))

    def _write(self, operation: Put | PutMany | Amend | Rollback | Remove, caller: Caller) -> Done:
        match operation:
            case Put():
                return self._put_all((operation,), caller)
            case PutMany(puts=puts):
                return self._put_all(puts, caller)
            case Amend():
                return self._amend(operation)
            case Rollback():
                return self._rollback(operation, caller)
            case Remove():
                return self._remove(operation)

    def _get(self, operation: Get, caller: Caller) -> Value:
        try:
            version = self._readable(operation, caller)
        except PytrustError as error:
            self._note(operation, caller, operation.number or 0, error.code)
            raise
        self._note(operation, caller, version.number, "")
        return Value(number=version.number, value=self._state.values[version.record])

    def _readable(self, operation: Get, caller: Caller) -> Version:
        secret = self._visible(parse_secret_name(operation.name), caller)
        if secret.terms.expires is not None and self._now() >= secret.terms.expires:
            raise SecretExpired(f"{operation.name}: its time is over")
        if operation.number is not None and not isinstance(caller, Owner):
            raise missing(secret.name)
        return find_version(secret, operation.number)

    def _visible(self, name: SecretName, caller: Caller) -> Secret:
        """What is not for the caller is not there."""
        secret = self._secret(name)
        if not isinstance(caller, Owner) and (is_own(name) or not may_read(secret.terms.readers, caller)):
            raise missing(name)
        return secret

    def _put_all(self, puts: tuple[Put, ...], caller: Caller) -> Done:
        if not puts:
            raise UsageError("nothing is put")
        state = self._state.copy()
        for put in puts:
            self._put(state, put, spelled(caller))
        return self._commit(state, puts[-1].name)

    def _put(self, state: _State, put: Put, author: str) -> None:
        name = parse_secret_name(put.name)
        check_value(name, put.value)
        there = state.secrets.get(name)
        check_expected(there, put)
        self._records += 1
        record = hashlib.sha256(str(self._records).encode()).hexdigest()[:32]
        number = next_number(there.last if there else state.gone.get(name, 0))
        version = Version(number, self._now(), author, len(put.value), record, b"", _ALGORITHM)
        state.values[record] = put.value
        state.set(add_version(there, name, version, next_terms(there.terms if there else Terms(), put)))

    def _amend(self, operation: Amend) -> Done:
        state = self._state.copy()
        state.set(amend(self._secret(operation.name), operation))
        return self._commit(state, operation.name)

    def _list(self, operation: List) -> Page:
        own = operation.prefix.startswith(OWN)
        names = sorted(
            name
            for name in self._state.secrets
            if name.startswith(operation.prefix) and name > operation.after and (own or not is_own(name))
        )
        shown = names[: max(1, operation.limit)]
        return Page(secrets=tuple(self._state.secrets[name] for name in shown), more=len(names) > len(shown))

    def _rollback(self, operation: Rollback, caller: Caller) -> Done:
        value = self._state.values[find_version(self._secret(operation.name), operation.number).record]
        return self._put_all((Put(name=operation.name, value=value, expect=operation.expect),), caller)

    def _remove(self, operation: Remove) -> Done:
        state, secret = self._state.copy(), self._secret(operation.name)
        if operation.number is not None:
            state.set(drop_version(secret, operation.number))
        else:
            del state.secrets[secret.name]
            state.gone[secret.name] = secret.last
            for version in secret.versions:
                del state.values[version.record]
        return self._commit(state, secret.name)

    def _commit(self, state: _State, name: SecretName) -> Done:
        self._state, self.generation = state, self.generation + 1
        left = state.secrets.get(name)
        return Done(number=left.current.number if left else VersionNumber(0), generation=self.generation)

    def _secret(self, name: SecretName) -> Secret:
        if name not in self._state.secrets:
            raise missing(name)
        return self._state.secrets[name]

    def _note(self, operation: Get, caller: Caller, number: int, refused: str) -> None:
        self.reads.append(Read(self._now(), spelled(caller), operation.purpose, operation.name, number, refused))
