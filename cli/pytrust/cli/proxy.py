"""``pytrust proxy`` and ``pytrust env``: a Docker engine that runs only what the policy allows."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.files import PUBLIC, read_bounded, write_atomic

if TYPE_CHECKING:
    from pytrust.policy.core.rules import Mode, Policy
    from pytrust.policy.engine.address import EngineAddress
    from pytrust.policy.proxy.listeners import ListenAddress

_ENGINE: Final = "unix:///var/run/docker.sock"
_SECRETS: Final = "/run/pytrust/secrets"
_ROOT_SOCKET: Final = Path("/run/pytrust/docker.sock")
_ADDRESS_MAX_BYTES: Final = 4096
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})  # as docker reads DOCKER_CONTENT_TRUST
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


@click.command(
    epilog="""\b
examples:
  pytrust policy init && pytrust proxy
  pytrust proxy --listen unix:///run/pytrust/docker.sock --listen tcp://127.0.0.1:2375
  pytrust ca server && pytrust proxy --listen tls://0.0.0.0:2376
  eval "$(pytrust env)" && docker run --rm registry.example.com/foo/web:v2
\b
DOCKER_CONTENT_TRUST=0 in its environment is learning mode: what would be refused is let
through and journalled; =1 enforces whatever the policy file says. SIGHUP loads the policy anew.
A changed certificate, CA or revocation list in --tls DIR is used at once."""
)
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDR",
    help="unix:///PATH, tls://HOST[:2376] or tcp://127.0.0.1:PORT (repeatable).",
)
@click.option(
    "--tls",
    "tls_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="ca.pem, cert.pem, key.pem, crl.pem for tls:// [default: the one of pytrust ca server]",
)
@click.option("--engine", default=_ENGINE, show_default=True, metavar="ADDR", help="The Docker engine behind it.")
@click.option(
    "--policy", "file", type=click.Path(path_type=Path), metavar="FILE", help="[default: policy.yaml in the home]"
)
@click.option(
    "--secrets",
    default=_SECRETS,
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where secrets lie for containers: a tmpfs that the engine sees, too.",
)
@click.pass_obj
def proxy(
    workspace: Workspace,
    listen: tuple[str, ...],
    tls_folder: Path | None,
    engine: str,
    file: Path | None,
    secrets: Path,
) -> int:
    """Stand in front of a Docker engine and let only through what the policy allows.

    Clients speak to it as they speak to the engine. Images are pinned to their signed digests, containers are held
    to the isolation of the policy, and every decision is journalled: see pytrust log. On tls:// a client needs a
    certificate (pytrust ca client); one that was revoked is refused at its next request, and its streams are cut.
    What a container asks for by the label pytrust.secrets, it finds in /run/secrets: docs/secrets-in-containers.md.
    """
    from pytrust.cli.engine_room import Setting, assemble
    from pytrust.policy.engine.address import parse_host
    from pytrust.policy.proxy.listeners import ListenAddress, parse_listen
    from pytrust.policy.proxy.serve import run

    addresses = [parse_listen(text) for text in listen] or [ListenAddress(_default_address(workspace))]
    behind = parse_host(engine)
    if behind in [address.at for address in addresses]:
        raise UsageError(f"{behind} cannot be listened on and be the engine", hint="give another --listen")
    mode = _mode_asked_for(os.environ.get("DOCKER_CONTENT_TRUST"))
    path = file or workspace.home.policy
    folder = _tls_folder(workspace, addresses, tls_folder)
    setting = Setting(addresses, folder, behind, path, lambda: _load(workspace, path, mode), secrets.absolute())
    with assemble(workspace, setting) as parts:
        write_atomic(workspace.home.proxy / "address", f"{addresses[0]}\n".encode(), mode=PUBLIC)
        run(parts)
    return ExitCode.YES


@click.command(epilog='example: eval "$(pytrust env)"')
@click.option("--listen", metavar="ADDR", help="Where the proxy listens [default: where it was last started].")
@click.pass_obj
def env(workspace: Workspace, listen: str | None) -> int:
    """Print what a shell needs so that docker talks to the proxy."""
    from pytrust.policy.proxy.listeners import parse_listen

    address = parse_listen(listen) if listen else _last_address(workspace)
    if address.tls:
        raise UsageError(
            f"clients of {address} need a certificate each",
            hint="pytrust ca client NAME makes one, and prints what its shell needs",
        )
    voice.say(f"export DOCKER_HOST={shlex.quote(str(address))}")
    voice.say("unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTENT_TRUST")
    voice.say('# run: eval "$(pytrust env)"')
    return ExitCode.YES


def _load(workspace: Workspace, path: Path, mode: Mode | None) -> Policy:
    import msgspec

    policy = workspace.load_policy(path)
    if mode in {None, policy.mode}:
        return policy
    return msgspec.structs.replace(policy, mode=mode, version=f"{policy.version}+{mode}")


def _mode_asked_for(value: str | None) -> Mode | None:
    from pytrust.policy.core.rules import Mode

    if not value:
        return None
    if value in _TRUE:
        return Mode.ENFORCE
    if value in _FALSE:
        return Mode.WARN
    raise UsageError(f"DOCKER_CONTENT_TRUST={value[:20]!r} is neither true nor false", hint="set it to 1 or 0")


def _default_address(workspace: Workspace) -> EngineAddress:
    from pytrust.policy.engine.address import EngineAddress

    return EngineAddress(socket=_ROOT_SOCKET if os.geteuid() == 0 else workspace.home.proxy / "docker.sock")


def _last_address(workspace: Workspace) -> ListenAddress:
    from pytrust.policy.proxy.listeners import ListenAddress, parse_listen

    path = workspace.home.proxy / "address"
    if not path.exists():
        return ListenAddress(_default_address(workspace))
    return parse_listen(read_bounded(path, _ADDRESS_MAX_BYTES).decode("utf-8", "replace").strip())


def _tls_folder(workspace: Workspace, addresses: list[ListenAddress], given: Path | None) -> Path | None:
    """Where the certificates are; None where nobody asks for TLS."""
    if not any(address.tls for address in addresses):
        if given is not None:
            raise UsageError("--tls says what a tls:// address shows, and there is none", hint="--listen tls://HOST")
        return None
    servers = workspace.home.ca / "servers"
    found = sorted(servers.iterdir()) if given is None and servers.is_dir() else []
    if given is None and len(found) != 1:
        several = ", ".join(path.name for path in found[:5])
        raise UsageError(
            f"which certificate is shown at tls://? there is {f'one for each of {several}' if found else 'none'}",
            hint=f"give --tls {servers}/NAME" if found else "make one with: pytrust ca server",
        )
    return given or found[0]
