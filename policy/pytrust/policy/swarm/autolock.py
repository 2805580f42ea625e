"""Autolock on, keys renewed, a locked swarm opened: in an order in which no key is only in the swarm for long.

Whoever switches autolock on and loses the key loses the swarm with its next start. So the vault takes something first,
the key is read back at once, and where it cannot be kept, that is said with the command that still shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pytrust.policy.swarm.engine import SwarmEngine
from pytrust.policy.swarm.keeping import Kept, choose_cluster, clusters, keep, unlock_keys
from pytrust.policy.swarm.keys import ClusterId, Keys
from pytrust.policy.swarm.state import Cluster
from pytrust.trust.errors import PytrustError, Refused, Unsound
from pytrust.trust.vault.asking import Vaulted


class Opened(NamedTuple):
    """A swarm that was locked, and which version of its key was the one."""

    cluster: ClusterId
    number: int


def keep_keys(engine: SwarmEngine, vault: Vaulted, cluster: Cluster, why: str) -> list[Kept]:
    """See that the vault holds the keys of a swarm as they are now."""
    return keep(vault, cluster.id, Keys(cluster.worker, cluster.manager, engine.unlock_key()), why)


def switch_on(engine: SwarmEngine, vault: Vaulted, *, rotate: bool) -> list[Kept]:
    """Switch autolock on, where it is off, and renew all keys, where ``rotate`` says so.

    Raises:
        Unsound: it was done, but the vault does not hold the key.
        PytrustError: nothing was done.
    """
    cluster = engine.cluster()
    kept = keep_keys(engine, vault, cluster, "swarm autolock")
    if cluster.autolock and not rotate:
        return kept
    engine.switch_on(cluster, rotate=rotate)
    with _done_already(cluster):
        return keep_keys(engine, vault, engine.cluster(), "swarm autolock")


def unlock(engine: SwarmEngine, vault: Vaulted, given: str | None) -> Opened:
    """Open a locked swarm with the keys in the vault; ``given`` is its id, where there are several.

    Raises:
        Refused: no key fits.
        PytrustError: there is none, or the engine does not answer.
    """
    cluster, tried = choose_cluster(clusters(vault), given), 0
    for key in unlock_keys(vault, cluster, "swarm unlock"):
        tried += 1
        if engine.unlock(key.value.decode()):
            return Opened(cluster, key.number)
    hint = "is it another swarm? else take the key from where you wrote it down: docker swarm unlock"
    raise Refused(f"none of the {tried} keys that the vault holds of the swarm {cluster} opens it", hint=hint)


@contextmanager
def _done_already(cluster: Cluster) -> Iterator[None]:
    """From here on, an error must say that the swarm has changed."""
    try:
        yield
    except PytrustError as error:
        raise Unsound(
            f"autolock of the swarm {cluster.id} is on, and its key is NOT in the vault: {error}",
            hint="do not restart a manager: docker swarm unlock-key shows the key; then: pytrust swarm check",
        ) from error
