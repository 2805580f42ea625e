"""``pytrust swarm check``, ``autolock``, ``unlock``: the keys of the swarm itself, kept in the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, Refused, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.policy.swarm.engine import SwarmEngine
    from pytrust.policy.swarm.keeping import Kept
    from pytrust.policy.swarm.state import Cluster, Held

_SHOWN = 5  # names of secrets, for people


@click.command(
    epilog="""\b
examples:
  pytrust swarm check
  pytrust swarm check --json
\b
Exit code 0: autolock is on, and the vault holds the keys; 1: autolock is off;
3: could not find out; 4: the vault could not take the keys."""
)
@json_option
@click.pass_obj
def check(workspace: Workspace, as_json: bool) -> int:
    """Is the swarm's store sealed? And keep its join tokens and its unlock key in the vault.

    A swarm without autolock has the key to its store beside it on every manager's disk. Nothing that is kept is
    printed.
    """
    engine = _engine(workspace)
    if (seen := _look(engine)) is None:
        _say_locked(engine, as_json=as_json)
        return ExitCode.YES
    cluster, held = seen
    kept, error = _keep(workspace, engine, cluster)
    if as_json:
        voice.say_json(_document(cluster, held, kept, error))
    else:
        _say(workspace, cluster, held)
        _say_kept(cluster, kept)
    if error is not None:
        voice.fail(error)
    if not cluster.autolock:
        return ExitCode.NO
    return ExitCode.UNSOUND if error else ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust swarm autolock
  pytrust swarm autolock --rotate
\b
From then on a manager that starts is locked, until:
  pytrust swarm unlock"""
)
@click.option("--rotate", is_flag=True, help="Renew the unlock key and both join tokens, too.")
@click.pass_obj
def autolock(workspace: Workspace, rotate: bool) -> int:
    """Switch autolock on, and put its key into the vault at once.

    With --rotate, on or not, nobody joins with an old token any more. Old unlock keys stay in the vault: a manager that
    is down while the key is renewed still needs the old one.
    """
    from pytrust.cli.vault_room import open_vaulted
    from pytrust.policy.swarm.autolock import switch_on

    engine = _engine(workspace)
    before = engine.cluster()
    kept = switch_on(engine, open_vaulted(workspace), rotate=rotate)
    word = "was on already" if before.autolock else "is on"
    voice.say(f"autolock of the swarm {before.id} {word}{', and its keys are new' if rotate else ''}")
    _say_kept(before, kept)
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust swarm unlock
  DOCKER_HOST=tcp://manager2:2376 pytrust swarm unlock"""
)
@click.option("--cluster", metavar="ID", help="The swarm, where the vault holds keys of several.")
@click.pass_obj
def unlock(workspace: Workspace, cluster: str | None) -> int:
    """Unlock a manager that was started again, with the key in the vault: the newest, else the ones before it."""
    from pytrust.cli.vault_room import open_vaulted
    from pytrust.policy.swarm import autolock as steps

    engine = _engine(workspace)
    if not engine.local().locked:
        voice.say("it is not locked")
        return ExitCode.YES
    opened = steps.unlock(engine, open_vaulted(workspace), cluster)
    voice.say(f"the swarm {opened.cluster} is unlocked, with version {opened.number} of its key")
    return ExitCode.YES


def _engine(workspace: Workspace) -> SwarmEngine:
    from pytrust.policy.swarm.engine import SwarmEngine

    return SwarmEngine(workspace.engine.address)


def _look(engine: SwarmEngine) -> tuple[Cluster, Held] | None:
    """What is to be told; None where the swarm is locked. An engine that refuses to tell has not said no."""
    try:
        return None if engine.local().locked else (engine.cluster(), engine.secrets())
    except Refused as error:
        raise Unknown(str(error), hint=error.hint) from error


def _keep(workspace: Workspace, engine: SwarmEngine, cluster: Cluster) -> tuple[Sequence[Kept], PytrustError | None]:
    """What is told of a swarm counts, whether the vault is open or not."""
    from pytrust.cli.vault_room import open_vaulted
    from pytrust.policy.swarm.autolock import keep_keys

    try:
        return keep_keys(engine, open_vaulted(workspace), cluster, "swarm check"), None
    except PytrustError as error:
        return (), error


def _say(workspace: Workspace, cluster: Cluster, held: Held) -> None:
    from pytrust.trust.pki.model import moment_text

    age = (workspace.now() - cluster.since).days
    voice.say(f"swarm {cluster.id}: autolock is {'on' if cluster.autolock else 'off'}")
    rotating = ", being replaced" if cluster.rotating else ""
    voice.say(f"its root certificate: {voice.plural(age, 'day')} old, until {moment_text(cluster.until)}{rotating}")
    if not cluster.autolock:
        voice.note("warning: the disk of a manager gives away the swarm's CA key, and every secret in it")
        voice.note("hint: pytrust swarm autolock")
    if held.in_swarm:
        names = ", ".join(held.in_swarm[:_SHOWN]) + (", ..." if held.in_swarm[_SHOWN:] else "")
        voice.note(f"warning: {voice.plural(len(held.in_swarm), 'secret')} in the swarm itself: {names}")
        voice.note("hint: move them into the vault: docker secret create --driver pytrust NAME")


def _say_kept(cluster: Cluster, kept: Sequence[Kept]) -> None:
    from pytrust.policy.swarm.keys import secret_name

    for each in kept:
        new = ", new" if each.new else ""
        voice.say(f"in the vault: {secret_name(cluster.id, each.what)} (version {each.number}{new})")


def _say_locked(engine: SwarmEngine, *, as_json: bool) -> None:
    if as_json:
        voice.say_json({"engine": str(engine.address), "autolock": True, "locked": True})
    else:
        voice.say(f"the swarm of the engine at {engine.address} is locked, so autolock is on")
        voice.say("hint: pytrust swarm unlock")


def _document(cluster: Cluster, held: Held, kept: Sequence[Kept], error: PytrustError | None) -> dict[str, Any]:
    return {
        "cluster": cluster.id,
        "autolock": cluster.autolock,
        "locked": False,
        "root": {
            "since": cluster.since.isoformat(),
            "until": cluster.until.isoformat(),
            "rotating": cluster.rotating,
        },
        "secrets": {"in_swarm": held.in_swarm, "by_plugin": held.by_plugin},
        "kept": [{"key": str(each.what), "version": each.number, "new": each.new} for each in kept],
        "error": voice.error_json(error) if error else None,
    }
