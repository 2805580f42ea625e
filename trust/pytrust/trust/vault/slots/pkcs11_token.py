"""Reaching a key in a token: the module, the login, the search, and one word for each way in which that fails.

The module is a shared library, and its path lies in a header that nothing has authenticated yet. So it is loaded only
from where root alone can put it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytrust.trust.errors import BadPermissions, Unsound, UsageError, VaultLocked, WrongPassphrase
from pytrust.trust.limits import PKCS11_PIN_MAX_BYTES
from pytrust.trust.vault.slots.pkcs11_uri import Target

if TYPE_CHECKING:
    from pkcs11 import Key, Session, Token

_INSTALL: Final = "pip install 'pytrust[pkcs11]'"
_WRITABLE: Final = 0o022
_REFUSALS: Final = frozenset({"PinIncorrect", "PinInvalid", "PinLenRange"})
_LOCKED: Final = "PinLocked"


@contextmanager
def opened_key(target: Target, pin: bytes) -> Iterator[Key]:
    """The key, while its token is open.

    Raises:
        UsageError: the library is not installed, or two tokens or keys fit.
        WrongPassphrase: the token refuses the PIN.
        VaultLocked: the token, or the key, is not there.
        BadPermissions: others than root could have written the module.
        Unsound: the token fails.
    """
    _allow_library()
    text = _pin(pin)
    try:
        from pkcs11 import PKCS11Error
    except ImportError as error:
        raise UsageError("a token cannot be reached without the library python-pkcs11", hint=_INSTALL) from error
    try:
        with _token(target).open(user_pin=text) as session:
            yield _found(session, target)
    except PKCS11Error as error:
        raise _failure(type(error).__name__) from error


def check_module(module: Path) -> Path:
    """The module itself, behind any link; raises ``BadPermissions`` where others than root could have written it."""
    try:
        real = module.resolve(strict=True)
        for place in (real, *real.parents):
            found = place.stat()
            if found.st_uid != 0 or found.st_mode & _WRITABLE:
                raise BadPermissions(f"the PKCS#11 module {module} is not loaded: others than root can write {place}")
    except (OSError, RuntimeError) as error:  # the second: links in a circle
        raise UsageError(f"there is no PKCS#11 module {module}", hint="install the token's software") from error
    return real


def _allow_library() -> None:
    """Whoever keeps SDKs from securesystemslib (``keys.signers``) hides this one, too; here it is wanted."""
    if sys.modules.get("pkcs11", ...) is None:
        del sys.modules["pkcs11"]


def _pin(pin: bytes) -> str:
    if not pin or len(pin) > PKCS11_PIN_MAX_BYTES:
        raise UsageError(f"a PIN has between 1 and {PKCS11_PIN_MAX_BYTES} bytes")
    try:
        return pin.decode()
    except UnicodeDecodeError:
        raise UsageError("the PIN is not UTF-8") from None  # the error holds the PIN


def _token(target: Target) -> Token:
    """The one token that fits."""
    tokens = [token for token in _tokens(Path(target.module)) if _fits(token, target)]
    if len(tokens) > 1:
        raise UsageError("several tokens fit the PKCS#11 URI", hint="add serial=...")
    if not tokens:
        raise VaultLocked("the token that unlocks the vault is not there", hint="connect it, or unlock another way")
    return tokens[0]


def _tokens(module: Path) -> list[Token]:
    import pkcs11

    real = check_module(module)
    try:
        library = pkcs11.lib(str(real))
    except pkcs11.PKCS11Error as error:
        raise UsageError(f"{module} is no PKCS#11 module, or does not start") from error
    return list(library.get_tokens())


def _fits(token: Token, target: Target) -> bool:
    has = {
        "token": token.label,
        "serial": token.serial.decode("utf-8", "replace"),
        "model": token.model,
        "manufacturer": token.manufacturer_id,
    }
    return all(has[name].strip() == value for name, value in target.token.items())


def _found(session: Session, target: Target) -> Key:
    """The one private or secret key that fits."""
    from pkcs11 import Attribute, ObjectClass

    wanted = {Attribute.LABEL: target.label, Attribute.ID: target.id}
    attributes = {name: value for name, value in wanted.items() if value is not None}
    keys = [
        key
        for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)
        for key in session.get_objects({Attribute.CLASS: kind, **attributes})
    ]
    if len(keys) > 1:
        raise UsageError("several keys in the token fit the PKCS#11 URI", hint="add id=...")
    if not keys:
        raise VaultLocked("the token has no such key", hint="p11tool --list-all shows what there is")
    return keys[0]  # type: ignore[return-value] # the classes asked for are keys


def _failure(kind: str) -> Exception:
    if kind in _REFUSALS:
        return WrongPassphrase("the token refuses the PIN", hint="most tokens lock themselves after few tries")
    if kind == _LOCKED:
        return Unsound("the token has locked itself after too many PINs", hint="unlock it with its own tools")
    return Unsound(f"the token does not do what is asked of it: {kind}")
