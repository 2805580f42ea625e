"""Issuing to engines and clients with a key that is made here, and a folder.

The key is put into the folder, then the certificate is recorded, then the folder gets all its files at once. Whatever
kill -9 leaves between these steps is finished by the next run.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pytrust.trust.errors import Refused, Unsound, UsageError
from pytrust.trust.keys.private import generate
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.authority.claims import check_free, check_place
from pytrust.trust.pki.authority.delivery import deliver
from pytrust.trust.pki.authority.index import Holder
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.lists import refresh_in_passing
from pytrust.trust.pki.authority.making import Wish, key_kind_of, names_of, sign_leaf, wish_again
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.leaf_key import key_pem
from pytrust.trust.pki.mint.profile import CertPublicKey, check_public_key
from pytrust.trust.pki.model import CertKeyKind, Issued, LeafKind, leaf_kind
from pytrust.trust.pki.names import ClientName, ServerNames


def issue(premises: Premises, wish: Wish, folder: Path | None, key_kind: CertKeyKind, endpoint: str = "") -> Issued:
    """See ``Authority.issue_server``."""
    premises.signing(premises.issuer(wish.kind))  # a passphrase is asked for while nobody waits
    with premises.locked():
        before = premises.index.holder(wish.kind, wish.holder)
        place = place_of(premises, wish, folder, before)
        if before is not None and _is_begun(premises, before, wish, place):
            deliver(premises, before, place)
            return before.issued
        check_free(wish, premises.index.live(wish.kind, wish.holder, premises.now()))
        endpoint = endpoint or (before.endpoint if before else "")
        return _issue(premises, wish, _new_key(place, key_kind), place, endpoint, None)


def renew(premises: Premises, old: Issued, *, new_key: bool) -> Issued:
    """See ``Authority.renew``."""
    kind = _check_renewable(old)
    premises.signing(premises.issuer(kind))
    with premises.locked():
        holder, place = _held_here(premises, kind, old)
        if holder.unfinished:
            with suppress(Unsound):  # its key is gone: it gets another
                deliver(premises, holder, place)
        newest = holder.issued
        wish = wish_again(newest, premises.issuer(kind).not_after, premises.now())
        key = _new_key(place, key_kind_of(newest)) if new_key else check_public_key(newest.certificate.public_key())
        return _issue(premises, wish, key, place, holder.endpoint, newest)


def place_of(premises: Premises, wish: Wish, folder: Path | None, before: Holder | None) -> Path:
    """Where the files go: where it was asked for, where they went before, or the default; raises ``UsageError``."""
    place = folder or (before and before.folder) or premises.default_folder(wish.kind, wish.holder)
    check_place(premises.index, wish, place)
    return place


def _issue(  # noqa: PLR0913, PLR0917 - one word for each thing that is recorded
    premises: Premises, wish: Wish, key: CertPublicKey, place: Path, endpoint: str, replaces: Issued | None
) -> Issued:
    issued, ca = sign_leaf(premises, wish, key)
    with premises.change() as change:
        change.certificate(issued, ca.serial, What.RENEWED if replaces else What.ISSUED, replaces)
        change.holder(issued, premises.index.stored_folder(place), endpoint)
    holder = premises.index.holder(wish.kind, wish.holder)
    if holder is not None:
        deliver(premises, holder, place)
    refresh_in_passing(premises)
    return issued


def _new_key(place: Path, kind: CertKeyKind) -> CertPublicKey:
    key = generate(kind)
    folders.stage_key(place, key_pem(key))
    return key.public_key()


def _is_begun(premises: Premises, before: Holder, wish: Wish, place: Path) -> bool:
    """Whether this was asked for before, recorded, and ended there."""
    same = _all_names(names_of(before.issued)) == _all_names(wish.names) and before.folder == place.absolute()
    return same and before.unfinished and before.issued.live(premises.now())


def _all_names(names: ServerNames | ClientName) -> frozenset[object]:
    return frozenset(names.names if isinstance(names, ServerNames) else [names])


def _check_renewable(old: Issued) -> LeafKind:
    if old.revoked is not None:
        raise Refused(
            f"the certificate of {old.holder} was revoked", hint=f"issue another: pytrust ca {old.kind} {old.holder}"
        )
    try:
        return leaf_kind(old.kind)
    except ValueError as error:
        raise UsageError(f"a {old.kind} is not renewed", hint="replace it: pytrust ca rotate") from error


def _held_here(premises: Premises, kind: LeafKind, old: Issued) -> tuple[Holder, Path]:
    holder = premises.index.holder(kind, old.holder)
    if holder is None or holder.folder is None:
        raise UsageError(
            f"the key of {old.holder} is held elsewhere", hint="renew it there: pytrust ca agent, or pytrust ca request"
        )
    _check_renewable(holder.issued)
    return holder, holder.folder
