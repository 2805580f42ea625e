"""A vault in memory: every operation of ``pytrust.trust.vault.asking.Vaulted``, with nothing on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import msgspec
from msgspec import UnsetType

from pytrust.trust.errors import (
    AccessDenied,
    Conflict,
    NoSuchSecret,
    PytrustError,
    SecretExpired,
    UsageError,
    VaultLocked,
)
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.vault.callers import Caller, Owner, may_read, spelled
from pytrust.trust.vault.model import Secret, Terms, Version, VersionNumber, check_terms
from pytrust.trust.vault.names import OWN, SecretName, is_own, parse_secret_name
from pytrust.trust.vault.operations import (
    ABSENT,
    ANY,
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

    def copy(self) -> _State:
        return _State(dict(self.secrets), dict(self.values))


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
        self._state = _State({}, {})

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        self.asked.append(operation)
        if self.closed:
            raise VaultLocked("the vault is locked")
        asking = caller or self._owner
        if not isinstance(asking, Owner) and not isinstance(operation, Get):
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
                return Page(secrets=(self._secret(name),))
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
        secret = self._state.secrets.get(operation.name)
        if secret is None or not may_read(secret.terms.readers, caller):
            raise _none(operation.name)
        if secret.terms.expires is not None and self._now() >= secret.terms.expires:
            raise SecretExpired(f"{operation.name}: its time is over")
        return secret.current if operation.number is None else _version(secret, operation.number)

    def _put_all(self, puts: tuple[Put, ...], caller: Caller) -> Done:
        if not puts:
            raise UsageError("nothing is put")
        state = self._state.copy()
        for put in puts:
            self._put(state, put, spelled(caller))
        return self._commit(state, puts[-1].name)

    def _put(self, state: _State, put: Put, author: str) -> None:
        name = parse_secret_name(put.name)
        if not 1 <= len(put.value) <= SECRET_MAX_BYTES:
            raise UsageError(f"{name}: a value has between 1 and {SECRET_MAX_BYTES} bytes")
        before = state.secrets.get(name)
        _expect(before, name, put.expect)
        terms = _amended(before.terms if before else Terms(), put)
        number = VersionNumber((before.last if before else 0) + 1)
        self._records += 1
        record = hashlib.sha256(str(self._records).encode()).hexdigest()[:32]
        version = Version(number, self._now(), author, len(put.value), record, b"", _ALGORITHM)
        state.values[record] = put.value
        _keep(state, Secret(name, (*(before.versions if before else ()), version), terms, number))

    def _amend(self, operation: Amend) -> Done:
        state, secret = self._state.copy(), self._secret(operation.name)
        _keep(state, msgspec.structs.replace(secret, terms=_amended(secret.terms, operation)))
        return self._commit(state, operation.name)

    def _list(self, operation: List) -> Page:
        own = operation.prefix.startswith(OWN)
        names = sorted(
            name
            for name in self._state.secrets
            if name.startswith(operation.prefix) and name > operation.after and (own or not is_own(name))
        )
        shown = names[: max(0, operation.limit)]
        return Page(secrets=tuple(self._state.secrets[name] for name in shown), more=len(names) > len(shown))

    def _rollback(self, operation: Rollback, caller: Caller) -> Done:
        secret = self._secret(operation.name)
        value = self._state.values[_version(secret, operation.number).record]
        return self._put_all((Put(name=operation.name, value=value, expect=operation.expect),), caller)

    def _remove(self, operation: Remove) -> Done:
        state, secret = self._state.copy(), self._secret(operation.name)
        if operation.number is None:
            del state.secrets[secret.name]
            gone = secret.versions
        else:
            gone = (_version(secret, operation.number),)
            if operation.number == secret.current.number:
                raise UsageError(f"{secret.name}: version {operation.number} is the current one")
            left = tuple(version for version in secret.versions if version not in gone)
            state.secrets[secret.name] = msgspec.structs.replace(secret, versions=left)
        for version in gone:
            del state.values[version.record]
        return self._commit(state, secret.name)

    def _commit(self, state: _State, name: SecretName) -> Done:
        self._state, self.generation = state, self.generation + 1
        left = state.secrets.get(name)
        return Done(number=left.current.number if left else VersionNumber(0), generation=self.generation)

    def _secret(self, name: SecretName) -> Secret:
        if name not in self._state.secrets:
            raise _none(name)
        return self._state.secrets[name]

    def _note(self, operation: Get, caller: Caller, number: int, refused: str) -> None:
        self.reads.append(Read(self._now(), spelled(caller), operation.purpose, operation.name, number, refused))


def _none(name: str) -> NoSuchSecret:
    return NoSuchSecret(f"there is no secret {name}")


def _version(secret: Secret, number: int) -> Version:
    for version in secret.versions:
        if version.number == number:
            return version
    raise NoSuchSecret(f"{secret.name} has no version {number}")


def _expect(secret: Secret | None, name: SecretName, expect: int) -> None:
    there = secret.current.number if secret else ABSENT
    if expect not in {ANY, there}:
        raise Conflict(f"{name}: version {there} is there, not {expect}")


def _amended(terms: Terms, change: Put | Amend) -> Terms:
    return check_terms(
        Terms(
            terms.labels if isinstance(change.labels, UnsetType) else tuple(change.labels.items()),
            terms.readers if isinstance(change.readers, UnsetType) else change.readers,
            terms.expires if isinstance(change.expires, UnsetType) else change.expires,
            terms.keep if isinstance(change.keep, UnsetType) else change.keep,
        )
    )


def _keep(state: _State, secret: Secret) -> None:
    """As many versions as its terms say."""
    for version in secret.versions[: -secret.terms.keep]:
        del state.values[version.record]
    state.secrets[secret.name] = msgspec.structs.replace(secret, versions=secret.versions[-secret.terms.keep :])
