"""The manifest: what the vault holds, as the sum of its steps. Pure.

One frame is one step, and one step is one change of the vault, whole or not at all. A step carries each secret that it
touches in full, without values: with what is bound to them and their wrapped keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from pytrust.trust.errors import Damaged
from pytrust.trust.vault.header import Head
from pytrust.trust.vault.model import Secret, VersionNumber
from pytrust.trust.vault.names import SecretName


class PastAudit(msgspec.Struct, frozen=True, array_like=True):
    """The audit of an epoch that is over, with the key that opens it."""

    epoch: int
    key: bytes
    head: Head


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One change.

    Attributes:
        at: seconds since 1970.
        who: made it.
        secrets: as they are from now on.
        removed: secrets that are no more, with the last number that they used.
        audits: of earlier epochs; only in the first step of one.
    """

    at: int
    who: str
    secrets: tuple[Secret, ...] = ()
    removed: tuple[tuple[SecretName, VersionNumber], ...] = ()
    audits: tuple[PastAudit, ...] = ()


_PART: Final = 4_000  # secrets in one frame; with all that one can have it takes 52 KB
_decoder: Final = msgspec.msgpack.Decoder(Step)


def encode_step(step: Step) -> bytes:
    """The body of a frame."""
    return msgspec.msgpack.encode(step)


def parts(step: Step) -> Iterator[Step]:
    """``step`` as several, of which a frame can hold each."""
    yield Step(step.at, step.who, step.secrets[:_PART], step.removed[:_PART], step.audits)
    for start in range(_PART, max(len(step.secrets), len(step.removed)), _PART):
        end = start + _PART
        yield Step(step.at, step.who, step.secrets[start:end], step.removed[start:end])


def decode_step(body: bytes) -> Step:
    """Raises ``Damaged``: a vault of a newer pytrust, for what has no frame of another can be opened."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Damaged("the vault's manifest has a step that cannot be understood", hint="update pytrust") from error


class Index:
    """All secrets by name; ``gone``: the last numbers of those that were removed."""

    def __init__(self) -> None:
        self.secrets: dict[SecretName, Secret] = {}
        self.gone: dict[SecretName, VersionNumber] = {}
        self.audits: tuple[PastAudit, ...] = ()
        self._order: list[SecretName] | None = None

    def apply(self, step: Step) -> None:
        """Take a step."""
        for name, last in step.removed:
            self.secrets.pop(name, None)
            self.gone[name] = last
        for secret in step.secrets:
            self.secrets[secret.name] = secret
            self.gone.pop(secret.name, None)
        self.audits = step.audits or self.audits
        self._order = None

    @property
    def order(self) -> list[SecretName]:
        """Names, sorted."""
        if self._order is None:
            self._order = sorted(self.secrets)
        return self._order

    def last(self, name: SecretName) -> int:
        """The highest version number ever used for ``name``."""
        secret = self.secrets.get(name)
        return secret.last if secret else self.gone.get(name, 0)
