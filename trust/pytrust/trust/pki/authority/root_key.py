"""The root's key on its way to a safe and back: it is needed for rotations alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pytrust.trust.database import guarded
from pytrust.trust.errors import NotFound, Refused, UsageError
from pytrust.trust.files import PRIVATE, read_bounded
from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.keys.private import PrivateKey, unseal
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.pki.authority.ca_keys import key_name
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.model import Issued, Kind

_NOTE: Final = "exported-root-g"


def export(premises: Premises, file: Path, generation: int | None, new_passphrase: Passphrase | None) -> Path:
    """See ``Authority.export_root``."""
    number = _generation(premises, generation)
    key = premises.keys.exportable(Kind.ROOT, number)
    premises.signing(premises.index.ca(Kind.ROOT, number))  # refuses another key in its place
    if new_passphrase and premises.keys.in_vault(Kind.ROOT, number) and not file.exists():
        passphrase = new_passphrase(key_name(Kind.ROOT, number))
    else:
        passphrase = premises.keys.passphrase(Kind.ROOT, number)
    with premises.locked(), guarded(file):
        if not file.exists():
            _write(file, premises.keys.sealed(key, passphrase))
        if not _opens(file, passphrase, key):
            raise UsageError(f"{file} does not hold the root key", hint="give the name of a file that is not there yet")
        _noted(premises, number, What.EXPORTED, PublicKey.of(key.public_key()).id.encode())
    return file


def remove(premises: Premises, generation: int | None) -> None:
    """See ``Authority.remove_root``."""
    number = _generation(premises, generation)
    with premises.locked():
        if premises.index.note(f"{_NOTE}{number}") is None:
            raise Refused("the root key was never exported", hint="do that first: pytrust ca root export FILE")
        if not premises.keys.here(Kind.ROOT, number):
            return
        premises.keys.reach(Kind.ROOT, number)
        with premises.change() as change:
            change.event(What.REMOVED, Kind.ROOT, Kind.ROOT, details={"generation": str(number)})
        premises.keys.remove(Kind.ROOT, number)


def take_back(premises: Premises, file: Path) -> Issued:
    """See ``Authority.import_root``."""
    with guarded(file):
        data = _read(file)
    newest = premises.index.current(Kind.ROOT).generation
    passphrase = premises.keys.passphrase(Kind.ROOT, newest)
    key = unseal(data, passphrase, str(file))
    with premises.locked():
        root = _root_of(premises, key, file)
        if not premises.keys.here(Kind.ROOT, root.generation):
            premises.keys.add(Kind.ROOT, root.generation, key, lambda _: passphrase)
            with premises.change() as change:
                change.event(What.IMPORTED, Kind.ROOT, Kind.ROOT, details={"generation": str(root.generation)})
    return root


def _noted(premises: Premises, number: int, what: What, note: bytes) -> None:
    with premises.change() as change:
        change.note(f"{_NOTE}{number}", note)
        change.event(what, Kind.ROOT, Kind.ROOT, details={"generation": str(number)})


def _generation(premises: Premises, generation: int | None) -> int:
    wanted = premises.index.current(Kind.ROOT).generation if generation is None else generation
    return premises.index.ca(Kind.ROOT, wanted).generation


def _write(file: Path, sealed: bytes) -> None:
    """Whole, or not at all; without link and chmod, which memory sticks do not have."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(sealed)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        file.unlink()
        raise


def _opens(file: Path, passphrase: bytes, key: PrivateKey) -> bool:
    try:
        found = unseal(read_bounded(file, KEY_FILE_MAX_BYTES), passphrase, str(file))
    except UsageError:
        return False
    return found.public_key() == key.public_key()


def _read(file: Path) -> bytes:
    try:
        return read_bounded(file, KEY_FILE_MAX_BYTES)
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist", hint="give what pytrust ca root export wrote") from error


def _root_of(premises: Premises, key: PrivateKey, file: Path) -> Issued:
    for number in premises.index.states(Kind.ROOT):
        root = premises.index.ca(Kind.ROOT, number)
        if root.certificate.public_key() == key.public_key():
            return root
    raise Refused(
        f"{file} holds the key of no root of this authority", hint=f"its root: {key_name(Kind.ROOT, 1)} and later"
    )
