"""What the secrets of a Compose file are, and which services use them: values only. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName


class FromFile(NamedTuple):
    """``file:``: the value is a file, from the folder of the Compose file."""

    path: str


class FromVariable(NamedTuple):
    """``environment:``: the value is a variable of whoever runs compose."""

    name: str


@dataclass(frozen=True, slots=True)
class Inline:
    """``content:``: the value stands in the file itself."""

    value: bytes = field(repr=False)


Origin = FromFile | FromVariable | Inline


class Use(NamedTuple):
    """A service that gets a secret as ``/run/secrets/<file>``; None: as whoever delivers it thinks right."""

    service: str
    key: str
    file: str
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


class Moved(NamedTuple):
    """A secret that can leave the file: there it is called ``key``, in the vault ``name``."""

    key: str
    name: SecretName
    origin: Origin
    readers: tuple[Reader, ...]


class Stack(NamedTuple):
    """What was found.

    Attributes:
        moved: what leaves the file.
        uses: of those, by services; in the order of the file.
        notes: one sentence each, on what is left for people to do; no value is in them.
    """

    moved: tuple[Moved, ...]
    uses: tuple[Use, ...]
    notes: tuple[str, ...]
