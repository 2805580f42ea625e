"""``pytrust authz-plugin``: revocation for an engine that clients reach directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError
from pytrust.trust.files import PRIVATE_FOLDER

if TYPE_CHECKING:
    from pytrust.policy.journal import Journal
    from pytrust.policy.plugin.serve import Parts

_SOCKET: Final = Path("/run/docker/plugins/pytrust.sock")


@click.command(
    epilog="""\b
example:
  pytrust authz-plugin --tls /etc/docker/tls
\b
then switch it on, while it runs: add to /etc/docker/daemon.json
  "authorization-plugins": ["pytrust"]
and, with no restart of the engine or of a container: systemctl reload docker
\b
The engine ends when it is told of a plugin that it cannot find, so the plugin comes
first, at every start too. SIGHUP loads the folder anew, as does any change in it."""
)
@click.option(
    "--tls",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The engine's folder: ca.pem and crl.pem are read.",
)
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    default=_SOCKET,
    show_default=True,
    metavar="PATH",
    help="Where dockerd calls; the name of the file is that of the plugin.",
)
@click.pass_obj
def authz_plugin(workspace: Workspace, folder: Path, path: Path) -> int:
    """Lock out clients whose certificate was revoked, at their next request, from an engine with --tlsverify.

    dockerd itself never looks at revocation lists. Without a list that counts nobody comes in over TLS, and while the
    plugin is down nobody at all. What clients may do is not limited here: that is the work of pytrust proxy.
    """
    from pytrust.policy.plugin.serve import run

    with _assemble(workspace, folder, path) as parts:
        voice.note(
            f'switch it on: "authorization-plugins": ["{path.stem}"] in daemon.json, then systemctl reload docker'
        )
        run(parts)
    return ExitCode.YES


@contextmanager
def _assemble(workspace: Workspace, folder: Path, path: Path) -> Iterator[Parts]:
    """Open everything; the journal's lock is held until the end."""
    from pytrust.policy.journal import Journal
    from pytrust.policy.plugin.serve import Parts
    from pytrust.policy.plugin.watch import Watch

    home = workspace.home.authz_plugin
    for made in (home, path.parent):
        _make_folders(made)
    with Journal.open(home / "journal") as journal:
        note = _Notes(workspace, journal)
        yield Parts(path, Watch(folder, home / "lists.json", workspace.now, note), workspace.now, note)


class _Notes:
    """Where events go: to the journal, and to the operator."""

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._now, self._journal = workspace.now, journal

    def __call__(self, what: str, text: str) -> None:
        from pytrust.policy.journal import Event

        voice.try_note(f"{what}: {text}")
        try:
            self._journal.append(Event(at=self._now(), what=what, text=text))
        except PytrustError as error:
            voice.try_note(f"error: {error}")


def _make_folders(path: Path) -> None:
    """Each that is missing, for root alone, as dockerd makes its own."""
    for each in (*reversed(path.parents), path):
        if not each.is_dir():
            each.mkdir(PRIVATE_FOLDER)
