"""Who may say something about images, where it can be said, and what a change of signers does to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pytrust.trust.collection.model import KINDS, Collection
from pytrust.trust.errors import UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.publish.wire import State


def stating_side(state: State, name: CollectionName, role: RoleName) -> Collection:
    """The side that has statements; raises ``UsageError`` where there is none (ADR 0029)."""
    if Format.TUF not in state.sides:
        raise UsageError(
            f"{name} is signed in Notary v1 alone, which has no place for {role}",
            hint=f"sign it in TUF 1.0 as well: pytrust migrate {name}",
        )
    return state.collections[Format.TUF]


def require_speaker(collection: Collection, role: RoleName, who: RoleName, key: PublicKey) -> None:
    """Raises ``UsageError`` for somebody who may not sign ``role``, with the way there."""
    authority = collection.authority(role)
    if authority is None or key not in authority.keys:
        raise UsageError(
            f"{who} may not sign {role} of {collection.name}",
            hint=f"who holds the targets key says who may: {KINDS[role].command} --may {who} ...",
        )


def lost_words(old: Collection, new: Collection, signer: RoleName) -> Iterator[str]:
    """What a change that took ``signer`` away does to roles of statements, one line each."""
    for role in KINDS:
        before, after = old.authority(role), new.authority(role)
        if before is None or before == after:
            continue
        if after is not None:
            yield f"{signer} may sign {role} of {new.name} no more"
            continue
        said = old.delegated[role].statements if role in old.delegated else {}
        yield f"nobody but {signer} could sign {role} of {new.name}: all {len(said)} are withdrawn, attach them again"
