"""The open vault.

One vault may be open in several processes. Each looks at the header before it answers, and goes on from there by what
was added. Reading takes no lock; a change takes the folder's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

from msgspec.structs import replace

from pytrust.trust.errors import Damaged, PytrustError, Unsound, UsageError
from pytrust.trust.limits import SECRETS_MAX, VAULT_SLOTS_MAX
from pytrust.trust.vault.anchor import Anchor, AnchorFile
from pytrust.trust.vault.audit import AuditFile
from pytrust.trust.vault.draft import Draft
from pytrust.trust.vault.edit import missing
from pytrust.trust.vault.envelope import OVERHEAD
from pytrust.trust.vault.epoch import audit_of, begin, envelope_of, resealed, rewrapped
from pytrust.trust.vault.folder import Folder, guarded
from pytrust.trust.vault.header import FILE, FORMAT, Head, Header, NewSlot, Slot, encode_header, seal_slot
from pytrust.trust.vault.manifest import Index, PastAudit, Step
from pytrust.trust.vault.master import Master
from pytrust.trust.vault.model import Secret, Version
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Read
from pytrust.trust.vault.state import State

_ALL: Final = 1_000_000_000


def create_vault(folder: Path, anchor: Path, slots: Sequence[NewSlot], *, now: int) -> Vault:
    """A new vault, empty.

    Args:
        folder: made here, mode 0700; what a creation that was cut off left there is taken over.
        anchor: the folder of anchors, made where it is missing.
        slots: at least one.
        now: seconds since 1970.

    Raises:
        UsageError: there is a vault, or something else.
    """
    place = Folder(folder)
    if not slots or (folder / FILE).exists():
        raise UsageError(f"there is a vault at {folder}" if slots else "a vault needs a way to unlock it")
    place.create()
    with place.locked():
        master = _create(place, anchor, slots, now)
    return Vault.open(folder, anchor, master)


def _create(place: Folder, anchor: Path, slots: Sequence[NewSlot], now: int) -> Master:
    if (place.path / FILE).exists():
        raise UsageError(f"there is a vault at {place.path}")
    if place.has_records():
        raise UsageError(f"{place.path} holds a vault whose {FILE} is gone", hint="restore it from a backup")
    store, master = secrets.token_hex(16), Master.new()
    empty = Header(
        format=FORMAT, store=store, epoch=0, generation=0, created=now, manifest=Head(), audit=Head(), slots=()
    )
    sealed = tuple(seal_slot(slot, store, 1, master, now) for slot in slots)
    begun = begin(empty, Step(now, ""), sealed, master)
    data = encode_header(begun.header, master)
    place.append_manifest(1, 0, begun.frames)
    with guarded(anchor):
        AnchorFile(anchor, store).write(Anchor.of(begun.header, master))
    place.write_header(data)
    return master


class Vault:
    """Made by ``create_vault`` and ``Vault.open``. For one thread at a time.

    Every method raises ``VaultLocked`` where the vault has new keys, or was closed here, ``RolledBack`` where it is
    older than a moment ago, and ``Damaged`` where it is not as it was written.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    @classmethod
    def open(cls, folder: Path, anchor: Path, master: Master, *, accept_rollback: bool = False) -> Self:
        """Read the manifest, check it against the header, and the header against the anchor.

        Args:
            folder: of the vault.
            anchor: the folder of anchors.
            master: what a slot gave.
            accept_rollback: believe the vault, and move the anchor to where it is.
        """
        state = State(folder, anchor, master)
        state.load(accept_rollback=accept_rollback)
        return cls(state)

    @property
    def header(self) -> Header:
        """As of the last look."""
        return self._state.header

    @property
    def master(self) -> Master:
        """The key of this epoch."""
        return self._state.epoch.master

    def find(self, name: SecretName) -> Secret | None:
        """What is known of a secret."""
        self._state.refresh()
        return self._state.index.secrets.get(name)

    def names(self) -> list[SecretName]:
        """All names, sorted."""
        self._state.refresh()
        return self._state.index.order

    def secret(self, name: SecretName) -> Secret:
        """One of ``names``, without another look."""
        return self._state.index.secrets[name]

    def read(self, name: SecretName, version: Version) -> bytes:
        """A value; raises ``NoSuchSecret`` where it was removed a moment ago."""
        self._state.check_open()
        try:
            record = self._state.folder.read_record(version.record, version.size + OVERHEAD)
        except FileNotFoundError as error:
            there = self.find(name)
            if there is None or version not in there.versions:
                raise missing(name) from error
            raise Damaged(f"the value of version {version.number} of {name} is gone") from error
        except OSError as error:
            raise Unsound(f"the value of {name} cannot be read: {error.strerror}") from error
        return self._state.epoch.envelope.open(record, name, version)

    def note(self, read: Read) -> None:
        """Add to the audit."""
        self._state.check_open()
        self._state.epoch.audit.add(read)

    def trail(self, limit: int, name: str | None = None) -> tuple[Read, ...]:
        """The newest entries of the audit, oldest first, over all epochs."""
        self._state.refresh()
        limit = max(0, min(limit, _ALL))
        found = self._state.epoch.audit.entries(limit, name)
        for past in reversed(self._state.index.audits):
            if len(found) == limit:
                break
            with closing(audit_of(self._state.folder, self.header.store, past)) as audit:
                found = (*audit.entries(limit - len(found), name), *found)
        return found

    @contextmanager
    def change(self, who: str, at: int) -> Iterator[Draft]:
        """What the draft says is done, whole, when the block ends well.

        Raises:
            Busy: another process changes the vault for too long.
            Unsound: it could not be written; the vault is as it was.
        """
        state = self._state
        with state.folder.locked():
            state.refresh()
            draft = Draft(state.index, state.epoch.envelope, state.folder, at, who)
            try:
                yield draft
                step = draft.step()
                _check_count(state.index, step)
                state.folder.sync_records(draft.written)
                begun = state.append(step, self.header.slots)
            except BaseException:
                state.folder.remove_records(draft.written)
                raise
            state.commit(begun, step)
        state.folder.remove_records(version.record for version in draft.dropped)

    def add_slot(self, new: NewSlot, now: int) -> Slot:
        """One more way to unlock; raises ``UsageError`` where there are too many."""
        if len(self.header.slots) >= VAULT_SLOTS_MAX:
            raise UsageError(f"a vault has at most {VAULT_SLOTS_MAX} slots", hint="pytrust vault slot remove ID")
        with self._state.folder.locked():
            self._state.refresh()
            slot = seal_slot(new, self.header.store, self.header.epoch, self.master, now)
            step = Step(now, "")
            self._state.commit(self._state.append(step, (*self.header.slots, slot)), step)
        return slot

    def remove_slot(self, identity: str, now: int) -> None:
        """One way less, and new keys: who knows it and has an old header opens nothing that comes later.

        Raises:
            UsageError: there is no such slot, or it is the only one.
        """
        self._state.refresh()
        ids = [slot.id for slot in self.header.slots]
        if identity not in ids:
            raise UsageError(f"the vault has no slot {identity[:20]}", hint="see: pytrust vault status")
        if len(ids) == 1:
            raise UsageError("without its only slot nobody could open the vault", hint="pytrust vault slot add")
        self._rekey(now, identity)

    def rekey(self, now: int) -> None:
        """A new master key, and every data key wrapped anew; values stay as they are. Other openers are locked out."""
        self._rekey(now, None)

    def verify(self) -> Iterator[str]:
        """Read everything again; gives one sentence a fault."""
        try:
            again = Vault.open(self._state.folder.path, self._state.anchor.path.parent, Master(self.master.bytes()))
            with closing(again):
                again.trail(_ALL)
        except PytrustError as error:
            yield str(error)
        for name in list(self.names()):
            for version in self.secret(name).versions:
                try:
                    self.read(name, version)
                except PytrustError as error:
                    yield str(error)

    def close(self) -> None:
        """Forget the key; nothing can be asked any more."""
        self._state.close()

    def _rekey(self, now: int, without: str | None) -> None:
        state = self._state
        with state.folder.locked():
            state.refresh()
            old, master = self.header, Master.new()
            last = _last(state.epoch.audit)
            audit = PastAudit(old.epoch, self.master.derive("audit", old.store, old.epoch), last or Head())
            new = envelope_of(replace(old, epoch=old.epoch + 1), master)
            kept = rewrapped(state.index, state.epoch.envelope, new)
            step = Step(now, "", kept, tuple(state.index.gone.items()), (*state.index.audits, audit))
            slots = resealed(old, self.master, master, without)
            state.turn(begin(old, step, slots, master, self.master), step, master)
            if last is None:
                self.note(Read(now, "", "the audit before this was cut off", "", 0, Damaged.code))
            state.folder.keep_records(version.record for each in kept for version in each.versions)


def _last(audit: AuditFile) -> Head | None:
    """How far it has come; None for one that was cut off: new keys are the way out, and the new audit tells of it."""
    try:
        return audit.flush()
    except Damaged:
        return None


def _check_count(there: Index, step: Step) -> None:
    more = sum(secret.name not in there.secrets for secret in step.secrets)
    if more and len(there.secrets) + more - len(step.removed) > SECRETS_MAX:
        raise UsageError(f"a vault holds at most {SECRETS_MAX} secrets", hint="remove some: pytrust secret rm")
