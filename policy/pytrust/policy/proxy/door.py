"""What a TLS listener shows and whom it lets in: the files of one folder, as they are now.

``cert.pem`` and ``key.pem`` are shown, ``ca.pem`` says whose clients may come, ``crl.pem`` which of them may no more
(the layout is that of ``pytrust ca server``). When a file changes, all are loaded anew, on a thread; connections that
are open stay so, unless their certificate counts no more. Files that do not fit change nothing, and are said aloud.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pytrust.policy.kept import Kept
from pytrust.policy.proxy.context import make_context
from pytrust.policy.proxy.credentials import Clock, Credentials
from pytrust.policy.proxy.limits import ENDINGS_TOLD_EVERY, REFUSALS_SAID_MAX, REFUSALS_SECONDS, SESSIONS_MAX
from pytrust.trust.errors import NotSetUp, PytrustError
from pytrust.trust.pki.clients.ending import endings
from pytrust.trust.pki.clients.standing import ClientTrust
from pytrust.trust.pki.clients.trust_folder import TrustFolder
from pytrust.trust.pki.folder import CA, CERT, KEY

Say = Callable[[str], None]
Note = Callable[[str, str], None]
"""Writes an event, and more about it, into the journal."""


class _State(NamedTuple):
    """The folder at one moment."""

    context: ssl.SSLContext
    make: Callable[[], ssl.SSLContext]
    trust: ClientTrust


class Door:
    """The TLS side of a proxy's listeners.

    Args:
        folder: where the files are.
        seen: file in which the newest lists are remembered, so that no older one is taken.
        now: the clock that certificates are judged by.
        say: tells the operator what changed, and who could not come in.

    Raises:
        PytrustError: the files are missing, unsafe or bad.
    """

    def __init__(self, folder: Path, seen: Path, now: Clock, say: Say) -> None:
        self._path, self._files = folder, TrustFolder(folder, seen)
        self._now, self._say = now, say
        self._kept = Kept(self._files.identity, self._load)
        self._context = self._kept.value.context
        self._looking: asyncio.Task[None] | None = None
        self._said, self._said_since = 0, 0.0
        self._told_at = now()
        self._tell()

    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self._context

    def introduce(self, leaf: bytes) -> Credentials:
        """Credentials of a peer that holds the key of ``leaf`` (DER)."""
        return Credentials(leaf, lambda: self._kept.value.trust, self._now)

    def refused(self, why: str, peer: str) -> None:
        """Tell the operator of somebody who did not get through the handshake; of a crowd, only the first."""
        time = asyncio.get_running_loop().time()
        if time - self._said_since > REFUSALS_SECONDS:
            self._said, self._said_since = 0, time
        self._said += 1
        if self._said <= REFUSALS_SAID_MAX:
            more = " (more of this minute are not told)" if self._said == REFUSALS_SAID_MAX else ""
            self._say(f"{peer} is not let in: {why}{more}")

    def look(self, note: Note) -> None:
        """See whether the files have changed, and use the new ones once they are loaded."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look(note))

    async def _look(self, note: Note) -> None:
        try:
            self._take(await self._kept.look(), note)
            if self._now() - self._told_at >= ENDINGS_TOLD_EVERY:
                self._tell()
            if self._context.session_stats()["number"] > SESSIONS_MAX:
                self._context = self._kept.value.make()
        except Exception as error:  # noqa: BLE001 - no thread, no memory: the next look may have them
            self._say(f"error: internal: {type(error).__name__} while looking at {self._path}")
        finally:
            self._looking = None

    def _take(self, outcome: bool | PytrustError, note: Note) -> None:
        """Use what is new, and tell of it."""
        if isinstance(outcome, PytrustError):
            self._say(f"warning: the new files in {self._path} are not used, the old ones stay: {outcome}")
            note("tls-refused", str(outcome))
        elif outcome:
            self._context = self._kept.value.context
            self._say(f"loaded certificate, CA and revocation lists from {self._path}")
            note("tls-loaded", str(self._path))
            self._tell()

    def _load(self) -> _State:
        """Read and check the files; raises ``PytrustError``."""
        files, trust = self._files.read()
        for name in (CERT, KEY):
            if name not in files:
                raise NotSetUp(f"{self._path / name} is missing", hint="make the folder with: pytrust ca server HOST")
        make = partial(make_context, files[CERT], files[KEY], files[CA])
        return _State(make(), make, trust)

    def _tell(self) -> None:
        """Say what is wrong with the CAs and lists in use, or soon will be."""
        trust, self._told_at = self._kept.value.trust, self._now()
        for finding in (*trust.findings, *endings(trust.cas, self._told_at)):
            self._say(f"{finding.severity}: {finding.thing}: {finding.text}; {finding.hint}")
