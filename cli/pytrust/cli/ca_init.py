"""``pytrust ca init``: an authority, and with ``--engine`` everything that this host's engine needs."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import click

from pytrust.cli import voice
from pytrust.cli.ca_words import fingerprint
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, InvalidName, UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.pki.authority.plan import Elsewhere, Plan
from pytrust.trust.pki.foreign import name_text
from pytrust.trust.pki.model import CA_KINDS, CertKeyKind, moment_text
from pytrust.trust.pki.names import CA_NAME_MAX, CaName, parse_ca_name, parse_client_name

if TYPE_CHECKING:
    from pytrust.trust.keys.public import PublicKey
    from pytrust.trust.pki.authority.authority import Authority


@click.command(
    epilog="""\b
examples:
  pytrust ca init
  pytrust ca init --name "example ops" --permit example.com --permit 10.0.0.0/8
  pytrust ca init --key-at root hsm:2?label=root root.pub
  pytrust ca init --engine
\b
Its keys are sealed under two passphrases: one for the root, which is needed again only to
rotate, and one for the two CAs that issue. Where the home has a vault, they go there instead.
Take the root off this host: pytrust ca root export."""
)
@click.option("--name", metavar="NAME", help="What the authority calls itself [default: the name of this host].")
@click.option(
    "--key-kind",
    type=click.Choice(get_args(CertKeyKind)),
    default="ecdsa-p256",
    show_default=True,
    help="Of its three keys.",
)
@click.option(
    "--key-at",
    "elsewhere",
    type=(click.Choice([kind.value for kind in CA_KINDS]), str, click.Path(path_type=Path)),
    multiple=True,
    metavar="CA URI FILE",
    help="Use a key in an HSM or KMS for root, server-ca or client-ca; FILE is its public key (repeatable).",
)
@click.option(
    "--permit",
    "permitted",
    multiple=True,
    metavar="DNS|CIDR",
    help="Limit server certificates to a domain or a network (repeatable).",
)
@click.option("--engine", is_flag=True, help="Then set up this host's engine: server certificate, first client, TLS.")
@click.option("--yes", "-y", is_flag=True, help="With --engine: do not ask.")
@click.pass_obj
def init(
    workspace: Workspace,
    name: str | None,
    key_kind: str,
    elsewhere: tuple[tuple[str, str, Path], ...],
    permitted: tuple[str, ...],
    engine: bool,
    yes: bool,
) -> int:
    """Make an authority: a root, a CA for servers and a CA for clients, each with a key of its own."""
    if yes and not engine:
        raise UsageError("--yes answers what --engine asks", hint="pytrust ca init --engine --yes")
    plan = Plan(
        name=parse_ca_name(name) if name is not None else _default_name(),
        key_kind=cast("CertKeyKind", key_kind),
        permitted=permitted,
        elsewhere={
            kind: Elsewhere(uri, _public(file)) for ca, uri, file in elsewhere for kind in CA_KINDS if kind == ca
        },
    )
    _say(workspace, _create(workspace, plan))
    code = _set_up(workspace, yes=yes) if engine else ExitCode.YES
    if not engine:
        voice.note("hint: next: pytrust ca server, then pytrust ca client NAME")
    voice.note("hint: take the root key off this host: pytrust ca root export FILE, then pytrust ca root remove")
    return code


def _create(workspace: Workspace, plan: Plan) -> Authority:
    from pytrust.trust.pki.authority.authority import Authority

    passphrases = workspace.passphrases
    with voice.working("making keys and sealing them"):
        made = Authority.create(
            workspace.home.ca, plan, passphrases, passphrases.new, workspace.now, vault=workspace.key_vault
        )
    workspace.authority = made  # its keys are open
    return made


def _say(workspace: Workspace, authority: Authority) -> None:
    voice.say(f"created {workspace.home.ca}: authority {authority.name}")
    for kind in CA_KINDS:
        issued = authority.index.current(kind)
        name, ends = name_text(issued.certificate.subject), moment_text(issued.not_after)
        voice.say(f"{name}: {fingerprint(issued.certificate)}, until {ends}")


def _set_up(workspace: Workspace, *, yes: bool) -> int:
    """All of it for this host; where the engine's settings stand against it, the certificates are there anyway."""
    from pytrust.cli.ca_issue import detected
    from pytrust.cli.ca_told import tell_client, tell_server
    from pytrust.cli.engine_folder import find_server
    from pytrust.cli.engine_setup import set_up
    from pytrust.cli.setup import login_name
    from pytrust.policy.engine_setup.places import Places

    authority = workspace.authority
    server = authority.issue_server(detected(workspace))
    tell_server(workspace, server)
    tell_client(workspace, authority.issue_client(parse_client_name(login_name())))
    return set_up(workspace, find_server(workspace, server.holder), Places(), yes=yes)


def _public(file: Path) -> PublicKey:
    from pytrust.trust.keys.public import read_public_pem

    return read_public_pem(read_bounded(file, KEY_FILE_MAX_BYTES), str(file))


def _default_name() -> CaName:
    """The name of this host, as far as an authority can have it."""
    try:
        return parse_ca_name(socket.gethostname().partition(".")[0][:CA_NAME_MAX])
    except InvalidName:
        return parse_ca_name("pytrust")
