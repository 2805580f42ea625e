"""``pytrust serve``: the trust server, for docker and notary clients and for those of TUF 1.0."""

from __future__ import annotations

import gc
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from pytrust.cli import voice
from pytrust.cli.lazy import LazyGroup
from pytrust.cli.serve_plan import make_plan
from pytrust.cli.serve_settings import DEFAULT_LISTEN, Address, ServeFile
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode

if TYPE_CHECKING:
    from pytrust.trust.server.workers import Plan


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "backup": ("serve_copy", "write the store to one file, while it is in use"),
        "restore": ("serve_copy", "make the store what it was when a backup was made"),
    }


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    epilog="""\b
examples:
  pytrust serve
  pytrust ca server && pytrust serve --tls-cert ~/.local/share/pytrust/ca/servers/NAME/cert.pem --tls-key .../key.pem
  pytrust serve --listen 0.0.0.0:4443 --config /etc/pytrust/serve.toml
  pytrust serve --config /etc/pytrust/serve.toml backup /srv/backup/trust.db
\b
Clients want https, and a CA that they know: ~/.docker/tls/HOST:PORT/ca.crt, or the system's.
SIGHUP, or a certificate that changed, starts the processes afresh one by one.""",
)
@click.option("--listen", metavar="ADDRESS:PORT", help=f"Where clients connect [default: {DEFAULT_LISTEN}].")
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="Certificate with its chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its key, PEM, mode 0600.")
@click.option("--store", metavar="URL", help="sqlite:///PATH or postgresql://HOST/NAME [default: the home's store].")
@click.option("--workers", type=int, metavar="N", help="Processes [default: 1].")
@click.option(
    "--prefix", "prefixes", multiple=True, metavar="NAME/", help="Keep only collections below it (repeatable)."
)
@click.option("--htpasswd", type=click.Path(path_type=Path), metavar="FILE", help="Who may write: bcrypt lines.")
@click.option("--allow-anonymous-writes", is_flag=True, help="Ask nobody who they are, on any address.")
@click.option("--insecure-http", is_flag=True, help="No TLS, on any address.")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings [default: serve.toml in the home]."
)
@click.pass_context
def serve(
    context: click.Context,
    listen: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    store: str | None,
    workers: int | None,
    prefixes: tuple[str, ...],
    htpasswd: Path | None,
    allow_anonymous_writes: bool,
    insecure_http: bool,
    config: Path | None,
) -> int:
    """Serve collections to stock docker (17 to 28) and notary clients, and to any client of TUF 1.0.

    It keeps what they publish in the store of this home, signs snapshots and timestamps, and says what happens in one
    line for each write. Without authentication it listens on loopback only. Settings of authentication by tokens and of
    permissions are in serve.toml: see docs/serve.md.
    """
    if context.invoked_subcommand is not None:
        return ExitCode.YES
    workspace = context.find_object(Workspace)
    assert workspace is not None
    words = (listen, tls_cert, tls_key, store, workers, prefixes, allow_anonymous_writes, insecure_http)
    plan = make_plan(workspace, ServeFile(*words, auth=None), htpasswd, config)
    return _run(plan)


def _run(plan: Plan) -> int:
    from pytrust.trust.server.workers import check, run

    check(plan)
    address = Address(plan.host, plan.port)
    where = address._replace(host=socket.gethostname()) if address.is_any else address
    voice.note(f"serving on {'https' if plan.tls else 'http'}://{where}")
    if plan.tls:
        voice.note(f"docker uses it with: export DOCKER_CONTENT_TRUST=1 DOCKER_CONTENT_TRUST_SERVER=https://{where}")
    else:
        voice.note("warning: docker and notary clients want https: give --tls-cert and --tls-key, or put TLS in front")
    gc.enable()
    run(plan)
    voice.note("stopped")
    return ExitCode.YES
