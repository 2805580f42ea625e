"""Why a client does not take an engine's certificate. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509

from pytrust.trust.pki.doctor.anatomy import Link, Role, is_ca, label, link, may_serve_as, name_label, self_issued
from pytrust.trust.pki.doctor.lint_certificate import Case, lint_certificate
from pytrust.trust.pki.doctor.path import Path, walk
from pytrust.trust.pki.doctor.telling import error
from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.probe.opinion import chain_problem, covers, listed_names
from pytrust.trust.pki.probe.probed import Probe

Certificates = Sequence[x509.Certificate]
_NAMES_SHOWN = 8  # of a certificate's, in one line


def server_side(
    probe: Probe, chain: Certificates, anchors: Certificates | None, known: Certificates, now: datetime
) -> Iterator[Finding]:
    """What is wrong with the served ``chain`` (leaf first).

    ``anchors`` are the client's ca.pem, None where there is none to judge by; ``known`` all certificates at hand.
    """
    path = walk(chain[0], chain[1:], anchors or ())
    found = [*_links(probe, path, now), *_name(probe, chain[0])]
    if anchors is not None:
        found += [] if path.anchored else [_unanchored(probe, path, anchors, known)]
        found += [*_purposes(probe, path), *_second_opinion(chain, anchors, found, probe, now)]
    yield from found


def _links(probe: Probe, path: Path, now: datetime) -> Iterator[Finding]:
    yield from lint_certificate(Case(path.links[0], probe.thing, Role.SERVER, now))
    for certificate in path.links[1:]:
        yield from lint_certificate(Case(certificate, probe.thing, Role.CA, now))


def _name(probe: Probe, leaf: x509.Certificate) -> Iterator[Finding]:
    listed = listed_names(leaf)
    if not listed or covers(leaf, probe.server_name):
        return
    shown = ", ".join(map(str, listed[:_NAMES_SHOWN])) + (", ..." if len(listed) > _NAMES_SHOWN else "")
    text = f"the server certificate is not for {probe.server_name}, only for {shown}"
    again = shlex.join(["pytrust", "ca", "server", str(listed[0]), "--san", probe.server_name])
    hint = f"dial one of these, or issue it again: {again}"
    yield error("name-not-listed", probe.thing, text, hint)


def _unanchored(probe: Probe, path: Path, anchors: Certificates, known: Certificates) -> Finding:
    issuer = name_label(path.top.issuer)
    trusted = " or ".join(repr(label(anchor)) for anchor in anchors[:_NAMES_SHOWN]) or "nobody"
    if path.namesake is not None:
        text = f"the server certificate is of another CA that is called {issuer!r} too: the CA was made anew"
        return error("ca-was-replaced", probe.thing, text, "get the ca.pem that belongs to this engine")
    if _is_between(path.top, anchors, known):
        text = f"the server does not send the certificate of {issuer!r}, which lies between its own and {trusted}"
        return error("chain-missing", probe.thing, text, "let its cert.pem be its own certificate and that one")
    text = f"the server certificate is of the CA {issuer!r}, and ca.pem trusts {trusted}"
    return error("wrong-ca", probe.thing, text, "get the ca.pem that belongs to this engine")


def _is_between(top: x509.Certificate, anchors: Certificates, known: Certificates) -> bool:
    """Whether the missing issuer is below an anchor, not above: it is at hand, or its name is of the same house."""
    if self_issued(top) or any(anchor.issuer == top.issuer for anchor in anchors):
        return False
    issuers = [one for one in known if is_ca(one) and link(top, one) is Link.ISSUED]
    if issuers:
        return any(link(issuer, anchor) is Link.ISSUED for issuer in issuers for anchor in anchors)
    return any(_house(top.issuer) == _house(anchor.subject) != () for anchor in anchors)


def _house(name: x509.Name) -> tuple[str, ...]:
    return tuple(str(found.value) for found in name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME))


def _purposes(probe: Probe, path: Path) -> Iterator[Finding]:
    """Go and OpenSSL want every link to be for the purpose, not the leaf alone."""
    for certificate in path.links[1:]:
        if not may_serve_as(certificate, Role.SERVER):
            text = f"the CA {label(certificate)!r} may not issue for servers: its extendedKeyUsage lacks serverAuth"
            yield error("wrong-purpose", probe.thing, text, "issue the server certificate by the CA for servers")


def _second_opinion(
    chain: Certificates, anchors: Certificates, found: list[Finding], probe: Probe, now: datetime
) -> Iterator[Finding]:
    """What OpenSSL refuses and none of our findings explains; nothing wrong must ever pass for good."""
    if any(finding.severity is Severity.ERROR for finding in found):
        return
    if problem := chain_problem(chain, anchors, now):
        yield error("openssl-refuses", probe.thing, f"openssl refuses the server's chain: {problem}", "issue it again")
    elif problem := chain_problem(chain, anchors, now, strict=True):
        text = f"python >= 3.13 and openssl -x509_strict refuse the server's chain: {problem}"
        yield error("strict-refuses", probe.thing, text, "issue it again")
