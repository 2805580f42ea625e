"""``pytrust ca lint`` and ``doctor``: what is wrong with TLS for an engine, whoever made the certificates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode
from pytrust.trust.pki.finding import Finding, Severity

if TYPE_CHECKING:
    from pytrust.trust.pki.probe.probed import Probe


@click.command(
    epilog="""\b
examples:
  pytrust ca lint ~/.docker
  pytrust ca lint /etc/docker/tls/ca.pem --json
  pytrust ca lint docker1.example.com:2376"""
)
@click.argument("target", metavar="FILE|DIR|HOST:PORT")
@json_option
@click.pass_obj
def lint(workspace: Workspace, target: str, as_json: bool) -> int:
    """What is wrong with certificates, keys and revocation lists in a file or folder, or with those that are served.

    Exit code 1 when something is in error, 3 when nobody answers.
    """
    path = Path(target)
    if not path.exists() and ":" in target:
        return _examine(workspace, target, None, as_json)
    from pytrust.trust.pki.doctor.lint_folder import lint_folder
    from pytrust.trust.pki.doctor.reading import read

    found = lint_folder(read(path), workspace.now())
    _say(found, as_json)
    return _exit_code(found)


@click.command(
    epilog="""\b
examples:
  pytrust ca doctor docker1.example.com:2376
  pytrust ca doctor 192.0.2.7:2376 --tls ~/.docker --json"""
)
@click.argument("target", metavar="HOST:PORT")
@click.option(
    "--tls",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The client's ca.pem, cert.pem and key.pem (default: DOCKER_CERT_PATH).",
)
@json_option
@click.pass_obj
def doctor(workspace: Workspace, target: str, folder: Path | None, as_json: bool) -> int:
    """Why TLS to an engine does not work, or is not safe: the cause first, one line each.

    Knocks at the port without and with the client's certificate, and compares what the engine serves and takes with
    what lies here. Exit code 1 when something is in error, 3 when nobody answers.
    """
    from pytrust.trust.pki.doctor.environment import CERT_PATH, lint_environment

    if folder is not None:
        return _examine(workspace, target, folder, as_json)
    set_folder = os.environ.get(CERT_PATH, "")
    return _examine(workspace, target, Path(set_folder) if set_folder else None, as_json, lint_environment(os.environ))


def _examine(workspace: Workspace, target: str, path: Path | None, as_json: bool, more: Iterable[Finding] = ()) -> int:
    from pytrust.trust.pki.doctor.diagnose import diagnose, undecided
    from pytrust.trust.pki.doctor.lint_folder import in_order
    from pytrust.trust.pki.doctor.reading import read, read_identity
    from pytrust.trust.pki.probe.endpoint import Endpoint
    from pytrust.trust.pki.probe.probe import probe

    host, port = Endpoint.parse(target)
    folder = read(path) if path else None
    identity = read_identity(path, folder) if path and folder else None
    with voice.working(f"knocking at {host} port {port}"):
        seen = probe(host, port, identity=identity)
    found = in_order([*diagnose(seen, folder, workspace.now()), *more])
    _say(found, as_json, seen)
    return ExitCode.UNKNOWN if undecided(seen) else _exit_code(found)


def _exit_code(found: Sequence[Finding]) -> ExitCode:
    return ExitCode.NO if any(finding.severity is Severity.ERROR for finding in found) else ExitCode.YES


def _say(found: Sequence[Finding], as_json: bool, seen: Probe | None = None) -> None:
    if as_json:
        facts = _facts(seen) if seen else {}
        voice.say_json({**facts, "findings": [asdict(finding) for finding in found]})
        return
    if seen is not None and (summary := _summary(seen)):
        voice.say(summary)
    if not found:
        voice.say("nothing wrong was found")
        return
    voice.table(("", "CODE", "WHERE", "WHAT"), [(f.severity, f.code, f.thing, f.text) for f in found])
    for hint in dict.fromkeys(f"hint: {finding.code}: {finding.hint}" for finding in found if finding.hint):
        voice.note(hint)


def _facts(seen: Probe) -> dict[str, object]:
    return {
        "endpoint": seen.thing,
        "reach": seen.reach,
        "tls": seen.versions,
        "client_certificate": seen.demand,
        "admitted": seen.admitted,
        "accepted_cas": [label for talk in seen.talks[:1] for label in talk.accepted_labels],
    }


def _summary(seen: Probe) -> str:
    from pytrust.trust.pki.doctor.anatomy import label, name_label
    from pytrust.trust.pki.foreign import read_certificate

    try:
        leaf = read_certificate(seen.chain[0])
    except (IndexError, ValueError):
        return ""
    serves = f"serves {label(leaf)!r} of {name_label(leaf.issuer)!r} until {leaf.not_valid_after_utc:%Y-%m-%d}"
    taken = "" if seen.ours is None else ", and takes ours" if seen.admitted else ", and refuses ours"
    return f"{seen.thing}: tls {', '.join(seen.versions)}; {serves}; client certificate: {seen.demand}{taken}"
