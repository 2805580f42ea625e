"""What was done with files while a container was watched, as rules. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from pytrust.policy.profiles.apparmor.paths import generalise
from pytrust.policy.profiles.model import FileRule
from pytrust.trust.errors import UsageError

_MODES: Final = "rwalkm"


def file_rules(files: Mapping[str, str]) -> tuple[FileRule, ...]:
    """Rules for paths and the letters of ``rwalkmx`` that were seen; what is executed runs in the same profile.

    Raises:
        UsageError: a letter is none, or a path is no absolute path of the kernel.
    """
    groups = defaultdict[str, set[str]](set)
    for path, letters in files.items():
        groups[_ordered(letters)].add(path)
    return tuple(rule for letters, paths in sorted(groups.items()) for rule in _rules(letters, paths))


def _rules(letters: str, paths: set[str]) -> Iterator[FileRule]:
    modes, executed, _ = letters.partition("x")
    if modes or executed:
        transition: Final = "ix" if executed else ""
        yield from (FileRule(path=glob, modes=modes, transition=transition) for glob in generalise(paths))


def _ordered(letters: str) -> str:
    """In the model's order, ``x`` last; writing takes in appending, and what is mapped or executed is readable."""
    if not set(letters) <= set(f"{_MODES}x"):
        raise UsageError(f"{letters[:20]!r} is nothing that is done with files")
    more = "r" if set(letters) & {"m", "x"} else ""
    less = "a" if "w" in letters else ""
    return "".join(letter for letter in f"{_MODES}x" if letter in letters + more and letter not in less)
