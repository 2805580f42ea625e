"""What a running engine serves, against what it should. Pure.

An engine reads its certificate, and the CAs whose clients it lets in, when it starts. A new file proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.foreign import name_text
from pytrust.trust.pki.model import RENEW_BETWEEN, moment_text, serial_text
from pytrust.trust.pki.probe.opinion import covers, listed_names
from pytrust.trust.pki.probe.probed import Demand, Probe, Reach

RESTART = "restart dockerd (systemctl restart docker): it reads certificates at its start only, not on a reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an engine should serve: ``newest`` is its newest certificate, ``written`` the one in its folder.

    ``issuer`` is the server CA that issues now, None where that is not known here; ``client_cas`` are those whose
    clients the folder's ``ca.pem`` lets in; ``renew`` is the command that renews it.
    """

    newest: x509.Certificate
    written: x509.Certificate
    issuer: x509.Certificate | None
    client_cas: tuple[x509.Certificate, ...]
    renew: str


def served(probe: Probe) -> x509.Certificate | None:
    """The engine's certificate, as far as it can be read."""
    try:
        return x509.load_der_x509_certificate(probe.chain[0]) if probe.chain else None
    except ValueError:
        return None


def judge(probe: Probe, wanted: Wanted) -> tuple[Finding, ...]:
    """Everything that is not as it should be at the moment of the probe, the gravest first."""
    certificate = served(probe)
    if probe.reach is not Reach.OPEN:
        found = [
            _error(probe, "unreachable", probe.reach_text or str(probe.reach), "is the engine started, the port open?")
        ]
    elif certificate is None:
        found = [_no_tls(probe)]
    else:
        found = [
            *_doors(probe),
            *_same(probe, certificate, wanted),
            *_dates(probe, certificate, wanted.renew),
            *_names(probe, certificate),
            *_client_cas(probe, wanted),
            *_issuer(probe, certificate, wanted),
        ]
    return tuple(sorted(found, key=lambda finding: list(Severity).index(finding.severity)))


def _no_tls(probe: Probe) -> Finding:
    if probe.plain is not None:
        text = "answers plain HTTP: whoever reaches this port owns the host"
        return _error(probe, "plain-http", text, "switch TLS on: pytrust engine setup, then restart dockerd")
    return _error(probe, "no-tls", "does not speak TLS", "is it the engine that listens there?")


def _doors(probe: Probe) -> Iterator[Finding]:
    if probe.demand in {Demand.NONE, Demand.ASKED}:
        text = "lets clients in without a certificate: whoever reaches this port owns the host"
        yield _error(
            probe, "no-client-certificates", text, 'set "tlsverify": true (pytrust engine setup), then restart'
        )
    if probe.demand is Demand.UNKNOWN:
        text = "it could not be seen whether client certificates are asked for"
        yield _warning(probe, "demand-unknown", text, "try again; else: pytrust ca doctor HOST:PORT")


def _same(probe: Probe, certificate: x509.Certificate, wanted: Wanted) -> Iterator[Finding]:
    now, newest = serial_text(certificate.serial_number), serial_text(wanted.newest.serial_number)
    if certificate == wanted.newest:
        return
    if _authority(certificate) != _authority(wanted.newest):
        text = f"serves a certificate of {_authority(certificate) or 'somebody else'} (serial {now}), not {newest}"
        yield _error(probe, "other-certificate", text, "is it this engine that listens there? see its tlscert")
    elif wanted.written != wanted.newest:
        text = f"serves {now}; the newest, {newest}, is not in its folder yet"
        yield _error(probe, "folder-behind", text, f"{wanted.renew}, then restart dockerd")
    else:
        yield _error(probe, "restart-needed", f"restart needed: still serves {now}, the file is {newest}", RESTART)


def _dates(probe: Probe, certificate: x509.Certificate, renew: str) -> Iterator[Finding]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    then_restart = f"{renew}, then restart dockerd"
    if end <= probe.at:
        yield _error(probe, "expired", f"its certificate ended on {moment_text(end)}", then_restart)
    elif probe.at < begin:
        yield _error(
            probe, "not-yet-valid", f"its certificate begins on {moment_text(begin)}", "check the clocks of both hosts"
        )
    elif probe.at > begin + (end - begin) * RENEW_BETWEEN[1]:
        yield _warning(probe, "expires-soon", f"its certificate ends on {moment_text(end)}", then_restart)


def _names(probe: Probe, certificate: x509.Certificate) -> Iterator[Finding]:
    if not covers(certificate, probe.server_name):
        names = ", ".join(map(str, listed_names(certificate))) or "no name at all"
        text = f"its certificate is for {names}, not for {probe.server_name}"
        yield _error(
            probe, "wrong-name", text[:500], "dial one of them, or issue it with more names: pytrust ca server"
        )
    elif probe.verdict is not None and not probe.verdict.good:
        yield _error(
            probe, "not-trusted", f"clients refuse it: {probe.verdict.text}", "ask for more: pytrust ca doctor"
        )


def _client_cas(probe: Probe, wanted: Wanted) -> Iterator[Finding]:
    """Without a restart after a rotation, it still lets the old CA's clients in, or not yet the new one's."""
    asked = set(probe.accepted)
    if asked and asked != {ca.subject.public_bytes() for ca in wanted.client_cas}:
        text = "restart needed: it lets in clients of other CAs than its ca.pem says"
        yield _error(probe, "other-client-cas", text, RESTART)


def _issuer(probe: Probe, certificate: x509.Certificate, wanted: Wanted) -> Iterator[Finding]:
    ca = wanted.issuer
    if ca is not None and certificate == wanted.newest and certificate.issuer != ca.subject:
        text = f"its certificate is of {name_text(certificate.issuer)}; {name_text(ca.subject)} issues now"
        yield _warning(probe, "older-issuer", text, f"{wanted.renew}, then restart dockerd")


def _authority(certificate: x509.Certificate) -> str:
    """The O of the issuer, which all generations of an authority share; of others, its common name."""
    found = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else name_text(certificate.issuer)


def _error(probe: Probe, code: str, text: str, hint: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, thing=probe.thing, text=text, hint=hint)


def _warning(probe: Probe, code: str, text: str, hint: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, thing=probe.thing, text=text, hint=hint)
