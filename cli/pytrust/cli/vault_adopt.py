"""``pytrust vault adopt``: private keys that lie in files of the home move into its vault, one by one.

Each goes into the vault first, and is read from there again; then its file is replaced, in one step, by one that refers
to it. So whatever ends the command in between, every key can be used, and the same words go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, NotSetUp, PytrustError, VaultLocked, WrongPassphrase
from pytrust.trust.names import RoleName

if TYPE_CHECKING:
    from pytrust.cli.key_vault import KeyVault
    from pytrust.cli.passphrase import Passphrases
    from pytrust.trust.keys.keyring import Keyring
    from pytrust.trust.keys.vaulted_keys import Place


class _Where(StrEnum):
    FILE = "file"
    VAULT = "vault"
    OUTSIDE = "outside"  # an HSM or KMS; or a file that is not the home's


class _Key(NamedTuple):
    """A private key, and what moves it."""

    kind: str
    name: str
    where: _Where
    move: Callable[[], bool]

    def __str__(self) -> str:
        return f"{self.kind} key {self.name}"


@dataclass(frozen=True, slots=True)
class _Report:
    """What became of the keys; ``here`` are those that lie in files still."""

    moved: list[_Key] = field(default_factory=list)
    held: list[_Key] = field(default_factory=list)
    outside: list[_Key] = field(default_factory=list)
    here: list[_Key] = field(default_factory=list)
    failures: list[tuple[str, PytrustError]] = field(default_factory=list)


class _Opener:
    """Moves sealed keys: under a passphrase that opened one before, else under what is asked for."""

    def __init__(self, passphrases: Passphrases) -> None:
        self._passphrases = passphrases
        self._worked: list[bytes] = []

    def move(self, ring: Keyring, name: RoleName) -> bool:
        """See ``Keyring.adopt``."""
        for word in self._worked:
            with suppress(WrongPassphrase):
                return ring.adopt(name, partial(_given, word))
        word = self._passphrases(name)
        moved = ring.adopt(name, partial(_given, word))
        self._worked.append(word)
        return moved


@click.command(
    epilog="""\b
examples:
  pytrust vault adopt --dry-run
  pytrust vault adopt
  pytrust --passphrase-file /etc/pytrust/passphrase vault adopt --json
\b
It can be interrupted at any moment; given again, it goes on. Running servers go on with the keys
that they have in memory.
\b
exit codes: 0 done   1 a key could not be moved: it is where it was   4 the vault is locked"""
)
@click.option("--dry-run", is_flag=True, help="Only say what would be moved. Nothing is opened.")
@json_option
@click.pass_obj
def adopt(workspace: Workspace, dry_run: bool, as_json: bool) -> int:
    """Move the private keys of this home into its vault: online keys, signing keys, keys of the CAs.

    Passphrases of sealed keys are asked for, each once, and are not needed again. Keys in an HSM or a cloud KMS stay
    there.
    """
    from pytrust.trust.pki.authority.ca_keys import FOLDER

    vault = workspace.key_vault
    if vault is None:
        raise NotSetUp(f"there is no vault at {workspace.home.vault}", hint="make a vault with: pytrust vault init")
    report = _Report()
    opener = _Opener(workspace.passphrases)
    _take(report, "online keys", _online(workspace, vault))
    _take(report, "token keys", _server(workspace, vault))
    _take(report, "signing keys", _ring(workspace.home.keys, "signing", vault, opener))
    _take(report, "ca keys", _ring(workspace.home.ca / FOLDER, "ca", vault, opener))
    if not dry_run:
        vault()
        _move(report, quiet=as_json)
        _sweep(workspace)
    if as_json:
        voice.say_json(_document(report, dry_run=dry_run))
    else:
        _tell(report, dry_run=dry_run)
    return ExitCode.NO if report.failures else ExitCode.YES


def _take(report: _Report, what: str, keys: Iterator[_Key]) -> None:
    """Sort what there is; one folder that is damaged keeps no other from being moved."""
    lists = {_Where.FILE: report.here, _Where.VAULT: report.held, _Where.OUTSIDE: report.outside}
    try:
        for key in keys:
            lists[key.where].append(key)
    except PytrustError as error:
        report.failures.append((what, error))


def _move(report: _Report, *, quiet: bool) -> None:
    for key in list(report.here):
        try:
            with voice.working(f"moving the {key}"):
                key.move()
        except VaultLocked:
            raise
        except PytrustError as error:
            report.failures.append((str(key), error))
            continue
        report.here.remove(key)
        report.moved.append(key)
        if not quiet:
            voice.say(f"moved the {key}")
            voice.flush()


def _online(workspace: Workspace, vault: KeyVault) -> Iterator[_Key]:
    """The keys of snapshot and timestamp, and the one that seals what a store keeps among its rows."""
    from pytrust.trust.keys.online import adopt_online_key, online_files
    from pytrust.trust.keys.sealing import SEAL_FILE, adopt_seal

    folder = workspace.home.online
    for path in online_files(folder):
        yield _Key("online", path.stem, _where(path, "online"), partial(adopt_online_key, path, vault))
    if (seal := folder / SEAL_FILE).exists():
        yield _Key("online", seal.stem, _where(seal, "online"), partial(adopt_seal, folder, vault))


def _server(workspace: Workspace, vault: KeyVault) -> Iterator[_Key]:
    """The key that signs tokens, if it is the home's own: servers of other homes may share one that lies elsewhere."""
    from pytrust.cli.serve_keys import token_key
    from pytrust.cli.serve_plan import auth_of
    from pytrust.trust.server.auth.signing_key import adopt_signing_key

    home = workspace.home.path.absolute()
    found = token_key(auth_of(workspace))
    for path in dict.fromkeys([home / "token-key.pem", *([found] if found else [])]):
        if path.exists():
            is_ours = path.resolve().is_relative_to(home.resolve())  # not by .. or a link
            where = _where(path, "server") if is_ours else _Where.OUTSIDE
            yield _Key("token", path.name, where, partial(adopt_signing_key, path, vault))


def _ring(folder: Path, place: Place, vault: KeyVault, opener: _Opener) -> Iterator[_Key]:
    from pytrust.trust.keys.keyring import Keyring

    if not folder.exists():
        return
    ring = Keyring(folder, vault=vault, place=place)
    for entry in ring.entries():
        where = _Where.VAULT if entry.in_vault else _Where.OUTSIDE if entry.outside else _Where.FILE
        yield _Key(place, entry.name, where, partial(opener.move, ring, entry.name))


def _given(word: bytes, _: RoleName) -> bytes:
    return word


def _where(path: Path, place: Place) -> _Where:
    from pytrust.trust.keys.pocket import referred

    return _Where.VAULT if referred([(path, place)]) else _Where.FILE


def _sweep(workspace: Workspace) -> None:
    from pytrust.trust.keys.leftovers import sweep

    home = workspace.home
    for folder in (home.path, home.keys, home.online, home.ca / "keys"):
        sweep(folder)


def _tell(report: _Report, *, dry_run: bool) -> None:
    if dry_run:
        for key in report.here:
            voice.say(f"would move the {key}")
    for key in report.outside:
        voice.say(f"the {key} stays where it is")
    for what, error in report.failures:
        voice.note(f"error: {what}: {error}")
    for hint in dict.fromkeys(error.hint for _, error in report.failures if error.hint):
        voice.note(f"hint: {hint}")
    held = len(report.moved) + len(report.held)
    voice.say(f"{voice.plural(held, 'private key')} of this home in the vault, {len(report.here)} in files")
    if any(key.kind == "online" for key in report.moved):
        voice.note(
            "note: online keys lay here unencrypted; if others may have read this disk or a backup of it, rotate"
        )
        voice.note("hint: pytrust key rotate snapshot --all, and pytrust key rotate timestamp --all")


def _document(report: _Report, *, dry_run: bool) -> dict[str, Any]:
    lists = {
        "moved": report.moved,
        "in_vault": report.held,
        "in_files": report.here,
        "outside": report.outside,
    }
    found = {word: [{"kind": key.kind, "name": key.name} for key in keys] for word, keys in lists.items()}
    failures = [{"key": what, **voice.error_json(error)} for what, error in report.failures]
    return {"dry_run": dry_run, **found, "failures": failures}
