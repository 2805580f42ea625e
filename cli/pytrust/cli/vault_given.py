"""What opens the vault, as somebody gives it: a file, a descriptor, a credential of systemd, or the terminal.

What a text is shows in how it begins: an unlock key with ``PTKEY-``, identities of age or SSH with their own words, and
the PIN of a token with ``pin-value=`` (RFC 7512). Anything else is a passphrase, or, where the vault has none, a PIN
that somebody typed: a passphrase that was mistyped must not use up the tries of a token, and one in a file must not go
to a token because somebody wrote into the header, not authenticated yet, that the vault has no passphrase.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytrust.cli import voice
from pytrust.trust.errors import UsageError, VaultLocked
from pytrust.trust.files import check_owned, read_bounded, read_private
from pytrust.trust.limits import AGE_IDENTITIES_MAX_BYTES

if TYPE_CHECKING:
    from pytrust.trust.vault.header import Header, Slot
    from pytrust.trust.vault.slots.kinds import Secret

CREDENTIAL: Final = "pytrust.unlock-key"
"""What systemd's credential is called: ``LoadCredential=pytrust.unlock-key:FILE``."""

_MISSING: Final = "name a file with an unlock key or a passphrase, mode 0600"
_ITSELF: Final = "this command needs what opens the vault, also while an agent holds it open"
_GIVE_IT: Final = "put --unlock-file FILE or --unlock-fd N, with a passphrase or an unlock key, right after pytrust"
_BY_OTHERS: Final = 0o027  # systemd gives the service's user its part by an ACL, which shows as the group's bits
_PIN: Final = b"pin-value="
_IDENTITIES: Final = (b"AGE-SECRET-KEY-", b"-----BEGIN ")


def read_given(file: Path | None, descriptor: int | None, credentials: str | None) -> bytes | None:
    """What was given, or None; ``credentials`` is systemd's folder.

    Raises:
        UsageError: it was given twice, cannot be read, or is empty.
        BadPermissions: others can read the file.
    """
    if file is not None and descriptor is not None:
        raise UsageError("what opens the vault is given twice", hint="give --unlock-file or --unlock-fd")
    if file is not None:
        return _filled(read_private(file, AGE_IDENTITIES_MAX_BYTES, missing=_MISSING), str(file))
    if descriptor is not None:
        return _filled(_read_descriptor(descriptor), f"file descriptor {descriptor}")
    path = Path(credentials) / CREDENTIAL if credentials else None
    if path is None or not path.exists():
        return None
    check_owned(path, forbidden=_BY_OTHERS)
    return _filled(read_bounded(path, AGE_IDENTITIES_MAX_BYTES), str(path))


def ask(header: Header, *, itself: bool) -> bytes:
    """What somebody types; ``itself``: an agent that holds the vault open would not do.

    Raises:
        VaultLocked: there is no terminal to ask at, or nothing is typed.
    """
    why, hint = (_ITSELF, _GIVE_IT) if itself else ("the vault is locked", "")
    question = _question({slot.kind for slot in header.slots})
    if not _has_terminal():
        raise VaultLocked(f"{why}, and there is no terminal to ask at", hint=hint)
    text = voice.ask_secret(question).encode("utf-8", "surrogateescape")
    if not text:
        raise VaultLocked(f"{why}, and nothing was typed", hint=hint)
    return text


def fitting(slots: tuple[Slot, ...], text: bytes, *, typed: bool) -> Iterator[tuple[Slot, Secret]]:
    """Each slot that ``text`` may open, and what it is for that slot; ``typed``: somebody read the question."""
    from pytrust.trust.vault.slots import kinds

    line = text.partition(b"\n")[0].removesuffix(b"\r")
    there = {slot.kind for slot in slots}
    for slot in slots:
        match slot.kind:
            case "unlock-key" | "file" if _is_unlock_key(line):
                yield slot, kinds.UnlockKey(line)
            case "age" if any(begin in text for begin in _IDENTITIES):
                yield slot, kinds.Identities(text)
            case "pkcs11" if line.startswith(_PIN):
                yield slot, kinds.Pin(line.removeprefix(_PIN))
            case "pkcs11" if typed and "passphrase" not in there and not _has_form(text):
                yield slot, kinds.Pin(line)
            case "passphrase" if not _has_form(text):
                yield slot, kinds.Passphrase(line)


def _has_form(text: bytes) -> bool:
    """Whether it is something else than a passphrase, or a bare PIN."""
    return _is_unlock_key(text) or text.startswith(_PIN) or any(begin in text for begin in _IDENTITIES)


def _is_unlock_key(text: bytes) -> bool:
    return text[:6].upper() == b"PTKEY-"  # one in small letters is a typing error that is told, not a passphrase


def _question(kinds: set[str]) -> str:
    ways = [
        *(["passphrase"] if "passphrase" in kinds else ["PIN"] if "pkcs11" in kinds else []),
        *(["unlock key"] if kinds & {"unlock-key", "file"} else []),
        *(["age identity"] if "age" in kinds else []),
    ]
    return f"{' or '.join(ways) or 'unlock key'} of the vault"


def _has_terminal() -> bool:
    """Also where stdin is something else, such as the value that is to be put."""
    if sys.stdin.isatty():
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _read_descriptor(descriptor: int) -> bytes:
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            return stream.read(AGE_IDENTITIES_MAX_BYTES)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no such descriptor"
        hint = f"open it in the shell: pytrust --unlock-fd {descriptor} ... {descriptor}<FILE"
        raise UsageError(f"file descriptor {descriptor} cannot be read: {reason}", hint=hint) from error


def _filled(data: bytes, what: str) -> bytes:
    if not data.partition(b"\n")[0].removesuffix(b"\r"):
        raise UsageError(f"{what} holds nothing that opens a vault")
    return data
