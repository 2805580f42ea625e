"""Every way pytrust says no, by whose fault it is.

A class fixes the exit code and a stable machine-readable ``code``; the instance carries one line that names the
thing and the reason, and a ``hint`` that says what to do. Nothing else leaves pytrust's public functions.

    UsageError   2  the caller asked for something that has no meaning
    Refused      1  the answer is no: unsigned, other content, forged, rolled back
    Unknown      3  there is no answer: unreachable, too slow, expired cache
    Unsound      4  what lies on this machine is not fit to work with: permissions, damage
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the ``pytrust`` command (README, "Exit codes")."""

    YES = 0
    NO = 1
    USAGE = 2
    UNKNOWN = 3
    UNSOUND = 4
    BAD_REPORT = 11
    STALE_SCAN = 12
    OTHER_IMAGE = 13


class PytrustError(Exception):
    """The root of all errors; ``str()`` is one line without a final full stop.

    Args:
        message: names the thing and the reason.
        hint: what the reader can do, or empty where nothing can be said.
    """

    code = "error"
    exit_code = ExitCode.UNSOUND
    advice = ""
    """What can be said where the place that raised knew no better."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or self.advice


class UsageError(PytrustError):
    """The words of the caller do not fit."""

    code = "usage"
    exit_code = ExitCode.USAGE
    advice = "pytrust COMMAND --help"


class InvalidName(UsageError):
    """An image, role, key or tag name that is not one."""

    code = "invalid-name"


class NoSuchKey(UsageError):
    """A key the keyring does not hold."""

    code = "no-such-key"


class Refused(PytrustError):
    """The answer is no."""

    code = "refused"
    exit_code = ExitCode.NO


class Unsigned(Refused):
    """Nobody who is trusted vouches for the name."""

    code = "unsigned"
    advice = "see what is signed: pytrust inspect NAME"


class DigestMismatch(Refused):
    """The registry holds other content than was signed."""

    code = "digest-mismatch"
    advice = "do not use it: ask who pushed it"


class BadMetadata(Refused):
    """Trust metadata that is malformed or contradicts itself."""

    code = "bad-metadata"
    advice = "do not use it: ask its publisher what happened"


class BadSignature(BadMetadata):
    """Fewer valid signatures by distinct keys than the role asks for."""

    code = "bad-signature"


class Rollback(BadMetadata):
    """Metadata older than what was seen before."""

    code = "rollback"


class Stale(Refused):
    """The source serves metadata whose time is over: a freeze, or a publisher asleep."""

    code = "stale"


class UntrustedRoot(Refused):
    """A root that no pin of this host covers."""

    code = "untrusted-root"
    advice = "compare the root key with its owner's: pytrust key list"


class BadContent(Refused):
    """A registry served bytes that are not what their digest, size or type says."""

    code = "bad-content"
    advice = "do not use it: ask who runs the registry"


class NotFound(Refused):
    """The registry, or the engine, has no such thing."""

    code = "not-found"
    advice = "check the name"


class AccessDenied(Refused):
    """The other side does not let us."""

    code = "access-denied"
    advice = "log in, or ask for access"


class Conflict(Refused):
    """Somebody else published first."""

    code = "conflict"
    advice = "run the command again"


class InvalidUpdate(Refused):
    """A publish that may not become the next state of its collection.

    Args:
        message: as for every error.
        hint: as for every error.
        kind: what Notary v1 calls it: ``ErrValidation``, ``ErrBadHierarchy``, ``ErrBadRoot``, ``ErrBadTargets`` or
            ``ErrBadSnapshot``.
        missing: the role that is missing, for ``ErrBadHierarchy``.
    """

    code = "invalid-update"

    def __init__(self, message: str, *, hint: str = "", kind: str = "ErrValidation", missing: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.missing = missing


class NoSuchSecret(Refused):
    """The vault holds no such secret, or not for whoever asks."""

    code = "no-such-secret"
    advice = "see what there is: pytrust secret ls"


class SecretExpired(Refused):
    """The secret's time is over."""

    code = "secret-expired"
    advice = "put a new value, and: pytrust secret expire NAME 90d (or never)"


class Unknown(PytrustError):
    """It could not be found out."""

    code = "unknown"
    exit_code = ExitCode.UNKNOWN


class Unreachable(Unknown):
    """Nobody answers at the address."""

    code = "unreachable"
    advice = "check the address, the network and TLS"


class TooSlow(Unknown):
    """The total deadline passed."""

    code = "too-slow"
    advice = "try again, or look at the server"


class RateLimited(Unknown):
    """The other side asks us to wait."""

    code = "rate-limited"


class ServerError(Unknown):
    """The other side answered, but with its own failure."""

    code = "server-error"
    advice = "try again later"


class ExpiredCache(Unknown):
    """Working offline, and what is cached is too old to say yes on."""

    code = "expired-cache"


class Unsound(PytrustError):
    """What was found on this machine is not fit to work with."""

    code = "unsound"


class NotSetUp(Unsound):
    """There is no pytrust home yet."""

    code = "not-set-up"


class BadPermissions(Unsound):
    """A secret or a store that others may read or replace."""

    code = "bad-permissions"


class Damaged(Unsound):
    """A file of ours that is not what we wrote."""

    code = "damaged"
    advice = "restore it from a backup"


class ClockSetBack(Unsound):
    """The clock shows a time before one already seen, so no expiry can be judged."""

    code = "clock-set-back"


class WrongPassphrase(Unsound):
    """The passphrase does not open the key, or none was given."""

    code = "wrong-passphrase"


class Busy(Unsound):
    """Another pytrust process holds the lock for too long."""

    code = "busy"


class VaultLocked(Unsound):
    """The vault is closed, and nothing that opens it is at hand."""

    code = "vault-locked"
    advice = "pytrust vault unlock"


class RolledBack(Unsound):
    """The vault on this disk is older than what this host has seen of it."""

    code = "rolled-back"
