"""The swarm's keys in the vault: a new version where one has changed, and every old unlock key.

A manager that was down while the key was rotated still wants the old one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import NamedTuple

from pytrust.policy.swarm.keys import PREFIX, ClusterId, Keys, What, cluster_of, secret_name
from pytrust.trust.errors import NoSuchSecret, UsageError
from pytrust.trust.limits import SECRET_VERSIONS_MAX
from pytrust.trust.vault.asking import Vaulted, listed
from pytrust.trust.vault.model import Secret
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import ABSENT, Done, Find, Get, Page, Put, Value


class Kept(NamedTuple):
    """One key in the vault: its version there, and whether it is ``new``."""

    what: What
    number: int
    new: bool


def keep(vault: Vaulted, cluster: ClusterId, keys: Keys, why: str) -> list[Kept]:
    """See that the vault holds ``keys``; ``why`` is for its audit."""
    return [_keep(vault, cluster, what, key, why) for what, key in keys.each().items()]


def _keep(vault: Vaulted, cluster: ClusterId, what: What, key: bytes, why: str) -> Kept:
    name = secret_name(cluster, what)
    there = _get(vault, Get(name=name, purpose=why))
    if there is not None and hmac.compare_digest(there.value, key):
        return Kept(what, there.number, new=False)
    put = Put(name=name, value=key, expect=there.number if there else ABSENT, keep=SECRET_VERSIONS_MAX)
    done = vault.ask(put)
    assert isinstance(done, Done)
    return Kept(what, done.number, new=True)


def clusters(vault: Vaulted) -> list[ClusterId]:
    """The swarms whose unlock key is in the vault."""
    return [cluster for secret in listed(vault, PREFIX) if (cluster := cluster_of(secret.name))]


def choose_cluster(known: list[ClusterId], given: str | None) -> ClusterId:
    """The swarm that is meant: a locked engine does not tell its id.

    Raises:
        NoSuchSecret: the vault has no key of it.
        UsageError: there are several.
    """
    found = [cluster for cluster in known if given in {None, cluster}]
    if not found:
        which = f"the swarm {given[:80]!r}" if given else "a swarm"
        raise NoSuchSecret(f"the vault holds no unlock key of {which}", hint="if you have it: docker swarm unlock")
    if len(found) > 1:
        raise UsageError(f"the vault holds keys of {len(found)} swarms", hint=f"--cluster {' or '.join(found[:10])}")
    return found[0]


def unlock_keys(vault: Vaulted, cluster: ClusterId, why: str) -> Iterator[Value]:
    """Every unlock key there was, the newest first."""
    name = secret_name(cluster, What.UNLOCK_KEY)
    for version in reversed(_find(vault, name).versions):
        found = _get(vault, Get(name=name, number=version.number, purpose=why))
        if found is not None:
            yield found


def _find(vault: Vaulted, name: SecretName) -> Secret:
    page = vault.ask(Find(name=name))
    assert isinstance(page, Page)
    return page.secrets[0]


def _get(vault: Vaulted, get: Get) -> Value | None:
    try:
        found = vault.ask(get)
    except NoSuchSecret:
        return None
    assert isinstance(found, Value)
    return found
