"""The certificate that the enrolment server shows: one of its own authority's, for the names that hosts dial."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pytrust.trust.errors import NotSetUp, PytrustError, UsageError
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.making import names_of
from pytrust.trust.pki.model import Issued, Kind
from pytrust.trust.pki.names import ServerNames
from pytrust.trust.pki.tls_context import server_context


class OwnCertificate:
    """Issued when it is first needed, renewed when it is due; an engine of this host may share it.

    Args:
        authority: issues it.
        names: what hosts dial; it is listed under the first.
        now: the clock, aware.

    Raises:
        UsageError: the first name belongs to another host.
    """

    def __init__(self, authority: Authority, names: ServerNames, now: Callable[[], datetime]) -> None:
        self._authority, self._names, self._now = authority, names, now
        self._folder = self._folder_of(self._newest() or authority.issue_server(names))
        self._seen: tuple[int, int] | None = None
        self._context: ssl.SSLContext

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later with the certificate of this moment; while that cannot be read, with the one before."""
        try:
            self._refresh()
        except (OSError, PytrustError):
            if self._seen is None:
                raise
        return self._context

    @property
    def missing(self) -> tuple[str, ...]:
        """The names that hosts may dial, and that are not in the certificate."""
        newest = self._newest()
        theirs = newest and names_of(newest)
        had = set(theirs.names) if isinstance(theirs, ServerNames) else set()
        return tuple(str(name) for name in self._names.names if name not in had)

    def tend(self) -> None:
        """Renew it if it is due; issue another where it was revoked."""
        holder = self._authority.index.holder(Kind.SERVER, self._names.first)
        if holder is None or holder.issued.revoked is not None:
            self._folder = self._folder_of(self._authority.issue_server(self._names))
        elif holder.issued.renew_at <= self._now() or not holder.issued.live(self._now()):
            self._authority.renew(holder.issued)

    def _refresh(self) -> None:
        found = (self._folder / folders.CERT).stat()
        if (seen := (found.st_ino, found.st_mtime_ns)) != self._seen:
            files = folders.read(self._folder)
            if folders.CERT not in files or folders.KEY not in files:
                raise NotSetUp(f"{self._folder} holds no certificate", hint="bring it back: pytrust ca renew --all-due")
            self._context, self._seen = server_context(files[folders.CERT], files[folders.KEY]), seen

    def _newest(self) -> Issued | None:
        holder = self._authority.index.holder(Kind.SERVER, self._names.first)
        return holder.issued if holder is not None and holder.issued.live(self._now()) else None

    def _folder_of(self, issued: Issued) -> Path:
        holder = self._authority.index.holder(Kind.SERVER, issued.holder)
        if holder is None or holder.folder is None:
            raise UsageError(
                f"the certificate of {issued.holder} is held by another host", hint="give this host's name: --name"
            )
        return holder.folder
