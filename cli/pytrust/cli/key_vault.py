"""How the private keys of a home are reached that lie in its vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.trust.errors import PytrustError

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.vault.asking import Vaulted


class KeyVault:
    """Opens the vault when the first key is needed; what kept it closed is said again, and nobody is asked twice."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._refused: PytrustError | None = None

    def __call__(self) -> Vaulted:
        """The vault, open; raises what ``vault_room.open_vaulted`` does."""
        from pytrust.trust.vault.agent.hygiene import keep_to_itself

        if self._refused is not None:
            raise self._refused
        keep_to_itself()  # keys come into this process, though an agent may hold the vault open
        try:
            return self._workspace.vaulted
        except PytrustError as error:
            self._refused = error
            raise


def await_ca_keys(workspace: Workspace) -> None:
    """For a service of the authority: wait until the vault is open, if it has a key of a CA."""
    from pytrust.cli.vault_room import wait_for_vault
    from pytrust.trust.vault.agent.hygiene import harden

    if has_ca_keys(workspace):
        harden()
        workspace.vaulted = wait_for_vault(workspace, voice.note)


def has_ca_keys(workspace: Workspace) -> bool:
    """Whether the vault has a key of a CA; opens nothing, and raises nothing where there is no authority."""
    from pytrust.trust.keys.keyring import Keyring
    from pytrust.trust.pki.authority.ca_keys import FOLDER

    folder = workspace.home.ca / FOLDER
    return folder.exists() and any(entry.in_vault for entry in Keyring(folder, place="ca").entries())


def find_key_vault(workspace: Workspace) -> KeyVault | None:
    """None where the home has no vault: then keys are sealed in files of their own."""
    from pytrust.trust.vault.header import FILE

    return KeyVault(workspace) if (workspace.home.vault / FILE).exists() else None
