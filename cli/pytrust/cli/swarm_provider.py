"""``pytrust swarm provider``: the vault's secrets for the services of a swarm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.plugin_socket import make_folders, socket_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError

if TYPE_CHECKING:
    from pytrust.policy.plugin.routes import Kind, Note
    from pytrust.trust.vault.agent.client import AgentVault


@click.command(
    epilog="""\b
example, on every manager:
  pytrust vault unlock
  pytrust swarm provider
\b
then, on one:
  printf %s "$value" | pytrust secret put db_password --reader service:web
  docker secret create --driver pytrust db_password
  docker service create --name web --secret db_password foo/web
\b
where the vault calls it otherwise:
  docker secret create --driver pytrust --label pytrust.secret=shop/db_password db_password
\b
Beside pytrust authz-plugin, which has the same socket: pytrust authz-plugin --secrets."""
)
@socket_option
@click.pass_obj
def provider(workspace: Workspace, path: Path) -> int:
    """Serve the vault to docker secret create --driver pytrust.

    The values are never in the swarm's own store: a manager asks here for every task, so that a task gets the version
    of that moment. A service gets what names it as a reader. The vault stays in the hands of its agent; while that is
    locked, tasks fail, and swarm tries them again.
    """
    from pytrust.policy.plugin.serve import Parts, run
    from pytrust.policy.provider.limits import CALL_MAX_BYTES

    make_folders(path.parent)
    with provided(workspace, _note) as kind:
        voice.note(f"use it: docker secret create --driver {path.stem} NAME")
        run(Parts(path, (kind,), _note, CALL_MAX_BYTES))
    return ExitCode.YES


@contextmanager
def provided(workspace: Workspace, note: Note) -> Iterator[Kind]:
    """The plugin, asking the vault's agent."""
    from pytrust.policy.provider.provider import Provider
    from pytrust.trust.vault.agent.client import AgentVault
    from pytrust.trust.vault.agent.hygiene import harden

    harden()
    vault = AgentVault(workspace.home.agent)
    if reason := _closed(vault):
        note("vault-locked", f"{reason}, so services get nothing yet (hint: pytrust vault unlock)")
    provider = Provider(vault, time.monotonic, note)
    try:
        yield provider.kind()
    finally:
        provider.close()
        vault.close()


def _closed(vault: AgentVault) -> str:
    """Why nothing can be read now; empty if it can."""
    try:
        standing = vault.status()
    except PytrustError as error:
        return str(error)
    return "" if standing and standing.open else "no agent holds the vault open"


def _note(what: str, text: str) -> None:
    voice.try_note(f"{what}: {text}")
