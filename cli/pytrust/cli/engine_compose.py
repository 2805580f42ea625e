"""``pytrust engine compose``: an engine in a container."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.engine_folder import find_client, find_server, server_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode


@click.command(
    epilog="""\b
examples:
  pytrust ca server engine.example.com --san engine
  pytrust engine compose --server engine.example.com > compose.yaml
  pytrust engine compose --server engine.example.com --client alice > compose.yaml"""
)
@server_option
@click.option("--port", type=click.IntRange(1, 65535), default=2376, show_default=True, help="Where it listens.")
@click.option("--client", metavar="NAME|DIR", help="Also a docker client, with this client's folder.")
@click.pass_obj
def compose(workspace: Workspace, server: str | None, port: int, client: str | None) -> int:
    """Print a compose file for an engine in a container (docker:dind) that serves these certificates.

    The folders are mounted read-only; no CA key goes into a container. With --client, the server's certificate has to
    be for the name engine too.
    """
    from pytrust.policy.engine_setup.compose import SERVICE
    from pytrust.policy.engine_setup.compose import compose as write
    from pytrust.policy.engine_setup.pair import served_by
    from pytrust.trust.pki.folder import read
    from pytrust.trust.pki.probe.opinion import covers

    folder = find_server(workspace, server).path
    certificate, *_ = served_by(read(folder), str(folder))
    if client and not covers(certificate, SERVICE):
        voice.note(f"warning: the server's certificate is not for {SERVICE}, by which the client will dial it")
        voice.note(f"hint: issue one that is: pytrust ca server NAME --san {SERVICE}")
    client_folder = str(find_client(workspace, client)) if client else ""
    voice.write(write(str(folder), port=port, client=client_folder).encode())
    return ExitCode.YES
