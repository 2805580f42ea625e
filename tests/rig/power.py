"""What a power cut may leave of a folder: every state of the disk that the flushes of a traced process allow.

The model is stricter than most file systems. Data that was not flushed is there, not there, or half; of the names in a
folder that was not flushed since, any may be there, in any order: a rename as a whole, a new file without its data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

_CALL = re.compile(r"(\w+)\((.*)\) += (\d+)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2}|[^>\\])*)>")
_NUMBER = re.compile(r"(?<![\w\\<>])\d+(?![\w>])")
_PENDING_MAX = 8  # names in one folder that are not flushed: more would be too many states
_Change = tuple[str | None, str | None, "File | None"]
"""A name that goes, a name that comes, and what it is then; None is a folder."""


@dataclass(eq=False)
class File:
    """``durable``: what surely is on the disk; ``data``: what processes see."""

    durable: bytes = b""
    data: bytes = b""

    def choices(self) -> list[bytes]:
        half = (len(self.durable) + len(self.data)) // 2
        return list(dict.fromkeys((self.durable, self.data, self.data[:half])))


@dataclass
class Names:
    """Those in one folder."""

    durable: dict[str, File | None] = field(default_factory=dict)
    pending: list[_Change] = field(default_factory=list)

    @property
    def now(self) -> dict[str, File | None]:
        return self.after(self.pending)

    def after(self, changes: list[_Change]) -> dict[str, File | None]:
        found = dict(self.durable)
        for gone, come, what in changes:
            if gone is not None:
                found.pop(gone, None)
            if come is not None:
                found[come] = what
        return found

    def choices(self) -> list[dict[str, File | None]]:
        assert len(self.pending) <= _PENDING_MAX, self.pending
        kept = product((False, True), repeat=len(self.pending))
        return [
            self.after([change for change, is_kept in zip(self.pending, each, strict=True) if is_kept]) for each in kept
        ]


@dataclass(frozen=True)
class Crash:
    """A state of the disk: files by path, and folders, whose data is None."""

    tree: tuple[tuple[str, bytes | None], ...]

    def write(self, at: Path) -> None:
        at.mkdir(0o700)
        for name, data in self.tree:
            if data is None:
                (at / name).mkdir(0o700)
            else:
                (at / name).touch(0o600)
                (at / name).write_bytes(data)

    def __repr__(self) -> str:
        return str([(name, data if data is None else len(data)) for name, data in self.tree])


class Disk:
    """A folder, as processes see it and as it surely is."""

    def __init__(self, base: Path | None, at: Path) -> None:
        self._at = f"{at}/"
        self._folders = {"": Names()}
        self._places: dict[int, int] = {}
        for path in sorted(base.rglob("*")) if base else ():
            name = path.relative_to(base).as_posix() if base else ""
            what = None
            if path.is_dir():
                self._folders[name] = Names()
            else:
                data = path.read_bytes()
                what = File(data, data)
            self._names(name).durable[_base(name)] = what

    def take(self, call: str, words: str, result: int) -> None:
        """One call, as strace writes it with ``-y -xx``."""
        texts = [_bytes(found) for found in _STRING.findall(words)]
        descriptor = _DESCRIPTOR.match(words)
        plain = [int(found) for found in _NUMBER.findall(_STRING.sub("", _DESCRIPTOR.sub("", words)))]
        if descriptor:
            self._on_file(call, int(descriptor[1]), _bytes(descriptor[2]).decode(), texts, plain, result)
        else:
            self._on_names(call, [self._inside(text.decode()) for text in texts], words, result)

    def _on_file(self, call: str, number: int, path: str, texts: list[bytes], plain: list[int], result: int) -> None:
        name = self._inside(path)
        if name is None:
            return
        if call == "fsync" and name in self._folders:
            names = self._folders[name]
            names.durable, names.pending = names.now, []
            return
        file = self._names(name).now[_base(name)]
        assert file is not None
        match call:
            case "fsync":
                file.durable = file.data
            case "write":
                place = self._places.get(number, 0)
                self._places[number] = place + self._put(file, texts[0][:result], place)
            case "pwrite64":
                self._put(file, texts[0][:result], plain[-1])
            case "lseek":
                self._places[number] = result
            case "ftruncate":
                file.data = file.data[: plain[0]].ljust(plain[0], b"\0")
            case _:
                raise AssertionError(call)

    def _on_names(self, call: str, names: list[str | None], words: str, result: int) -> None:
        if None in names or not names:
            return
        name = str(names[0])
        folder, base = self._names(name), _base(name)
        match call:
            case "openat":
                self._places[result] = 0
                if "O_CREAT" in words and base not in folder.now:
                    folder.pending.append((None, base, File()))
            case "mkdir":
                self._folders[name] = Names()
                folder.pending.append((None, base, None))
            case "unlink":
                folder.pending.append((base, None, None))
            case "rename":
                folder.pending.append((base, _base(str(names[1])), folder.now[base]))
            case _:
                raise AssertionError(call)

    def crashes(self) -> Iterator[Crash]:
        """What may be left if the power goes now."""
        for names in product(*(each.choices() for each in self._folders.values())):
            tree = dict(zip(self._folders, names, strict=True))
            files = [(name, what) for name, what in _walk(tree, "")]
            for data in product(*([None] if what is None else what.choices() for _, what in files)):
                yield Crash(tuple((name, each) for (name, _), each in zip(files, data, strict=True)))

    def _put(self, file: File, data: bytes, place: int) -> int:
        file.data = file.data[:place].ljust(place, b"\0") + data + file.data[place + len(data) :]
        return len(data)

    def _names(self, name: str) -> Names:
        return self._folders[name.rpartition("/")[0]]

    def _inside(self, path: str) -> str | None:
        if path == self._at[:-1]:
            return ""
        return path.removeprefix(self._at) if path.startswith(self._at) else None


def crashes(base: Path | None, at: Path, log: str) -> Iterator[Crash]:
    """Every state that a power cut can leave while a process does what ``log`` says; each once."""
    disk, known = Disk(base, at), set[Crash]()
    for line in log.splitlines():
        if found := _CALL.match(line):
            disk.take(found[1], found[2], int(found[3]))
            for crash in disk.crashes():
                if crash not in known:
                    known.add(crash)
                    yield crash


def _walk(tree: dict[str, dict[str, File | None]], folder: str) -> Iterator[tuple[str, File | None]]:
    for name, what in sorted(tree[folder].items()):
        path = f"{folder}/{name}" if folder else name
        yield path, what
        if what is None:
            yield from _walk(tree, path)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if "\\x" in text else text.encode()
