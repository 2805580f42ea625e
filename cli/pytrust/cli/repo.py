"""``pytrust repo``: the metadata itself, as TUF 1.0 publishes it."""

from __future__ import annotations

import gc
from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.arguments import signer_option
from pytrust.cli.outcome import say_outcome
from pytrust.cli.ownership import open_online
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import warn_before
from pytrust.trust.errors import ExitCode, Unsigned, UsageError
from pytrust.trust.names import CollectionName, Format, RoleName, parse_collection, parse_role

_PORT_MAX = 65535


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

    chosen = [parse_collection(name) for name in names] or workspace.reader.collections(Format.TUF)
    with voice.working(f"exporting {voice.plural(len(chosen), 'collection')}"):
        for name in chosen:
            export_files(workspace.reader, name, folder)
    voice.say(f"exported {voice.plural(len(chosen), 'collection')} to {folder / 'tuf'}")
    return ExitCode.YES


@repo.command("serve-static", epilog="example: pytrust repo serve-static --listen 127.0.0.1:8080")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT")
@click.pass_obj
def serve_static(workspace: Workspace, listen: str) -> int:
    """Serve the store's metadata over plain http, read-only, until interrupted."""
    from pytrust.trust.server.static import StaticServer

    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= _PORT_MAX):
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

    Every command that writes does this too; a store that nobody writes to needs it daily, since timestamps live for two
    weeks and are renewed in their second one. No passphrase is needed, but an open vault where it has the keys.
    """
    open_online(workspace)
    publisher = workspace.quiet_publisher
    chosen = [parse_collection(name) for name in names]
    with voice.working("renewing timestamps"):
        for name in chosen:
            publisher.refresh(name)
        outcomes = publisher.refresh_due() if not chosen else [(name, None) for name in chosen]
    failures = [error for _, error in outcomes if error is not None]
    voice.say(f"renewed {voice.plural(len(outcomes) - len(failures), 'collection')}")
    for error in failures:
        voice.fail(error)
    return failures[0].exit_code if failures else ExitCode.YES


@repo.command(
    epilog="""\b
examples:
  pytrust repo renew registry.example.com/foo/web
  pytrust repo renew registry.example.com/foo/web --role root"""
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="Which (default: those that expire soon).")
@signer_option
@click.pass_obj
def renew(workspace: Workspace, names: tuple[str, ...], roles: tuple[str, ...], signers: tuple[str, ...]) -> int:
    """Sign roles again, unchanged, before their time is over.

    These are root, targets, releases, profiles, scans, vex, and those of signers.
    """
    owner, result = workspace.owner(voice.note), ExitCode.YES
    who = workspace.signers(signers)
    for name in map(parse_collection, names):
        chosen = [parse_role(role) for role in roles] or _due(workspace, name)
        if not chosen:
            voice.say(f"{name}: nothing expires soon")
            continue
        outcome = owner.renew(name, chosen, who)
        result = max(result, say_outcome(outcome, f"{name}: signed {', '.join(chosen)} again"))
    return result


def _due(workspace: Workspace, name: CollectionName) -> list[RoleName]:
    state = workspace.quiet_publisher.load(name)
    if state is None:
        raise Unsigned(f"nothing is signed under {name} here", hint="see what is: pytrust status")
    documents = state.collection.documents().items()
    now = workspace.now()
    return [role for role, document in documents if document.expires < now + warn_before(role)]
