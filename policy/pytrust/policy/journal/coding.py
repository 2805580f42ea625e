"""How an entry becomes bytes: JSON, in which the names of documents stand for large values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from pytrust.policy.core.decision import Allow, Deny
from pytrust.policy.core.facts import Admission, Container, Fact, Profiled, Query, Scanned
from pytrust.policy.core.request import Create, Request
from pytrust.policy.core.value import Value
from pytrust.policy.journal.documents import Sheaf, Shelf
from pytrust.policy.journal.entry import Decided, Entry, Event, Moment
from pytrust.trust.errors import Damaged, Unsound
from pytrust.trust.names import Digest

ENTRY_MAX_BYTES: Final = 1024 * 1024  # one entry, without its documents; an honest one has 2 KiB
_LISTS: Final = b'{"type":"Decided","documents":['
_LARGE: Final = frozenset({Profiled, Scanned, Container})  # facts that can have documents
_Text = Callable[[str], str]


class Coded(NamedTuple):
    """The bytes of an entry, and the documents that have to lie beside it, by their names."""

    data: bytes
    documents: Mapping[str, bytes] = {}


class KeptScan(Value, frozen=True, kw_only=True):
    """``Scanned``; empty ``claims`` are claims that say nothing."""

    digest: Digest
    scan: str
    expires: datetime
    claims: str


class Kept(Value, frozen=True, kw_only=True, tag="Decided", omit_defaults=True):
    """``Decided``; ``documents`` (sorted) are all the names in the rest, for who does not understand that."""

    documents: tuple[str, ...] = ()
    at: Moment
    caller: str
    request: Request
    known: tuple[tuple[Query, Fact | KeptScan], ...]
    policy: str
    decision: Allow | Deny


class _Listed(msgspec.Struct, frozen=True):
    documents: tuple[str, ...]


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Kept | Event] = msgspec.json.Decoder(Kept | Event)
_lister = msgspec.json.Decoder(_Listed)


def encode(entry: Entry) -> Coded:
    """The bytes to keep; raises ``Unsound`` where something is too large, or no text."""
    sheaf = Sheaf()
    try:
        data = _encoder.encode(entry if isinstance(entry, Event) else _put(entry, sheaf))
    except UnicodeEncodeError as error:
        raise Unsound(f"an entry cannot be written to the journal: {error.reason}") from error
    if len(data) > ENTRY_MAX_BYTES:
        raise Unsound(f"an entry of {len(data)} bytes is too large for the journal, which takes {ENTRY_MAX_BYTES}")
    return Coded(data, sheaf.documents)


def decode(data: bytes, shelf: Shelf | None = None) -> Entry:
    """Read what ``encode`` wrote, with its documents; raises ``Damaged``."""
    try:
        kept = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(
            f"an entry of the journal cannot be understood: {error}", hint="look at it with the version that wrote it"
        ) from error
    return kept if isinstance(kept, Event) else _take(kept, shelf or Shelf())


def names(data: bytes) -> tuple[str, ...]:
    """The documents that an entry needs, also where the rest of it is not understood."""
    if not data.startswith(_LISTS):
        return ()
    try:
        return _lister.decode(data).documents
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()


def _put(entry: Decided, sheaf: Sheaf) -> Kept:
    request = _request(entry.request, sheaf.text)
    known = tuple(pair if type(pair[1]) not in _LARGE else (pair[0], _put_fact(pair[1], sheaf)) for pair in entry.known)
    decision = _decision(entry.decision, sheaf.text)
    return Kept(
        documents=tuple(sorted(sheaf.documents)),
        at=entry.at,
        caller=entry.caller,
        request=request,
        known=known,
        policy=entry.policy,
        decision=decision,
    )


def _take(kept: Kept, shelf: Shelf) -> Decided:
    return Decided(
        at=kept.at,
        caller=kept.caller,
        request=_request(kept.request, shelf.text),
        known=tuple((query, _take_fact(fact, shelf)) for query, fact in kept.known),
        policy=kept.policy,
        decision=_decision(kept.decision, shelf.text),
    )


def _put_fact(fact: Fact, sheaf: Sheaf) -> Fact | KeptScan:
    if isinstance(fact, Scanned):
        scan, claims = sheaf.scan(fact.scan), sheaf.claims(fact.claims)
        return KeptScan(digest=fact.digest, scan=scan, expires=fact.expires, claims=claims)
    return _fact(fact, sheaf.text)


def _take_fact(fact: Fact | KeptScan, shelf: Shelf) -> Fact:
    if isinstance(fact, KeptScan):
        scan, claims = shelf.scan(fact.scan), shelf.claims(fact.claims)
        return Scanned(digest=fact.digest, scan=scan, expires=fact.expires, claims=claims)
    return _fact(fact, shelf.text)


def _request(request: Request, text: _Text) -> Request:
    if isinstance(request, Create) and request.seccomp:
        return replace(request, seccomp=text(request.seccomp))
    return request


def _fact(fact: Fact, text: _Text) -> Fact:
    match fact:
        case Profiled():
            return _profiled(fact, text)
        case Container(admission=Admission(profile=Profiled() as profile) as admission):
            return replace(fact, admission=replace(admission, profile=_profiled(profile, text)))
        case _:
            return fact


def _decision(decision: Allow | Deny, text: _Text) -> Allow | Deny:
    if isinstance(decision, Allow) and decision.profile is not None:
        return replace(decision, profile=_profiled(decision.profile, text))
    return decision


def _profiled(profile: Profiled, text: _Text) -> Profiled:
    return replace(profile, seccomp=text(profile.seccomp))
