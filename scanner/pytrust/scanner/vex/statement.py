"""Claims as bytes: what is signed in the role ``vex``. One canonical spelling, strict JSON in. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.trust.errors import BadContent, InvalidName, UsageError
from pytrust.trust.limits import STATEMENT_MAX_BYTES
from pytrust.trust.names import Digest

FORMAT: Final = "pytrust-vex/1"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object of the document: what is empty is left out."""


class _Claim(_Part, frozen=True, kw_only=True):
    ids: Annotated[tuple[str, ...], Meta(min_length=1)]
    status: Status
    purls: tuple[str, ...] = ()
    justification: str = ""
    text: str = ""
    at: Annotated[datetime, Meta(tz=True)] | None = None


class _Document(_Part, frozen=True, kw_only=True):
    format: Literal["pytrust-vex/1"]
    claims: tuple[_Claim, ...]
    sources: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Document)


def encode_claims(claims: Claims) -> bytes:
    """The document.

    Raises:
        UsageError: it has more bytes than may be signed.
    """
    data = _spell(claims)
    if len(data) > STATEMENT_MAX_BYTES:
        raise UsageError(
            f"{len(claims.claims)} claims take {len(data)} bytes, of {STATEMENT_MAX_BYTES} that may be signed",
            hint="attach the documents about this image alone",
        )
    return data


def decode_claims(data: bytes, what: str) -> Claims:
    """Read a document; ``what`` names it in errors.

    Raises:
        BadContent: it is none, or is spelled otherwise than ``encode_claims`` does.
    """
    if len(data) > STATEMENT_MAX_BYTES:
        raise _no_claims(what, f"it is larger than {STATEMENT_MAX_BYTES} bytes")
    try:
        claims = _claims(_decoder.decode(data))
        same = _spell(claims) == data
    except (msgspec.MsgspecError, InvalidName, RecursionError, UnicodeError, OverflowError) as error:
        raise _no_claims(what, str(error).partition("\n")[0][:200]) from error
    if not same:
        raise _no_claims(what, "it is not in the one spelling that is signed")
    return claims


def _no_claims(what: str, reason: str) -> BadContent:
    shown = reason if reason.isprintable() else repr(reason)[1:-1]
    return BadContent(f"{what} is no {FORMAT}: {shown}", hint="attach it again: pytrust scan vex attach IMAGE FILE")


def _spell(claims: Claims) -> bytes:
    document = _Document(
        format=FORMAT,
        claims=tuple(_claim(one) for one in claims.claims),
        sources=tuple(map(str, claims.sources)),
        authors=claims.authors,
    )
    try:
        return _encoder.encode(document)
    except UnicodeEncodeError as error:
        raise BadContent("a claim holds half a character", hint="mend the document") from error


def _claim(one: Claim) -> _Claim:
    return _Claim(
        ids=one.ids,
        status=one.status,
        purls=one.purls,
        justification=one.justification,
        text=one.text,
        at=one.at.astimezone(UTC) if one.at else None,
    )


def _claims(document: _Document) -> Claims:
    return Claims(
        sources=tuple(map(Digest.parse, document.sources)),
        authors=document.authors,
        claims=tuple(
            Claim(
                ids=one.ids,
                status=one.status,
                purls=one.purls,
                justification=one.justification,
                text=one.text,
                at=one.at,
            )
            for one in document.claims
        ),
    )
