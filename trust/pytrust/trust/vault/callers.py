"""Who asks for a secret, and whether it is theirs. Pure.

The owner of the vault may do everything. Others read what names them; whoever may not learns nothing, not even
whether there is such a secret.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from pytrust.trust.names import CollectionName
from pytrust.trust.pins import matches
from pytrust.trust.vault.model import Reader


class Owner(NamedTuple):
    """The user whose vault it is, or root; ``who`` is for the audit, such as ``uid:0``."""

    who: str


class Peer(NamedTuple):
    """Another user of this host."""

    uid: int
    gids: frozenset[int]


class ImageCaller(NamedTuple):
    """A container of a verified image, for which the proxy asks."""

    image: CollectionName


class ServiceCaller(NamedTuple):
    """A service of the swarm, for which the engine asks."""

    service: str


Caller = Owner | Peer | ImageCaller | ServiceCaller


def may_read(readers: tuple[Reader, ...], caller: Caller) -> bool:
    """Whether a secret with these ``readers`` is for ``caller``."""
    match caller:
        case Owner():
            return True
        case Peer(uid=uid, gids=gids):
            return f"uid:{uid}" in readers or any(f"gid:{gid}" in readers for gid in gids)
        case ImageCaller(image=image):
            return _fits(readers, "image:", image)
        case ServiceCaller(service=service):
            return _fits(readers, "service:", service)
        case _:
            assert_never(caller)


def spelled(caller: Caller) -> str:
    """The caller as the audit names it."""
    match caller:
        case Owner(who=who):
            return who
        case Peer(uid=uid):
            return f"uid:{uid}"
        case ImageCaller(image=image):
            return f"image:{image}"
        case ServiceCaller(service=service):
            return f"service:{service}"
        case _:
            assert_never(caller)


def _fits(readers: tuple[Reader, ...], kind: str, name: str) -> bool:
    return any(matches(reader.removeprefix(kind), name) for reader in readers if reader.startswith(kind))
