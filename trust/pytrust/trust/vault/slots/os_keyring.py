"""The seed in the user's keyring: GNOME's, KDE's, macOS's or Windows's, through the library ``keyring``.

It is there for whoever is logged in as the user, so it protects copies of the disk, and not from the user's programs.
Only keyrings that encrypt are taken: the library would also write to a plain file, or to nowhere.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from pytrust.trust.errors import Damaged, TooSlow, UsageError, VaultLocked
from pytrust.trust.limits import KEYRING_DEADLINE
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.slots.made import SEED_BYTES, HexSalt, Made, Params, read_params

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KIND: Final = "os-keyring"
_Result = TypeVar("_Result")
_SERVICE: Final = "pytrust"
_TAKEN: Final = frozenset(
    f"keyring.backends.{name}" for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
)
_INSTALL: Final = "pip install 'pytrust[keyring]'"


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # A name of the slot's own, and not the vault's: one vault may have a slot in several people's keyrings.
    entry: HexSalt


def make() -> Made:
    """Put a new seed into this user's keyring.

    Raises:
        UsageError: there is no keyring that is fit.
        VaultLocked: it stays locked.
        TooSlow: nobody unlocked it.
    """
    entry, seed, keyring = secrets.token_hex(16), secrets.token_bytes(SEED_BYTES), _keyring()
    _in_time(lambda: keyring.set_password(_SERVICE, entry, unlock_key.spelled(seed)))
    return Made(seed, {"entry": entry})


def seed(params: Params) -> bytes:
    """The seed, from this user's keyring; raises what ``make`` does, and ``Damaged`` for what is no seed."""
    entry, keyring = read_params(params, _Params, KIND).entry, _keyring()
    found = _in_time(lambda: keyring.get_password(_SERVICE, entry))
    if found is None:
        raise VaultLocked("this user's keyring has no key for the vault", hint="unlock another way, and add a slot")
    try:
        return unlock_key.parse(found)
    except UsageError as error:
        raise Damaged(f"the vault's key in the keyring was changed: {error}") from error


def forget(params: Params) -> None:
    """Take the seed out of the keyring when its slot is removed; raises what ``make`` does."""
    entry, keyring = read_params(params, _Params, KIND).entry, _keyring()
    if _in_time(lambda: keyring.get_password(_SERVICE, entry)) is not None:
        _in_time(lambda: keyring.delete_password(_SERVICE, entry))


def _keyring() -> KeyringBackend:
    """The first that is fit among those that the library would use."""
    try:
        from keyring import get_keyring
    except ImportError as error:
        raise UsageError("the user's keyring cannot be reached without the library keyring", hint=_INSTALL) from error
    chosen = get_keyring()
    for backend in _each(chosen):
        if type(backend).__module__ in _TAKEN:
            return backend
    raise UsageError(
        f"there is no keyring that is fit to hold a key ({type(chosen).__module__} is not)",
        hint="log in to a desktop with GNOME's or KDE's keyring, or take another kind of slot",
    )


def _each(chosen: KeyringBackend) -> Iterator[KeyringBackend]:
    """The keyring, or those that a chain of them stands for."""
    if type(chosen).__module__ == "keyring.backends.chainer":
        yield from getattr(chosen, "backends", ())
    else:
        yield chosen


def _in_time(work: Callable[[], _Result]) -> _Result:
    """What ``work`` gives; the keyring may ask somebody, who may not be there."""
    done: list[_Result] = []
    failed: list[Exception] = []

    def attempt() -> None:
        try:
            done.append(work())
        except Exception as error:  # noqa: BLE001 - keyrings raise families of their own; it is raised below
            failed.append(error)

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(KEYRING_DEADLINE)
    if failed:
        raise VaultLocked(
            f"this user's keyring stays closed: {_kind(failed[0])}", hint="unlock the keyring"
        ) from failed[0]
    if not done:
        raise TooSlow(f"this user's keyring did not answer in {KEYRING_DEADLINE:g} seconds", hint="unlock the keyring")
    return done[0]


def _kind(error: Exception) -> str:
    """What went wrong, without words that could be a secret's."""
    return type(error).__name__
