"""``pytrust serve backup`` and ``restore``: the store in one file, and back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.serve_plan import store_file, store_of
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, NotSetUp
from pytrust.trust.files import PRIVATE_FOLDER


@click.command(
    epilog="""\b
examples:
  pytrust serve backup /srv/backup/trust.db
  pytrust serve --store postgresql://db/pytrust backup trust.db"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def backup(context: click.Context, file: Path) -> int:
    """Write all of the store to FILE, as one moment saw it; servers go on meanwhile.

    FILE is a SQLite store of its own, whatever database the store is in. The keys in store/online of the home are not
    in it, and without them nothing that it holds can be renewed: keep a copy of that folder elsewhere, once.
    """
    from pytrust.trust.store.backup import backup as write
    from pytrust.trust.store.open import open_store

    workspace, url = _found(context)
    if (path := store_file(url)) and not path.exists():
        raise NotSetUp(f"{path} does not exist", hint="give --store URL or --config FILE before the command")
    with closing(open_store(url)) as store, voice.working("writing the backup"):
        write(store, file)
    voice.say(f"wrote {file}")
    also = ", and of the vault that has them: pytrust vault backup" if workspace.key_vault else ""
    voice.note(f"hint: the keys are not in it: keep a copy of {workspace.home.online} too{also}")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust serve restore /srv/backup/trust.db
  pytrust serve --store postgresql://db/pytrust restore trust.db   # from SQLite to PostgreSQL"""
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Drop what the store holds and the backup does not.")
@click.pass_context
def restore(context: click.Context, file: Path, replace: bool) -> int:
    """Make the store what it was when the backup FILE was made, at one moment.

    Clients refuse versions older than those that they have seen: go back no further than you must.
    """
    from pytrust.trust.store.backup import restore as read
    from pytrust.trust.store.open import open_store

    _, url = _found(context)
    if path := store_file(url):
        path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    with closing(open_store(url)) as store, voice.working("restoring"):
        read(file, store, replace=replace)
    voice.say(f"restored {file}")
    return ExitCode.YES


def _found(context: click.Context) -> tuple[Workspace, str]:
    """The home, and the address of the store that ``pytrust serve`` would serve with the options before the command."""
    workspace = context.find_object(Workspace)
    assert workspace is not None
    given = context.parent.params if context.parent else {}
    return workspace, store_of(workspace, given.get("store"), given.get("config"))
