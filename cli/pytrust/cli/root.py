"""The command table, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.lazy import LazyGroup
from pytrust.cli.version import __version__
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError
from pytrust.trust.keys.signers import block_sdks

_COMMANDS = {
    "init": ("setup", "make a home: keys, an empty store, and a pin for your own root key"),
    "join": ("setup", "trust what another host publishes, by its root key"),
    "sign": ("signing", "sign image tags as they are in the registry"),
    "revoke": ("signing", "withdraw tags, so that they are refused from now on"),
    "approve": ("signing", "show a change that waits for signatures, and add yours"),
    "verify": ("checking", "is this image signed, and does the registry hold that content?"),
    "inspect": ("checking", "what is signed under a name, by whom, until when"),
    "pull": ("checking", "verify, pull exactly the signed digest, and tag it"),
    "status": ("status", "every collection and role: version, expiry, signatures present and missing"),
    "signer": ("signer", "who may release tags of an image, and how many must agree"),
    "key": ("key", "your keys: generate, list, export, import, rotate, remove"),
    "pin": ("pin", "which root keys this host believes, for which names"),
    "repo": ("repo", "the metadata itself: export, serve, refresh, renew"),
    "migrate": ("migrate", "the formats in which a name is signed: TUF 1.0, and what docker and notary read"),
    "import": ("importing:import_", "take signed names from docker's or notary's files, or from another server"),
    "serve": ("serve", "a trust server for docker, notary, pytrust and any TUF client"),
    "install-plugin": ("plugin_install", "docker pytrust, and docker trust where docker lost it"),
    "proxy": ("proxy", "a docker engine that runs only what the policy allows"),
    "env": ("proxy", "print what a shell needs so that docker talks to the proxy"),
    "policy": ("policy", "what may run: begin, check and try the policy file, explain a decision"),
    "authz-plugin": ("authz_plugin", "lock out revoked clients of an engine that is reached directly"),
    "ca": ("ca", "certificates for engines and clients: issue, renew, rotate, revoke"),
    "engine": ("engine", "let this host's engine listen with TLS, and check what it serves"),
    "profile": ("profile", "least privilege for images: recorded, proven, signed, applied"),
    "scan": ("scan", "what was found in images: signed, judged by the policy, enforced"),
    "audit": ("audit", "the engine, held against CIS Docker and against what is signed"),
    "vault": ("vault", "secrets at rest: make the vault, open it, keep it"),
    "unlock": ("vault_agent:unlock", "open the vault, once after each start of the host"),
    "secret": ("secret", "the values in the vault: put, get, list, rotate, expire, export"),
    "run-with-secrets": ("run_with_secrets", "run a program that finds secrets as files"),
    "swarm": ("swarm", "swarm services get secrets from the vault; the swarm's own keys are kept there"),
    "log": ("log", "what the proxy decided, and whether its journal is whole"),
    "completion": ("setup", "print the completion script of your shell"),
}
_INTERRUPTED = 130  # as a shell says of SIGINT
_EPILOG = """\b
a first tag:
  pytrust init
  pytrust sign registry.example.com/foo/web:v2
  pytrust verify registry.example.com/foo/web:v2
\b
an engine that runs nothing else:
  pytrust policy init
  pytrust proxy
  eval "$(pytrust env)"
\b
content trust for stock docker and notary clients:
  pytrust serve
  pytrust import --from ~/.docker/trust
\b
TLS for port 2376:
  pytrust ca init --engine
\b
no image with known holes:
  pytrust scan run registry.example.com/foo/web:v2
  pytrust scan status
\b
secrets for containers, encrypted at rest:
  pytrust vault init
  printf %s "$value" | pytrust secret put db_password --reader image:docker.io/foo/web
  docker run --label pytrust.secrets=db_password foo/web
\b
exit codes:
  0 yes   1 no (unsigned, forged, other content)   2 usage
  3 could not find out (unreachable, expired cache)
  4 refused to work with what it found (permissions, damage)
\b
files and environment:
  PYTRUST_HOME (default: /var/lib/pytrust for root, else ~/.local/share/pytrust)
  PYTRUST_PASSPHRASE, or docker's two DOCKER_CONTENT_TRUST_..._PASSPHRASE
  DOCKER_HOST, DOCKER_CONFIG, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY as docker reads them
  DOCKER_CONTENT_TRUST=0 makes the proxy warn, =1 makes it enforce"""


class _Commands(LazyGroup):
    table = _COMMANDS


@click.group(cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="pytrust %(version)s")
@click.option(
    "--home",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="Use this home instead of PYTRUST_HOME.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read the passphrase from the first line of FILE (mode 0600).",
)
@click.option("--passphrase-fd", type=int, metavar="N", help="Read the passphrase from file descriptor N.")
@click.option(
    "--unlock-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Open the vault with the unlock key or passphrase in FILE (mode 0600).",
)
@click.option("--unlock-fd", type=int, metavar="N", help="Open the vault with what file descriptor N gives.")
@click.pass_context
def cli(
    context: click.Context,
    home: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    unlock_file: Path | None,
    unlock_fd: int | None,
) -> None:
    """Sign docker image tags, and run only what is signed.

    A signature binds a tag to a digest, so that neither a moved tag nor an old one, put back, passes for it.
    """
    context.obj = Workspace(home, passphrase_file, passphrase_fd, unlock_file, unlock_fd)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; every outcome is an exit code, and no traceback leaves here."""
    block_sdks()
    try:
        result = cli.main(list(arguments), prog_name="pytrust", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence: a sentence, not a traceback
        return fail(error)
    return result if isinstance(result, int) else ExitCode.YES


def fail(error: BaseException) -> int:
    """Say what went wrong, and give the exit code for it."""
    code: int = ExitCode.UNSOUND
    match error:
        case PytrustError():
            voice.fail(error)
            code = error.exit_code
        case click.exceptions.NoArgsIsHelpError():
            voice.write(f"{error.format_message()}\n".encode())
            code = ExitCode.USAGE
        case click.ClickException():
            context = getattr(error, "ctx", None)
            voice.fail_usage(error.format_message(), context.command_path if context else "pytrust")
            code = ExitCode.USAGE
        case KeyboardInterrupt() | click.Abort():
            voice.note("error: interrupted")
            code = _INTERRUPTED
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        case OSError():
            voice.note(f"error: {error.filename or 'the system'}: {error.strerror or error}")
        case _:
            voice.note(f"error: internal: {type(error).__name__}: {str(error)[:300]}")
            voice.note("hint: this is a bug of pytrust: please report it with the command that you ran")
    return code
