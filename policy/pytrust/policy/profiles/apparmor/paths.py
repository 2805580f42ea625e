"""Paths that were seen, as patterns: literally, and generalised where the next run will see others. Pure.

Generalising is conservative: a pattern stays in the directory of what was seen, and takes in no more than the next
process, terminal or processor, the next temporary file of the same make, the file of another date, and the libraries
beside the ones that were seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from pytrust.policy.profiles.apparmor.glob import spell_bytes
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import APPARMOR_GLOB_MAX_CHARS

NUMBER: Final = "[0-9]*"
_SELF: Final = {"self": NUMBER, "thread-self": f"{NUMBER}/task/{NUMBER}"}  # links, and rules are for what they point to
_TASKS: Final = r"(fd|fdinfo|task(/\d+(/(fd|fdinfo))?)?)"
_NUMBERED: Final = re.compile(rf"/(proc(/((\d+|self)(/{_TASKS})?|thread-self/(fd|fdinfo)))?|dev/(pts|fd))")
_UNITS: Final = re.compile(r"(/sys/(?:devices|bus)/(?:.*/)?)(cpu|node|queue)(\d+)((?:/.*)?)")
_TEMPORARY: Final = re.compile(r"/(tmp|var/tmp|dev/shm|run/shm)")
_RANDOM: Final = re.compile(r"(tmp|.*[-._])?([A-Za-z0-9_]{6,12})")  # mkstemp(3) takes six, Python's tempfile eight
_COUNTED: Final = re.compile(r"(.*[-._])\d{3,}")
_OF_PROCESS: Final = re.compile(r"(te?mp(?:[-._].*[-._]|[-._]?))(\d+)(\D.*|)")
_LIBRARY: Final = re.compile(r"/(?:usr/|usr/local/|opt/.*/)?lib.*/[^/]+\.so(?:\.[^/]*)?")
_UNNAMED: Final = re.compile(r"#\d+(?: \(deleted\))?")  # by O_TMPFILE: the kernel calls it by its inode
_DATED: Final = re.compile(r"(?:.*\D|)(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:\D.*|)")  # logs that are begun anew
_NUMBER_APART: Final = re.compile(r"(?<![^-_.])\d+(?![^-_.])")
_DIGITS: Final = re.compile(r"\d+")
_SIBLINGS_MIN: Final = 2


def literal(path: str | bytes) -> str:
    """A pattern for exactly this path; text stands for its bytes in UTF-8, others as ``surrogateescape`` keeps them.

    Raises:
        UsageError: it is no absolute path of the kernel, or too long to be written as a pattern.
    """
    data = path if isinstance(path, bytes) else path.encode(errors="surrogateescape")
    if not data.startswith(b"/") or b"\0" in data or b"//" in data:
        raise UsageError(f"{data[:100]!r} is no absolute path as the kernel spells it")
    return _checked(spell_bytes(data), data)


def pattern(path: str) -> str:
    """A pattern for one path and for what stands there in the next run: other processes, other temporary names.

    Raises:
        UsageError: as ``literal``.
    """
    exact = literal(path)
    if found := _UNITS.fullmatch(path):
        before, unit, _, after = found.groups()
        return f"{literal(before)}{unit}{NUMBER}{literal(after) if after else ''}"
    components = path.split("/")[1:]
    globs = [_component("".join(f"/{each}" for each in components[:at]), each) for at, each in enumerate(components)]
    return _checked("/" + "/".join(globs), path.encode(errors="surrogateescape")) if globs else exact


def generalise(paths: Iterable[str], written: Collection[str] = ()) -> tuple[str, ...]:
    """Patterns for the paths of one permission, in order: see the module, and names that differ in their numbers.

    Args:
        paths: what was seen.
        written: those of them that the program makes itself, whose numbers are others in the next run.

    Raises:
        UsageError: as ``literal``.
    """
    folders = defaultdict[str, set[str]](set)
    found = set[str]()
    for path in set(paths):
        (folders[path.rpartition("/")[0]].add(path) if _LIBRARY.fullmatch(path) else found.add(path))
    libraries = {glob for folder, names in folders.items() for glob in _of_folder(folder, names)}
    made = {_counted(path) for path in found.intersection(written)}
    return tuple(sorted(libraries | made | _siblings(found.difference(written))))


def _of_folder(folder: str, names: set[str]) -> set[str]:
    return {f"{literal(folder)}/*.so{{,.*}}"} if len(names) >= _SIBLINGS_MIN else set(map(pattern, names))


def _counted(path: str) -> str:
    """Of a file that the program writes: numbers between separators, or at an end of the name, are counted."""
    folder, _, name = path.rpartition("/")
    if _NUMBER_APART.search(name) is None:
        return pattern(path)
    return f"{pattern(folder) if folder else ''}/{NUMBER.join(map(_spell, _NUMBER_APART.split(name)))}"


def _siblings(paths: set[str]) -> set[str]:
    """Files of one folder that are called alike but for numbers are one pattern."""
    groups = defaultdict[tuple[str, str], set[str]](set)
    for path in paths:
        folder, _, name = path.rpartition("/")
        groups[folder, _DIGITS.sub("0", name)].add(path)
    return {glob for (folder, _), group in groups.items() for glob in _of_group(folder, group)}


def _of_group(folder: str, group: set[str]) -> set[str]:
    patterns = set(map(pattern, group))
    if len(patterns) < _SIBLINGS_MIN:
        return patterns
    parts = [
        spell_bytes(part.encode(errors="surrogateescape")) for part in _DIGITS.split(group.pop().rpartition("/")[2])
    ]
    return {f"{pattern(folder) if folder else ''}/{NUMBER.join(parts)}"}


def _component(folder: str, name: str) -> str:
    """The glob for a name in ``folder``."""
    if folder == "/proc" and name in _SELF:
        return _SELF[name]
    if name.isdecimal() and _NUMBERED.fullmatch(folder):
        return NUMBER
    return (_temporary(name) if _TEMPORARY.match(f"{folder}/") else "") or _anywhere(name)


def _temporary(name: str) -> str:
    """The glob for a name that is another each time, where such names are made; empty for others."""
    if (found := _RANDOM.fullmatch(name)) and _looks_random(found[2]):
        return _spell(found[1] or "") + "?" * len(found[2])
    found = _COUNTED.fullmatch(name)
    return _spell(found[1]) + NUMBER if found else ""


def _anywhere(name: str) -> str:
    if _UNNAMED.fullmatch(name):
        return f"{_spell('#')}{NUMBER}"
    if _DATED.fullmatch(name):
        return NUMBER.join(map(_spell, _DIGITS.split(name)))
    found = _OF_PROCESS.fullmatch(name)
    return _spell(found[1]) + NUMBER + _spell(found[3]) if found else _spell(name)


def _looks_random(name: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdecimal)
    return sum(any(map(kind, name)) for kind in kinds) > 1


def _spell(text: str) -> str:
    return spell_bytes(text.encode(errors="surrogateescape"))


def _checked(glob: str, data: bytes) -> str:
    if len(glob) > APPARMOR_GLOB_MAX_CHARS:
        raise UsageError(f"the path {data[:60]!r}... is too long for a rule", hint="let a pattern stand for it")
    return glob
