"""``pytrust ca renew`` and ``timer``: nothing ends unnoticed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.ca_due import concerns
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, UsageError, VaultLocked, WrongPassphrase
from pytrust.trust.pki.model import Issued, Kind, moment_text


@click.command(
    epilog="""\b
examples:
  pytrust ca renew docker1.example.com
  pytrust ca renew --all-due
  pytrust ca renew --check || mail -s "certificates" ops@example.com
\b
exit codes, for cron:
  0  renewed, or nothing is due
  1  with --check: something is due; without: revoked, or no such name
  2  its key lies elsewhere (its own agent renews it), or it is a CA (rotate it)
  4  a folder could not be written (all others were), or the passphrase is missing or wrong,
     or the vault that has the keys is locked (none was)"""
)
@click.argument("selector", metavar="[NAME]", required=False)
@click.option("--all-due", is_flag=True, help="Everything that is due: certificates, revocation lists, folders.")
@click.option("--check", is_flag=True, help="Only say what is due. No passphrase is needed.")
@click.option("--same-key", is_flag=True, help="Keep the key. The default is a new one.")
@click.pass_obj
def renew(workspace: Workspace, selector: str | None, all_due: bool, check: bool, same_key: bool) -> int:
    """Issue a certificate again, with the same names and span, into the same folder. The old one is left to end.

    A certificate is due at a moment between 50 and 80 % of its life that was drawn when it was issued, so that a
    fleet does not come at once.
    """
    if sum((selector is not None, all_due, check)) != 1:
        raise UsageError("give one of NAME, --all-due and --check", hint="pytrust ca renew --all-due")
    if check:
        return _check(workspace)
    authority = workspace.authority
    chosen = authority.index.due(workspace.now()) if selector is None else [authority.index.find(selector)]
    failures = list(_renew_each(workspace, chosen, new_key=not same_key))
    if all_due:
        failures += _tidy(workspace)
    for error in failures:
        voice.fail(error)
    return max((error.exit_code for error in failures), default=ExitCode.YES)


@click.command(
    epilog="""\b
example, as root; type the passphrase, then Ctrl-D:
  mkdir -pm 700 /etc/pytrust && (umask 077; cat > /etc/pytrust/ca-passphrase)
  pytrust ca timer | awk '/^# \\//{file=$2} {print >file}'
  systemctl daemon-reload && systemctl enable --now pytrust-ca.timer
\b
Each unit begins with the name of its file; awk puts it there."""
)
@click.option(
    "--passphrase",
    type=click.Path(path_type=Path),
    default=Path("/etc/pytrust/ca-passphrase"),
    show_default=True,
    metavar="FILE",
    help="Where root keeps the passphrase of the CAs; the units hold its path only. Keys in the vault need none.",
)
@click.pass_obj
def timer(workspace: Workspace, passphrase: Path) -> int:
    """Print a systemd service and a timer that run pytrust ca renew --all-due, at a random moment of each hour."""
    from pytrust.cli.ca_units import renewal_units
    from pytrust.cli.key_vault import has_ca_keys

    secret = None if has_ca_keys(workspace) else passphrase.absolute()
    program = Path(shutil.which("pytrust") or sys.argv[0]).absolute()
    text = renewal_units(program, workspace.home.path.absolute(), secret)
    voice.write(text.encode())
    return ExitCode.YES


def _check(workspace: Workspace) -> int:
    now = workspace.now()
    found = list(concerns(workspace.authority.index, now))
    for concern in found:
        voice.say(concern.text(now))
    return ExitCode.NO if found else ExitCode.YES


def _renew_each(workspace: Workspace, chosen: list[Issued], *, new_key: bool) -> Iterator[PytrustError]:
    """Renew each; what cannot be renewed does not keep the others from it, but for keys that stay closed."""
    for issued in chosen:
        try:
            fresh = workspace.authority.renew(issued, new_key=new_key)
        except (WrongPassphrase, VaultLocked):
            raise
        except PytrustError as error:
            yield error
        else:
            _say(workspace, fresh)


def _say(workspace: Workspace, fresh: Issued) -> None:
    voice.say(f"renewed {fresh.kind} {fresh.holder}, until {moment_text(fresh.not_after)}")
    holder = workspace.authority.index.holder(fresh.kind, fresh.holder)
    if fresh.kind is Kind.SERVER and holder is not None:
        voice.note(
            f"note: proxies and plugins see {holder.folder} change; dockerd reads it at its start only: "
            "systemctl restart docker, then pytrust engine check"
        )


def _tidy(workspace: Workspace) -> list[PytrustError]:
    """Lists whose time is short are signed anew, and folders that are behind are written."""
    try:
        if workspace.authority.refresh_crl():
            voice.say("renewed the revocation lists")
        for folder in workspace.authority.rewrite_folders():
            voice.say(f"wrote {folder}")
    except PytrustError as error:
        return [error]
    return []
