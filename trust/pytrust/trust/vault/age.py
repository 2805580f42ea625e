"""Whole age files, through ``pyrage``: what is exported, imported, and kept by a slot.

What comes from elsewhere is bounded and read by ``age_armor`` and ``age_header`` first; the library gets the binary
form only. It authenticates everything before this gives anything back. The post-quantum recipients of age 1.3 are
unknown to it, so a copy of an exported file falls with X25519 or RSA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pytrust.trust.errors import UsageError, WrongPassphrase
from pytrust.trust.limits import AGE_FILE_MAX_BYTES, PASSPHRASE_MAX_BYTES, PASSPHRASE_MIN_CHARS
from pytrust.trust.vault.age_armor import armored as in_armor
from pytrust.trust.vault.age_armor import dearmored
from pytrust.trust.vault.age_header import HYBRID, SCRYPT, Stanza, damaged, read_stanzas
from pytrust.trust.vault.age_keys import read_identities, read_recipients

_NO_MATCH: Final = "No matching keys found"
_WRONG_KEY: Final = "Decryption failed"
_TOO_MUCH_WORK: Final = "Excessive work parameter for passphrase"
_ONE_WAY: Final = "age takes either recipients or a passphrase"


def encrypt(
    data: bytes, recipients: Sequence[str] = (), passphrase: bytes | None = None, *, armored: bool = False
) -> bytes:
    """``data`` for whoever has an identity of one of the ``recipients``, or for whoever knows the ``passphrase``.

    Raises:
        UsageError: one is no recipient, the passphrase is none, there are both or neither, or there is too much data.
    """
    import pyrage

    if (passphrase is None) == (not recipients):
        raise UsageError(_ONE_WAY)
    if len(data) > AGE_FILE_MAX_BYTES // 2:  # armor takes a third more
        raise UsageError(f"at most {AGE_FILE_MAX_BYTES // 2} bytes are encrypted as one age file")
    if passphrase is None:
        made = pyrage.encrypt(data, read_recipients(recipients))
    else:
        made = pyrage.passphrase.encrypt(data, _new_passphrase(passphrase))
    return in_armor(made) if armored else made


def decrypt(data: bytes, identities: bytes = b"", passphrase: bytes | None = None) -> bytes:
    """What is in the age file ``data``, armored or not.

    Args:
        data: the file.
        identities: the text of a file of private keys, of age's or SSH's.
        passphrase: where the file was encrypted with one.

    Raises:
        WrongPassphrase: it, or none of the identities, opens the file.
        UsageError: the identities are none, the file takes the other way, or asks for too much work.
        Damaged: it is no age file, or was changed.
    """
    import pyrage

    if (passphrase is None) == (not identities):
        raise UsageError(_ONE_WAY.replace("recipients", "identities"))
    if len(data) > AGE_FILE_MAX_BYTES:
        raise UsageError(f"an age file of more than {AGE_FILE_MAX_BYTES} bytes is not read")
    binary = dearmored(data)
    stanzas = read_stanzas(binary)
    _check_way(stanzas, by_passphrase=passphrase is not None)
    if passphrase is None:
        keys = read_identities(identities)
        return _opened(lambda: pyrage.decrypt(binary, keys), _no_match(stanzas))
    text = _text(passphrase)
    return _opened(lambda: pyrage.passphrase.decrypt(binary, text), _wrong_passphrase())


def _opened(work: Callable[[], bytes], refusal: WrongPassphrase) -> bytes:
    """What ``work`` gives, with the library's errors in our words: its own may quote the file."""
    from pyrage import DecryptError

    try:
        return work()
    except DecryptError as error:
        said = str(error)
    if said.startswith(_NO_MATCH) or said == _WRONG_KEY:
        raise refusal
    if said.startswith(_TOO_MUCH_WORK):
        raise UsageError("the age file's passphrase takes this machine too long to check", hint="use a faster one")
    raise damaged("was changed, or is cut short")


def _check_way(stanzas: Sequence[Stanza], *, by_passphrase: bool) -> None:
    asks = any(stanza.kind == SCRYPT for stanza in stanzas)
    if asks and not by_passphrase:
        raise UsageError("the age file is encrypted with a passphrase", hint="give that")
    if by_passphrase and not asks:
        raise UsageError("the age file is encrypted to recipients, not with a passphrase", hint="give an identity")


def _no_match(stanzas: Sequence[Stanza]) -> WrongPassphrase:
    hybrid = any(stanza.kind == HYBRID for stanza in stanzas)
    return WrongPassphrase(
        "no identity opens the age file" + ("; its post-quantum recipients are not supported" if hybrid else ""),
        hint="which recipients was it made for?",
    )


def _wrong_passphrase() -> WrongPassphrase:
    return WrongPassphrase("that passphrase does not open the age file", hint="type it again")


def _new_passphrase(passphrase: bytes) -> str:
    text = _text(passphrase)
    if len(text) < PASSPHRASE_MIN_CHARS:
        raise UsageError(f"the passphrase has fewer than {PASSPHRASE_MIN_CHARS} characters")
    return text


def _text(passphrase: bytes) -> str:
    """The passphrase, not normalised: age's own program would not either."""
    if not passphrase or b"\0" in passphrase or len(passphrase) > PASSPHRASE_MAX_BYTES:
        raise UsageError(f"a passphrase has between 1 and {PASSPHRASE_MAX_BYTES} bytes, and no NUL")
    try:
        return passphrase.decode()
    except UnicodeDecodeError:
        raise UsageError("the passphrase is not UTF-8") from None  # the error holds the passphrase
