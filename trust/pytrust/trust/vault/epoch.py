"""One epoch of a vault: what one master key opens, and how the next one begins."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from pytrust.trust.vault.audit import AuditFile
from pytrust.trust.vault.envelope import Envelope
from pytrust.trust.vault.folder import Folder
from pytrust.trust.vault.frames import Chain
from pytrust.trust.vault.header import Head, Header, Slot, reseal_slot
from pytrust.trust.vault.lineage import turned
from pytrust.trust.vault.manifest import Index, PastAudit, Step, encode_step, parts
from pytrust.trust.vault.master import Master, bound
from pytrust.trust.vault.model import Secret


class Epoch(NamedTuple):
    """What a master key opens."""

    master: Master
    envelope: Envelope
    audit: AuditFile


class Begun(NamedTuple):
    """A change before it counts: the header that makes it so, and what comes to the manifest."""

    header: Header
    chain: Chain
    frames: bytes


def open_epoch(folder: Folder, header: Header, master: Master) -> Epoch:
    """The epoch of a header."""
    envelope = envelope_of(header, master)
    key = master.derive("audit", header.store, header.epoch)
    return Epoch(master, envelope, audit_of(folder, header.store, PastAudit(header.epoch, key, header.audit)))


def envelope_of(header: Header, master: Master) -> Envelope:
    """Seals the values of an epoch."""
    return Envelope(master.derive("wrap", header.store, header.epoch), header.store)


def audit_of(folder: Folder, store: str, audit: PastAudit) -> AuditFile:
    """The audit of one epoch."""
    return AuditFile(folder.audit(audit.epoch), audit.key, bound("audit", store, audit.epoch), audit.head)


def manifest_chain(header: Header, master: Master) -> Chain:
    """The beginning of an epoch's manifest."""
    key = master.derive("manifest", header.store, header.epoch)
    return Chain(key, bound("manifest", header.store, header.epoch))


def begin(old: Header, step: Step, slots: tuple[Slot, ...], master: Master, before: Master | None = None) -> Begun:
    """The epoch after that of ``old``, with ``step`` as all that it holds; ``before`` is the key of ``old``."""
    turns = turned(old, before, master) if before else ()
    header = replace(old, epoch=old.epoch + 1, generation=old.generation + 1, audit=Head(), slots=slots, turns=turns)
    chain = manifest_chain(header, master)
    frames = b"".join(chain.seal(encode_step(part)) for part in parts(step))
    return Begun(replace(header, manifest=chain.head), chain, frames)


def resealed(header: Header, old: Master, new: Master, without: str | None) -> tuple[Slot, ...]:
    """The slots for the next epoch's master key, but for one; raises ``Damaged``."""
    kept = [slot for slot in header.slots if slot.id != without]
    return tuple(reseal_slot(slot, header, old, new) for slot in kept)


def rewrapped(index: Index, old: Envelope, new: Envelope) -> tuple[Secret, ...]:
    """All secrets, their data keys under the next epoch's key; raises ``Damaged``."""
    return tuple(
        replace(secret, versions=tuple(old.rewrap(new, secret.name, version) for version in secret.versions))
        for secret in index.secrets.values()
    )
