"""The AppArmor part of a profile, from the files and sockets that were seen. Pure.

Where there are more files than a document can hold, folders of which many files were only read are read whole. Paths
that no rule can say (longer than a pattern may be) are left out: what opens them is refused, and told then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from pytrust.policy.profiles.apparmor.networks import FAMILIES, KINDS
from pytrust.policy.profiles.apparmor.paths import generalise, pattern
from pytrust.policy.profiles.model import AppArmor, Evidence, FileRule, NetworkRule, Why
from pytrust.policy.profiles.seen import Argument, Seen
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import PROFILE_FILES_MAX

_MODES: Final = "rwalkm"
_EXECUTE: Final = "x"
_WORDS: Final = {number: word for word, number in FAMILIES.items()}
_KINDS: Final = {number: word for word, number in KINDS.items()}
_WITHIN: Final = "ix"  # what is executed stays in the profile
_MANY: Final = 8  # files of a folder
_DEEPEST: Final = 8
_SHALLOWEST: Final = 2
_NEVER_WHOLE: Final = ("/etc/", "/root/", "/home/", "/run/", "/proc/", "/sys/", "/dev/", "/var/run/")


def apparmor_part(seen: Seen) -> AppArmor | None:
    """None where files were not recorded."""
    if seen.files is None:
        return None
    networks = tuple(sorted(set(_networks(seen.arguments or ())), key=lambda rule: (rule.family, rule.kind)))
    return AppArmor(files=tuple(_rules(seen)), networks=networks)


def file_evidence(seen: Seen) -> Iterator[Evidence]:
    """A line for every pattern."""
    for glob, letters in _globs(seen):
        yield Evidence(subject=f"file:{glob}", why=Why.RECORDED, note=letters)


def _rules(seen: Seen) -> Iterator[FileRule]:
    for glob, letters in _globs(seen):
        modes = "".join(letter for letter in _MODES if letter in letters)
        yield FileRule(path=glob, modes=modes, transition=_WITHIN if _EXECUTE in letters else "")


def _globs(seen: Seen) -> list[tuple[str, str]]:
    """Patterns and what was done there, in order; each kind of doing is generalised by itself."""
    files = {path: letters for path, letters in (seen.files or {}).items() if _can_be_said(path)}
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for letter in (*_MODES, _EXECUTE):
        for glob in generalise(path for path, letters in files.items() if letter in letters):
            found[glob] |= {letter}
    return sorted((glob, "".join(sorted(letters))) for glob, letters in _folded(found).items())


def _can_be_said(path: str) -> bool:
    try:
        pattern(path)
    except UsageError:
        return False
    return True


def _folded(found: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The same, or wider where they are too many: folders first, then all below the deepest ones."""
    for depth in (None, *range(_DEEPEST, _SHALLOWEST - 1, -1)):
        if len(found) <= PROFILE_FILES_MAX:
            break
        found = _once_folded(found, depth)
    return found


def _once_folded(found: dict[str, frozenset[str]], depth: int | None) -> dict[str, frozenset[str]]:
    """``depth`` None: files of one folder; else everything below folders of so many components."""
    groups: dict[str, set[str]] = defaultdict(set)
    for glob, letters in found.items():
        if letters <= {"r", "m"} and not glob.startswith(_NEVER_WHOLE):
            groups[_above(glob, depth)].add(glob)
    folded = dict(found)
    for folder, globs in groups.items():
        if folder and len(globs) >= _MANY:
            letters = frozenset[str]().union(*(folded.pop(glob) for glob in globs))
            folded[f"{folder}/{'*' if depth is None else '**'}"] = letters
    return folded


def _above(glob: str, depth: int | None) -> str:
    """The folder that would stand for a pattern; empty if it has none so deep."""
    parts = glob.rstrip("/").split("/")
    at = len(parts) - 1 if depth is None else depth + 1
    return "/".join(parts[:at]) if _SHALLOWEST < at < len(parts) else ""


def _networks(arguments: Iterable[Argument]) -> Iterator[NetworkRule]:
    for call, values in arguments:
        if call in {"socket", "socketpair"} and len(values) > 1 and values[0] in _WORDS:
            yield NetworkRule(family=_WORDS[values[0]], kind=_KINDS.get(values[1], ""))
