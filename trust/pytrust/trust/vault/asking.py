"""How the rest of pytrust speaks to an open vault, wherever it is open: in this process, or in the agent's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.model import Secret
from pytrust.trust.vault.operations import Done, List, Operation, Page, Trail, Value


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


def listed(vault: Vaulted, prefix: str = "") -> Iterator[Secret]:
    """Secrets whose names begin with ``prefix``, by name, page by page; raises what ``ask`` does."""
    page, after = Page(secrets=(), more=True), ""
    while page.more:
        answer = vault.ask(List(prefix=prefix, after=after))
        assert isinstance(answer, Page)
        page = answer
        yield from page.secrets
        after = page.secrets[-1].name if page.secrets else after
