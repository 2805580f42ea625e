"""``vault.json``: what a vault is, how far it has come, and the ways to unlock it.

It is one JSON object, in one spelling, and below it the HMAC-SHA-256 of that line under a key derived from the master
key. So a key that opens a slot but is not the vault's is told from the right one before anything is decrypted with it,
and no bit of the file can change. Replacing it is the one moment at which a change of the vault takes place.

A slot's secret gives a seed, the seed a key pair, and the master key is sealed to the public half: see ``xwing``. So a
new master key can be sealed to every slot while its secret is elsewhere. Anybody can seal to a public key; so within,
the master key is sealed once more, under a slot key that the seed gives, too, and that the vault keeps under its own
master key (``link``). Who has no key of the vault cannot make another that its slots would open.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged, NotSetUp, Unsound, UsageError, WrongPassphrase
from pytrust.trust.files import check_owned, read_private
from pytrust.trust.limits import VAULT_HEADER_MAX_BYTES, VAULT_SLOTS_MAX, VAULT_TURNS_MAX
from pytrust.trust.vault import xwing
from pytrust.trust.vault.master import Master, bound

FILE: Final = "vault.json"
MAKE_VAULT: Final = "make a vault with: pytrust vault init"
FORMAT: Final = 1
_REST_BYTES: Final = 2 * hashlib.sha256().digest_size + 1

_Hex8 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}\Z")]
_Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to unlock.

    Attributes:
        id: random.
        kind: says whose ``params`` these are, see ``slots.kinds``.
        label: for people.
        created: seconds since 1970.
        params: what the secret needs to become the seed, such as a salt.
        public: the slot's public key: ML-KEM-768's and X25519's.
        sealed: the master key, under the slot key, and then sealed to the public key.
        link: the slot key, under the master key: for sealing the next one.
    """

    id: _Hex8
    kind: str
    label: str
    created: _Count
    params: dict[str, str | int]
    public: bytes
    sealed: bytes
    link: bytes


class NewSlot(NamedTuple):
    """What a slot is made of: see ``Slot``; ``seed`` has 32 bytes."""

    kind: str
    label: str
    seed: bytes
    params: Mapping[str, str | int]

    def __repr__(self) -> str:
        return f"NewSlot({self.kind!r})"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a chain of frames counts: bytes, frames, and the tag of the last (hex)."""

    length: _Count = 0
    frames: _Count = 0
    tag: _Hex32 = "0" * 32


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public key of an epoch, where the epoch before ended, and the signature of its key: see ``lineage``."""

    public: bytes
    ended: Head
    signature: bytes


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A vault at one moment.

    Attributes:
        format: of everything in the folder.
        store: random, and never changed.
        epoch: counts master keys.
        generation: counts changes, over all epochs.
        created: of the vault, seconds since 1970.
        manifest: of this epoch.
        audit: of this epoch, as far as it had come by then.
        slots: at least one.
        turns: how this epoch's key came from earlier ones, see ``lineage``.
    """

    format: int
    store: _Hex32
    epoch: _Count
    generation: _Count
    created: _Count
    manifest: Head
    audit: Head
    slots: tuple[Slot, ...]
    turns: tuple[Turn, ...] = ()


def encode_header(header: Header, master: Master) -> bytes:
    """The file; raises ``UsageError`` for what could not be read again."""
    try:
        line = encode_json(msgspec.to_builtins(header))
        data = line + b"\n" + _mac(line, header, master).encode() + b"\n"
        decode_header(data)
    except (Damaged, UnicodeEncodeError) as error:
        raise UsageError(f"that cannot be kept: {error}", hint="a label is a few printable characters") from error
    return data


def decode_header(data: bytes) -> Header:
    """What the file says, not authenticated; raises ``Damaged`` for anything that ``encode_header`` does not write."""
    line, end, rest = data.partition(b"\n")
    try:
        found = parse_json(line, what=FILE, max_bytes=VAULT_HEADER_MAX_BYTES - _REST_BYTES)
        header = msgspec.convert(found, Header)
    except (BadMetadata, msgspec.ValidationError) as error:
        raise Damaged(f"{FILE} of the vault cannot be understood: {str(error)[:200]}") from error
    if header.format != FORMAT:
        raise Damaged(f"the vault has format {header.format}, which this pytrust does not know", hint="update pytrust")
    if not end or len(rest) != _REST_BYTES or not _is_sound(header, line):
        raise Damaged(f"{FILE} of the vault is not as it was written")
    return header


def check_header(data: bytes, header: Header, master: Master) -> None:
    """Whether ``data``, from which ``header`` was decoded, is this vault's; raises ``Damaged``."""
    line, _, rest = data.partition(b"\n")
    if not hmac.compare_digest(rest, _mac(line, header, master).encode() + b"\n"):
        raise Damaged(f"{FILE} of the vault was changed by something that is not the vault")


def read_header(folder: Path) -> Header:
    """The header of the vault in ``folder``, not authenticated.

    Raises:
        NotSetUp: there is none.
        BadPermissions: others could have written or read it.
        PermissionError: it is another user's.
        Damaged: it is no header.
    """
    return decode_header(read_header_bytes(folder))


def read_header_bytes(folder: Path) -> bytes:
    """The file; raises what ``read_header`` does."""
    try:
        if not (folder / FILE).exists():
            raise NotSetUp(f"there is no vault at {folder}", hint=MAKE_VAULT)
        check_owned(folder, forbidden=0o077)
        return read_private(folder / FILE, VAULT_HEADER_MAX_BYTES, missing=MAKE_VAULT)
    except PermissionError:
        raise
    except OSError as error:
        raise Unsound(f"{folder / FILE} cannot be read: {error.strerror}") from error


def seal_slot(new: NewSlot, store: str, epoch: int, master: Master, now: int) -> Slot:
    """A slot that opens ``master``."""
    slot = Slot(secrets.token_hex(4), new.kind, new.label, now, dict(new.params), xwing.public_key(new.seed), b"", b"")
    return _sealed(slot, store, epoch, master, _slot_key(new.seed))


def reseal_slot(slot: Slot, header: Header, old: Master, new: Master) -> Slot:
    """The same slot for the next epoch's master key, without its secret; raises ``Damaged``."""
    info = _slot_info(header.store, header.epoch, slot.id, slot.kind)
    try:
        key = AESSIV(old.derive("slots", header.store, header.epoch)).decrypt(slot.link, [info])
    except (InvalidTag, ValueError) as error:
        raise Damaged(f"slot {slot.id} of the vault is not as it was written") from error
    return _sealed(slot, header.store, header.epoch + 1, new, key)


def open_slot(header: Header, slot: Slot, seed: bytes) -> Master:
    """The master key; raises ``WrongPassphrase`` where ``seed`` is not the slot's, or the slot was changed."""
    info = _slot_info(header.store, header.epoch, slot.id, slot.kind)
    try:
        inner = xwing.open_sealed(slot.sealed, seed, info)
        return Master(AESSIV(_slot_key(seed)).decrypt(inner, [info]))
    except (InvalidTag, ValueError) as error:
        raise WrongPassphrase(
            f"that does not open slot {slot.id} ({slot.kind}) of the vault",
            hint="see which ways there are: pytrust vault status",
        ) from error


def _sealed(slot: Slot, store: str, epoch: int, master: Master, key: bytes) -> Slot:
    """The slot for ``master``; ``key`` is the slot key."""
    info = _slot_info(store, epoch, slot.id, slot.kind)
    inner = AESSIV(key).encrypt(master.bytes(), [info])
    link = AESSIV(master.derive("slots", store, epoch)).encrypt(key, [info])
    return msgspec.structs.replace(slot, sealed=xwing.seal(inner, slot.public, info), link=link)


def _slot_key(seed: bytes) -> bytes:
    """What seals within: 64 bytes for AES-256-SIV."""
    return HKDF(hashes.SHA256(), 64, salt=None, info=bound("pytrust vault 1 slot key")).derive(seed)


def _is_sound(header: Header, line: bytes) -> bool:
    ids = [slot.id for slot in header.slots]
    return (
        line == encode_json(msgspec.to_builtins(header))
        and 0 < len(ids) <= VAULT_SLOTS_MAX
        and len(header.turns) <= min(VAULT_TURNS_MAX, max(0, header.epoch - 1))
        and len(set(ids)) == len(ids)
        and all(len(slot.public) == xwing.PUBLIC_BYTES for slot in header.slots)
    )


def _mac(line: bytes, header: Header, master: Master) -> str:
    return hmac.digest(master.derive("header", header.store, header.epoch), line, "sha256").hex()


def _slot_info(store: str, epoch: int, identity: str, kind: str) -> bytes:
    return bound("pytrust vault 1 slot", store, epoch, identity, kind)
