"""What is wrong with files of certificates and keys that belong together, in docker's names or any others. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations
from typing import Final

from cryptography import x509

from pytrust.trust.pki.doctor.anatomy import Link, Role, is_ca, label, link, role_of, self_issued, spki
from pytrust.trust.pki.doctor.lint_certificate import Case, lint_certificate
from pytrust.trust.pki.doctor.lint_list import lint_list, revoked, uncovered
from pytrust.trust.pki.doctor.material import Folder, Key, Material
from pytrust.trust.pki.doctor.telling import error, note, warning
from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.folder import CA

_OTHERS_READ: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_CA_KEY: Final = "ca"  # a key file whose name begins so is an authority's: ca-key.pem, ca.key
_PATH_MAX: Final = 8  # certificates from a leaf to its root; 3 are usual


def lint_folder(folder: Folder, now: datetime) -> tuple[Finding, ...]:
    """All that is wrong, errors first."""
    found = [
        *(flaw for file in folder.files for flaw in file.flaws),
        *_modes(folder),
        *_keys(folder),
        *_certificates(folder, now),
        *_bundle(folder),
        *_issuance(folder),
        *_lists(folder, now),
    ]
    return in_order(found)


def in_order(found: list[Finding]) -> tuple[Finding, ...]:
    """Errors, warnings, notes; within each as they were found, and each once."""
    order = tuple(Severity)
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.severity)))


def _modes(folder: Folder) -> Iterator[Finding]:
    if folder.mode is not None and folder.mode & _OTHERS_WRITE:
        yield error(
            "open-folder",
            folder.name,
            f"others may replace its files (mode {folder.mode:04o})",
            f"chmod 0700 {folder.name}",
        )
    for file in folder.files:
        path = f"{folder.name}/{file.name}"
        if file.keys and file.mode & _OTHERS_READ:
            text = f"others may read this private key (mode {file.mode:04o})"
            yield error("open-key", file.name, text, f"chmod 0600 {path}, and replace the key if others were there")
        elif file.mode & _OTHERS_WRITE:
            yield error("open-file", file.name, f"others may change it (mode {file.mode:04o})", f"chmod 0644 {path}")


def _keys(folder: Folder) -> Iterator[Finding]:
    for file in folder.files:
        for key in file.keys:
            if _of_ca(folder, file, key):
                yield from _ca_key(folder, file)
            elif key.encrypted:
                hint = f"openssl pkey -in {file.name} -out {file.name}.new, then put that in its place (mode 0600)"
                yield error("encrypted-key", file.name, "the key is encrypted, and docker takes no passphrase", hint)
            else:
                yield from _pair(folder, file, key)


def _of_ca(folder: Folder, file: Material, key: Key) -> bool:
    """An encrypted key does not say whose it is; its file's name does."""
    mine = [certificate for certificate in folder.certificates if spki(certificate) == key.public]
    return all(map(is_ca, mine)) if mine else file.name.lower().startswith(_CA_KEY)


def _ca_key(folder: Folder, file: Material) -> Iterator[Finding]:
    if any(role_of(certificate) is not Role.CA for certificate in folder.certificates):
        text = "the key of the CA lies beside those it issues: who takes this host can issue any client"
        yield warning("ca-key-here", file.name, text, "keep it elsewhere, encrypted or offline")


def _pair(folder: Folder, file: Material, key: Key) -> Iterator[Finding]:
    leaves = [c for c in folder.certificates if not is_ca(c)] or list(folder.certificates)
    beside = [other for other in folder.files if other.certificates and _paired(file.name, other.name)]
    wanted = [other.certificates[0] for other in beside] or leaves
    if wanted and key.public not in {spki(certificate) for certificate in wanted}:
        whose = label(wanted[0])
        text = f"the key does not belong to the certificate {whose!r}"
        yield error("key-mismatch", file.name, text, "bring the two together again, or issue a new certificate")


def _paired(key: str, certificate: str) -> bool:
    """``key.pem`` and ``cert.pem``, ``server-key.pem`` and ``server-cert.pem``, ``x.key`` and ``x.crt``."""
    stem, _, ending = key.rpartition(".")
    if ending == "key":
        return certificate.rpartition(".")[0] == stem
    return key != certificate and stem.endswith("key") and certificate.rpartition(".")[0] == f"{stem[:-3]}cert"


def _certificates(folder: Folder, now: datetime) -> Iterator[Finding]:
    for file in folder.files:
        for certificate in file.certificates:
            role = Role.CA if file.name == CA and not self_issued(certificate) else role_of(certificate)
            yield from lint_certificate(Case(certificate, file.name, role, now))


def _bundle(folder: Folder) -> Iterator[Finding]:
    """What people put into ca.pem, and what goes wrong silently."""
    file = folder.file(CA)
    if file is None:
        return
    if file.keys:
        hint = "take it out: ca.pem is handed to everybody"
        yield error("key-in-bundle", file.name, "a private key lies in the bundle of CAs", hint)
    if file.lists:
        text = "a revocation list lies in the bundle of CAs: dockerd skips it without a word"
        hint = "let it be enforced: pytrust proxy --listen tls://..., or pytrust authz-plugin"
        yield warning("crl-in-bundle", file.name, text, hint)
    for one, other in combinations(file.certificates[:_PATH_MAX], 2):
        if one.subject == other.subject and spki(one) != spki(other):
            text = f"two CAs with the name {label(one)!r} and different keys: verifiers try the wrong one"
            yield warning("same-name-cas", file.name, text, "give each new CA a name of its own")


def _issuance(folder: Folder) -> Iterator[Finding]:
    """A certificate that a CA here seems to have issued, but did not; and one that outlives its CA."""
    cas = [certificate for certificate in folder.certificates if is_ca(certificate)]
    for file in folder.files:
        for certificate in file.certificates:
            yield from _against(file.name, certificate, cas)


def _against(thing: str, certificate: x509.Certificate, cas: list[x509.Certificate]) -> Iterator[Finding]:
    links = {link(certificate, ca): ca for ca in cas}
    if (ca := links.get(Link.ISSUED)) is not None:
        if certificate.not_valid_after_utc > ca.not_valid_after_utc:
            text = f"{label(certificate)!r} lives longer than the CA {label(ca)!r} that issued it"
            hint = f"it ends with the CA, on {ca.not_valid_after_utc:%Y-%m-%d}"
            yield warning("outlives-ca", thing, text, hint)
    elif (ca := links.get(Link.SAME_NAME)) is not None:
        text = f"{label(certificate)!r} was not issued by the CA {label(ca)!r} here, but by another one of that name"
        yield error("ca-was-replaced", thing, text, "bring the files of one CA together: issue it again")


def _lists(folder: Folder, now: datetime) -> Iterator[Finding]:
    cas = [certificate for certificate in folder.certificates if is_ca(certificate)]
    lists = [found for file in folder.files for found in file.lists]
    for file in folder.files:
        for found in file.lists:
            yield from lint_list(found, file.name, cas, now)
        for certificate in file.certificates:
            yield from revoked(certificate, lists, file.name)
    if (bundle := folder.file(CA)) is not None:
        yield from uncovered(bundle.certificates, lists, bundle.name) if lists else _without_list(folder)


def _without_list(folder: Folder) -> Iterator[Finding]:
    """Worth a word where clients are let in, which is on servers."""
    if any(role_of(certificate) is Role.SERVER for certificate in folder.certificates):
        text = "no revocation list lies here: a client that was lost can be locked out by a new CA alone"
        yield note("no-crl", folder.name, text, "with pytrust: pytrust ca revoke NAME")
