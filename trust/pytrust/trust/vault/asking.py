"""How the rest of pytrust speaks to an open vault, wherever it is open: in this process, or in the agent's."""

from __future__ import annotations

from typing import Protocol

from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.operations import Done, Operation, Page, Trail, Value


class Vaulted(Protocol):
    """An open vault, as its owner sees it."""

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        """Carry out ``operation``, for ``caller`` where an owner's process asks on behalf of somebody.

        Raises:
            NoSuchSecret: or it is not for the caller.
            SecretExpired: its time is over.
            Conflict: somebody else was first.
            UsageError: the operation has no meaning.
            AccessDenied: only the owner may do that.
            VaultLocked: nobody has opened the vault, or it was closed in the meantime.
            Unsound: the vault is damaged, rolled back, or cannot be read.
        """
