"""``pytrust key import`` and ``export`` of docker's and notary's key files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytrust.cli import voice
from pytrust.trust.errors import ExitCode, PytrustError, WrongPassphrase
from pytrust.trust.keys.notary_file import NotaryKeyFile, file_name, open_key, parse, write_key
from pytrust.trust.keys.notary_folder import Found, find_keys, place_key
from pytrust.trust.keys.notary_names import check_image, free_name, role_name, role_of
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, RoleName

if TYPE_CHECKING:
    from pytrust.cli.passphrase import Passphrases
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.keys.private import PrivateKey

_LABEL_DIGITS = 8


class _Opened(NamedTuple):
    """A key taken out of its file."""

    role: RoleName
    origin: str
    key: PrivateKey


def import_all(workspace: Workspace, source: Path, old: bytes | None) -> int:
    """Take all keys of a folder or file into the key ring; what cannot be opened is told, and stops no other.

    All are opened before the first is sealed, so that old passphrases and new ones are not asked for by turns.
    """
    opener = _Opener(workspace.passphrases, old)
    result = ExitCode.YES
    opened = []
    for found in find_keys(source):
        try:
            opened.append(_open(opener, found))
        except PytrustError as error:
            voice.fail(error)
            result = max(result, error.exit_code)
    with voice.working("sealing the keys"):
        _keep_all(workspace, opened)
    return result


def open_one(workspace: Workspace, name: RoleName, data: bytes, file: Path, old: bytes | None) -> PrivateKey:
    """Open a key file of docker or notary; raises what ``parse`` and ``open_key`` do."""
    parsed = parse(data, str(file))
    return _Opener(workspace.passphrases, old).open(parsed, RoleName(parsed.role or name), str(file))


def export_docker(workspace: Workspace, name: RoleName, image: CollectionName | None, into: Path | None) -> bytes:
    """The file of a key, under the passphrase that it has here; put in place where ``into`` says so."""
    public = workspace.keyring.entry(name).public
    role = role_of(name, public)
    check_image(role, image)
    key = workspace.keyring.open(name, workspace.passphrases)
    data = write_key(key, workspace.passphrases(name), role, image, with_path=into is None)
    if into is not None:
        voice.say(str(place_key(into, file_name(public), data)))
    return data


class _Opener:
    """Opens files under the passphrase of a file, else under those that opened one before, docker's, or a prompt's."""

    def __init__(self, passphrases: Passphrases, old: bytes | None) -> None:
        self._passphrases = passphrases
        self._old = old
        self._worked: list[bytes] = []

    def open(self, file: NotaryKeyFile, name: RoleName, what: str) -> PrivateKey:
        """The key of ``file``, which passphrases know as ``name``; raises what ``open_key`` does."""
        if self._old is not None or not file.encrypted:
            return open_key(file, self._old, what)
        for word in self._worked:
            with suppress(WrongPassphrase):
                return open_key(file, word, what)
        word = self._ask(name, what)
        key = open_key(file, word, what)
        self._worked.append(word)
        return key

    def _ask(self, name: RoleName, what: str) -> bytes:
        try:
            return self._passphrases(name)
        except WrongPassphrase as error:
            hint = "give its passphrase by prompt, in docker's variables, or with --old-passphrase-file"
            raise WrongPassphrase(f"{what} is encrypted", hint=hint) from error


def _open(opener: _Opener, found: Found) -> _Opened:
    if isinstance(found.file, PytrustError):
        raise found.file
    role = role_name(found.file, str(found.path))
    origin = found.file.role + (f" of {found.file.gun}" if found.file.gun else "")
    label = RoleName(f"{role}-{min(found.file.ids, default='')[:_LABEL_DIGITS]}")
    return _Opened(role, origin, opener.open(found.file, label, f"{found.path} ({origin})"))


def _keep_all(workspace: Workspace, opened: list[_Opened]) -> None:
    known = {entry.public.id: entry.name for entry in workspace.keyring.entries()}
    for role, origin, key in opened:
        public = PublicKey.of(key.public_key())
        if public.id in known:
            voice.say(f"{known[public.id]} sha256:{public.id} is in the key ring already ({origin})")
            continue
        name = free_name(role, public, known.values())
        workspace.keyring.add(name, key, workspace.passphrases.new(name))
        known[public.id] = name
        voice.say(f"{name} sha256:{public.id} ({origin})")
