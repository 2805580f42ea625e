"""Why an engine does not take a client, which it never says itself. Pure.

Every refusal looks alike from here ("bad certificate"), so what we hold is compared with what the engine says it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from pytrust.trust.pki.doctor.anatomy import Link, Role, is_ca, label, link, may_serve_as, name_label
from pytrust.trust.pki.doctor.lint_certificate import Case, lint_certificate
from pytrust.trust.pki.doctor.material import Folder
from pytrust.trust.pki.doctor.path import walk
from pytrust.trust.pki.doctor.telling import error
from pytrust.trust.pki.finding import Finding
from pytrust.trust.pki.folder import CERT
from pytrust.trust.pki.probe.opinion import chain_problem
from pytrust.trust.pki.probe.probed import Answer, Probe, Talk

_FORBIDDEN: Final = {401, 403}
_FRESH: Final = timedelta(days=2)  # a certificate so young may lie in the future of the engine's clock
_NAMES_SHOWN: Final = 8
_FATAL: Final = {
    "expired",
    "not-yet-valid",
    "wrong-purpose",
    "weak-key",
    "weak-signature",
    "unknown-critical",
    "not-a-ca",
}


def client_side(probe: Probe, folder: Folder | None, now: datetime) -> Iterator[Finding]:
    """What is wrong with our certificate in the engine's eyes; nothing where it was taken, or not tried."""
    ours = folder.file(CERT) if folder else None
    if probe.ours is None or folder is None or ours is None or probe.ours.admitted:
        return
    if probe.ours.answer is not None:
        yield _answered(probe, probe.ours.answer)
    elif probe.ours.turned_away:
        reasons = _reasons(probe.ours, ours.certificates, folder.certificates, now)
        yield from reasons or [_unexplained(probe, probe.ours, ours.certificates[0], now)]
    else:
        text = f"the talk broke off: {probe.ours.broke}"
        yield error("broken-off", probe.thing, text, "look at the engine's log, and at proxies before it")


def _answered(probe: Probe, answer: Answer) -> Finding:
    if answer.status in _FORBIDDEN:
        text = f"the engine took the certificate, and its authorization says no: {answer.message}"
        return error("not-authorized", probe.thing, text, "ask its owner: revoked, or not allowed?")
    text = f"the engine answers with status {answer.status}: {answer.message}"
    return error("engine-error", probe.thing, text, "look at the engine's log")


def _reasons(
    talk: Talk, sent: Sequence[x509.Certificate], known: Sequence[x509.Certificate], now: datetime
) -> list[Finding]:
    """What would make any engine refuse it, then what makes this one."""
    issuers = walk(sent[0], known, ()).links[1:]
    cases = [Case(sent[0], CERT, Role.CLIENT, now), *(Case(issuer, CERT, Role.CA, now) for issuer in issuers)]
    faults = [finding for case in cases for finding in lint_certificate(case) if finding.code in _FATAL]
    faults += [_not_for_clients(issuer) for issuer in issuers if not may_serve_as(issuer, Role.CLIENT)]
    faults += _acceptance(talk, sent, known)
    anchors = [one for one in issuers if one.subject.public_bytes() in talk.accepted]
    if not faults and anchors and (problem := chain_problem(sent, anchors, now)):
        faults.append(
            error("openssl-refuses", CERT, f"openssl refuses the client's chain: {problem}", "issue it again")
        )
    return faults


def _not_for_clients(issuer: x509.Certificate) -> Finding:
    text = f"the CA {label(issuer)!r} may not issue for clients: its extendedKeyUsage lacks clientAuth"
    return error("wrong-purpose", CERT, text, "issue the client certificate by the CA for clients")


def _acceptance(talk: Talk, sent: Sequence[x509.Certificate], known: Sequence[x509.Certificate]) -> Iterator[Finding]:
    accepted = set(talk.accepted)
    if not accepted:
        return
    top = walk(sent[0], sent[1:], ()).top
    if any(one.issuer.public_bytes() in accepted for one in walk(sent[0], sent[1:], ()).links):
        yield from _namesake(top, accepted, known)
    elif walk(top, known, ()).top.issuer.public_bytes() in accepted:
        text = f"the client does not send the certificate of its CA {name_label(top.issuer)!r}, which the engine lacks"
        yield error("chain-missing", CERT, text, "let cert.pem be the client's certificate and that one")
    else:
        taken = " or ".join(map(repr, talk.accepted_labels[:_NAMES_SHOWN]))
        text = f"the engine takes clients of the CA {taken}, and this one is of {name_label(top.issuer)!r}"
        yield error("client-ca-not-accepted", CERT, text, "get a certificate of that CA, or add yours to tlscacert")


def _namesake(top: x509.Certificate, accepted: set[bytes], known: Sequence[x509.Certificate]) -> Iterator[Finding]:
    """The name fits; where a CA of that name is at hand, whether its key does."""
    links = {link(top, one) for one in known if is_ca(one) and one.subject.public_bytes() in accepted}
    if Link.SAME_NAME in links and Link.ISSUED not in links:
        text = f"it was not issued by the CA {name_label(top.issuer)!r} at hand, but by another one of that name"
        yield error("ca-was-replaced", CERT, text, "get a certificate of the engine's CA")


def _unexplained(probe: Probe, talk: Talk, leaf: x509.Certificate, now: datetime) -> Finding:
    """All is right from here, so it is something that only the engine sees."""
    if "expired" in talk.broke:
        text = (
            f"the engine says that the client certificate expired, which it does on {leaf.not_valid_after_utc:%Y-%m-%d}"
        )
        return error(
            "clock-off", probe.thing, f"{text}: its clock is ahead, or ours behind", "timedatectl set-ntp true"
        )
    if "revoked" in talk.broke:
        return error("revoked", CERT, "the engine says that the client certificate was revoked", "ask for a new one")
    text = f"the engine refuses the client certificate ({talk.broke}), and nothing is wrong with it from here"
    young = now - leaf.not_valid_before_utc < _FRESH
    causes = "its clock is behind (ours is new)" if young else "its clock is wrong"
    hint = f"on the engine's host: {causes}, tlscacert is another CA of that name, or it changed since dockerd started"
    return error("client-refused", probe.thing, text, hint)
