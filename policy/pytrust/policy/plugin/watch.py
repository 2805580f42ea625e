"""The CAs and lists of a TLS folder as they are now; the last good ones where the newest are bad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from pytrust.policy.threads import start
from pytrust.trust.errors import PytrustError
from pytrust.trust.pki.clients.cas import ClientCa
from pytrust.trust.pki.clients.standing import ClientTrust
from pytrust.trust.pki.clients.trust_folder import TrustFolder

Note = Callable[[str, str], None]
"""Tells and journals an event: what in a word, and more in a text."""


class Watch:
    """What was read from a folder, and what changed since.

    Args:
        folder: see ``TrustFolder``.
        seen: the same.
        note: is told of every state that was taken or refused, once.

    Raises:
        PytrustError: as ``TrustFolder.read``; without a first good state there is nothing to judge by.
    """

    def __init__(self, folder: Path, seen: Path, note: Note) -> None:
        self._path, self._note = folder, note
        self._folder = TrustFolder(folder, seen)
        self._identity = self._folder.identity()
        self.trust = self._read()
        self._loaded()

    async def look(self, *, anew: bool = False) -> None:
        """Read the folder again, on a thread, where a file has changed, or ``anew`` asks for it."""
        identity = self._folder.identity()
        if identity == self._identity and not anew:
            return
        self._identity = identity  # taken before the files are read: what changes meanwhile is read again
        try:
            self.trust = await asyncio.wrap_future(start(self._read))
        except PytrustError as error:
            hint = f" (hint: {error.hint})" if error.hint else ""
            self._note("trust-refused", f"the new files in {self._path} are not used, the old ones stay: {error}{hint}")
        else:
            self._loaded()

    def _read(self) -> ClientTrust:
        return self._folder.read()[1]

    def _loaded(self) -> None:
        for ca in self.trust.cas:
            self._note("trust-loaded", _describe(ca))
        for finding in self.trust.findings:
            self._note(finding.code, f"{finding.severity}: {finding.thing}: {finding.text} (hint: {finding.hint})")


def _describe(ca: ClientCa) -> str:
    if ca.revoked is None:
        return f"clients of {ca.name}: no revocation list, none may come"
    end = f"{ca.revoked.next_update:%Y-%m-%d %H:%M:%S UTC}"
    return f"clients of {ca.name}: list number {ca.revoked.number}, {len(ca.revoked.revoked)} revoked, until {end}"
