"""Keys of the vault, taken along to processes that cannot open it.

A server has processes that begin and end while it runs, some of them long after the vault was closed again. What is
here goes to each as it begins, by the pipe that it is started through. Before that the files are looked at once more:
a key that was rotated meanwhile, or moved into the vault, is fetched too if the vault is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytrust.trust.errors import PytrustError, VaultLocked
from pytrust.trust.files import read_private
from pytrust.trust.keys.vaulted_keys import Place, fetch, read_reference
from pytrust.trust.limits import KEY_FILE_MAX_BYTES
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.model import VersionNumber
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Done, Get, Operation, Page, Trail, Value

KeyFile = tuple[Path, Place]
"""A file that holds a key or refers to it, and whose key it is."""
_FIRST: Final = VersionNumber(1)


def referred(files: Iterable[KeyFile]) -> list[SecretName]:
    """The secrets that ``files`` refer to."""
    found = (read_reference(read_private(path, KEY_FILE_MAX_BYTES), place, str(path)) for path, place in files)
    return [secret for secret in found if secret]


class Pocket:
    """Implements what is read of ``Vaulted``; itself an ``Opening``.

    Args:
        files: gives the files whose keys belong in it.
        opening: the open vault, or None while it is closed; asks nobody.
    """

    def __init__(self, files: Callable[[], Iterable[KeyFile]], opening: Callable[[], Vaulted | None]) -> None:
        self._values: dict[SecretName, bytes] = {}
        self._files, self._opening = files, opening

    def __call__(self) -> Pocket:
        """The opening of keys."""
        return self

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:  # noqa: ARG002
        """A value that was taken along; raises ``VaultLocked`` for every other."""
        if isinstance(operation, Get) and operation.name in self._values:
            return Value(number=_FIRST, value=self._values[operation.name])
        raise VaultLocked("a key lies in the vault, which is locked")

    @property
    def is_empty(self) -> bool:
        """Whether no key was taken along."""
        return not self._values

    def fill(self, vaulted: Vaulted) -> None:
        """Take out what files refer to and is not here; raises what the vault does."""
        for secret in self._wanted():
            self._values[secret] = fetch(lambda: vaulted, secret, "pytrust serve")

    def __reduce__(self) -> tuple[object, ...]:
        with suppress(PytrustError, OSError):  # what is lacking then is told by the process that needs it
            if self._wanted() and (vaulted := self._opening()):
                self.fill(vaulted)
        return _unpacked, (self._values,)

    def _wanted(self) -> list[SecretName]:
        return [secret for secret in referred(self._files()) if secret not in self._values]

    def __repr__(self) -> str:
        return f"Pocket({len(self._values)} keys)"


def _unpacked(values: dict[SecretName, bytes]) -> Pocket:
    pocket = Pocket(tuple, lambda: None)
    pocket._values.update(values)  # noqa: SLF001 - its own
    return pocket
