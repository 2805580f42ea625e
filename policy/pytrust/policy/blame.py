"""Where something stands in a document, for values that name their line and for errors that blame one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytrust.policy.strictyaml import Path, Tree
from pytrust.trust.errors import UsageError


class Blame:
    """The lines of one document; ``what`` names it in errors, ``name`` is the last part of that."""

    def __init__(self, tree: Tree, what: str) -> None:
        self._tree, self._what = tree, what
        self.name = what.rpartition("/")[2]

    def where(self, path: Path) -> str:
        """The file, and the line of what the file has; what it leaves out has none."""
        line = self._tree.lines.get(path)
        return f"{self.name}:{line}" if line else self.name

    @contextmanager
    def at(self, *path: str | int) -> Iterator[None]:
        """What is wrong within the block is wrong on the line of ``path``."""
        try:
            yield
        except UsageError as error:
            raise UsageError(f"{self._what}:{self._tree.lines.get(path, 1)}: {error}", hint=error.hint) from error
