"""``pytrust authz-plugin``: revocation for an engine that clients reach directly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.plugin_socket import make_folders, socket_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError

if TYPE_CHECKING:
    from pytrust.policy.journal import Journal
    from pytrust.policy.plugin.serve import Parts


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
@socket_option
@click.option("--secrets", is_flag=True, help="Be pytrust swarm provider, too, at the same socket.")
@click.pass_obj
def authz_plugin(workspace: Workspace, folder: Path, path: Path, secrets: bool) -> int:
    """Lock out clients whose certificate was revoked, at their next request, from an engine with --tlsverify.

    dockerd itself never looks at revocation lists. Without a list that counts nobody comes in over TLS, and while the
    plugin is down nobody at all. What clients may do is not limited here: that is the work of pytrust proxy.
    """
    from pytrust.policy.plugin.serve import run

    with _assemble(workspace, folder, path, secrets=secrets) as parts:
        voice.note(
            f'switch it on: "authorization-plugins": ["{path.stem}"] in daemon.json, then systemctl reload docker'
        )
        run(parts)
    return ExitCode.YES


@contextmanager
def _assemble(workspace: Workspace, folder: Path, path: Path, *, secrets: bool) -> Iterator[Parts]:
    """Open everything; the journal's lock is held until the end."""
    from pytrust.cli.swarm_provider import provided
    from pytrust.policy.journal import Journal
    from pytrust.policy.plugin.guard import Guard
    from pytrust.policy.plugin.limits import AUTHZ_MAX_BYTES
    from pytrust.policy.plugin.serve import Parts
    from pytrust.policy.plugin.watch import Watch

    home = workspace.home.authz_plugin
    for made in (home, path.parent):
        make_folders(made)
    with Journal.open(home / "journal") as journal:
        note = _Notes(workspace, journal)
        watch = Watch(folder, home / "lists.json", workspace.now, note)
        guard = Guard(lambda: watch.trust, workspace.now, time.monotonic, note).kind(watch.look)
        with provided(workspace, note) if secrets else nullcontext() as provider:
            yield Parts(path, (guard, provider) if provider else (guard,), note, AUTHZ_MAX_BYTES)


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
