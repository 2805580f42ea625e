"""``pytrust ca server`` and ``client``: certificates in folders that dockerd and docker take, and what to type next."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import read_names
from pytrust.cli.ca_told import tell_client, tell_server, tell_server_next
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, Refused, UsageError
from pytrust.trust.limits import NAMES_MAX
from pytrust.trust.pki.model import LEAF_LIFETIME_MAX, Kind
from pytrust.trust.pki.names import ClientName, ServerNames, parse_client_name

if TYPE_CHECKING:
    from cryptography import x509

_DAYS_MAX: Final = LEAF_LIFETIME_MAX.days

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the files there [default: a folder in the home].",
)
days_option = click.option("--days", type=click.IntRange(1, _DAYS_MAX), metavar="N", help="How long it lasts, in days.")


@click.command(
    epilog="""\b
examples:
  pytrust ca server
  pytrust ca server docker1.example.com 10.0.0.7 --out /etc/docker/tls
  pytrust ca server docker2.example.com --endpoint docker2.example.com:2376"""
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--san", "more", multiple=True, metavar="NAME", help="One more name or address (repeatable).")
@out_option
@days_option
@click.option("--endpoint", metavar="HOST:PORT", help="Where a rotation, and pytrust engine check, can ask it.")
@click.pass_obj
def server(
    workspace: Workspace,
    names: tuple[str, ...],
    more: tuple[str, ...],
    out: Path | None,
    days: int | None,
    endpoint: str | None,
) -> int:
    """A certificate for an engine or a proxy: every name and address that clients dial, for 90 days by default.

    Without a name, the names and addresses of this host are found and shown. The folder gets ca.pem (whose clients
    may come in), cert.pem, key.pem and crl.pem (who may no longer).
    """
    asked_at = _endpoint(endpoint) if endpoint is not None else ""
    chosen = _server_names(workspace, names, more)
    lifetime = lifetime_of(days, None)
    issued = workspace.authority.issue_server(chosen, folder=out, lifetime=lifetime, endpoint=asked_at)
    tell_server_next(tell_server(workspace, issued))
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust ca client alice
  pytrust ca client ci-7@build --hours 8 --out /run/ci/docker
  pytrust ca client --from-file people.txt"""
)
@click.argument("name", required=False)
@out_option
@days_option
@click.option("--hours", type=click.IntRange(1, 24 * _DAYS_MAX), metavar="N", help="The same in hours.")
@click.option(
    "--from-file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="One for each name in FILE, one a line.",
)
@click.pass_obj
def client(
    workspace: Workspace, name: str | None, out: Path | None, days: int | None, hours: int | None, file: Path | None
) -> int:
    """A certificate for somebody, or something, that may use an engine: for 30 days by default.

    Whoever holds the folder is NAME to every engine and proxy of this authority. Hand it over as you would a password.
    """
    lifetime = lifetime_of(days, hours)
    if name is not None and file is None:
        return _one(workspace, parse_client_name(name), out, lifetime)
    if name is None and file is not None and out is None:
        return _many(workspace, file, lifetime)
    raise UsageError(
        "give either NAME, or --from-file without --out", hint="pytrust ca client alice, or --from-file people.txt"
    )


def _endpoint(text: str) -> str:
    from pytrust.trust.pki.probe.endpoint import Endpoint

    Endpoint.parse(text)
    return text


def _one(workspace: Workspace, name: ClientName, out: Path | None, lifetime: timedelta | None) -> int:
    tell_client(workspace, workspace.authority.issue_client(name, folder=out, lifetime=lifetime))
    return ExitCode.YES


def _many(workspace: Workspace, file: Path, lifetime: timedelta | None) -> int:
    names = list(dict.fromkeys(map(parse_client_name, read_names(file))))
    if not 0 < len(names) <= NAMES_MAX:
        raise UsageError(f"{file} holds {len(names)} names, not 1 to {NAMES_MAX}", hint="write one name a line")
    with voice.working(f"issuing {len(names)} certificates"):
        issued = workspace.authority.issue_clients(names, lifetime=lifetime)
    voice.say(f"{voice.plural(len(issued), 'client certificate')} in {workspace.home.ca / 'clients'}")
    return ExitCode.YES


def _server_names(workspace: Workspace, names: tuple[str, ...], more: tuple[str, ...]) -> ServerNames:
    return ServerNames.parse([*names, *more]) if names else detected(workspace, more)


def detected(workspace: Workspace, more: tuple[str, ...] = ()) -> ServerNames:
    """The names of this host that the authority may issue for, shown, and ``more``; raises ``UsageError``."""
    from pytrust.cli.hostnames import this_host

    issuer = workspace.authority.index.current(Kind.SERVER_CA).certificate
    found = [str(name) for name in this_host().names]
    within = [name for name in found if _permitted(issuer, name)]
    voice.note(f"note: this host is dialled as {', '.join(within) or 'nothing that this authority may issue for'}")
    if outside := set(found) - set(within):
        voice.note(f"note: left out, since the authority is limited: {', '.join(sorted(outside))}")
    return ServerNames.parse([*within, *more])


def _permitted(issuer: x509.Certificate, name: str) -> bool:
    from pytrust.trust.pki.mint.constraints import check_names

    with suppress(Refused):
        check_names(issuer, ServerNames.parse([name]))
        return True
    return False


def lifetime_of(days: int | None, hours: int | None) -> timedelta | None:
    """What ``--days`` or ``--hours`` said; None for neither."""
    if days is not None and hours is not None:
        raise UsageError("--days and --hours say how long twice", hint="give one of them")
    return timedelta(days=days or 0, hours=hours or 0) or None
