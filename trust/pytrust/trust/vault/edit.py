"""What becomes of a secret by an operation: the next state from the last. Pure."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from pytrust.trust.errors import Conflict, NoSuchSecret, UsageError
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.vault.model import Secret, Terms, Version, VersionNumber, check_terms
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import ABSENT, ANY, Amend, Put, Rollback


class Edited(NamedTuple):
    """``secret`` as it is then, and versions whose records are not needed any more."""

    secret: Secret
    dropped: tuple[Version, ...]


def missing(name: str) -> NoSuchSecret:
    """The one answer for what is not there, and for what is not for whoever asks."""
    return NoSuchSecret(f"there is no secret {name}")


def check_value(name: SecretName, value: bytes) -> None:
    """Raises ``UsageError`` for an empty one, or one that is too large."""
    if not value:
        raise UsageError(f"the value of {name} is empty", hint="did the command before the pipe fail?")
    if len(value) > SECRET_MAX_BYTES:
        raise UsageError(
            f"the value of {name} is larger than {SECRET_MAX_BYTES} bytes",
            hint="encrypt the file with age, and keep its key here",
        )


def check_expected(there: Secret | None, operation: Put | Rollback) -> None:
    """Raises ``Conflict`` where another version is there than was expected."""
    number = there.current.number if there else ABSENT
    if operation.expect not in {ANY, number}:
        raise Conflict(
            f"{operation.name} {f'is at version {number}' if number else 'does not exist'}, not at "
            f"{f'version {operation.expect}' if operation.expect else 'none'}: somebody else was first",
            hint=f"see: pytrust secret history {operation.name}",
        )


def next_terms(terms: Terms, operation: Put | Amend) -> Terms:
    """With what the operation sets; raises ``UsageError``."""
    return check_terms(
        Terms(
            terms.labels if operation.labels is UNSET else tuple(operation.labels.items()),
            terms.readers if operation.readers is UNSET else operation.readers,
            terms.expires if operation.expires is UNSET else operation.expires,
            terms.keep if operation.keep is UNSET else operation.keep,
        )
    )


def add_version(there: Secret | None, name: SecretName, version: Version, terms: Terms) -> Edited:
    """``version`` is the current one from now on; the oldest go."""
    versions = (*(there.versions if there else ()), version)
    return _kept(Secret(name, versions, terms, version.number))


def amend(there: Secret, operation: Amend) -> Edited:
    """Other terms."""
    return _kept(replace(there, terms=next_terms(there.terms, operation)))


def drop_version(there: Secret, number: int) -> Edited:
    """One version less; raises ``UsageError`` for the current one, ``NoSuchSecret`` where it is not there."""
    version = find_version(there, number)
    if version is there.current:
        raise UsageError(
            f"version {number} of {there.name} is the current one",
            hint="put a new value first, or remove the secret with all its versions",
        )
    return Edited(replace(there, versions=tuple(each for each in there.versions if each is not version)), (version,))


def find_version(there: Secret, number: int | None) -> Version:
    """The current version, or the one of that number; raises ``NoSuchSecret``."""
    if number is None:
        return there.current
    for version in there.versions:
        if version.number == number:
            return version
    raise NoSuchSecret(
        f"there is no version {number} of {there.name}", hint=f"see: pytrust secret history {there.name}"
    )


def next_number(last: int) -> VersionNumber:
    """The number of a new version."""
    return VersionNumber(last + 1)


def _kept(secret: Secret) -> Edited:
    cut = max(0, len(secret.versions) - secret.terms.keep)
    return Edited(replace(secret, versions=secret.versions[cut:]), secret.versions[:cut])
