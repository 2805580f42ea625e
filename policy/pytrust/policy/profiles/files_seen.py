"""The AppArmor part of a profile, from the files and sockets that were seen. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from pytrust.policy.profiles.apparmor.networks import FAMILIES, KINDS
from pytrust.policy.profiles.apparmor.paths import generalise
from pytrust.policy.profiles.model import AppArmor, Evidence, FileRule, NetworkRule, Why
from pytrust.policy.profiles.seen import Argument, Seen

_MODES: Final = "rwalkm"
_EXECUTE: Final = "x"
_WORDS: Final = {number: word for word, number in FAMILIES.items()}
_KINDS: Final = {number: word for word, number in KINDS.items()}
_WITHIN: Final = "ix"  # what is executed stays in the profile


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
    found: dict[str, set[str]] = defaultdict(set)
    for letter in (*_MODES, _EXECUTE):
        for glob in generalise(path for path, letters in (seen.files or {}).items() if letter in letters):
            found[glob].add(letter)
    return sorted((glob, "".join(sorted(letters))) for glob, letters in found.items())


def _networks(arguments: Iterable[Argument]) -> Iterator[NetworkRule]:
    for call, values in arguments:
        if call in {"socket", "socketpair"} and len(values) > 1 and values[0] in _WORDS:
            yield NetworkRule(family=_WORDS[values[0]], kind=_KINDS.get(values[1], ""))
