"""What the commands for secrets take and show: names, times, labels, tables. Pure, but for what asks a ``Vaulted``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pytrust.trust.errors import InvalidName, NoSuchSecret, UsageError
from pytrust.trust.names import parse_collection
from pytrust.trust.vault.asking import Vaulted, listed
from pytrust.trust.vault.model import Reader, Secret, parse_reader
from pytrust.trust.vault.names import SecretName, is_own, parse_secret_name
from pytrust.trust.vault.operations import Find, Page, Read

HEADERS: Final = ("NAME", "VERSION", "CHANGED", "EXPIRES", "READERS", "LABELS")
VERSION_HEADERS: Final = ("VERSION", "CREATED", "BY", "BYTES", "")
READ_HEADERS: Final = ("AT", "WHO", "SECRET", "VERSION", "FOR", "")

_NEVER: Final = "never"
_IMAGE: Final = "image:"
_SPAN: Final = re.compile(r"([0-9]{1,6})([smhdwy])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_PREFIX: Final = re.compile(r"[A-Za-z0-9_./-]{0,200}")


def parse_name(text: str) -> SecretName:
    """The name of a secret that is not pytrust's own; raises ``InvalidName``."""
    name = parse_secret_name(text)
    if is_own(name):
        raise InvalidName(
            f"{name} is pytrust's own", hint="names that begin with pytrust/ are kept by the commands that use them"
        )
    return name


def parse_prefix(text: str) -> str:
    """What names begin with; raises ``InvalidName``."""
    if not _PREFIX.fullmatch(text):
        raise InvalidName(f"{text[:80]!r} begins no name of a secret", hint="letters, digits, and ._-/")
    return text


def parse_end(text: str, now: int) -> int | None:
    """When a time is over: ``90d`` from now, a date or moment of ISO 8601 (UTC unless it says otherwise), or ``never``.

    Raises:
        UsageError: it is none of these, or over already.
    """
    if text == _NEVER:
        return None
    try:
        end = _end(text, now)
    except (ValueError, OverflowError):
        raise UsageError(f"{text[:60]!r} is no time", hint="write 12h, 90d, 1y, 2027-06-30, or never") from None
    if end <= now:
        raise UsageError(f"{text} is over already", hint="to forget the secret: pytrust secret rm")
    return end


def parse_labels(texts: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE``, each key once; raises ``UsageError``."""
    labels: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key or key in labels:
            raise UsageError(f"{text[:60]!r} is no label" if key not in labels else f"the label {key} is given twice")
        labels[key] = value
    return labels


def parse_readers(texts: Sequence[str]) -> tuple[Reader, ...]:
    """See ``Reader``; an image without host is docker's. Raises ``UsageError`` for what could never read anything."""
    from pytrust.policy.pattern import check_name_pattern

    readers = tuple(dict.fromkeys(spelled_reader(text) for text in texts))
    for reader in readers:
        if reader.startswith(_IMAGE):
            check_name_pattern(reader.removeprefix(_IMAGE))
    return readers


def spelled_reader(text: str) -> Reader:
    """A reader with its image in full; raises ``UsageError``."""
    reader = parse_reader(text)
    if reader.startswith(_IMAGE) and "*" not in reader:
        return Reader(_IMAGE + parse_collection(reader.removeprefix(_IMAGE)))
    return reader


def found(vault: Vaulted, name: SecretName) -> Secret:
    """What is known of one; raises ``NoSuchSecret``."""
    answer = vault.ask(Find(name=name))
    assert isinstance(answer, Page)
    return answer.secrets[0]


def chosen(vault: Vaulted, texts: Sequence[str]) -> list[Secret]:
    """The secrets of these names, and of these prefixes, which end in ``/``; all there are where none is given.

    Raises:
        InvalidName: one is neither.
        NoSuchSecret: there is none of one of them.
    """
    secrets = {secret.name: secret for text in texts or ("",) for secret in _chosen(vault, text)}
    return [secrets[name] for name in sorted(secrets)]


def row(secret: Secret, now: int) -> tuple[str, ...]:
    """One secret under ``HEADERS``."""
    terms = secret.terms
    labels = ", ".join(f"{key}={value}" for key, value in terms.labels)
    current = secret.current
    end = expiry(terms.expires, now)
    return (secret.name, str(current.number), moment(current.created), end, ", ".join(terms.readers), labels)


def document(secret: Secret) -> dict[str, Any]:
    """One secret for machines, without its value."""
    terms, current = secret.terms, secret.current
    return {
        "name": secret.name,
        "version": current.number,
        "changed": stamp(current.created),
        "size": current.size,
        "expires": None if terms.expires is None else stamp(terms.expires),
        "readers": list(terms.readers),
        "labels": dict(terms.labels),
        "keep": terms.keep,
    }


def version_rows(secret: Secret) -> list[tuple[str, ...]]:
    """The versions of a secret under ``VERSION_HEADERS``, the newest first."""
    marked = ((each, "current" if each is secret.current else "") for each in reversed(secret.versions))
    return [(str(each.number), moment(each.created), each.author, str(each.size), mark) for each, mark in marked]


def version_documents(secret: Secret) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "version": each.number,
            "created": stamp(each.created),
            "author": each.author,
            "size": each.size,
            "current": each is secret.current,
        }
        for each in reversed(secret.versions)
    ]


def read_rows(reads: Iterable[Read]) -> list[tuple[str, ...]]:
    """The audit under ``READ_HEADERS``."""
    return [
        (
            f"{datetime.fromtimestamp(read.at, UTC):%Y-%m-%d %H:%M:%S}",
            read.caller,
            read.name,
            str(read.number or ""),
            read.purpose,
            f"refused: {read.refused}" if read.refused else "",
        )
        for read in reads
    ]


def read_document(read: Read) -> dict[str, Any]:
    """One read for machines."""
    return {
        "at": stamp(read.at),
        "caller": read.caller,
        "purpose": read.purpose,
        "name": read.name,
        "version": read.number or None,
        "refused": read.refused or None,
    }


def moment(seconds: int) -> str:
    """For people."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def stamp(seconds: int) -> str:
    """For machines: ISO 8601, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def expiry(expires: int | None, now: int) -> str:
    """When a secret ends, for people."""
    if expires is None:
        return _NEVER
    return f"{moment(expires)}{' (over)' if expires <= now else ''}"


def _end(text: str, now: int) -> int:
    if span := _SPAN.fullmatch(text):
        later = timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        return int((datetime.fromtimestamp(now, UTC) + later).timestamp())
    end = datetime.fromisoformat(text)
    return int((end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp())


def _chosen(vault: Vaulted, text: str) -> list[Secret]:
    if text and not text.endswith("/"):
        return [found(vault, parse_name(text))]
    if text:
        parse_name(text.removesuffix("/") + "/x")
    secrets = list(listed(vault, text))
    if not secrets:
        raise NoSuchSecret(f"there is no secret below {text}" if text else "the vault holds no secrets")
    return secrets
