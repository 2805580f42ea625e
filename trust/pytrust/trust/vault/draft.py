"""A change of the vault in the making, under its lock: values are written, and nothing refers to them yet."""

from __future__ import annotations

from pytrust.trust.vault.edit import Edited, missing, next_number
from pytrust.trust.vault.envelope import Envelope, Place
from pytrust.trust.vault.folder import Folder
from pytrust.trust.vault.manifest import Index, Step
from pytrust.trust.vault.model import Secret, Version, VersionNumber
from pytrust.trust.vault.names import SecretName


class Draft:
    """What ``Vault.change`` hands out.

    Args:
        index: the vault as it is.
        envelope: seals values.
        folder: takes them.
        at: seconds since 1970.
        who: makes the change.
    """

    def __init__(self, index: Index, envelope: Envelope, folder: Folder, at: int, who: str) -> None:
        self._index, self._envelope, self._folder = index, envelope, folder
        self._at, self._who = at, who
        self._secrets: dict[SecretName, Secret] = {}
        self._removed: dict[SecretName, VersionNumber] = {}
        self.written: set[str] = set()
        self.dropped: list[Version] = []

    def find(self, name: SecretName) -> Secret | None:
        """A secret as it will be."""
        if name in self._removed:
            return None
        return self._secrets.get(name) or self._index.secrets.get(name)

    def seal(self, name: SecretName, value: bytes) -> Version:
        """Write a value; it becomes part of the vault by ``add_version`` and ``set``."""
        there = self.find(name)
        last = there.last if there else self._removed.get(name, self._index.last(name))
        version, record = self._envelope.seal(value, Place(name, next_number(last), self._at, self._who))
        self.written.add(version.record)
        self._folder.write_record(version.record, record)
        return version

    def set(self, edited: Edited) -> None:
        """The secret is so from now on."""
        self._removed.pop(edited.secret.name, None)
        self._secrets[edited.secret.name] = edited.secret
        self.dropped.extend(edited.dropped)

    def remove(self, name: SecretName) -> None:
        """The secret is no more; raises ``NoSuchSecret``."""
        there = self.find(name)
        if there is None:
            raise missing(name)
        self._secrets.pop(name, None)
        self._removed[name] = there.last
        self.dropped.extend(there.versions)

    def step(self) -> Step:
        """The change itself."""
        return Step(self._at, self._who, tuple(self._secrets.values()), tuple(self._removed.items()))
