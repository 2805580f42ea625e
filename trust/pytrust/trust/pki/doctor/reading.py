"""Read a file or a folder of certificates and keys as it lies there, with the modes that it has. Bounded."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytrust.trust.errors import PytrustError, UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.pki.doctor.anatomy import spki
from pytrust.trust.pki.doctor.material import Folder, Material, parse
from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.folder import CERT, KEY
from pytrust.trust.pki.probe.probed import Identity

FILE_MAX_BYTES: Final = 16 * 1024 * 1024  # a revocation list of 100,000 entries takes a third of it
_FILES_MAX: Final = 64  # of one folder
_ENDINGS: Final = {".pem", ".crt", ".cer", ".key", ".crl", ".cert"}  # docker's, openssl's, registries'


def read(path: Path) -> Folder:
    """All certificates and keys at ``path``, a file or a folder (its own files alone).

    Raises:
        UsageError: there is nothing at ``path``, nothing of interest in it, or too much.
    """
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"{path} does not exist", hint="give a file, a folder, or HOST:PORT")
        return Folder(name=str(path.parent), mode=None, files=(_read(path, path.name),))
    paths = sorted(entry for entry in path.iterdir() if entry.suffix in _ENDINGS and not entry.is_dir())
    if not paths:
        raise UsageError(f"{path} holds no certificates or keys", hint="give the folder with ca.pem, cert.pem, key.pem")
    if len(paths) > _FILES_MAX:
        raise UsageError(f"{path} holds {len(paths)} files, more than {_FILES_MAX}", hint="give one of them")
    mode = stat.S_IMODE(path.stat().st_mode)
    return Folder(name=str(path), mode=mode, files=tuple(_read(entry, entry.name) for entry in paths))


def read_identity(path: Path, found: Folder) -> Identity | None:
    """The client certificate and key of a folder in docker's names; None where they are no pair that can be used."""
    cert, key = found.file(CERT), found.file(KEY)
    if cert is None or key is None or not cert.certificates or not key.keys:
        return None
    if key.keys[0].public != spki(cert.certificates[0]):
        return None
    return Identity(
        cert_pem=read_bounded(path / CERT, FILE_MAX_BYTES), key_pem=read_bounded(path / KEY, FILE_MAX_BYTES)
    )


def _read(path: Path, name: str) -> Material:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        return parse(name, mode, read_bounded(path, FILE_MAX_BYTES))
    except (PytrustError, OSError) as error:
        reason = str(error) if isinstance(error, PytrustError) else (error.strerror or "it cannot be read").lower()
        flaw = Finding(
            code="unreadable", severity=Severity.ERROR, thing=name, text=reason, hint="check who may read it"
        )
        return replace(Material(name=name, mode=0), flaws=(flaw,))
