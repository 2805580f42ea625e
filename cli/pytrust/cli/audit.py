"""``pytrust audit``: the engine held against the CIS Docker Benchmark, and against what is signed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.sheet_output import put, sheet_options
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError

if TYPE_CHECKING:
    from pytrust.cli.sheet_output import Output
    from pytrust.policy.audit.inventory import Inventory
    from pytrust.policy.engine.address import EngineAddress

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@click.command(
    epilog="""\b
examples:
  pytrust audit
  pytrust audit --only 4,5 --fix-hints
  pytrust audit --skip 2.13 --skip 5.12 --format html -o audit.html
\b
The engine is the one that docker would talk to (DOCKER_HOST, or docker's context).
Exit codes: 0 nothing failed, 1 something failed, 3 the engine cannot be asked."""
)
@click.option("--only", multiple=True, metavar="LIST", help="Only these checks or sections: 4,5.4 (repeatable).")
@click.option("--skip", multiple=True, metavar="LIST", help="All but these (repeatable).")
@click.option(
    "--host/--no-host", "look", default=True, help="Look at files and settings of this host, if it is the engine's."
)
@click.option("--fix-hints", is_flag=True, help="For everything that failed, what to write where; nothing is changed.")
@sheet_options
@click.pass_obj
def audit(
    workspace: Workspace, only: tuple[str, ...], skip: tuple[str, ...], look: bool, fix_hints: bool, output: Output
) -> int:
    """Check the engine, its images and containers by CIS Docker 1.6.0; what only people can tell is MANUAL.

    Whether images are signed, scanned and the newest (4.2, 4.4, 4.5, 4.12, 5.28) is looked up in what this home
    trusts. The engine is asked, and never changed.
    """
    from pytrust.policy.audit.catalogue import audit_sheet, chosen

    checks = chosen(_numbers(only), _numbers(skip))
    with voice.working("looking at the engine"):
        inventory = _inventory(workspace, look=look)
    facts = (
        ("engine", str(workspace.engine.address)),
        ("version", inventory.info.server_version or "not said"),
        ("containers", f"{len(inventory.containers)}"),
    )
    sheet = audit_sheet(inventory, checks, facts=facts, mending=fix_hints)
    put(sheet, output)
    return ExitCode.NO if any(line.mark == "fail" for line in sheet.lines) else ExitCode.YES


def _numbers(lists: tuple[str, ...]) -> list[str]:
    return [number.strip() for text in lists for number in text.split(",") if number.strip()]


def _inventory(workspace: Workspace, *, look: bool) -> Inventory:
    from pytrust.policy.audit.proxied import is_proxied
    from pytrust.policy.audit.reading import read_engine

    address = workspace.engine.address
    reached = "unix" if address.socket else "tls" if address.tls else "tcp"
    found = replace(
        read_engine(workspace.engine, reached),
        proxied=is_proxied(workspace.engine),
        socket=str(address.socket or ""),
        insists=_insists(address),
    )
    return _with_host(_with_trust(workspace, found), address, look=look)


def _insists(address: EngineAddress) -> bool | None:
    """Whether it lets in nobody without a certificate, as a stranger finds out."""
    if address.tls is None:
        return None
    from pytrust.trust.pki.probe.probe import probe
    from pytrust.trust.pki.probe.probed import Demand

    demand = probe(address.host, address.port).demand
    return None if demand is Demand.UNKNOWN else demand is Demand.INSISTED


def _with_trust(workspace: Workspace, found: Inventory) -> Inventory:
    from pytrust.cli.audit_trust import TrustReader
    from pytrust.cli.scan_reading import load_policy

    try:
        reader = TrustReader(workspace.client(), load_policy(workspace), workspace.now())
    except PytrustError as error:
        return replace(found, untrusted=str(error))
    current = {one.id: reader.current(one, found.images) for one in found.containers}
    return replace(found, trust={image.id: reader.trust(image) for image in found.used}, current=current)


def _with_host(found: Inventory, address: EngineAddress, *, look: bool) -> Inventory:
    """A socket, or this host's own address, may still lead elsewhere."""
    if not look:
        return replace(found, hidden="not asked for: --no-host")
    if address.socket is None and address.host not in _LOOPBACK:
        return found
    from pytrust.policy.audit.host_reading import elsewhere, read_host

    if why := elsewhere(found.info):
        return replace(found, hidden=why)
    return replace(found, host=read_host(found.info.root, address.socket))
