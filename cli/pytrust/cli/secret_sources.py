"""Files with secrets in them, read: what they hold, and what they are without it. No value is printed from here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, assert_never

from pytrust.policy.stack.found import FromFile, FromVariable, Inline, Moved
from pytrust.trust.errors import Damaged, UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.limits import AGE_FILE_MAX_BYTES, ENV_FILE_MAX_BYTES, SECRET_MAX_BYTES
from pytrust.trust.vault.dotenv import parse_env
from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName, is_own, parse_secret_name

_YAML: Final = frozenset({".yaml", ".yml"})
_AGE: Final = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
_ENV: Final = ".env"


@dataclass(frozen=True, slots=True)
class Taken:
    """A value on its way into the vault; ``expires`` is None for never."""

    name: SecretName
    value: bytes = field(repr=False)
    whence: str
    readers: tuple[Reader, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file.

    Attributes:
        file: where it is, links followed.
        taken: what is in it, or what it points to.
        before: its bytes.
        after: its bytes without secrets; None: it stays as it is.
        diff: what changes, line by line, without values.
        notes: what is left for people to do.
        emptied: files that nothing needs any more.
    """

    file: Path
    taken: tuple[Taken, ...]
    before: bytes = field(repr=False)
    after: bytes | None = field(default=None, repr=False)
    diff: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    emptied: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says on how files are read.

    Attributes:
        prefix: begins the names in the vault.
        stack: the name of the swarm's stack; empty: the file is for compose.
        alone: how a single value in an age file is called.
        opened: decrypts an age file.
    """

    prefix: str
    stack: str
    alone: str | None
    opened: Callable[[bytes], bytes]


def read_source(path: Path, wishes: Wishes) -> Source:
    """Read one file; its name tells what it is, or how it begins.

    Raises:
        UsageError: it cannot be read, is none of these files, or is not understood.
        PytrustError: what ``wishes.opened`` raises.
    """
    file, data = _resolved(path), _read(path, AGE_FILE_MAX_BYTES, str(path))
    if data.startswith(_AGE):
        return Source(file, _from_age(wishes.opened(data), path, wishes), data)
    if path.suffix in _YAML:
        return _from_stack(file, data, path, wishes)
    if path.name.startswith(_ENV) or path.suffix == _ENV:
        return _from_env(file, data, path, wishes)
    raise UsageError(f"{path} is neither .env, YAML nor age", hint="call it *.env or *.yaml, or give what age made")


def _from_age(data: bytes, path: Path, wishes: Wishes) -> tuple[Taken, ...]:
    from pytrust.trust.vault.bundle import decode_bundle, is_bundle

    if wishes.alone is None and not is_bundle(data):
        raise UsageError(f"{path} holds one value without a name", hint="give it one: --name NAME")
    if wishes.alone is not None:
        return (Taken(_name(wishes, wishes.alone), _checked(data, str(path)), str(path)),)
    return tuple(
        Taken(
            _name(wishes, each.name),
            each.value,
            str(path),
            each.terms.readers,
            each.terms.labels,
            each.terms.expires,
        )
        for each in decode_bundle(data)
    )


def _from_env(file: Path, data: bytes, path: Path, wishes: Wishes) -> Source:
    pairs = parse_env(data, str(path))
    taken = tuple(
        Taken(_name(wishes, key), _checked(value.encode(), f"{path}: {key}"), f"{path}: {key}")
        for key, value in pairs.items()
        if value
    )
    notes = tuple(f"{path}: {key} has no value, and is left out" for key, value in pairs.items() if not value)
    return Source(file, taken, data, notes=notes, emptied=(path,) if taken else ())


def _from_stack(file: Path, data: bytes, path: Path, wishes: Wishes) -> Source:
    from pytrust.policy.stack.find import find_secrets
    from pytrust.policy.stack.looks import find_left
    from pytrust.policy.stack.rewrite import rewrite
    from pytrust.policy.stack.shown import diff_lines
    from pytrust.policy.stack.tree import read_tree

    tree = read_tree(data, str(path))
    found = find_secrets(tree, prefix=wishes.prefix, stack=wishes.stack)
    after = rewrite(tree, found, swarm=bool(wishes.stack))
    variables = _Variables(file.parent / _ENV)
    return Source(
        file,
        tuple(_taken(each, file.parent, variables, path) for each in found.moved),
        data,
        after if after != data else None,
        tuple(diff_lines(tree, found, after)),
        tuple(f"{path}: {note}" for note in (*found.notes, *find_left(found, after.decode()), *variables.notes)),
        tuple(_beside(file.parent, each.origin) for each in found.moved if isinstance(each.origin, FromFile)),
    )


class _Variables:
    """What compose would put in: this process's environment, or else the file ``.env`` beside the Compose file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.notes: list[str] = []

    def find(self, name: str) -> bytes:
        if value := os.environb.get(os.fsencode(name)):
            self.notes.append(f"{name} is still a variable of this shell")
            return value
        if value := self._beside.get(name, "").encode():
            self.notes.append(f"{name} still stands in {self._file}")
            return value
        raise UsageError(f"the variable {name} is not set, or empty", hint=f"set it, or put it into {self._file}")

    @cached_property
    def _beside(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        return parse_env(_read(self._file, ENV_FILE_MAX_BYTES, str(self._file)), str(self._file))


def _taken(moved: Moved, folder: Path, variables: _Variables, path: Path) -> Taken:
    match moved.origin:
        case FromFile() as origin:
            file = _beside(folder, origin)
            whence, value = str(file), _read(file, SECRET_MAX_BYTES, f"the file of the secret {moved.key}, {file},")
        case FromVariable(name=name):
            whence, value = f"${name}", variables.find(name)
        case Inline(value=value):
            whence = str(path)
        case _:
            assert_never(moved.origin)
    return Taken(moved.name, _checked(value, whence), whence, moved.readers)


def _beside(folder: Path, origin: FromFile) -> Path:
    """A path as compose reads it: from the folder of its file."""
    return folder / Path(origin.path).expanduser()


def _name(wishes: Wishes, text: str) -> SecretName:
    name = parse_secret_name(wishes.prefix + text)
    if is_own(name):
        raise UsageError(f"{name} is pytrust's own", hint="take another --prefix")
    return name


def _checked(value: bytes, what: str) -> bytes:
    if not 1 <= len(value) <= SECRET_MAX_BYTES:
        raise UsageError(f"{what}: a secret has between 1 and {SECRET_MAX_BYTES} bytes")
    return value


def _resolved(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "a loop of links"
        raise UsageError(f"{path} cannot be read: {reason}", hint="check the name") from error


def _read(path: Path, most: int, what: str) -> bytes:
    try:
        return read_bounded(path, most)
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}", hint="check the name") from error
    except Damaged:
        raise UsageError(f"{what} is no regular file of at most {most} bytes") from None
