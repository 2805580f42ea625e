"""The whole analysis of an image."""

from __future__ import annotations

from pytrust.policy.profiles.elf.finding import StaticFinding
from pytrust.policy.profiles.elf.tree import Config, FileTree


def analyse(tree: FileTree, config: Config) -> StaticFinding:
    """What the programs that an image starts could call.

    Raises:
        BadContent: the image starts nothing that can be looked at.
        UsageError: it is made for an architecture that cannot be looked at, or a library for it is missing.
    """
    raise NotImplementedError(f"{tree} {config}")
