"""The CAs and lists of a TLS folder as they are now; the last good ones where the newest are bad."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pytrust.policy.kept import Kept
from pytrust.policy.plugin.routes import Note
from pytrust.trust.errors import PytrustError
from pytrust.trust.pki.clients.cas import ClientCa
from pytrust.trust.pki.clients.ending import endings
from pytrust.trust.pki.clients.standing import ClientTrust
from pytrust.trust.pki.clients.trust_folder import TrustFolder


class Watch:
    """What was read from a folder, and what changed since.

    Args:
        folder: see ``TrustFolder``.
        seen: the same.
        now: the clock, for what ends soon.
        note: is told of every state that was taken or refused, once.

    Raises:
        PytrustError: as ``TrustFolder.read``; without a first good state there is nothing to judge by.
    """

    def __init__(self, folder: Path, seen: Path, now: Callable[[], datetime], note: Note) -> None:
        self._path, self._now, self._note = folder, now, note
        files = TrustFolder(folder, seen)
        self._kept = Kept(files.identity, lambda: files.read()[1])
        self._loaded()

    @property
    def trust(self) -> ClientTrust:
        """The CAs and lists that count."""
        return self._kept.value

    async def look(self, anew: bool = False) -> None:
        """Read the folder again, where a file has changed, or ``anew`` asks for it."""
        outcome = await self._kept.look(anew=anew)
        if isinstance(outcome, PytrustError):
            hint = f" (hint: {outcome.hint})" if outcome.hint else ""
            text = f"the new files in {self._path} are not used, the old ones stay: {outcome}{hint}"
            self._note("trust-refused", text)
        elif outcome:
            self._loaded()

    def _loaded(self) -> None:
        for ca in self.trust.cas:
            self._note("trust-loaded", _describe(ca))
        for finding in (*self.trust.findings, *endings(self.trust.cas, self._now())):
            self._note(finding.code, f"{finding.severity}: {finding.thing}: {finding.text} (hint: {finding.hint})")


def _describe(ca: ClientCa) -> str:
    if ca.revoked is None:
        return f"clients of {ca.name}: no revocation list, none may come"
    end = f"{ca.revoked.next_update:%Y-%m-%d %H:%M:%S UTC}"
    return f"clients of {ca.name}: list number {ca.revoked.number}, {len(ca.revoked.revoked)} revoked, until {end}"
