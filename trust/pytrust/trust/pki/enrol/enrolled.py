"""Folders of this host whose certificates come from an authority elsewhere: got with a token, kept fresh without.

    DIR/ca.pem cert.pem key.pem crl.pem    see folder.py
    DIR/enrolment.json                     whom to ask, and when

The key is made here and put into the folder before anybody is asked, so that an answer that was lost can be had again
for the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pytrust.trust.database import guarded
from pytrust.trust.errors import BadContent, NotSetUp
from pytrust.trust.files import read_private, write_atomic
from pytrust.trust.keys.private import PrivateKey, generate, import_pem
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.enrol import believed, words
from pytrust.trust.pki.enrol.client import EnrolClient, ServerAddress
from pytrust.trust.pki.enrol.tending import RECORD_MAX_BYTES, Record, encode_record, is_due, read_record
from pytrust.trust.pki.enrol.token import Token
from pytrust.trust.pki.enrol.words import Answered, TokenSays
from pytrust.trust.pki.foreign import UNREADABLE
from pytrust.trust.pki.leaf_key import key_pem
from pytrust.trust.pki.mint.build import digest_for
from pytrust.trust.pki.model import Kind, LeafKind

RECORD: Final = "enrolment.json"


class Tended(NamedTuple):
    """What one look at a folder came to.

    ``renewed``: there is a new certificate; ``restart``: a dockerd that uses the folder has to be restarted to notice
    what changed; ``due``: when the next certificate is due; ``ends``: when the present one does.
    """

    renewed: bool
    restart: bool
    due: datetime
    ends: datetime


def enrol(client: EnrolClient, roots: bytes, token: Token, names: list[str], folder: Path) -> Answered:
    """Get the first certificate into ``folder``; again, after any interruption, goes on where that was.

    Raises:
        UsageError, BadPermissions, Unsound: see ``folder.publish``.
        BadContent: what was sent is not what was asked for (believed.py).
        PytrustError: see ``EnrolClient``.
    """
    key = _next_key(folder)
    answered = client.enrol(token, names, _csr(key))
    _check(answered, roots, key, believed.parse_names(kind_of(answered), names), {})
    record = Record(
        server=str(client.address),
        kind=answered.kind,
        name=answered.name,
        roots=roots.decode(),
        renew_at=answered.renew_at,
    )
    _install(folder, record, answered, key)
    return answered


def kind_of(said: Answered | TokenSays) -> LeafKind:
    """What a certificate is for."""
    return Kind.SERVER if said.kind == "server" else Kind.CLIENT


def is_enrolled(folder: Path) -> bool:
    """Whether the folder's certificate came with a token."""
    return (folder / RECORD).is_file()


def tend(folder: Path, now: Callable[[], datetime]) -> Tended:
    """Look whether anything in the folder is to be renewed, and do it.

    Raises:
        NotSetUp: it was not enrolled, or that was interrupted.
        PytrustError: see ``EnrolClient`` and ``folder.publish``; what is in the folder is as good as before.
    """
    record, files = _read(folder)
    client = EnrolClient(ServerAddress.parse(record.server), record.roots.encode())
    fresh = _with_roots(record, client)
    due = is_due(record, files[folders.CERT], fresh.roots, client.issuers(), now())
    if due or folders.staged_key(folder) is not None:
        return _renew(folder, fresh, files, client)
    wanted = files | _supplies(fresh, files, client)
    if fresh != record:
        _remember(folder, fresh)
    if wanted != files:
        folders.publish(folder, wanted)
    return _tended(fresh, wanted, restart=wanted[folders.CA] != files[folders.CA])


def ends(folder: Path) -> datetime:
    """When the certificate in a folder ends; raises what ``tend`` does."""
    return _end(_read(folder)[1][folders.CERT])


def _renew(folder: Path, record: Record, files: dict[str, bytes], client: EnrolClient) -> Tended:
    key, old = _next_key(folder), import_pem(files[folders.KEY], None, str(folder / folders.KEY))
    csr, certificate = _csr(key), files[folders.CERT].decode("ascii", "replace")
    answered = client.renew(certificate, csr, words.prove(old, csr, certificate))
    _check(answered, record.roots.encode(), key, believed.names_in(files[folders.CERT]), files)
    fresh = msgspec.structs.replace(record, roots=answered.roots, renew_at=answered.renew_at)
    return _tended(fresh, _install(folder, fresh, answered, key), renewed=True, restart=True)


def _with_roots(record: Record, client: EnrolClient) -> Record:
    """The record with the roots of this moment."""
    before = record.roots.encode()
    if (sent := client.fresh(words.ROOTS, before)) == before:
        return record
    believed.check_roots(sent, before)
    return msgspec.structs.replace(record, roots=sent.decode("ascii"))


def _check(
    answered: Answered,
    roots: bytes,
    key: PrivateKey,
    names: x509.SubjectAlternativeName,
    before: Mapping[str, bytes],
) -> None:
    """Raises ``BadContent`` and its kin for an answer that is not to be used."""
    kind, sent = kind_of(answered), answered.roots.encode()
    believed.check_roots(sent, roots)
    believed.check_pair(kind, answered.certificate.encode(), sent, key.public_key(), names)
    if kind is Kind.SERVER:
        believed.check_clients(_files(answered), sent, before)
    elif answered.ca != answered.roots:
        raise BadContent("the authority sent CA certificates that are not its roots", hint="ask its operator")


def _files(answered: Answered) -> dict[str, bytes]:
    """What stands beside the key."""
    files = {folders.CA: answered.ca.encode(), folders.CERT: answered.certificate.encode()}
    return files | ({folders.CRL: answered.crl.encode()} if answered.kind == "server" else {})


def _supplies(record: Record, files: dict[str, bytes], client: EnrolClient) -> dict[str, bytes]:
    """What stands beside key and certificate, as it is now."""
    if record.kind == "client":
        return {folders.CA: record.roots.encode()}
    crl = client.fresh(words.CRL, files.get(folders.CRL, b""))
    found = {folders.CA: client.fresh(words.CLIENT_CAS, files[folders.CA]), folders.CRL: crl}
    if files | found != files:
        believed.check_clients(found, record.roots.encode(), files)
    return found


def _install(folder: Path, record: Record, answered: Answered, key: PrivateKey) -> dict[str, bytes]:
    """First the record: as long as the key waits in the folder, the rest is made up for at the next look."""
    files = {**_files(answered), folders.KEY: key_pem(key)}
    _remember(folder, record)
    folders.publish(folder, files)
    return files


def _remember(folder: Path, record: Record) -> None:
    with guarded(folder / RECORD):
        write_atomic(folder / RECORD, encode_record(record))


def _next_key(folder: Path) -> PrivateKey:
    """The key that waits in the folder since an earlier try, or a new one that does from now on."""
    staged = folders.staged_key(folder) if folder.is_dir() else None
    if staged is not None:
        return import_pem(staged, None, f"the next key in {folder}")
    key = generate("ecdsa-p256")
    folders.stage_key(folder, key_pem(key))
    return key


def _csr(key: PrivateKey) -> str:
    """A request that asks for nothing: names are said beside it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, digest_for(key)).public_bytes(serialization.Encoding.PEM).decode()


def _read(folder: Path) -> tuple[Record, dict[str, bytes]]:
    if not is_enrolled(folder):
        raise NotSetUp(f"{folder} was not enrolled", hint="enrol it: pytrust ca request ADDR --out DIR")
    record = read_record(read_private(folder / RECORD, RECORD_MAX_BYTES), str(folder / RECORD))
    files = folders.read(folder)
    if missing := {folders.CA, folders.CERT, folders.KEY} - files.keys():
        raise NotSetUp(f"{folder} has no {', '.join(sorted(missing))}", hint="go on with: pytrust ca request")
    return record, files


def _tended(record: Record, files: dict[str, bytes], *, restart: bool, renewed: bool = False) -> Tended:
    due = datetime.fromtimestamp(record.renew_at, UTC)
    return Tended(renewed, restart and record.kind == "server", due, _end(files[folders.CERT]))


def _end(cert_pem: bytes) -> datetime:
    return _certificate(cert_pem).not_valid_after_utc


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except UNREADABLE as error:
        raise BadContent("the certificate cannot be read", hint="enrol again, with a new token") from error
