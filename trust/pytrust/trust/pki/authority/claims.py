"""Who may have a name, and a folder: one holder at a time, who shows it by the key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytrust.trust.errors import Refused, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.authority.making import Wish
from pytrust.trust.pki.model import Issued, moment_text


def check_free(wish: Wish, live: Iterable[Issued]) -> None:
    """Nobody has the name; ``live`` are its certificates that count. Raises ``UsageError``."""
    for issued in live:
        raise UsageError(_taken(issued), hint=_way_out(wish))


def check_claim(wish: Wish, key: PublicKey, replaces: Issued | None, live: Iterable[Issued]) -> None:
    """The name is free, has this very key, or belongs to whoever holds ``replaces``; raises ``Refused``."""
    if replaces is not None:
        _check_same_holder(wish, replaces)
        return
    for issued in live:
        if PublicKey.of(issued.certificate.public_key()) != key:
            raise Refused(f"{_taken(issued)}, for another key", hint=_way_out(wish))


def check_place(index: Index, wish: Wish, folder: Path) -> None:
    """The folder is nobody else's; raises ``UsageError``."""
    owner = index.folder_of(folder)
    if owner is not None and (owner.kind, owner.name) != (wish.kind, wish.holder):
        raise UsageError(f"{folder} belongs to the {owner.kind} {owner.name}", hint="give another folder")


def _check_same_holder(wish: Wish, replaces: Issued) -> None:
    if (replaces.kind, replaces.holder) != (wish.kind, wish.holder):
        raise Refused(
            f"the certificate of the {replaces.kind} {replaces.holder} is not replaced by one for {wish.holder}",
            hint="ask for the names that it has",
        )
    if replaces.replaced_by is not None:
        raise Refused(
            f"the certificate of {replaces.holder} was renewed already", hint="renew with the newest one of its holder"
        )
    if replaces.revoked is not None:
        raise Refused(f"the certificate of {replaces.holder} was revoked", hint="ask for a token: pytrust ca token")


def _taken(issued: Issued) -> str:
    return f"the {issued.kind} {issued.holder} has a certificate until {moment_text(issued.not_after)}"


def _way_out(wish: Wish) -> str:
    return f"renew it: pytrust ca renew {wish.holder}; or withdraw it first: pytrust ca revoke {wish.holder}"
