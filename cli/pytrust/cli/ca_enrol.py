"""``pytrust ca token`` and ``serve``: an authority's side of enrolment."""

from __future__ import annotations

import gc
import re
import secrets
import shlex
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.ca_issue import days_option, detected, lifetime_of
from pytrust.cli.key_vault import await_ca_keys
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, UsageError
from pytrust.trust.files import PUBLIC, read_bounded, write_atomic
from pytrust.trust.pki.model import moment_text
from pytrust.trust.pki.names import ServerNames

if TYPE_CHECKING:
    from pytrust.trust.pki.enrol.client import ServerAddress
    from pytrust.trust.pki.enrol.server import Parts

_LISTEN: Final = "0.0.0.0:2378"
_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104
_TEND_SECONDS: Final = 60.0
_ADDRESS: Final = "enrolment-address"
_ADDRESS_MAX_BYTES: Final = 4096
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})(m|h|d)")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


@click.command(
    epilog="""\b
examples:
  pytrust ca token alice
  pytrust ca token 'ci-*' --uses 20 --expires 2h --hours 8
  pytrust ca token --server docker2.example.com 10.0.0.8
\b
The token is a secret: whoever has it becomes NAME. It goes to stdout alone."""
)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--server", is_flag=True, help="For an engine's host, not for a client; several names are allowed.")
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True, help="How many may use it (patterns).")
@click.option("--expires", default="1h", show_default=True, metavar="SPAN", help="How long it counts: 30m, 2h, 3d.")
@click.option("--hours", type=click.IntRange(1), metavar="N", help="How long the certificates last, in hours.")
@days_option
@click.option("--cancel", is_flag=True, help="Let no token that was given out so far count any more.")
@click.pass_obj
def token(
    workspace: Workspace,
    names: tuple[str, ...],
    server: bool,
    uses: int,
    expires: str,
    hours: int | None,
    days: int | None,
    cancel: bool,
) -> int:
    """Let a host ask for a certificate for NAME, with a key that never leaves it.

    NAME may be a pattern: * stands for any part of a client's name, or of one label of a server's; a network such as
    10.0.0.0/24 stands for the addresses in it. The host needs nothing but what is printed here.
    """
    from pytrust.trust.pki.authority.index import FILE, Index
    from pytrust.trust.pki.enrol.desk import root_bundle
    from pytrust.trust.pki.enrol.grants import Grant
    from pytrust.trust.pki.enrol.store import EnrolStore
    from pytrust.trust.pki.enrol.token import SECRET_BYTES, Token
    from pytrust.trust.pki.model import Kind, LeafKind

    now = workspace.now()
    with closing(Index(workspace.home.ca)) as index, closing(EnrolStore(workspace.home.ca / FILE)) as store:
        if cancel:
            return _cancelled(store.cancel(now), names)
        kind: LeafKind = Kind.SERVER if server else Kind.CLIENT
        lifetime = lifetime_of(days, hours)
        grant = Grant.make(kind, names, now=now, uses=uses, good_for=_span(expires), lifetime=lifetime)
        made = Token.make(root_bundle(index), secrets.token_bytes(SECRET_BYTES))
        store.add(made.hash, grant, now)
    voice.say(made.reveal())
    voice.note(f"note: good for {kind} {', '.join(grant.allowed)} until {moment_text(grant.expires)}")
    address = _last_address(workspace)
    name = "" if grant.exact else " NAME"
    voice.note(f"hint: there, with the token at the prompt: pytrust ca request {shlex.quote(address)}{name}")
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust ca serve
  pytrust --passphrase-file /etc/pytrust/passphrase ca serve --listen 10.0.0.1:2378 --name ca.example.com"""
)
@click.option("--listen", default=_LISTEN, show_default=True, metavar="HOST:PORT", help="Where hosts connect.")
@click.option(
    "--name", "names", multiple=True, metavar="NAME", help="What hosts dial (repeatable) [default: this host]."
)
@click.pass_obj
def serve(workspace: Workspace, listen: str, names: tuple[str, ...]) -> int:
    """Answer hosts that ask for certificates with a token, or for the next one with the one they have.

    It holds the keys of both issuing CAs in memory, renews the revocation list by itself, and ends with SIGTERM. Where
    they lie in the vault, it waits until that is open.
    """
    from pytrust.trust.pki.enrol.client import ServerAddress
    from pytrust.trust.pki.enrol.server import listen as open_listener
    from pytrust.trust.pki.enrol.server import serve as run

    address = ServerAddress.parse(listen)
    with closing(open_listener(address.host, address.port)) as listening, _desk(workspace, address, names) as parts:
        voice.note(f"listening on {address}")
        gc.enable()
        run(listening, parts)
    voice.note("stopped")
    return ExitCode.YES


@contextmanager
def _desk(workspace: Workspace, address: ServerAddress, names: tuple[str, ...]) -> Iterator[Parts]:
    """Everything behind the listener; asks for passphrases before the first host does."""
    from pytrust.trust.pki.authority.index import FILE
    from pytrust.trust.pki.enrol.desk import Desk
    from pytrust.trust.pki.enrol.enrolment import Enrolment
    from pytrust.trust.pki.enrol.own_certificate import OwnCertificate
    from pytrust.trust.pki.enrol.server import Parts
    from pytrust.trust.pki.enrol.store import EnrolStore

    await_ca_keys(workspace)
    with closing(workspace.authority) as authority, closing(EnrolStore(workspace.home.ca / FILE)) as store:
        own_names = ServerNames.parse(list(names)) if names else _own_names(workspace, address)
        own = OwnCertificate(authority, own_names, workspace.now)
        own.context()
        if own.missing:
            voice.note(f"warning: the certificate of {own_names.first} lacks {', '.join(own.missing)}")
            voice.note(f"hint: hosts that dial these refuse it; for a new one: pytrust ca revoke {own_names.first}")
        dialled = str(replace(address, host=own_names.first))
        write_atomic(workspace.home.ca / _ADDRESS, f"{dialled}\n".encode(), mode=PUBLIC)
        desk = Desk(authority.index, Enrolment(authority, store, workspace.now), voice.note)
        authority.open_issuing()

        def tend() -> None:
            for care in (own.tend, authority.refresh_crl):
                _try(care)

        yield Parts(desk.answer, tend, _TEND_SECONDS, own.context)


def _try(care: Callable[[], object]) -> None:
    """What fails is told, and keeps nothing else from being looked after."""
    try:
        care()
    except PytrustError as error:
        voice.fail(error)
    except OSError as error:
        voice.note(f"error: {error.filename or 'the system'}: {error.strerror or error}")


def _own_names(workspace: Workspace, address: ServerAddress) -> ServerNames:
    """What hosts may dial: this host's names, and the address that it listens on where that is one."""
    return detected(workspace, () if address.host in _ANY else (address.host,))


def _last_address(workspace: Workspace) -> str:
    """Where ``pytrust ca serve`` was reached when it last ran; else a word that a person replaces."""
    path = workspace.home.ca / _ADDRESS
    if not path.exists():
        return "ADDR"
    return read_bounded(path, _ADDRESS_MAX_BYTES).decode("utf-8", "replace").strip()


def _cancelled(count: int, names: tuple[str, ...]) -> int:
    if names:
        raise UsageError("--cancel ends all tokens, and takes no NAME", hint="pytrust ca token --cancel")
    voice.say(f"{voice.plural(count, 'token')} cancelled")
    return ExitCode.YES


def _span(text: str) -> timedelta:
    if not (found := _SPAN.fullmatch(text)):
        raise UsageError(f"{text[:20]!r} is no span of time", hint="write 30m, 2h or 3d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
