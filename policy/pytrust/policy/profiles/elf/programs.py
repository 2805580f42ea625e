"""Which programs an image starts: by its configuration, by scripts, and by what their words name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.header import MAGIC
from pytrust.policy.profiles.elf.tree import Config, FileTree, resolve
from pytrust.trust.limits import SCRIPT_MAX_BYTES, SEARCH_FOLDERS_MAX

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS: Final = re.compile(r"(?:.*/)?(?:ba|da|a|k|z|mk|pdk|busybox-)?sh")
_WORD: Final = re.compile(r"[\w./+@:\[-]+")
_ABSOLUTE: Final = re.compile(rb"\0(/[\w./+-]{2,200})(?=\0)")
_BANG: Final = b"#!"


class Program(NamedTuple):
    """A program to look at, and why: one line."""

    path: str
    why: str


class Programs:
    """The programs of an image, by the words that start them."""

    def __init__(self, tree: FileTree, config: Config) -> None:
        self._tree = tree
        self._config = config
        environment = dict(line.partition("=")[::2] for line in config.environment)
        self._path = environment.get("PATH", _PATH).split(":")[:SEARCH_FOLDERS_MAX]

    def find(self, word: str, folder: str = "") -> str | None:
        """The file that a word starts, as a shell looks for it."""
        folders = (folder or self._config.folder,) if "/" in word else self._path
        for place in folders:
            found = resolve(self._tree, word, place)
            entry = None if found is None else self._tree.entry(found)
            if entry is not None and entry.executable:
                return found
        return None

    def started(self) -> list[Program]:
        """What the configuration starts: its first word, and every further one that names a program."""
        words = (*self._config.entrypoint, *self._config.command)
        if not words:
            return []
        first = self.find(words[0])
        found = [] if first is None else [Program(first, "started by the image")]
        return found + list(self._named(words[1:], "named in the command of the image"))

    def of_script(self, path: str) -> tuple[list[Program], bool]:
        """What a script starts, and whether it is one of a shell, whose words could be read."""
        text = self._tree.read(path, SCRIPT_MAX_BYTES).decode("utf-8", "replace")
        first, _, rest = text.partition("\n")
        words = first[2:].split()
        found = list(self._named(words, f"interpreter of {path}"))
        shell = any(_SHELLS.fullmatch(word) for word in words)
        return found + (list(self._named(_unquoted(rest), f"named in {path}")) if shell else []), shell

    def of_texts(self, path: str, data: bytes) -> list[Program]:
        """What the texts of a program name by their paths."""
        texts = {match.decode("ascii", "replace") for match in _ABSOLUTE.findall(data)}
        return list(self._named(sorted(texts), f"named in {path}"))

    def is_script(self, path: str) -> bool:
        """It begins as scripts do."""
        return self._tree.read(path, 2) == _BANG

    def is_elf(self, path: str) -> bool:
        """It begins as machine code does."""
        return self._tree.read(path, 4) == MAGIC

    def _named(self, words: Iterable[str], why: str) -> Iterator[Program]:
        seen: set[str] = set()
        for text in words:
            for word in _WORD.findall(text):
                if word in seen:
                    continue
                seen.add(word)
                found = self.find(word)
                if found is not None and (self.is_elf(found) or self.is_script(found)):
                    yield Program(found, why)


def _unquoted(text: str) -> Iterator[str]:
    """The lines of a script, without comments."""
    for line in text.splitlines():
        yield re.sub(r"(?:^|\s)#.*", "", line)
