"""``pytrust run-with-secrets``: a plain program that finds secrets as files, as a container does.

The program is told where: ``PYTRUST_SECRETS`` is a folder in memory that only its user can read. No value is ever in
its environment or its arguments, and none is on a disk. The folder goes when the program ends.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.vault.wanted import Wanted

VARIABLE: Final = "PYTRUST_SECRETS"


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="""\b
examples:
  pytrust run-with-secrets --secret db_password -- sh -c 'server --password-file "$PYTRUST_SECRETS/db_password"'
  pytrust run-with-secrets --secret shop/db:file=db_password --secret api_key -- ./server
\b
exit codes: the program's; 128 + n when signal n ended it; 126 or 127 when it could not be started""",
)
@click.option(
    "--secret",
    "texts",
    multiple=True,
    required=True,
    metavar="NAME[:file=FILE]",
    help="A secret, and what its file is called (default: the last part of NAME). Repeatable, or a,b.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARGUMENT]...")
@click.pass_obj
def run_with_secrets(workspace: Workspace, texts: tuple[str, ...], command: tuple[str, ...]) -> int:
    """Run PROGRAM with secrets as files in the folder $PYTRUST_SECRETS.

    The folder is in memory, the files are for the program's user alone (mode 0400), and both go when it ends.
    """
    from pytrust.cli.secret_folder import find_memory, sweep
    from pytrust.trust.vault.wanted import parse_wanted

    wanted = parse_wanted(texts)
    sweep()
    place = find_memory()
    return _run(place, _values(workspace, wanted, command[0]), command)


def _values(workspace: Workspace, wanted: tuple[Wanted, ...], program: str) -> dict[str, bytes]:
    """The value of each file."""
    from pytrust.trust.vault.agent.hygiene import keep_to_itself
    from pytrust.trust.vault.operations import Get, Value

    keep_to_itself()  # a limit of 0 is none where core files go to a program (core(5)); what is begun has its own
    vault, values = workspace.vaulted, {}
    for name, file in wanted:
        found = vault.ask(Get(name=name, purpose=f"run-with-secrets {program[:60]}"))
        assert isinstance(found, Value)
        values[file] = found.value
    return values


def _run(place: Path, values: dict[str, bytes], command: tuple[str, ...]) -> int:
    from pytrust.cli.child import run_child
    from pytrust.cli.secret_folder import make_folder, read_process, remove_folder

    made: list[Path] = []

    def prepare(stat: bytes) -> dict[str, str]:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # ours alone: the program has been begun already
        owner = read_process(stat)
        assert owner is not None, "it waits for us"
        made.append(make_folder(place, owner, values))
        values.clear()
        return {VARIABLE: str(made[0])}

    try:
        return run_child(command, prepare)
    finally:
        for folder in made:
            remove_folder(folder)
