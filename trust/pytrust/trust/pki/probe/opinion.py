"""What OpenSSL thinks of a chain: the second opinion behind every diagnosis. Pure computation.

Any certificate of the bundle is an anchor, as in docker and in Python >= 3.13 (partial chains); CRLs are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509

from pytrust.trust.errors import InvalidName
from pytrust.trust.pki.foreign import extension
from pytrust.trust.pki.names import DnsName, parse_server_name
from pytrust.trust.pki.probe.probed import Verdict


def chain_problem(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime, *, strict: bool = False
) -> str:
    """Why OpenSSL refuses ``chain`` (leaf first) under ``anchors`` at ``at``; empty where it takes it.

    ``strict``: as ``openssl verify -x509_strict`` and Python >= 3.13 do.
    """
    from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError, X509StoreFlags

    store = X509Store()
    for anchor in anchors:
        store.add_cert(X509.from_cryptography(anchor))
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN | (X509StoreFlags.X509_STRICT if strict else 0))
    store.set_time(at)
    leaf, *others = map(X509.from_cryptography, chain)
    try:
        X509StoreContext(store, leaf, others).verify_certificate()
    except X509StoreContextError as error:
        return str(error)
    return ""


def covers(certificate: x509.Certificate, dialled: str) -> bool:
    """Whether a server certificate is for the name or address that is dialled, as Go judges it (RFC 6125, 6.4).

    The common name does not count; a ``*`` stands for one whole label, the first.
    """
    try:
        name = parse_server_name(dialled)
    except InvalidName:
        return False
    listed = listed_names(certificate)
    if isinstance(name, IPv4Address | IPv6Address):
        return name in listed
    wild = "*." + name.partition(".")[2]
    return name in listed or ("." in name and wild in listed)


def listed_names(certificate: x509.Certificate) -> tuple[str | IPv4Address | IPv6Address, ...]:
    """The DNS names (lower case) and addresses that a certificate is for; empty without subject alternative names."""
    san = extension(certificate, x509.SubjectAlternativeName)
    if san is None:
        return ()
    dns = (DnsName(name.lower().removesuffix(".")) for name in san.get_values_for_type(x509.DNSName))
    return (*dns, *(a for a in san.get_values_for_type(x509.IPAddress) if isinstance(a, IPv4Address | IPv6Address)))


def judge_server(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], dialled: str, at: datetime
) -> Verdict:
    """Whether a client that has ``anchors`` and dials ``dialled`` would go on."""
    problem = chain_problem(chain, anchors, at)
    if not problem and not covers(chain[0], dialled):
        problem = f"the certificate is not for {dialled}"
    return Verdict(good=not problem, text=problem)
