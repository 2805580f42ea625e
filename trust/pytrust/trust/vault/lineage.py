"""Which master key came from which: the key of each epoch signs that of the next (Ed25519, RFC 8032). Pure.

To a slot's public key anybody can seal, and an age file for somebody anybody can write. So that a slot opens a vault
does not say who made it. This does: a host that has seen an epoch takes a later one only if a line of signatures leads
there. Who knows only older keys than the host has seen, such as somebody whose slot was removed, cannot make one. Each
turn says where the manifest of the epoch before had ended, so that a copy that was left behind and then got new keys is
not taken for what came later.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pytrust.trust.limits import VAULT_TURNS_MAX
from pytrust.trust.vault.header import Head, Header, Turn
from pytrust.trust.vault.master import Master, bound

_WORDS: Final = "pytrust vault 1 turn"


def public_of(master: Master, store: str, epoch: int) -> bytes:
    """The public key of an epoch."""
    return _private(master, store, epoch).public_key().public_bytes_raw()


def turned(old: Header, before: Master, after: Master) -> tuple[Turn, ...]:
    """The line of the epoch after that of ``old``; its beginning is dropped when it gets too long."""
    public = public_of(after, old.store, old.epoch + 1)
    signature = _private(before, old.store, old.epoch).sign(_words(old.store, old.epoch + 1, public, old.manifest))
    return (*old.turns, Turn(public, old.manifest, signature))[-VAULT_TURNS_MAX:]


def leads(header: Header, epoch: int, public: bytes, master: Master) -> bool:
    """Whether ``master``, the key of ``header``, is that of ``epoch`` and ``public``, or came from it."""
    return end_of_line(header, epoch, public) == public_of(master, header.store, header.epoch)


def end_of_line(header: Header, epoch: int, public: bytes) -> bytes | None:
    """The public key of the epoch of ``header`` that came from that of ``epoch``, or None where none did."""
    steps = header.epoch - epoch
    if not 0 <= steps <= len(header.turns):
        return None
    for number, turn in enumerate(header.turns[len(header.turns) - steps :], epoch + 1):
        words = _words(header.store, number, turn.public, turn.ended)
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(turn.signature, words)
        except (InvalidSignature, ValueError):
            return None
        public = turn.public
    return public


def ended(header: Header, epoch: int) -> Head | None:
    """Where ``epoch`` ended on the way to that of ``header``; None for this one."""
    return header.turns[epoch - header.epoch].ended if epoch < header.epoch else None


def _private(master: Master, store: str, epoch: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(master.derive("lineage", store, epoch))


def _words(store: str, epoch: int, public: bytes, ended: Head) -> bytes:
    return bound(_WORDS, store, epoch, public, ended.length, ended.frames, ended.tag)
