"""Who signs from a home: upon its own store, or at a trust server elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pytrust.cli.home import docker_config
from pytrust.trust.client.memory import HostMemory
from pytrust.trust.errors import UsageError
from pytrust.trust.keys.sealing import load_sealer
from pytrust.trust.keys.signers import allow_sdks
from pytrust.trust.names import Format

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.pins import Pin
    from pytrust.trust.publish.owner import Owner
    from pytrust.trust.publish.publisher import Publisher

Tell = Callable[[str], None]


def make_publisher(workspace: Workspace, pins: Sequence[Pin]) -> Publisher:
    """Publishing to the store of the home, believing ``pins``."""
    from pytrust.trust.publish.publisher import Publisher
    from pytrust.trust.publish.wire import Held

    held = Held(workspace.online, load_sealer(workspace.home.online, workspace.key_vault))
    return Publisher(workspace.store, held, pins, now=workspace.now, memory=_memory(workspace))


def open_online(workspace: Workspace) -> None:
    """Open the vault that has the store's keys before the store is locked: somebody may have to type for that."""
    if workspace.online.in_vault and workspace.key_vault:
        workspace.key_vault()


def local_owner(workspace: Workspace, tell: Tell, forms: Sequence[Format], pins: Sequence[Pin]) -> Owner:
    """Signing upon the store of the home."""
    _allow_devices(workspace)
    from pytrust.trust.publish.owner import Owner

    settings = workspace.settings
    publisher = make_publisher(workspace, (*pins, *settings.pins)) if pins else workspace.publisher
    ring, online = workspace.keyring, workspace.online
    return Owner(publisher, ring, workspace.passphrases, online, now=workspace.now, forms=forms, tell=tell)


def remote_owner(workspace: Workspace, tell: Tell, forms: Sequence[Format]) -> Owner:
    """Signing at the trust server of ``trust.url``, which takes Notary v1 from others."""
    _allow_devices(workspace)
    from pytrust.trust.publish.owner import Owner
    from pytrust.trust.registry.session import Session
    from pytrust.trust.remote.publisher import RemotePublisher
    from pytrust.trust.remote.server import RemoteServer

    url = workspace.settings.url
    if Format.NOTARY not in forms:
        raise UsageError(
            f"{url} takes Notary v1 from others, not TUF 1.0",
            hint="sign with --format notary, or on the host that holds the store",
        )
    server = RemoteServer(url, Session(workspace.credentials, frozenset(), docker_config() / "tls", server=url))
    publisher = RemotePublisher(server, workspace.settings.pins, now=workspace.now, memory=_memory(workspace))
    ring, words = workspace.keyring, (Format.NOTARY,)
    return Owner(publisher, ring, workspace.passphrases, server, now=workspace.now, forms=words, tell=tell)


def _memory(workspace: Workspace) -> HostMemory:
    caches = {Format.TUF: workspace.cache, Format.NOTARY: workspace.notary_cache}
    return HostMemory(workspace.client(), caches)


def _allow_devices(workspace: Workspace) -> None:
    """Before anything imports the library that drives them."""
    if any(entry.outside for entry in workspace.keyring.entries()):
        allow_sdks()
