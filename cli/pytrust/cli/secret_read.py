"""``pytrust secret get``, ``ls``, ``history`` and ``audit``: what is in the vault, and who read it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.secret_quick import PURPOSE
from pytrust.cli.secret_words import (
    HEADERS,
    READ_HEADERS,
    VERSION_HEADERS,
    document,
    found,
    parse_name,
    parse_prefix,
    read_document,
    read_rows,
    row,
    version_documents,
    version_rows,
)
from pytrust.cli.vault_room import seconds_now
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.new_file import check_free, write_private
from pytrust.trust.vault.asking import listed
from pytrust.trust.vault.names import OWN
from pytrust.trust.vault.operations import Audit, Get, Trail, Value


@click.command(
    epilog="""\b
examples:
  pytrust secret get db_password
  pytrust secret get tls/server.key -o server.key
  pytrust secret get db_password --version 3 | psql-login"""
)
@click.argument("name")
@click.option("--version", "number", type=click.IntRange(min=1), metavar="N", help="An older version that is kept.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE (mode 0600), a new one."
)
@click.pass_obj
def get(workspace: Workspace, name: str, number: int | None, output: Path | None) -> int:
    """Print a value: its bytes, and nothing else. Every read is in the audit.

    On a terminal a newline ends it, and what a terminal would obey is not shown.
    """
    wanted = parse_name(name)
    if output is not None:
        check_free(output)
    answer = workspace.vaulted.ask(Get(name=wanted, number=number, purpose=PURPOSE))
    assert isinstance(answer, Value)
    if output is None:
        _show(wanted, answer.value)
    else:
        write_private(output, answer.value)
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust secret ls
  pytrust secret ls shop/ --json"""
)
@click.argument("prefix", default="")
@click.option("--all", "everything", is_flag=True, help="Also pytrust's own: keys and logins.")
@json_option
@click.pass_obj
def ls(workspace: Workspace, prefix: str, everything: bool, as_json: bool) -> int:
    """What there is, by name, without any value: all, or what begins with PREFIX."""
    begin = parse_prefix(prefix)
    if begin.startswith(OWN) and not everything:
        raise UsageError(f"names that begin with {OWN} are pytrust's own", hint="to see them, too: --all")
    vault, now = workspace.vaulted, seconds_now(workspace)
    secrets = list(listed(vault, begin))
    if everything and OWN.startswith(begin) and begin != OWN:
        secrets = sorted([*secrets, *listed(vault, OWN)], key=lambda secret: secret.name)
    if as_json:
        voice.say_json([document(secret) for secret in secrets])
    else:
        voice.table(HEADERS, [row(secret, now) for secret in secrets])
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust secret history db_password
  pytrust secret history db_password --json"""
)
@click.argument("name")
@json_option
@click.pass_obj
def history(workspace: Workspace, name: str, as_json: bool) -> int:
    """The versions of a secret that are kept, the newest first; that one is served."""
    secret = found(workspace.vaulted, parse_name(name))
    if as_json:
        voice.say_json(version_documents(secret))
    else:
        voice.table(VERSION_HEADERS, version_rows(secret))
    return ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust secret audit
  pytrust secret audit db_password -n 1000 --json"""
)
@click.argument("name", required=False)
@click.option(
    "--number", "-n", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="The newest N."
)
@json_option
@click.pass_obj
def audit(workspace: Workspace, name: str | None, number: int, as_json: bool) -> int:
    """Who read what, for what, and who was refused: the oldest first. Without NAME, pytrust's own secrets too."""
    wanted = None if name is None else parse_name(name)
    answer = workspace.vaulted.ask(Audit(name=wanted, limit=number))
    assert isinstance(answer, Trail)
    if as_json:
        voice.say_json([read_document(read) for read in answer.reads])
    else:
        voice.table(READ_HEADERS, read_rows(answer.reads))
    return ExitCode.YES


def _show(name: str, value: bytes) -> None:
    if not sys.stdout.isatty():
        voice.write(value)
        return
    text = value.decode("utf-8", "surrogateescape")
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise UsageError(f"{name} holds what a terminal would obey", hint=f"pytrust secret get {name} -o FILE")
    voice.write(value if value.endswith(b"\n") else value + b"\n")
