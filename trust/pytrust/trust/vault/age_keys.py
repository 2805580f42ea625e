"""The keys of age as text: recipients, and files of identities. Nothing of a private key is ever told.

Recipients are ``age1...`` (X25519), ``ssh-ed25519 ...`` and ``ssh-rsa ...``. Plugins are programs that a key names;
none is started.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import (
    AGE_IDENTITIES_MAX,
    AGE_IDENTITIES_MAX_BYTES,
    AGE_RECIPIENT_MAX_CHARS,
    AGE_RECIPIENTS_MAX,
)

if TYPE_CHECKING:
    from pyrage import ssh, x25519

    Identity: TypeAlias = ssh.Identity | x25519.Identity
    Recipient: TypeAlias = ssh.Recipient | x25519.Recipient

_SSH: Final = ("ssh-ed25519", "ssh-rsa")
_ARMOR: Final = "-----"
_HYBRID: Final = ("age1pq1", "AGE-SECRET-KEY-PQ-1")
_PLUGIN: Final = "AGE-PLUGIN-"


def bare_recipient(text: str) -> str:
    """A recipient without the comment of an SSH key, which may name a person.

    Raises:
        UsageError: it is no recipient.
    """
    words = text.split()
    if len(text) > AGE_RECIPIENT_MAX_CHARS or not words:
        raise _no_recipient(text)
    bare = " ".join(words[:2]) if words[0] in _SSH else text.strip()
    _recipient(bare)
    return bare


def read_recipients(texts: Sequence[str]) -> list[Recipient]:
    """The recipients; raises ``UsageError`` where one is none, or there is none."""
    if not 0 < len(texts) <= AGE_RECIPIENTS_MAX:
        raise UsageError(
            f"age encrypts to between 1 and {AGE_RECIPIENTS_MAX} recipients", hint="age1..., or an SSH key"
        )
    return [_recipient(bare_recipient(text)) for text in texts]


def read_identities(text: bytes) -> list[Identity]:
    """The private keys in a file of age's, or an SSH private key, or several of either.

    Raises:
        UsageError: there is none, or one cannot be used; the message tells the line, and nothing of the key.
    """
    if len(text) > AGE_IDENTITIES_MAX_BYTES:
        raise UsageError(f"a file of age identities has at most {AGE_IDENTITIES_MAX_BYTES} bytes")
    try:
        lines = text.decode().splitlines()
    except UnicodeDecodeError:
        raise UsageError(
            "the age identities are not text", hint="a file of age-keygen, or an SSH private key"
        ) from None
    found = [_identity(line, entry) for line, entry in _entries(lines)]
    if not 0 < len(found) <= AGE_IDENTITIES_MAX:
        raise UsageError("there is no age identity, or there are too many", hint="a file of age-keygen")
    return found


def _recipient(text: str) -> Recipient:
    from pyrage import RecipientError, ssh, x25519

    if text.startswith(_HYBRID):
        raise UsageError("post-quantum recipients of age (age1pq...) are not supported", hint="an X25519 one: age1...")
    try:
        return ssh.Recipient.from_str(text) if text.startswith("ssh-") else x25519.Recipient.from_str(text)
    except RecipientError:
        raise _no_recipient(text) from None


def _no_recipient(text: str) -> UsageError:
    return UsageError(f"{text[:80]!r} is no recipient of age", hint="age1..., ssh-ed25519 AAAA..., ssh-rsa AAAA...")


def _entries(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each key with the number of its first line; an SSH key has many lines."""
    block: list[str] = []
    first = 0
    for number, line in enumerate(lines, 1):
        if block or line.startswith(f"{_ARMOR}BEGIN "):
            first = first if block else number
            block.append(line)
            if line.startswith(f"{_ARMOR}END "):
                yield first, "\n".join([*block, ""])
                block = []
        elif line.strip() and not line.startswith("#"):
            yield number, line.strip()
    if block:
        yield first, "\n".join(block)


def _identity(number: int, entry: str) -> Identity:
    from pyrage import IdentityError, ssh, x25519

    try:
        if entry.startswith(_ARMOR):
            return ssh.Identity.from_buffer(entry.encode())
        return x25519.Identity.from_str(entry)
    except IdentityError as error:
        raise UsageError(f"line {number} is no identity that can be used: {_why(entry, str(error))}") from None


def _why(entry: str, said: str) -> str:
    if "must be decrypted" in said:
        return "the SSH key has a passphrase; ssh-keygen -p makes a copy without"
    if "AGE ENCRYPTED FILE" in entry.partition("\n")[0]:
        return "the file itself is encrypted; age -d decrypts it"
    if entry.startswith(_PLUGIN):
        return "plugins are not started"
    if entry.startswith(_HYBRID):
        return "post-quantum keys are not supported"
    return "it is not a private key of age or SSH"
