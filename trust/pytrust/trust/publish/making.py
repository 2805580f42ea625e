"""The files of a change in one format: written upon the files before, and signed. Pure but for the signing keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pytrust.trust.collection.edit import changed_roles, renew
from pytrust.trust.collection.model import KINDS, SHARED, Collection
from pytrust.trust.keys.signers import Signer
from pytrust.trust.names import RoleName
from pytrust.trust.publish.proposal import authorities
from pytrust.trust.publish.wire import Files, Side, Wire


def keep_shared_valid(
    wire: Wire, old: Side | None, new: Collection, signers: Sequence[Signer], now: datetime
) -> Collection:
    """Where the keys or threshold of a shared role change so that its file no longer holds, it is signed anew."""
    if old is None:
        return new
    lost = [role for role in SHARED if not _holds(wire, old, new, signers, role)]
    for role in lost:
        new = renew(new, role, now=now)
    return new


def _holds(wire: Wire, old: Side, new: Collection, signers: Sequence[Signer], role: RoleName) -> bool:
    authority = new.authority(role)
    if authority is None or role not in old.files or role in changed_roles(old.collection, new):
        return True
    if role in KINDS and authority == old.collection.authority(role):
        return True  # or it could not have been loaded
    files = {**old.data, **written(wire, old, old.collection, new, {}, signers)}
    return len(wire.signed_by(new.name, role, files, old.data, authority)) >= authority.threshold


def written_and_signed(
    wire: Wire, old: Side | None, new: Collection, signers: Sequence[Signer]
) -> dict[RoleName, bytes]:
    """The files that turn the side ``old`` into ``new``, with the signatures of ``signers`` that have a say."""
    files = written(wire, old, old.collection if old else None, new, {}, signers)
    return signed(wire, old, new, files, signers)


def written(  # noqa: PLR0913, PLR0917
    wire: Wire,
    old: Side | None,
    before: Collection | None,
    new: Collection,
    waiting: Files,
    signers: Iterable[Signer],
) -> dict[RoleName, bytes]:
    """Unsigned files of what ``new`` changes of ``before``, upon the files of ``old`` and those that wait."""
    pool, documents = list(signers), new.documents()
    held: Files = {**(old.data if old else {}), **waiting}
    return {role: wire.write(new.name, role, documents[role], held, pool) for role in changed_roles(before, new)}


def signed(
    wire: Wire, old: Side | None, new: Collection, files: Files, signers: Sequence[Signer]
) -> dict[RoleName, bytes]:
    """``files`` with the signatures of those of ``signers`` that may sign each."""
    before: Files = old.data if old else {}
    whole, result = {**before, **files}, {}
    for role in files:
        agreeing = authorities(old.collection if old else None, new, role)
        allowed = {key for authority in agreeing for key in authority.keys}
        chosen = [signer for signer in signers if signer.public in allowed]
        result[role] = wire.sign(new.name, role, whole, before, chosen)
    return result
