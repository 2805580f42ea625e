"""``pytrust engine setup`` and ``rollback``: what changes on an engine's host, and changes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.engine_folder import ServerFolder, find_server, server_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode

if TYPE_CHECKING:
    from pytrust.policy.engine_setup.found import Change, Plan
    from pytrust.policy.engine_setup.places import Places

TLS_PORT: Final = 2376  # IANA: docker over TLS
_RECORDS: Final = "engine"


@click.command(
    epilog="""\b
examples:
  pytrust engine setup --dry-run
  pytrust engine setup
  pytrust engine setup --server /etc/docker/tls --yes
\b
Exit code 1: the question was answered with no. 4: settings of this host contradict it;
nothing was changed."""
)
@server_option
@click.option(
    "--port", type=click.IntRange(1, 65535), default=TLS_PORT, show_default=True, help="Where clients connect."
)
@click.option(
    "--daemon-json",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="[default: what docker.service says, or /etc/docker/daemon.json]",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.pass_obj
def setup(
    workspace: Workspace, server: str | None, port: int, daemon_json: Path | None, yes: bool, dry_run: bool
) -> int:
    """Let this host's engine listen with TLS, for clients with a certificate of this authority alone.

    daemon.json gets four keys; the port is opened by a drop-in of docker.socket, or else by hosts in daemon.json, or
    else by a drop-in of docker.service. dockerd is not restarted: the commands for that are printed.
    """
    from pytrust.policy.engine_setup.places import Places

    folder = find_server(workspace, server)
    return set_up(workspace, folder, Places(), port=port, daemon_json=daemon_json, yes=yes, dry_run=dry_run)


def set_up(
    workspace: Workspace,
    server: ServerFolder,
    places: Places,
    *,
    port: int = TLS_PORT,
    daemon_json: Path | None = None,
    yes: bool = False,
    dry_run: bool = False,
) -> int:
    """Plan, show, ask, write; the exit code is ``NO`` where the answer was no."""
    from pytrust.policy.engine_setup.apply import apply, settle
    from pytrust.policy.engine_setup.pair import served_by
    from pytrust.policy.engine_setup.plan import make_plan
    from pytrust.trust.pki.folder import read

    served_by(read(server.path), str(server.path))
    records = workspace.home.ca / _RECORDS
    if not dry_run and (finished := settle(records)):
        voice.note(f"note: {finished}")
    plan = make_plan(places.look(daemon_json), str(server.path), port)
    _show(plan.changes)
    if dry_run:
        _say_next(plan, "would be changed")
        return ExitCode.YES
    if plan.changes and not (yes or voice.confirm("write these changes?")):
        voice.note("nothing was changed; another time: pytrust engine setup")
        return ExitCode.NO
    apply(plan, records)
    _remember(workspace, server, port)
    _say_next(plan, "changed")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust engine rollback
  pytrust engine rollback --force"""
)
@click.option("--force", is_flag=True, help="Also where somebody changed a file since; that change is lost.")
@click.pass_obj
def rollback(workspace: Workspace, force: bool) -> int:
    """Take the newest set-up back: every file as it was before, byte for byte, or gone if it was not there.

    Run it again to take back the set-up before that one.
    """
    from pytrust.policy.engine_setup import apply

    records = workspace.home.ca / _RECORDS
    record = apply.newest(records)
    apply.rollback(records, force=force)
    for change in reversed(record.changes):
        voice.say(f"{'restored' if change.before else 'removed'} {change.path}")
    _say_commands(record.commands[:-1])  # there is nothing to check
    return ExitCode.YES


def _show(changes: tuple[Change, ...]) -> None:
    from pytrust.policy.engine_setup.diff import diff_lines

    for change in changes:
        for line in diff_lines(change):
            voice.say(line)


def _say_next(plan: Plan, done: str) -> None:
    for change in plan.changes:
        voice.note(f"{done}: {change.path}")
    if not plan.changes:
        voice.note("nothing has to be changed; whether the running engine knows it too: pytrust engine check")
        return
    for note in plan.notes:
        voice.note(f"note: {note}")
    _say_commands(plan.commands)
    voice.note("hint: to take it back: pytrust engine rollback")


def _say_commands(commands: tuple[str, ...]) -> None:
    voice.note("hint: then run:")
    for command in commands:
        voice.say(command)


def _remember(workspace: Workspace, server: ServerFolder, port: int) -> None:
    """A check, and a rotation, ask the engine there what it serves."""
    if server.holder is not None and not server.holder.endpoint:
        workspace.authority.set_endpoint(server.holder.name, f"127.0.0.1:{port}")
