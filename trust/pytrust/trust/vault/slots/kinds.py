"""Every kind of slot, and the one way from a slot and its secret to the seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol, assert_never

from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.vault.slots import age_slot, key_file, os_keyring, passphrase, pkcs11, unlock_key
from pytrust.trust.vault.slots.made import Params

KINDS: Final = (passphrase.KIND, unlock_key.KIND, key_file.KIND, age_slot.KIND, os_keyring.KIND, pkcs11.KIND)
_SILENT: Final = frozenset({key_file.KIND, os_keyring.KIND})


class Lock(Protocol):
    """What is asked of a slot here."""

    @property
    def kind(self) -> str:
        """One of ``KINDS``, if this pytrust knows it."""

    @property
    def params(self) -> Params:
        """As its kind made them."""


@dataclass(frozen=True, slots=True)
class Passphrase:
    """As it was typed, without the end of the line."""

    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnlockKey:
    """``PTKEY-1-...``; opens a slot of kind file, too, if it is what the file holds."""

    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The file that the slot names."""


@dataclass(frozen=True, slots=True)
class Identities:
    """The text of a file of private keys of age or SSH."""

    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OsKeyring:
    """The keyring of the user who runs this."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Of a token."""

    text: bytes = field(repr=False)


Secret = Passphrase | UnlockKey | KeyFile | Identities | OsKeyring | Pin


def seed(slot: Lock, secret: Secret) -> bytes:
    """The seed of ``slot``, by ``secret``.

    Raises:
        UsageError: the secret is none, or not for this kind of slot.
        WrongPassphrase: it surely does not open the slot; whether it does otherwise, the header tells.
        VaultLocked: what holds the seed is not there, or closed.
        TooSlow: a keyring does not answer.
        Unsound: the slot is damaged or unknown, a file is open to others, or a token fails.
    """
    check_kind(slot.kind)
    match secret:
        case Passphrase(text=text):
            return passphrase.seed(_params(slot, passphrase.KIND, "a passphrase"), text)
        case UnlockKey(text=text):
            return _by_unlock_key(slot, text)
        case KeyFile():
            return key_file.seed(_params(slot, key_file.KIND, "a file"))
        case Identities(text=text):
            return age_slot.seed(_params(slot, age_slot.KIND, "age identities"), text)
        case OsKeyring():
            return os_keyring.seed(_params(slot, os_keyring.KIND, "the user's keyring"))
        case Pin(text=text):
            return pkcs11.seed(_params(slot, pkcs11.KIND, "a PIN"), text)
        case _:
            assert_never(secret)


def silent(slot: Lock) -> bool:
    """Whether nobody need be asked: the secret lies where this user's programs find it."""
    return slot.kind in _SILENT


def silent_secret(slot: Lock) -> Secret | None:
    """The secret of a slot for which nobody need be asked."""
    match slot.kind:
        case key_file.KIND:
            return KeyFile()
        case os_keyring.KIND:
            return OsKeyring()
        case _:
            return None


def check_kind(kind: str) -> None:
    """Raises ``Damaged`` for a kind that is not known here."""
    if kind not in KINDS:
        raise Damaged(f"the vault has a slot of an unknown kind: {kind[:40]!r}", hint="update pytrust")


def _params(slot: Lock, kind: str, secret: str) -> Params:
    if slot.kind != kind:
        raise UsageError(f"a slot of kind {slot.kind} is not opened by {secret}", hint="pytrust vault status")
    return slot.params


def _by_unlock_key(slot: Lock, text: bytes) -> bytes:
    if slot.kind == key_file.KIND:
        return unlock_key.parse(text)
    return unlock_key.seed(_params(slot, unlock_key.KIND, "an unlock key"), text)
