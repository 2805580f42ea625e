"""How a command gets an open vault.

In this order: the agent, if it runs and holds the vault open; what --unlock-file or --unlock-fd gives, or systemd's
credential; slots for which nobody need be asked; a prompt. Only the first leaves the vault open for others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.cli.vault_given import ask, fitting
from pytrust.trust.errors import NotSetUp, PytrustError, UsageError, VaultLocked, WrongPassphrase
from pytrust.trust.limits import AGENT_POLL_INTERVAL

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.vault.agent.client import AgentVault
    from pytrust.trust.vault.asking import Vaulted
    from pytrust.trust.vault.header import Header, Slot
    from pytrust.trust.vault.master import Master
    from pytrust.trust.vault.slots.kinds import Secret
    from pytrust.trust.vault.vault import Vault


def agent_of(workspace: Workspace) -> AgentVault:
    """The agent of this home, whether it runs or not."""
    from pytrust.trust.vault.agent.client import AgentVault

    return AgentVault(workspace.home.agent)


def open_vaulted(workspace: Workspace) -> Vaulted:
    """The vault, open.

    Raises:
        NotSetUp: there is none.
        VaultLocked: nothing that opens it is at hand, and nobody can be asked.
        WrongPassphrase: what was given or typed does not open it.
        Unsound: it is damaged, or rolled back.
    """
    return try_agent(workspace) or _desk(workspace, _unlock(workspace, itself=False, accept_rollback=False))


def try_vaulted(workspace: Workspace) -> Vaulted | None:
    """The vault, open, if nobody need be asked; None where there is none, too. Raises what ``open_vaulted`` does."""
    if agent := try_agent(workspace):
        return agent
    vault = try_unlock_here(workspace)
    return _desk(workspace, vault) if vault else None


def try_agent(workspace: Workspace) -> AgentVault | None:
    """The agent, if it holds the vault open."""
    agent = agent_of(workspace)
    standing = agent.status()
    return agent if standing and standing.open else None


def unlock_here(workspace: Workspace, *, accept_rollback: bool = False) -> Vault:
    """The vault itself, in this process, whatever the agent does; raises what ``open_vaulted`` does."""
    return _unlock(workspace, itself=True, accept_rollback=accept_rollback)


def try_unlock_here(workspace: Workspace) -> Vault | None:
    """The same, if nobody need be asked; None where there is no vault, too."""
    try:
        header = _header(workspace)
    except NotSetUp:
        return None
    master = _silent_master(workspace, header)
    return _opened(workspace, master, accept_rollback=False) if master else None


def hand_over(workspace: Workspace, vault: Vault) -> None:
    """Give an agent that holds the vault open, or did until a moment ago, the new key: the end of every rekey."""
    agent = agent_of(workspace)
    standing = agent.status()
    if standing and (standing.open or standing.lost):
        agent.unlock(vault.master.bytes())


def wait_for_vault(workspace: Workspace, say: Callable[[str], None]) -> Vaulted:
    """The vault, once somebody has unlocked it; ``say`` is told once what is waited for. For services."""
    if vaulted := try_vaulted(workspace):
        return vaulted
    if not workspace.home.vault.exists():
        raise NotSetUp(f"there is no vault at {workspace.home.vault}", hint="make a vault with: pytrust vault init")
    say("waiting for the vault: pytrust vault unlock")
    while not (agent := try_agent(workspace)):
        time.sleep(AGENT_POLL_INTERVAL)
    return agent


def seconds_now(workspace: Workspace) -> int:
    """The clock as the vault has it."""
    return int(workspace.now().timestamp())


def owner_name() -> str:
    """This user, as the audit names him."""
    return f"uid:{os.geteuid()}"


def _unlock(workspace: Workspace, *, itself: bool, accept_rollback: bool) -> Vault:
    header = _header(workspace)
    master = _silent_master(workspace, header) or _by_text(header, ask(header, itself=itself), typed=True)
    return _opened(workspace, master, accept_rollback=accept_rollback)


def _desk(workspace: Workspace, vault: Vault) -> Vaulted:
    from pytrust.trust.vault.desk import Desk

    return Desk(vault, now=lambda: seconds_now(workspace), owner=owner_name())


def _header(workspace: Workspace) -> Header:
    from pytrust.trust.vault.header import read_header

    try:
        return read_header(workspace.home.vault)
    except PermissionError as error:
        raise VaultLocked(
            f"{workspace.home.vault} is another user's, and no agent holds it open",
            hint="ask its owner for: pytrust vault unlock",
        ) from error


def _opened(workspace: Workspace, master: Master, *, accept_rollback: bool) -> Vault:
    from pytrust.trust.vault.vault import Vault

    home = workspace.home
    with voice.working("opening the vault"):
        return Vault.open(home.vault, home.anchor, master, accept_rollback=accept_rollback)


def _silent_master(workspace: Workspace, header: Header) -> Master | None:
    """By what was given, or by a slot that asks nobody; from here on there are secrets in this process."""
    from pytrust.trust.vault.agent.hygiene import keep_to_itself

    keep_to_itself()
    if (given := workspace.unlock_given) is not None:
        return _by_text(header, given, typed=False)
    from pytrust.trust.vault.slots.kinds import silent_secret

    for slot in header.slots:
        if secret := silent_secret(slot):
            try:
                return _by_slot(header, slot, secret)
            except (VaultLocked, UsageError):  # not for this user, or not now: there are other ways
                continue
            except PytrustError as error:
                voice.note(f"warning: slot {slot.id} ({slot.kind}) does not open the vault: {error}")
    return None


def _by_text(header: Header, text: bytes, *, typed: bool) -> Master:
    return _by_any(header, fitting(header.slots, text, typed=typed))


def _by_any(header: Header, pairs: Iterable[tuple[Slot, Secret]]) -> Master:
    """By the first slot that opens; a typing error in an unlock key is told at once."""
    with voice.working("opening the vault"):
        for slot, secret in pairs:
            try:
                return _by_slot(header, slot, secret)
            except (WrongPassphrase, VaultLocked):
                continue
    raise WrongPassphrase("that does not open the vault", hint="see which ways there are: pytrust vault status")


def _by_slot(header: Header, slot: Slot, secret: Secret) -> Master:
    from pytrust.trust.vault.header import open_slot
    from pytrust.trust.vault.slots import kinds

    return open_slot(header, slot, kinds.seed(slot, secret))
