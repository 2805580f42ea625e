"""``pytrust audit``: the engine held against the CIS Docker Benchmark, and against what is signed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.sheet_output import put, sheet_options
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, NotSetUp, PytrustError

if TYPE_CHECKING:
    from pytrust.cli.sheet_output import Output
    from pytrust.policy.audit.inventory import Inventory
    from pytrust.policy.core.rules import Policy


@click.command(
    epilog="""\b
examples:
  pytrust audit
  pytrust audit --only 4,5 --fix-hints
  pytrust audit --skip 2.13 --skip 5.12 --format html -o audit.html
\b
The engine is the one that docker would talk to (DOCKER_HOST, or docker's context).
exit codes: 0 nothing failed   1 something failed   3 the engine cannot be asked"""
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
    return ExitCode.NO if sheet.mark == "fail" else ExitCode.YES


def _numbers(lists: tuple[str, ...]) -> list[str]:
    return [number.strip() for text in lists for number in text.split(",") if number.strip()]


def _inventory(workspace: Workspace, *, look: bool) -> Inventory:
    from pytrust.policy.audit.proxied import is_proxied
    from pytrust.policy.audit.reading import read_engine

    address = workspace.engine.address
    here = str(address).startswith("unix:")
    reached = "unix" if here else "tls" if address.tls else "tcp"
    found = replace(read_engine(workspace.engine, reached), proxied=is_proxied(workspace.engine))
    return _with_host(_with_trust(workspace, found), here=here, look=look)


def _with_trust(workspace: Workspace, found: Inventory) -> Inventory:
    from pytrust.cli.audit_trust import TrustReader

    try:
        reader = TrustReader(workspace, _policy(workspace))
    except PytrustError as error:
        return replace(found, untrusted=str(error))
    return replace(found, trust=reader.trust(found.used))


def _policy(workspace: Workspace) -> Policy | None:
    try:
        return workspace.load_policy()
    except NotSetUp:
        return None


def _with_host(found: Inventory, *, here: bool, look: bool) -> Inventory:
    if not look:
        return replace(found, hidden="--no-host")
    if not here:
        return found
    from pytrust.policy.audit.host_reading import read_host

    return replace(found, host=read_host(found.info.root))
