"""A profile as bytes: strict JSON in, one canonical spelling out, which is what gets signed. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from pytrust.policy.profiles.model import Profile
from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadContent, BadMetadata, UsageError
from pytrust.trust.limits import PROFILE_MAX_BYTES, SECCOMP_DIGITS_MAX
from pytrust.trust.names import Digest

FORMAT: Final = "pytrust-profile/1"
_HINT: Final = "profiles are made by: pytrust profile record, or import"
_MAX_DEPTH: Final = 8  # a condition's list of names lies six deep


def encode_profile(profile: Profile) -> bytes:
    """Compact, with sorted keys.

    Raises:
        UsageError: it has more bytes than a profile may have.
    """
    data = encode_json({"format": profile.format, **msgspec.to_builtins(profile)})
    if len(data) > PROFILE_MAX_BYTES:
        raise UsageError(
            f"the profile {profile.name} has {len(data)} bytes, of {PROFILE_MAX_BYTES} that may be signed",
            hint="let patterns stand for many files: pytrust profile show --files",
        )
    return data


def decode_profile(data: bytes, what: str) -> Profile:
    """Read a document; ``what`` names it in errors.

    Raises:
        BadContent: it is none, or has two readings.
    """
    try:
        value = parse_json(
            data, what=what, max_bytes=PROFILE_MAX_BYTES, max_depth=_MAX_DEPTH, max_digits=SECCOMP_DIGITS_MAX
        )
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise BadContent(f"{what} is no profile: its format is not {FORMAT}", hint=_HINT)
        return msgspec.convert(value, Profile)
    except (BadMetadata, msgspec.ValidationError) as error:
        reason = str(error).partition("\n")[0].removeprefix(f"{what} is ")
        raise BadContent(f"{what} is no profile: {reason}", hint=_HINT) from error


def profile_digest(data: bytes) -> Digest:
    """The digest of a document's bytes."""
    return Digest.parse(f"sha256:{hashlib.sha256(data).hexdigest()}")
