"""What systemd's unit files say: which settings count after all drop-ins, and the words that dockerd is started with.

Pure. A unit is the texts of its file and its drop-ins, in the order in which ``systemctl cat`` prints them. Syntax:
systemd.syntax(7) and, for command lines, systemd.service(5), "Command lines".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pytrust.trust.errors import Damaged

Unit = tuple[str, ...]
"""The texts of a unit file and its drop-ins, in order; empty where there is no such unit."""

_SECTION: Final = re.compile(r"\[([^\]]*)\]\s*")
_LOOK: Final = "correct it; to see it all: systemctl cat docker.service"
_PREFIXES: Final = "@-:+!|"  # before the path of a program
_VARIABLE: Final = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ALONE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


def values(unit: Unit, section: str, key: str) -> tuple[str, ...]:
    """The values of a setting that may stand several times; an empty one takes back those before it."""
    found: list[str] = []
    for text in unit:
        for where, name, value in _settings(text):
            if (where, name) == (section, key):
                found = [*found, value] if value else []
    return tuple(found)


def environment(unit: Unit, files: Mapping[str, str]) -> dict[str, str]:
    """What a service's ``Environment=`` and ``EnvironmentFile=`` set; ``files`` are texts of the latter, by path."""
    found: dict[str, str] = {}
    for value in values(unit, "Service", "Environment"):
        found |= _assignments(_split(value, "Environment"))
    for path in environment_files(unit):
        for line in _lines(files.get(path, "")):
            name, separator, value = line.partition("=")
            if separator:
                found[name.strip()] = " ".join(_split(value, path))
    return found


def environment_files(unit: Unit) -> tuple[str, ...]:
    """The files that ``EnvironmentFile=`` names, whether they must be there or not."""
    return tuple(value.removeprefix("-") for value in values(unit, "Service", "EnvironmentFile"))


def command_line(unit: Unit) -> str:
    """The ``ExecStart=`` that counts, as it is written; empty where there is none."""
    return next(reversed(values(unit, "Service", "ExecStart")), "")


def command_words(line: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The program and its arguments, variables filled in; raises ``Damaged`` for quotes that do not end."""
    words = _split(line.lstrip(_PREFIXES), "ExecStart")
    return tuple(expanded for word in words for expanded in _expand(word, variables))


def _expand(word: str, variables: Mapping[str, str]) -> Sequence[str]:
    if alone := _ALONE.fullmatch(word):  # several words, or none
        return variables.get(alone[1], "").split()
    return (_VARIABLE.sub(lambda match: variables.get(match[1], "") if match[1] else "$", word),)


def _settings(text: str) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in _lines(text):
        if match := _SECTION.fullmatch(line):
            section = match[1]
            continue
        name, separator, value = line.partition("=")
        if separator:
            yield section, name.strip(), value.strip()


def _lines(text: str) -> Iterator[str]:
    """Lines without comments; one that ends in a backslash goes on in the next that is no comment."""
    begun = ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        if whole := (begun + line).strip():
            yield whole
        begun = ""
    if whole := begun.strip():
        yield whole


def _assignments(words: Iterable[str]) -> dict[str, str]:
    return {name: value for name, separator, value in (word.partition("=") for word in words) if separator}


def _split(text: str, what: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Damaged(f"{what} of docker.service: {text[:200]!r}: a quote does not end", hint=_LOOK) from error
