"""``pytrust engine check``: what a running engine really serves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.ca_words import alternative_names, until
from pytrust.cli.engine_folder import ServerFolder, find_server, server_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode
from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.model import Kind, moment_text, serial_text

if TYPE_CHECKING:
    from cryptography import x509

    from pytrust.policy.engine.address import EngineAddress
    from pytrust.policy.engine_setup.served import Wanted
    from pytrust.trust.pki.probe.probed import Probe

_HERE: Final = "127.0.0.1:2376"


@click.command(
    epilog="""\b
examples:
  pytrust engine check
  pytrust engine check docker1.example.com:2376 --server docker1.example.com --json
\b
Exit code 0: it serves its newest certificate, and insists on client certificates;
1: it does not (a restart that was forgotten, too); 3: nobody answers."""
)
@click.argument("target", metavar="[HOST:PORT]", required=False)
@server_option
@json_option
@click.pass_obj
def check(workspace: Workspace, target: str | None, server: str | None, as_json: bool) -> int:
    """Ask an engine what it serves: the newest certificate? for how long? does it insist on client certificates?

    Without HOST:PORT, it is asked where pytrust engine setup let it listen, else at 127.0.0.1:2376.
    """
    from pytrust.policy.engine_setup.served import judge

    folder = find_server(workspace, server)
    wanted, anchors = _wanted(workspace, folder)
    address = _address(target or _endpoint(folder), folder.path)
    probe = _ask(address, _dialled(target, folder, wanted), anchors)
    findings = judge(probe, wanted)
    if as_json:
        voice.say_json(_document(probe, wanted, findings))
    else:
        _say(workspace, probe, findings)
    return _exit_code(findings)


def _wanted(workspace: Workspace, server: ServerFolder) -> tuple[Wanted, bytes]:
    """What the engine should serve, and what to judge its chain by."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from pytrust.policy.engine_setup.pair import served_by
    from pytrust.policy.engine_setup.served import Wanted
    from pytrust.trust.pki.folder import CA, read

    files = read(server.path)
    written, *links = served_by(files, str(server.path))
    holder, issuer, newest = server.holder, None, written
    if holder is not None:
        index = workspace.authority.index
        issuer, newest = index.current(Kind.SERVER_CA).certificate, holder.issued.certificate
        links = [root.certificate for root in index.bundle(Kind.ROOT)]
    wanted = Wanted(
        newest=newest,
        written=written,
        issuer=issuer,
        client_cas=tuple(x509.load_pem_x509_certificates(files[CA])),
        renew=f"pytrust ca renew {holder.name}" if holder else "renew it where it was issued",
    )
    return wanted, b"".join(link.public_bytes(Encoding.PEM) for link in links or [written])


def _endpoint(server: ServerFolder) -> str:
    return (server.holder.endpoint if server.holder else "") or _HERE


def _address(text: str, folder: Path) -> EngineAddress:
    from pytrust.policy.engine.address import TlsFiles, parse_host
    from pytrust.trust.pki.probe.endpoint import Endpoint

    Endpoint.parse(text)
    return parse_host(f"tcp://{text}", TlsFiles.in_folder(folder))


def _dialled(target: str | None, server: ServerFolder, wanted: Wanted) -> str:
    """The name that the certificate has to be for: the one that was given, or the first one in it."""
    if target is not None:
        return ""
    return server.holder.name if server.holder else next(iter(alternative_names(wanted.written)), "")


def _ask(address: EngineAddress, name: str, anchors: bytes) -> Probe:
    from pytrust.trust.pki.probe.probe import probe

    with voice.working(f"asking {address}"):
        return probe(address.host, address.port, ca=anchors, server_name=name)


def _exit_code(findings: tuple[Finding, ...]) -> int:
    if any(finding.code == "unreachable" for finding in findings):
        return ExitCode.UNKNOWN
    return ExitCode.NO if any(finding.severity is Severity.ERROR for finding in findings) else ExitCode.YES


def _say(workspace: Workspace, probe: Probe, findings: tuple[Finding, ...]) -> None:
    from pytrust.policy.engine_setup.served import served

    certificate = served(probe)
    if certificate is not None:
        now, end = workspace.now(), certificate.not_valid_after_utc
        serial, ends = serial_text(certificate.serial_number), f"{moment_text(end)} ({until(end, now)})"
        voice.say(f"{probe.thing} serves {serial}, until {ends}")
        voice.say(f"names: {', '.join(alternative_names(certificate)) or 'none'}")
    for finding in findings:
        voice.say(f"{finding.severity}: {finding.thing}: {finding.text}")
        if finding.hint:
            voice.say(f"hint: {finding.hint}")
    if not findings:
        voice.say("it is the newest certificate, and only clients with a certificate are let in")


def _document(probe: Probe, wanted: Wanted, findings: tuple[Finding, ...]) -> dict[str, Any]:
    from dataclasses import asdict

    from pytrust.policy.engine_setup.served import served

    return {
        "target": probe.thing,
        "serves": _certificate(served(probe)),
        "newest": _certificate(wanted.newest),
        "client_certificates": probe.demand,
        "plain_http": probe.plain is not None,
        "findings": [asdict(finding) for finding in findings],
    }


def _certificate(certificate: x509.Certificate | None) -> dict[str, Any] | None:
    if certificate is None:
        return None
    return {
        "serial": serial_text(certificate.serial_number),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "names": alternative_names(certificate),
    }
