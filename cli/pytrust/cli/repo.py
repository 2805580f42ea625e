"""``pytrust repo``: the metadata itself, as TUF 1.0 publishes it."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.names import CollectionName, parse_collection


@click.group()
def repo() -> None:
    """The metadata itself: plain files that any TUF 1.0 client reads."""


@repo.command(
    epilog="""\b
examples:
  pytrust repo export /srv/www
  pytrust repo export /media/stick registry.example.com/foo/web"""
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.pass_obj
def export(workspace: Workspace, folder: Path, names: tuple[str, ...]) -> int:
    """Write metadata as files below FOLDER/tuf, for any web server.

    Timestamps are written last, so that readers always see a whole state.
    """
    from pytrust.trust.publish.export import export_files

    chosen = [parse_collection(name) for name in names] or workspace.reader.collections()
    with voice.working(f"exporting {len(chosen)} collections"):
        for name in chosen:
            export_files(workspace.reader, name, folder)
    voice.say(f"exported {len(chosen)} collection{'s' * (len(chosen) != 1)} to {folder / 'tuf'}")
    return ExitCode.YES


@repo.command("serve-static", epilog="example: pytrust repo serve-static --listen 127.0.0.1:8080")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT")
@click.pass_obj
def serve_static(workspace: Workspace, listen: str) -> int:
    """Serve the store's metadata over plain http, read-only, until interrupted."""
    from pytrust.trust.server.static import StaticServer

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"{listen!r} is not HOST:PORT", hint="for example 127.0.0.1:8080")
    server = StaticServer((host.strip("[]"), int(port)), workspace.reader)
    voice.note(f"serving on http://{listen}/tuf/")
    gc.enable()
    with server:
        server.serve_forever()
    return ExitCode.YES


@repo.command(epilog="example, daily by cron: pytrust repo refresh")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.pass_obj
def refresh(workspace: Workspace, names: tuple[str, ...]) -> int:
    """Renew snapshots and timestamps that expire soon, or (with NAMEs) at once.

    Every command that writes does this too; a store that nobody writes to needs it at least weekly.
    """
    chosen: list[CollectionName] = [parse_collection(name) for name in names]
    publisher = workspace.quiet_publisher
    with voice.working("renewing timestamps"):
        for name in chosen:
            publisher.refresh(name)
        renewed = len(chosen) if chosen else publisher.refresh_due()
    voice.say(f"renewed {renewed} collection{'s' * (renewed != 1)}")
    return ExitCode.YES
