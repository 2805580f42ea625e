"""Which server's folder an engine is to have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import NotFound, NotSetUp, UsageError
from pytrust.trust.pki.model import Kind

if TYPE_CHECKING:
    from pytrust.trust.pki.authority.index import Holder

server_option = click.option(
    "--server",
    metavar="NAME|DIR",
    help="The server, as pytrust ca list names it, or the folder of one that was enrolled [default: the only one].",
)


class ServerFolder(NamedTuple):
    """A folder, absolute; ``holder`` is None where this host's authority does not know it."""

    path: Path
    holder: Holder | None


def find_server(workspace: Workspace, server: str | None) -> ServerFolder:
    """The folder that ``--server`` means.

    Raises:
        UsageError: it could be several.
        NotFound: there is no server of that name.
        NotSetUp: there is no server, or no authority.
    """
    if server is not None and "/" in server:
        return _of_path(workspace, Path(server).absolute())
    holders = {holder.name: holder for holder in workspace.authority.index.servers() if holder.folder is not None}
    if server is None and len(holders) > 1:
        raise UsageError(f"there are {len(holders)} servers", hint=f"give --server, one of: {', '.join(holders)}"[:500])
    if not holders:
        raise NotSetUp("there is no server certificate", hint="issue one for this host: pytrust ca server")
    holder = holders.get(server) if server is not None else next(iter(holders.values()))
    if holder is None or holder.folder is None:
        raise NotFound(f"no server is called {server!r}", hint="see which there are: pytrust ca list")
    return ServerFolder(holder.folder, holder)


def find_client(workspace: Workspace, client: str) -> Path:
    """The folder of a client, by its name or its path."""
    if "/" in client:
        return Path(client).absolute()
    holder = workspace.authority.index.holder(Kind.CLIENT, client)
    if holder is None or holder.folder is None:
        raise NotFound(f"no client is called {client[:100]!r}", hint="see which there are: pytrust ca list")
    return holder.folder


def _of_path(workspace: Workspace, folder: Path) -> ServerFolder:
    try:
        return ServerFolder(folder, workspace.authority.index.folder_of(folder))
    except NotSetUp:  # no authority here: the certificate came from another host
        return ServerFolder(folder, None)
