"""What an authority sent, held against what was asked for and against its roots, before any of it is used. Pure.

The connection was to a server that leads to those roots. Whoever has that server's key can still lie, and a broken one
can send anything: neither may leave a host with a pair that does not fit, with CAs of somebody else, or with an older
list than it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cryptography import x509

from pytrust.trust.errors import BadContent, PytrustError
from pytrust.trust.pki.clients.seen_lists import SeenLists
from pytrust.trust.pki.clients.standing import ClientTrust
from pytrust.trust.pki.folder import CA, CERT, CRL
from pytrust.trust.pki.foreign import UNREADABLE, extension, issued_by
from pytrust.trust.pki.mint.profile import PURPOSE, CertPublicKey, authority_kind, client_names, server_names
from pytrust.trust.pki.model import ISSUER_OF, LEAF_LIFETIME_MAX, Kind, LeafKind
from pytrust.trust.pki.names import ServerNames, parse_client_name

_HINT: Final = "ask its operator what happened; nothing was changed here"


def parse_names(kind: LeafKind, names: Sequence[str]) -> x509.SubjectAlternativeName:
    """How names stand in a certificate; raises ``InvalidName``."""
    if kind is Kind.SERVER:
        return server_names(ServerNames.parse(list(names)))
    return client_names(parse_client_name(names[0] if names else ""))


def folder_name(kind: LeafKind, names: Sequence[str]) -> str:
    """What the folder of a holder is called: a name that leads nowhere else; raises ``InvalidName``."""
    if kind is Kind.SERVER:
        return ServerNames.parse(list(names)).first.replace("*", "_wildcard")
    return parse_client_name(names[0] if names else "")


def check_roots(sent: bytes, before: bytes) -> None:
    """A root bundle that may take the place of the one before; raises ``BadContent``.

    One root at least is in both: an authority that drops a root has shown the next one beside it for a while, and
    is not to be reached by whoever knows neither.
    """
    roots = _certificates(sent, "the root certificates")
    if any(authority_kind(root) != Kind.ROOT or not _issued(root, [root]) for root in roots):
        raise _bad("among the root certificates is one that is none")
    if not set(roots) & set(_certificates(before, "the root certificates here")):
        raise _bad("none of the root certificates was known before")


def check_pair(
    kind: LeafKind, chain: bytes, roots: bytes, key: CertPublicKey, names: x509.SubjectAlternativeName
) -> None:
    """A leaf for this key and these names alone, issued below one of ``roots``; raises ``BadContent``."""
    leaf, *links = _certificates(chain, "the certificate")
    if leaf.public_key() != key:
        raise _bad("the certificate is for another key")
    if set(extension(leaf, x509.SubjectAlternativeName) or ()) != set(names):
        raise _bad("the certificate is for other names")
    constraints, uses = extension(leaf, x509.BasicConstraints), extension(leaf, x509.ExtendedKeyUsage)
    if constraints != x509.BasicConstraints(ca=False, path_length=None) or list(uses or ()) != [PURPOSE[kind]]:
        raise _bad(f"the certificate is not one of a {kind}")
    if leaf.not_valid_after_utc - leaf.not_valid_before_utc > LEAF_LIFETIME_MAX:
        raise _bad(f"the certificate lasts longer than {LEAF_LIFETIME_MAX.days} days")
    above = [link for link in links if authority_kind(link) == ISSUER_OF[kind] and _issued(leaf, [link])]
    if not any(_issued(link, _certificates(roots, "the root certificates")) for link in above):
        raise _bad("the certificate does not lead to a root of the authority")


def check_clients(files: Mapping[str, bytes], roots: bytes, before: Mapping[str, bytes]) -> None:
    """Client CAs below one of ``roots``, each with a list that is not older than that of ``before``.

    Raises:
        BadContent: another's CA, or one without its list.
        BadSignature, Rollback: a list is not theirs, or an older one.
        Damaged, BadMetadata, UsageError: they cannot be read.
    """
    trust, known = ClientTrust.read(files[CA], files[CRL]), _certificates(roots, "the root certificates")
    if not all(_issued(ca.certificate, known) for ca in trust.cas):
        raise _bad("among the client CAs is one of somebody else")
    if any(ca.revoked is None for ca in trust.cas):
        raise _bad("a client CA has no revocation list")
    try:
        seen = ClientTrust.read(before[CA], before[CRL])
    except (KeyError, PytrustError):  # what is not readable here is replaced
        return
    SeenLists().add(seen.cas).check(trust.cas)


def names_in(chain: bytes) -> x509.SubjectAlternativeName:
    """The names in a certificate that is in use; raises ``BadContent``."""
    found = extension(_certificates(chain, "the certificate")[0], x509.SubjectAlternativeName)
    if found is None:
        raise _bad(f"{CERT} names nobody")
    return found


def _certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    """At least one, each read whole."""
    try:
        found = x509.load_pem_x509_certificates(pem)
        for one in found:
            _ = (one.extensions, one.subject, one.issuer, one.public_key(), one.signature_hash_algorithm)
    except UNREADABLE as error:
        raise _bad(f"{what} cannot be read") from error
    return found


def _issued(certificate: x509.Certificate, issuers: Sequence[x509.Certificate]) -> bool:
    return any(issued_by(certificate, issuer) for issuer in issuers)


def _bad(text: str) -> BadContent:
    return BadContent(f"the authority sent what does not fit: {text}", hint=_HINT)
