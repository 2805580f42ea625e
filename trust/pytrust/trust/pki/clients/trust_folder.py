"""The files of a TLS folder that say which clients may come, and the memory that lets no older list pass."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytrust.trust.errors import NotSetUp, PytrustError, Unsound
from pytrust.trust.files import PRIVATE_FOLDER, locked, read_private, write_atomic
from pytrust.trust.pki import folder as tls_folder
from pytrust.trust.pki.clients.seen_lists import FILE_MAX_BYTES, SeenLists
from pytrust.trust.pki.clients.standing import ClientTrust
from pytrust.trust.pki.finding import Finding, Severity

_LOCK_TIMEOUT: Final = 5.0  # seconds; it is held for one small write


class TrustFolder:
    """One TLS folder, written by pytrust or by others. Safe to use from any one thread at a time.

    Args:
        folder: see ``pytrust.trust.pki.folder``.
        seen: file that remembers the newest list of each CA; made, with its folder, where it is missing.
    """

    def __init__(self, folder: Path, seen: Path) -> None:
        self._folder, self._file = folder, seen
        self._seen = SeenLists()

    def identity(self) -> tuple[object, ...]:
        """What is another value whenever a file was replaced or rewritten; costs some microseconds."""
        return tuple(_identity(f"{self._folder}/{name}") for name in tls_folder.NAMES)

    def read(self) -> tuple[Mapping[str, bytes], ClientTrust]:
        """The files of this moment by name, and what ``ca.pem`` and ``crl.pem`` mean.

        A memory that cannot be written is a finding only: a full disk must not keep a new list out.

        Raises:
            NotSetUp: there is no such folder, or no ``ca.pem`` in it.
            BadPermissions: others could have written it, or read the key.
            Damaged, BadMetadata, BadSignature: the files, or the memory, are not what they should be.
            UsageError: no CA is in it.
            Rollback: a list is older than one seen before.
        """
        files = tls_folder.read(self._folder)
        if tls_folder.CA not in files:
            raise NotSetUp(
                f"{self._folder / tls_folder.CA} is missing", hint="make the folder with: pytrust ca server HOST"
            )
        trust = ClientTrust.read(files[tls_folder.CA], files.get(tls_folder.CRL, b""))
        return files, self._remember(trust)

    def _remember(self, trust: ClientTrust) -> ClientTrust:
        self._seen.check(trust.cas)
        stored = self._stored()
        stored.check(trust.cas)
        self._seen, updated = self._seen.add(trust.cas), stored.add(trust.cas)
        if updated == stored:
            return trust
        try:
            self._store(trust)
        except (OSError, PytrustError) as error:
            return replace(trust, findings=(*trust.findings, _forgetful(self._file, error)))
        return trust

    def _stored(self) -> SeenLists:
        try:
            return SeenLists.decode(read_private(self._file, FILE_MAX_BYTES))
        except NotSetUp:
            return SeenLists()
        except OSError as error:
            raise Unsound(f"{self._file}: {(error.strerror or 'cannot be read').lower()}") from error

    def _store(self, trust: ClientTrust) -> None:
        self._file.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        with locked(self._file.with_name(f"{self._file.name}.lock"), timeout=_LOCK_TIMEOUT):
            write_atomic(self._file, self._stored().add(trust.cas).encode())


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - half the price of Path.stat, some times a second
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _forgetful(file: Path, error: Exception) -> Finding:
    return Finding(
        code="lists-not-remembered",
        severity=Severity.WARNING,
        thing=str(file),
        text=f"the numbers of revocation lists cannot be remembered: {error}",
        hint="make room, or give the folder to this user: until then an older list would pass after a restart",
    )
