"""``pytrust vault unlock``, ``lock``, ``status`` and ``agent``: the process that holds the vault open."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.vault_room import agent_of, owner_name, seconds_now, try_unlock_here, unlock_here
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, TooSlow, Unsound, UsageError
from pytrust.trust.limits import AGENT_START_TIMEOUT

if TYPE_CHECKING:
    from pytrust.trust.vault.agent.client import AgentVault
    from pytrust.trust.vault.agent.holder import Terms
    from pytrust.trust.vault.agent.place import Descriptors
    from pytrust.trust.vault.agent.server import Parts

_LOCKED: Final = "the vault is locked: pytrust vault unlock"
_MINUTE: Final = 60
_BREATH: Final = 0.01  # seconds
_PATIENCE: Final = 5.0  # seconds
_YEAR: Final = 525_600  # minutes
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")  # an agent lives for long
_REASON_MAX_BYTES: Final = 2000

_idle_option = click.option(
    "--idle",
    type=click.IntRange(1, _YEAR),
    metavar="MINUTES",
    help="Lock it when nobody used it for so long [default: never].",
)


@click.command(
    epilog="""\b
examples:
  pytrust vault unlock
  pytrust vault unlock --idle 30
  pytrust --unlock-file /media/key/pytrust vault unlock
\b
A file or descriptor may hold an unlock key (PTKEY-1-...), a passphrase, age identities, or
the PIN of a token, written pin-value=PIN."""
)
@_idle_option
@click.option("--accept", is_flag=True, help="Believe the vault although it is older than what this host has seen.")
@click.pass_obj
def unlock(workspace: Workspace, idle: int | None, accept: bool) -> int:
    """Open the vault, once, for everything that runs here as its owner, until it is locked or the host restarts.

    The key goes to the agent, which is started if none runs. It is in the memory of that process alone.
    """
    agent = agent_of(workspace)
    standing = agent.status()
    if standing and standing.open and not accept:
        if idle:
            raise UsageError("the vault is open already", hint="pytrust vault lock, then unlock it with --idle")
        voice.say("the vault is open already")
        return ExitCode.YES
    vault = unlock_here(workspace, accept_rollback=accept)
    if standing is None:
        _start(workspace)
    now = agent.unlock(vault.master.bytes(), idle * _MINUTE if idle else None)
    vault.close()
    voice.say(f"the vault is open: agent {now.pid} holds it{_until(now.idle)}")
    return ExitCode.YES


@click.command(epilog="example: pytrust vault lock")
@click.pass_obj
def lock(workspace: Workspace) -> int:
    """Let the agent forget the key; services that need secrets wait from now on."""
    agent = agent_of(workspace)
    standing = agent.status()
    if standing is None or not (standing.open or standing.lost):
        voice.say("the vault is locked already")
        return ExitCode.YES
    agent.lock()
    if standing.once:
        _see_off(agent)
    voice.say("the vault is locked")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust vault status
  pytrust vault status --json"""
)
@json_option
@click.pass_obj
def status(workspace: Workspace, as_json: bool) -> int:
    """Is the vault open, how far has it come, what unlocks it.

    Exit code 1 when it is locked, 4 when it is older than what this host has seen of it.
    """
    from pytrust.cli.vault_told import document, look, tell

    found = look(workspace, agent_of(workspace).status())
    if as_json:
        voice.say_json(document(found))
    else:
        tell(found)
    return found.verdict


@click.command(
    epilog="""\b
examples:
  pytrust vault agent
  pytrust --unlock-file /etc/pytrust/unlock-key vault agent --share
  pytrust vault units > /etc/systemd/system/pytrust-vault.service"""
)
@_idle_option
@click.option("--share", is_flag=True, help="Let other users read what names them as readers (chmod 0711 the home).")
@click.option("--detach", is_flag=True, hidden=True)
@click.option("--anew", nargs=2, type=click.IntRange(3), hidden=True)
@click.pass_obj
def agent(workspace: Workspace, idle: int | None, share: bool, detach: bool, anew: tuple[int, int] | None) -> int:
    """Hold the vault open for others, in the foreground, until SIGTERM.

    It opens the vault itself where an unlock file, a credential of systemd or a slot for which nobody need be asked is
    at hand; else it waits, locked, for pytrust vault unlock.
    """
    from pytrust.trust.vault.agent.holder import Terms
    from pytrust.trust.vault.agent.hygiene import harden
    from pytrust.trust.vault.agent.place import Descriptors, claimed
    from pytrust.trust.vault.agent.server import run
    from pytrust.trust.vault.header import read_header

    read_header(workspace.home.vault)
    inherited = Descriptors(*anew) if anew else None
    with claimed(workspace.home.agent, shared=share, inherited=inherited) as claim:
        if detach:
            _leave()
        harden()
        parts = _parts(workspace, Terms((idle or 0) * _MINUTE, shared=share, once=detach, anew=not detach))
        if not detach and not anew:
            _open(workspace, parts)
        if run(claim.listening, parts) and not detach:
            _begin_anew(workspace, parts, claim.kept)
    return ExitCode.YES


def _open(workspace: Workspace, parts: Parts) -> None:
    if vault := try_unlock_here(workspace):
        parts.holder.unlock(vault.master.bytes())
        vault.close()


def _parts(workspace: Workspace, terms: Terms) -> Parts:
    import gc

    from pytrust.trust.vault.agent.held import Place, opener
    from pytrust.trust.vault.agent.holder import Clocks, Holder
    from pytrust.trust.vault.agent.server import Parts

    gc.enable()
    now = partial(seconds_now, workspace)
    opens = opener(Place(workspace.home.vault, workspace.home.anchor, owner_name()), now)
    return Parts(Holder(opens, Clocks(now, steady), terms), _changed)


def steady() -> float:
    """A clock that never goes back, and goes on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _begin_anew(workspace: Workspace, parts: Parts, kept: Descriptors) -> None:
    """Become another program, locked, in the same process: with the old one goes every copy of a key in its memory."""
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    words = [*_command(workspace), "--anew", *map(str, kept), *(["--share"] if parts.holder.terms.shared else [])]
    if idle := parts.holder.standing().idle // _MINUTE:
        words += ["--idle", str(idle)]
    voice.flush()
    try:
        os.execv(words[0], words)  # noqa: S606 - our own program, by its path
    except OSError as error:
        raise Unsound(f"the agent cannot begin anew: {error.strerror}") from error


def _command(workspace: Workspace) -> list[str]:
    home = workspace.home.path.absolute()
    return [sys.executable, "-P", "-m", "pytrust.cli.main", "--home", str(home), "vault", "agent"]


def _changed(is_open: bool) -> None:
    from pytrust.trust.vault.agent.notify import notify

    text = "the vault is open" if is_open else _LOCKED
    voice.try_note(text)
    notify(os.environ.get("NOTIFY_SOCKET"), f"READY=1\nSTATUS={text}")


def _leave() -> None:
    """Go on in a process of its own, that no terminal reaches; whoever started this one sees it end well."""
    voice.flush()
    if os.fork():
        os._exit(ExitCode.YES)
    os.chdir("/")
    os.umask(0o077)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _start(workspace: Workspace) -> None:
    """Start an agent that ends when it is locked; it listens when this returns.

    Raises:
        Unsound: it did not start; the message has its own words.
        TooSlow: it did not start in time.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [*_command(workspace), "--detach"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=kept,
            start_new_session=True,
            timeout=AGENT_START_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"the agent did not start in {AGENT_START_TIMEOUT:g} seconds") from error
    if done.returncode:
        reason = done.stderr[:_REASON_MAX_BYTES].decode("utf-8", "replace").partition("\n")[0]
        raise Unsound(f"the agent did not start: {reason.removeprefix('error: ')}")


def _see_off(agent: AgentVault) -> None:
    """Wait until it has ended: whoever unlocks the vault next is to find none, and not one that is ending."""
    end = time.monotonic() + _PATIENCE
    while agent.status() and time.monotonic() < end:
        time.sleep(_BREATH)


def _until(idle: int) -> str:
    return f", until nobody used it for {voice.plural(idle // _MINUTE, 'minute')}" if idle else ""
