"""``pytrust ca request`` and ``agent``: the side of a host that gets certificates from an authority elsewhere."""

from __future__ import annotations

import gc
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.files import PRIVATE_FOLDER, read_private

if TYPE_CHECKING:
    from pytrust.trust.pki.enrol.token import Token
    from pytrust.trust.pki.enrol.words import Answered, TokenSays

_ENROLLED: Final = "enrolled"  # beside the folders of this home's own authority, which a host may have too
_TOKEN_FILE_MAX_BYTES: Final = 4096


@click.command(
    epilog="""\b
examples:
  pytrust ca request ca.example.com
  pytrust ca request ca.example.com ci-7 --token-file /run/secrets/token
  pytrust ca request ca.example.com docker2.example.com --out /etc/docker/tls
\b
The token is asked for at the prompt, or read from --token-file or from standard input; never from an argument."""
)
@click.argument("address", metavar="ADDR")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the files there [default: ca/enrolled in the home].",
)
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE", help="Read the token from FILE (mode 0600)."
)
@click.pass_obj
def request(
    workspace: Workspace, address: str, names: tuple[str, ...], out: Path | None, token_file: Path | None
) -> int:
    """Get a certificate from the authority at ADDR (HOST[:PORT]) with a token; the key is made here and stays here.

    NAME is needed where the token allows a pattern. Interrupted, run it again with the same token.
    """
    from pytrust.trust.pki.enrol.believed import folder_name
    from pytrust.trust.pki.enrol.client import EnrolClient, ServerAddress, fetch_roots
    from pytrust.trust.pki.enrol.enrolled import enrol, kind_of

    where, word = ServerAddress.parse(address), _read_token(token_file)
    with voice.working(f"asking {where}"):
        roots = fetch_roots(where, word)
        client = EnrolClient(where, roots)
        allowed = client.token(word)
        wanted = list(names) or _exact(allowed)
        folder = (out or _enrolled(workspace) / folder_name(kind_of(allowed), wanted)).absolute()
        answered = enrol(client, roots, word, wanted, folder)
    voice.say(f"{answered.kind} {answered.name}")
    voice.say(f"folder: {folder}")
    _say_next(answered, folder)
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust ca agent
  pytrust ca agent /etc/docker/tls
by cron, for certificates that last days:
  pytrust ca agent --once"""
)
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR...]")
@click.option("--once", is_flag=True, help="Look once, and end: 0 where all is well.")
@click.pass_obj
def agent(workspace: Workspace, folders: tuple[Path, ...], once: bool) -> int:
    """Keep what was enrolled fresh: renew certificates in time, fetch revocation lists and CA certificates.

    Without DIR, all folders that pytrust ca request filled in this home. It ends with SIGTERM.
    """
    from pytrust.trust.pki.enrol.agent import Agent

    chosen = [folder.absolute() for folder in folders]
    looking = Agent(lambda: chosen or _all_enrolled(workspace), workspace.now, voice.note, voice.fail)
    if once:
        failed = looking.look()
        return failed[0].exit_code if failed else ExitCode.YES
    gc.enable()
    with _until_told() as over:
        looking.run(over.wait)
    return ExitCode.YES


def _read_token(file: Path | None) -> Token:
    from pytrust.trust.pki.enrol.token import Token

    if file is not None:
        hint = "give the file that holds what pytrust ca token printed"
        return Token.parse(read_private(file, _TOKEN_FILE_MAX_BYTES, missing=hint).decode("utf-8", "replace"))
    if sys.stdin.isatty():
        return Token.parse(voice.ask_secret("enrolment token"))
    return Token.parse(sys.stdin.readline(_TOKEN_FILE_MAX_BYTES))


def _exact(allowed: TokenSays) -> list[str]:
    if not allowed.exact:
        raise UsageError(f"the token allows {', '.join(allowed.names)}", hint="name one: pytrust ca request ADDR NAME")
    return allowed.names


def _enrolled(workspace: Workspace) -> Path:
    folder = workspace.home.ca / _ENROLLED
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    return folder


def _all_enrolled(workspace: Workspace) -> list[Path]:
    from pytrust.trust.pki.enrol.enrolled import is_enrolled

    return sorted(filter(is_enrolled, (workspace.home.ca / _ENROLLED).glob("*")))


def _say_next(answered: Answered, folder: Path) -> None:
    from pytrust.cli import ca_told

    if answered.kind == "server":
        ca_told.tell_server_next(folder)
    else:
        place = shlex.quote(str(folder))
        voice.note("hint: docker reaches an engine, called ENGINE here, with it:")
        voice.say(f"export DOCKER_HOST=tcp://ENGINE:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={place}")
    voice.note("hint: this keeps it fresh: pytrust ca agent")


@contextmanager
def _until_told() -> Iterator[Event]:
    over = Event()
    before = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
