"""Notary v1 collections: what a careful docker client does, with pins instead of trust on first use.

    pin ─> a root it covers ─> N+1.root.json ... ─> timestamp ─> snapshot ─> the root again, targets, delegations
                                    └────────────── once more, where timestamp or snapshot do not fit ──┘

Sources: theupdateframework/notary (client, trustpinning), docker/cli (trust). Unlike there: a root that is not the
newest is never good enough, nothing older than what was seen is taken, and a ``releases`` that cannot be believed is
told of, not passed over.
"""

from __future__ import annotations

from typing import ClassVar

from pytrust.trust.client.look import Look, Refreshed
from pytrust.trust.client.lookup import Lookups
from pytrust.trust.client.notary_chain import Chain, ends, follow, open_chain
from pytrust.trust.client.notary_roles import Roles, read_roles
from pytrust.trust.client.source import NOTARY, cached_name
from pytrust.trust.client.trusted import Trusted
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import BadMetadata, ExpiredCache, Stale
from pytrust.trust.formats.notary.read import collection_of, role_name
from pytrust.trust.names import Format


class NotaryClient(Lookups):
    """Answers for Notary v1 collections from one source; see ``Lookups``."""

    prefix: ClassVar[str] = NOTARY

    def _refresh(self, look: Look) -> Refreshed:
        try:
            return _refresh(look)
        except Stale as error:
            if not look.when.offline:
                raise
            raise ExpiredCache(f"what is cached has expired: {error}", hint="verify it online once") from error


def _refresh(look: Look) -> Refreshed:
    chain = open_chain(look)
    try:
        roles = read_roles(look, chain)
    except BadMetadata:
        longer = follow(look, chain)  # a root that came between the two questions
        if len(longer.files) == len(chain.files):
            raise
        chain, roles = longer, read_roles(look, longer)
    files = chain.cached() | {cached_name(role): data for role, data in roles.data.items()}
    return Refreshed(_trusted(look, chain, roles), files)


def _trusted(look: Look, chain: Chain, roles: Roles) -> Trusted:
    collection = collection_of(look.name, chain.newest, roles.targets, roles.delegated)
    documents = {name: file for role, file in roles.documents.items() if (name := role_name(role)) is not None}
    return Trusted(
        collection,
        {ROOT: chain.newest.version} | {role: file.version for role, file in documents.items()},
        {ROOT: ends(look.name, chain.newest)} | {role: file.expires for role, file in documents.items()},
        look.when.refreshed,
        look.when.offline,
        form=Format.NOTARY,
        first_use=look.pin.first_use,
    )
