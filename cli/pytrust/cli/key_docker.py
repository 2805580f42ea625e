"""``pytrust key import`` and ``export`` of docker's and notary's key files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytrust.cli import voice
from pytrust.cli.key_files import export_passphrase
from pytrust.trust.errors import ExitCode, PytrustError, WrongPassphrase
from pytrust.trust.keys.notary_file import NotaryKeyFile, file_name, open_key, parse, write_key
from pytrust.trust.keys.notary_folder import Found, find_keys, place_key
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.keys.notary_names import check_image, free_name, role_name, role_of
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, RoleName

if TYPE_CHECKING:
    from pytrust.cli.passphrase import Passphrases
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.keys.keyring import KeyEntry
    from pytrust.trust.keys.private import PrivateKey

_LABEL_DIGITS = 8


class _Opened(NamedTuple):
    """A key taken out of its file."""

    role: RoleName
    owner: str
    key: PrivateKey


def import_all(workspace: Workspace, source: Path, old: bytes | None) -> int:
    """Take all keys of a folder or file into the key ring; what cannot be opened is told, and stops no other.

    All are opened before the first is kept, so that old passphrases and new ones are not asked for by turns. What the
    key ring holds already is known by its file's name, and left closed: after a wrong passphrase, the command is given
    again with the right one.
    """
    opener = _Opener(workspace.passphrases, old)
    held = {canonical_id(entry.public): entry for entry in workspace.keyring.entries()}
    opened = []
    files, errors = find_keys(source)
    for found in files:
        try:
            if not _say_held(found.file, held):
                opened.append(_open(opener, found))
        except PytrustError as error:
            errors.append(error)
    _tell(errors)
    _keep_all(workspace, opened)
    return max((error.exit_code for error in errors), default=ExitCode.YES)


def open_one(workspace: Workspace, name: RoleName, data: bytes, file: Path, old: bytes | None) -> PrivateKey:
    """Open a key file of docker or notary; raises what ``parse`` and ``open_key`` do."""
    parsed = parse(data, str(file))
    return _Opener(workspace.passphrases, old).open(parsed, RoleName(parsed.role or name), str(file))


def export_docker(workspace: Workspace, name: RoleName, image: CollectionName | None, into: Path | None) -> bytes:
    """The file of a key, under the passphrase of ``export_passphrase``; put in place where ``into`` says so."""
    public = workspace.keyring.entry(name).public
    role = role_of(name, public)
    check_image(role, image)
    key = workspace.keyring.open(name, workspace.passphrases)
    data = write_key(key, export_passphrase(workspace, name), role, image, with_path=into is None)
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


def _say_held(file: NotaryKeyFile, held: dict[str, KeyEntry]) -> bool:
    entry = next((held[name] for name in file.ids if name in held), None)
    if entry is not None:
        _say_known(entry.name, entry.public, file.owner)
    return entry is not None


def _open(opener: _Opener, found: Found) -> _Opened:
    path, file = found
    role = role_name(file, str(path))
    label = RoleName(f"{role}-{min(file.ids, default='')[:_LABEL_DIGITS]}")
    return _Opened(role, file.owner, opener.open(file, label, f"{path} ({file.owner})"))


def _keep_all(workspace: Workspace, opened: list[_Opened]) -> None:
    known = {entry.public.id: entry.name for entry in workspace.keyring.entries()}
    for role, owner, key in opened:
        public = PublicKey.of(key.public_key())
        if public.id in known:
            _say_known(known[public.id], public, owner)
            continue
        name = free_name(role, public, known.values())
        with voice.working(f"keeping the key {name}"):
            workspace.keyring.add(name, key, workspace.passphrases.new)
        known[public.id] = name
        voice.say(f"{name} sha256:{public.id} ({owner})")


def _say_known(name: RoleName, public: PublicKey, owner: str) -> None:
    voice.say(f"{name} sha256:{public.id} is in the key ring already ({owner})")


def _tell(errors: list[PytrustError]) -> None:
    """Every refusal, and every way out once."""
    for error in errors:
        voice.note(f"error: {error}")
    for hint in dict.fromkeys(error.hint for error in errors if error.hint):
        voice.note(f"hint: {hint}")
