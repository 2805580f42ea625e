"""The next version of a collection after a change of what is said about its images. Pure, as ``edit`` is.

A role of statements is created with the first one. Its keys are its own: they release nothing, and the keys that
release do not speak here unless they are listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from pytrust.trust.collection.edit import renew
from pytrust.trust.collection.model import KINDS, TARGETS, Authority, Collection, Delegation, Targets, lifetime
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import Unsigned, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import SIGNERS_MAX, STATEMENTS_MAX_BYTES
from pytrust.trust.names import Digest, RoleName

_ENTRY_BYTES = 400  # of path, hash and length, spelled as JSON


def let_state(
    collection: Collection, role: RoleName, keys: Iterable[PublicKey], *, threshold: int | None, now: datetime
) -> Collection:
    """Let ``keys`` sign ``role``, and no others; ``threshold`` None keeps how many must.

    Where that is so already, the collection is returned as it is.
    """
    old, chosen = collection.authority(role), tuple(dict.fromkeys(keys))
    wanted = threshold if threshold is not None else min(old.threshold if old else 1, len(chosen))
    if not 1 <= wanted <= len(chosen) <= SIGNERS_MAX:
        raise UsageError(
            f"{wanted} of {len(chosen)} keys cannot sign {role} of {collection.name}",
            hint=f"1 to {SIGNERS_MAX} keys, and a threshold that they reach",
        )
    new = Delegation(role, Authority(chosen, wanted))
    if old is not None and old.threshold == wanted and set(old.keys) == set(chosen):
        return collection
    others = tuple(item for item in collection.targets.delegations if item.name != role)
    targets = replace(collection.targets, delegations=(*others, new))
    return renew(replace(collection, targets=targets), TARGETS, now=now)


def attach(collection: Collection, role: RoleName, statements: Iterable[Statement], *, now: datetime) -> Collection:
    """Say ``statements``, each in the place of what was said of its image; of images that nobody signs, nothing stays.

    Raises:
        Unsigned: one is about an image that is not signed.
        UsageError: all of them are more than a file may hold.
    """
    new = {statement.about: statement for statement in statements}
    signed = _signed(collection)
    if strangers := sorted(map(str, new.keys() - signed)):
        raise Unsigned(
            f"{strangers[0]} is not signed under {collection.name}",
            hint=f"sign it first: pytrust sign {collection.name}:TAG",
        )
    held = {digest: statement for digest, statement in _said(collection, role).items() if digest in signed}
    return _stating(collection, role, {**held, **new}, now)


def detach(collection: Collection, role: RoleName, digests: Iterable[Digest], *, now: datetime) -> Collection:
    """Say nothing of ``digests`` any more; raises ``Unsigned`` where nothing is said."""
    gone, held = set(digests), _said(collection, role)
    if missing := sorted(map(str, gone - held.keys())):
        raise Unsigned(
            f"{missing[0]} of {collection.name} has no {KINDS[role].word}",
            hint=f"see which have: pytrust inspect {collection.name}",
        )
    kept = {digest: statement for digest, statement in held.items() if digest not in gone}
    return _stating(collection, role, kept, now)


def _stating(
    collection: Collection, role: RoleName, statements: Mapping[Digest, Statement], now: datetime
) -> Collection:
    size = sum(_ENTRY_BYTES + len(json.dumps(statement.text)) for statement in statements.values())
    if size > STATEMENTS_MAX_BYTES:
        raise UsageError(
            f"{role} of {collection.name} would have {size} bytes, of {STATEMENTS_MAX_BYTES} that clients read",
            hint=f"withdraw tags that nobody runs: pytrust revoke {collection.name}:TAG",
        )
    version = collection.delegated[role].version if role in collection.delegated else 0
    document = Targets(version + 1, now + lifetime(role), statements=statements)
    return replace(collection, delegated={**collection.delegated, role: document})


def _said(collection: Collection, role: RoleName) -> Mapping[Digest, Statement]:
    return collection.delegated[role].statements if role in collection.delegated else {}


def _signed(collection: Collection) -> set[Digest]:
    """Every image that consumers accept: those of tags, and the platforms behind them."""
    targets = collection.accepted.values()
    return {target.digest for target in targets} | {child.digest for target in targets for child in target.platforms}
