"""What a new slot is made of, and what it keeps in the clear, read strictly. Pure.

The parameters of a slot lie in ``vault.json`` and are used before anything has authenticated them. So each kind says
what it takes, with bounds, and nothing is worked on before all of it has been checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from pytrust.trust.errors import Damaged

Params: TypeAlias = Mapping[str, str | int]
"""A slot's parameters: public, and not yet authenticated."""

SEED_BYTES: Final = 32
NoParams = msgspec.defstruct("NoParams", [], frozen=True, forbid_unknown_fields=True)
"""Of a kind that keeps nothing."""
HexSalt = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""16 random bytes."""

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class Made(NamedTuple):
    """A new slot's seed, and the parameters with which its secret gives that seed again."""

    seed: bytes
    params: dict[str, str | int]

    def __repr__(self) -> str:
        return f"Made(params={self.params!r})"


def read_params(params: Params, shape: type[_Shape], kind: str) -> _Shape:
    """The parameters of a slot of ``kind``; raises ``Damaged`` for what is missing, unknown, ill-typed or too much."""
    try:
        return msgspec.convert(dict(params), shape)
    except msgspec.ValidationError as error:
        raise damaged(kind, str(error)) from error


def damaged(kind: str, why: str) -> Damaged:
    """What is said of a slot that no pytrust wrote; ``why`` may hold words of the file."""
    return Damaged(f"a slot of kind {kind} in vault.json is damaged: {why[:160]!r}")


def checked_seed(seed: bytes, kind: str) -> bytes:
    """The seed; raises ``Damaged`` where something else than a seed was kept."""
    if len(seed) != SEED_BYTES:
        raise Damaged(f"a slot of kind {kind} gives {len(seed)} bytes, and not {SEED_BYTES}")
    return seed
