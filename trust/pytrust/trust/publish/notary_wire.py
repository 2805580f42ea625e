"""Publishing in Notary v1. See ``wire.Wire``.

What is published passes the same gate as an upload of a stock client (``notary_update``). Roles that the model does not
know, below signers or of odd names, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pytrust.trust.anchor import covers_notary, untrusted
from pytrust.trust.collection.model import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Authority, Collection, Root, Targets
from pytrust.trust.errors import BadSignature
from pytrust.trust.formats.notary.certificates import make_certificate, parse_bundle
from pytrust.trust.formats.notary.checks import keys_for, require_role, require_root, root_keys
from pytrust.trust.formats.notary.envelope import read_envelope, sign, signed_by, write_envelope
from pytrust.trust.formats.notary.files import (
    RootFile,
    TargetsFile,
    WireDelegation,
    read_file,
    read_root,
    read_targets,
)
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.formats.notary.read import collection_of, full_name, role_name, root_of, targets_of
from pytrust.trust.formats.notary.write import write_root, write_targets
from pytrust.trust.keys.signers import Signer
from pytrust.trust.limits import CERTIFICATE_RENEW_BEFORE
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.publish.load import refuse_rollback
from pytrust.trust.publish.notary_update import Update, next_files
from pytrust.trust.publish.noted import put_noted
from pytrust.trust.publish.server_keys import HeldKeys
from pytrust.trust.publish.wire import Files, Held, Side
from pytrust.trust.store.interface import RoleFile, Transaction


class NotaryWire:
    """Docker's and notary's files.

    Args:
        now: the time, which decides whether root certificates count, and from when new ones do.
    """

    form: Final = Format.NOTARY

    def __init__(self, now: datetime) -> None:
        self._now = now

    def load(
        self,
        name: CollectionName,
        pin: Pin,
        roots: Sequence[bytes],
        files: Mapping[RoleName, RoleFile],
        seen: Mapping[RoleName, int],
    ) -> Side:
        """See ``Wire``."""
        known = {role: file for full, file in files.items() if (role := role_name(full)) is not None}
        refuse_rollback(name, known, seen)
        root = self._root(name, pin, [read_root(data) for data in roots])
        targets = read_targets(TARGETS, _need(name, TARGETS, known).data)
        require_role(name, TARGETS, targets, root, None)
        delegated = {
            item.name: file
            for item in targets.delegations
            if (held := files.get(RoleName(item.name))) and (file := _believed(name, item, held, root, targets))
        }
        collection = collection_of(name, root, targets, delegated)
        named = {role for item in targets.delegations if (role := role_name(item.name)) in known}
        lost = sorted(named - collection.delegated.keys())
        return Side(_with_silent(collection, known), known, tuple(lost))

    def read(self, name: CollectionName, role: RoleName, files: Files) -> Root | Targets:
        """See ``Wire``."""
        file = read_file(full_name(role), files[role])
        if isinstance(file, RootFile):
            return root_of(file)
        assert isinstance(file, TargetsFile)
        return targets_of(file, _through(role, files))

    def write(
        self, name: CollectionName, role: RoleName, document: Root | Targets, before: Files, signers: Iterable[Signer]
    ) -> bytes:
        """See ``Wire``."""
        if isinstance(document, Root):
            old = read_root(before[ROOT]) if ROOT in before else None
            return write_envelope(write_root(document, old, self._certificates(name, document, old, signers)))
        held = read_targets(full_name(role), before[role]) if role in before else None
        return write_envelope(write_targets(document, held, _through(role, before)))

    def payload(self, name: CollectionName, role: RoleName, data: bytes) -> bytes:
        """See ``Wire``."""
        return read_envelope(full_name(role), data).payload

    def is_plain(
        self, name: CollectionName, role: RoleName, document: Root | Targets, data: bytes, before: Files
    ) -> bool:
        """See ``Wire``. Certificates of root keys are taken as they come: they carry what the model shows."""
        if isinstance(document, Root):
            file = read_root(data)
            carried = {key.material.id: key.public for key in file.keys_of(ROOT) if key.is_carried}
            old = read_root(before[ROOT]) if ROOT in before else None
            made = write_envelope(write_root(document, old, carried))
        else:
            made = self.write(name, role, document, before, ())
        return self.payload(name, role, made) == self.payload(name, role, data)

    def sign(
        self, name: CollectionName, role: RoleName, files: Files, before: Files, signers: Iterable[Signer]
    ) -> bytes:
        """See ``Wire``."""
        envelope = read_envelope(full_name(role), files[role])
        keys = self._keys(name, role, files, before)
        for signer in signers:
            for key in keys:
                if key.material == signer.public:
                    envelope = sign(envelope, signer, key.id)
        return write_envelope(envelope)

    def signed_by(
        self, name: CollectionName, role: RoleName, files: Files, before: Files, authority: Authority
    ) -> frozenset[KeyId]:
        """See ``Wire``."""
        envelope = read_envelope(full_name(role), files[role])
        return signed_by(envelope, self._keys(name, role, files, before)) & {key.id for key in authority.keys}

    def publish(self, transaction: Transaction, name: CollectionName, files: Files, held: Held, now: datetime) -> None:
        """See ``Wire``."""
        update = Update(
            name,
            {full_name(role): data for role, data in files.items()},
            transaction.current(name, Format.NOTARY),
        )
        finder = HeldKeys(name, held.online, transaction.server_keys(name), held.sealer)
        put_noted(transaction, name, next_files(update, finder, now), now)

    def _root(self, name: CollectionName, pin: Pin, roots: Sequence[RootFile]) -> RootFile:
        """The last root, along the chain from the first that the pin covers.

        Certificates may have ended: whoever owns the keys wants to renew them.
        """
        anchor = next((index for index, root in enumerate(roots) if covers_notary(pin, name, root, self._now)), None)
        if anchor is None:
            raise untrusted(pin, name)
        trusted = roots[anchor]
        for root in roots[anchor + 1 :]:
            require_root(name, root, trusted, None)
            trusted = root
        return trusted

    def _keys(self, name: CollectionName, role: RoleName, files: Files, before: Files) -> list[WireKey]:
        """Who may sign a role; for a root, also the keys of the root before it."""
        root = read_root(files[ROOT])
        if role == ROOT:
            old = read_root(before[ROOT]) if ROOT in before else None
            both = [*root_keys(name, root, self._now), *(root_keys(name, old, None) if old else ())]
            return list({key.id: key for key in both}.values())
        above = read_targets(TARGETS, files[TARGETS]) if full_name(role) != role else None
        return keys_for(full_name(role), root, above)[0]

    def _certificates(
        self, name: CollectionName, root: Root, before: RootFile | None, signers: Iterable[Signer]
    ) -> dict[KeyId, bytes]:
        """New certificates for root keys that have none, or none that will last."""
        lasting = {
            key.material.id
            for key in (before.keys.values() if before else ())
            if key.is_carried and _ends(key) > self._now + CERTIFICATE_RENEW_BEFORE
        }
        wanted = {key.id for key in root.authorities[ROOT].keys} - lasting
        return {
            signer.public.id: make_certificate(signer.private, name, self._now)
            for signer in signers
            if signer.public.id in wanted and signer.private is not None
        }


def _ends(key: WireKey) -> datetime:
    return parse_bundle(key.public)[0].not_valid_after_utc


def _need(name: CollectionName, role: RoleName, files: Mapping[RoleName, RoleFile]) -> RoleFile:
    if role not in files:
        raise BadSignature(f"{role} of {name} is missing from the store")
    return files[role]


def _believed(
    name: CollectionName, item: WireDelegation, held: RoleFile, root: RootFile, above: TargetsFile
) -> TargetsFile | None:
    """A delegation whose signatures do not reach its keys says nothing until its signers sign it again."""
    file = read_targets(item.name, held.data)
    try:
        require_role(name, item.name, file, root, above)
    except BadSignature:
        return None
    return file


def _with_silent(collection: Collection, known: Mapping[RoleName, RoleFile]) -> Collection:
    """Roles that say nothing any more keep their version, which must never fall back."""
    silent = {
        role: Targets(file.version, file.expires)
        for role, file in known.items()
        if role not in {ROOT, TARGETS, SNAPSHOT, TIMESTAMP} and role not in collection.delegated
    }
    return Collection(collection.name, collection.root, collection.targets, {**collection.delegated, **silent})


def _through(role: RoleName, files: Files) -> WireDelegation | None:
    if role == TARGETS or TARGETS not in files:
        return None
    return read_targets(TARGETS, files[TARGETS]).delegation(full_name(role))
