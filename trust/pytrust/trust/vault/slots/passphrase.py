"""A passphrase, made a seed by Argon2id (RFC 9106).

A passphrase is text: it is NFC-normalised (Unicode Standard Annex 15), so that it does not matter which keyboard or
system composed its accents. Characters that this Python's Unicode does not know are refused, since their normal form
may change when they become known.
"""

from __future__ import annotations

import secrets
import time
import unicodedata
from typing import Annotated, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from pytrust.trust.errors import Unsound, UsageError, WrongPassphrase
from pytrust.trust.limits import (
    ARGON2_LANES_MAX,
    ARGON2_MEMORY_MAX,
    ARGON2_MEMORY_MIN,
    ARGON2_PASSES_MAX,
    ARGON2_PASSES_MIN,
    ARGON2_WORK_MAX,
    PASSPHRASE_MAX_BYTES,
    PASSPHRASE_MIN_CHARS,
)
from pytrust.trust.vault.slots.made import SEED_BYTES, HexSalt, Made, Params, damaged, read_params

KIND: Final = "passphrase"
_SALT_BYTES: Final = 16
_LANES: Final = 4  # RFC 9106, section 4
_MEMORY_WANTED: Final = 256 * 1024  # KiB; beyond, passes: a small host must open the vault, too
_MEMORY_STEP: Final = 1024  # KiB
_MEMORY_PER_LANE: Final = 8  # KiB; RFC 9106, section 3.1
_COMPOSING: Final = 4  # a composed character has at most so many times the bytes when it is taken apart


class Cost(NamedTuple):
    """What one derivation takes: memory in KiB, passes over it, lanes."""

    memory: int
    passes: int
    lanes: int


CHEAPEST: Final = Cost(ARGON2_MEMORY_MIN, ARGON2_PASSES_MIN, _LANES)
"""The least that ``calibrate`` gives."""


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # Only ceilings: whoever could write a lower cost here learns nothing by it, as nothing that is derived leaves the
    # process before the header is authenticated. The floor is kept where the cost is chosen.
    salt: HexSalt
    memory: Annotated[int, msgspec.Meta(ge=_MEMORY_PER_LANE, le=ARGON2_MEMORY_MAX)]
    passes: Annotated[int, msgspec.Meta(ge=1, le=ARGON2_PASSES_MAX)]
    lanes: Annotated[int, msgspec.Meta(ge=1, le=ARGON2_LANES_MAX)]


def make(passphrase: bytes, cost: Cost) -> Made:
    """A slot that ``passphrase`` opens; raises ``UsageError`` where it is none."""
    params: dict[str, str | int] = {"salt": secrets.token_hex(_SALT_BYTES), **cost._asdict()}
    return Made(_derive(normalised(passphrase), _read(params)), params)


def seed(params: Params, passphrase: bytes) -> bytes:
    """The seed; of a wrong passphrase, too, which only the header can tell.

    Raises:
        WrongPassphrase: no slot can have this passphrase.
        Damaged: the parameters are not ours, or ask for too much.
        Unsound: this host has not the memory.
    """
    found = _read(params)
    try:
        return _derive(normalised(passphrase), found)
    except UsageError as error:
        raise WrongPassphrase(f"that is not the passphrase of the vault: {error}", hint="type it again") from error


def normalised(passphrase: bytes) -> bytes:
    """The passphrase in its one spelling; raises ``UsageError`` for what is none."""
    if len(passphrase) > _COMPOSING * PASSPHRASE_MAX_BYTES:
        raise _no_passphrase(f"has more than {PASSPHRASE_MAX_BYTES} bytes")
    try:
        text = unicodedata.normalize("NFC", passphrase.decode())
    except UnicodeDecodeError:
        raise _no_passphrase("is not UTF-8") from None  # the error holds the passphrase
    if "\0" in text or any(unicodedata.category(character) == "Cn" for character in text):
        raise _no_passphrase("holds a character that is none")
    if len(text) < PASSPHRASE_MIN_CHARS:
        raise _no_passphrase(f"has fewer than {PASSPHRASE_MIN_CHARS} characters")
    if len(text.encode()) > PASSPHRASE_MAX_BYTES:
        raise _no_passphrase(f"has more than {PASSPHRASE_MAX_BYTES} bytes")
    return text.encode()


def calibrate(target: float = 1.0) -> Cost:
    """The cost that takes about ``target`` seconds on this machine."""
    return fitted(min(_timed(CHEAPEST) for _ in range(2)), target)


def fitted(measured: float, target: float) -> Cost:
    """The cost for ``target`` seconds where ``CHEAPEST`` takes ``measured``: memory first, then passes."""
    work = CHEAPEST.memory * CHEAPEST.passes * target / measured
    memory = int(work / ARGON2_PASSES_MIN) // _MEMORY_STEP * _MEMORY_STEP
    memory = min(max(memory, ARGON2_MEMORY_MIN), _MEMORY_WANTED)
    passes = min(max(int(work / memory), ARGON2_PASSES_MIN), ARGON2_WORK_MAX // memory)
    return Cost(memory, passes, _LANES)


def _timed(cost: Cost) -> float:
    params = _Params("00" * _SALT_BYTES, *cost)
    begun = time.perf_counter()
    _derive(b"calibration", params)
    return time.perf_counter() - begun


def _read(params: Params) -> _Params:
    found = read_params(params, _Params, KIND)
    if found.memory * found.passes > ARGON2_WORK_MAX or found.memory < _MEMORY_PER_LANE * found.lanes:
        raise damaged(KIND, f"memory {found.memory}, passes {found.passes}, lanes {found.lanes}")
    return found


def _derive(passphrase: bytes, params: _Params) -> bytes:
    try:
        return Argon2id(
            salt=bytes.fromhex(params.salt),
            length=SEED_BYTES,
            iterations=params.passes,
            lanes=params.lanes,
            memory_cost=params.memory,
        ).derive(passphrase)
    except MemoryError as error:
        raise Unsound(f"the vault's passphrase needs {params.memory // 1024} MiB of memory to be checked") from error


def _no_passphrase(why: str) -> UsageError:
    return UsageError(f"the passphrase {why}", hint=f"{PASSPHRASE_MIN_CHARS} characters or more; best six random words")
