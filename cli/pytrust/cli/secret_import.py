"""``pytrust secret import``: out of files and into the vault, and the files go on without.

The vault comes first, and the files after it, so that whoever is interrupted runs the command again. A file is
replaced as a whole; no copy of the old one is kept.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.trust.errors import Conflict, ExitCode, UsageError, WrongPassphrase
from pytrust.trust.files import read_bounded, read_private, write_atomic
from pytrust.trust.limits import AGE_FILE_MAX_BYTES, AGE_IDENTITIES_MAX_BYTES

if TYPE_CHECKING:
    from pytrust.cli.secret_intake import Step
    from pytrust.cli.secret_sources import Source, Taken
    from pytrust.cli.workspace import Workspace

_HEADERS: Final = ("SECRET", "FROM", "READERS", "")
_STACK: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


@click.command(
    "import",
    epilog="""\b
examples:
  pytrust secret import compose.yaml --dry-run
  pytrust secret import compose.yaml --prefix shop/ --remove-files
  pytrust secret import stack.yaml --stack shop        # for docker stack deploy
  pytrust secret import .env
  pytrust secret import shop.age --identity key.txt    # from pytrust secret export""",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--prefix", default="", metavar="TEXT", help="Begins the names in the vault, such as shop/.")
@click.option("--stack", default="", metavar="NAME", help="The files are for docker stack deploy NAME.")
@click.option(
    "--identity", type=click.Path(path_type=Path), metavar="FILE", help="Opens age files (default: a passphrase)."
)
@click.option("--name", "alone", metavar="NAME", help="What the single value in an age file is called.")
@click.option("--replace", is_flag=True, help="Other values under these names become new versions.")
@click.option("--remove-files", is_flag=True, help="Delete the files that only held a value, once the vault has it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; no value is shown.")
@click.pass_obj
def import_(
    workspace: Workspace,
    files: tuple[Path, ...],
    prefix: str,
    stack: str,
    identity: Path | None,
    alone: str | None,
    replace: bool,
    remove_files: bool,
    dry_run: bool,
) -> int:
    """Take secrets from .env, Compose, stack and age files into the vault.

    A Compose file is rewritten: its secrets become the label pytrust.secrets of the services, whose images may read
    them from then on. All else in it stays as it is.
    """
    from pytrust.cli.secret_intake import merge
    from pytrust.cli.secret_sources import Wishes, read_source

    _check(prefix, stack)
    wishes = Wishes(prefix, stack, alone, lambda data: _open_age(data, identity))
    sources = [read_source(file, wishes) for file in files]
    taken = merge(each for source in sources for each in source.taken)
    if dry_run:
        return _show(sources, taken)
    if taken:
        voice.table(_HEADERS, [_row(step.taken, step.state) for step in _keep(workspace, taken, replace=replace)])
    for source in sources:
        _finish(source, remove=remove_files)
    if taken:
        voice.note(
            "note: backups and histories of these files still tell the values: pytrust secret rotate gives new ones"
        )
    else:
        voice.say("no secrets are left to be taken")
    return ExitCode.YES


def _check(prefix: str, stack: str) -> None:
    from pytrust.cli.secret_words import parse_name, parse_prefix

    if prefix:
        parse_name(f"{parse_prefix(prefix)}x")
    if stack and not _STACK.fullmatch(stack):
        raise UsageError(f"{stack[:60]!r} is not the name of a stack", hint="as in: docker stack deploy -c FILE NAME")


def _keep(workspace: Workspace, taken: tuple[Taken, ...], *, replace: bool) -> tuple[Step, ...]:
    from pytrust.cli.secret_intake import carry_out, plan

    vault = workspace.vaulted
    steps = plan(vault, taken, replace=replace)
    carry_out(vault, steps)
    return steps


def _show(sources: list[Source], taken: tuple[Taken, ...]) -> int:
    voice.table(_HEADERS, [_row(each, "") for each in taken])
    for source in sources:
        for line in source.diff:
            voice.say(line)
        _tell(source.notes)
        _tell(f"{file} could go then (--remove-files)" for file in source.emptied)
    return ExitCode.YES


def _finish(source: Source, *, remove: bool) -> None:
    """The vault has the values: now the file, and those it pointed to."""
    if source.after is not None:
        _write(source.file, source.before, source.after)
        voice.note(f"rewrote {source.file}")
    _tell(source.notes)
    for file in dict.fromkeys(source.emptied):
        if not remove:
            voice.note(f"note: {file} still holds a value in clear, and can go: --remove-files, or rm {file}")
        elif not _is_held(file, source):
            voice.note(f"warning: {file} was changed in the meantime, and stays")
        elif why := _why_not(file, source):
            voice.note(f"warning: {file} still holds a value in clear, and stays: {why}")
        else:
            file.unlink()
            voice.note(f"removed {file}")


def _why_not(file: Path, source: Source) -> str:
    """Why a file is not ours to remove; empty where it is. Who wrote a Compose file could name any file of the host."""
    if file.is_symlink() or file.stat().st_nlink > 1:
        return f"it has other names, such as {file.resolve()}" if file.is_symlink() else "it has other names"
    if not file.resolve().is_relative_to(source.file.parent):
        return f"it is not below {source.file.parent}"
    return ""


def _write(file: Path, before: bytes, after: bytes) -> None:
    """With the owner and the mode that it has; raises ``Conflict`` where somebody changed it in the meantime."""
    found = file.stat()
    if read_bounded(file, AGE_FILE_MAX_BYTES) != before:
        raise Conflict(f"{file} was changed in the meantime", hint="run the command again")
    write_atomic(file, after, mode=stat.S_IMODE(found.st_mode), group=found.st_gid)
    if found.st_uid != os.geteuid():
        os.chown(file, found.st_uid, -1)


def _is_held(file: Path, source: Source) -> bool:
    """Whether all that the file holds is in the vault."""
    return read_bounded(file, AGE_FILE_MAX_BYTES) in {source.before, *(each.value for each in source.taken)}


def _row(taken: Taken, state: str) -> tuple[str, str, str, str]:
    return taken.name, taken.whence, ", ".join(taken.readers), state


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        voice.note(f"note: {note}")


def _open_age(data: bytes, identity: Path | None) -> bytes:
    from pytrust.trust.vault import age

    if identity is not None:
        return age.decrypt(data, read_private(identity, AGE_IDENTITIES_MAX_BYTES, missing="check the name"))
    return age.decrypt(data, passphrase=_passphrase())


def _passphrase() -> bytes:
    """From the root command's options, or asked for."""
    from pytrust.cli.passphrase import read_passphrase_file
    from pytrust.cli.secret_input import read_descriptor

    given = click.get_current_context().find_root().params
    if (file := given.get("passphrase_file")) is not None:
        return read_passphrase_file(file)
    if (descriptor := given.get("passphrase_fd")) is not None:
        return read_descriptor(descriptor, f"file descriptor {descriptor}").partition(b"\n")[0].removesuffix(b"\r")
    if not sys.stdin.isatty():
        raise WrongPassphrase(
            "what opens the age file?", hint="--identity FILE, or: pytrust --passphrase-file FILE ..."
        )
    return voice.ask_secret("passphrase of the age file").encode("utf-8", "surrogateescape")
