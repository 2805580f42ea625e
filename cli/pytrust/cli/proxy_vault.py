"""The vault as the proxy sees it: opened when the first container asks for a secret, and again after it was locked."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from pytrust.trust.errors import NotSetUp, VaultLocked

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.vault.asking import Vaulted
    from pytrust.trust.vault.callers import Caller
    from pytrust.trust.vault.operations import Done, Operation, Page, Trail, Value


class ProxyVault:
    """Implements ``asking.Vaulted``, for any thread; nobody is ever prompted."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._open: Vaulted | None = None

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        """See ``asking.Vaulted``; raises ``NotSetUp`` where there is no vault, too."""
        if (vaulted := self._open) is not None:
            try:
                return vaulted.ask(operation, caller=caller)
            except VaultLocked:  # or its agent was started anew
                self._open = None
        return self._opened().ask(operation, caller=caller)

    def _opened(self) -> Vaulted:
        from pytrust.cli.vault_room import try_vaulted
        from pytrust.trust.vault.agent.hygiene import harden

        with self._lock:
            if self._open is None:
                harden()
                self._open = try_vaulted(self._workspace)
            vaulted = self._open
        if vaulted is not None:
            return vaulted
        if not self._workspace.home.vault.exists():
            raise NotSetUp("there is no vault", hint="make one with: pytrust vault init")
        raise VaultLocked("the vault is locked", hint="pytrust vault unlock")
