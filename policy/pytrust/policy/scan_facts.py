"""What was found in an image that the engine holds? The signed scan of its platform, with what signed VEX says of it.

A tag may be an index of several platforms, each with a scan of its own: the engine's id of what it holds tells which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from pytrust.policy.core.facts import Fact, Missing, NotScanned, Scanned, ScanQuery, Unavailable
from pytrust.policy.core.scanning import NO_SCAN
from pytrust.policy.engine.words import one_line
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.threads import Threads
from pytrust.policy.trust_facts import Opened, TrustFacts
from pytrust.scanner.claim import Claims
from pytrust.scanner.scan import Scan
from pytrust.scanner.statement import decode_scan
from pytrust.scanner.vex.statement import decode_claims
from pytrust.trust.client.trusted import SignedStatement, Trusted
from pytrust.trust.collection.model import SCANS, VEX
from pytrust.trust.errors import PytrustError, Refused
from pytrust.trust.image import Platform
from pytrust.trust.names import Digest, ImageRef

KEPT_MAX_BYTES: Final = (
    32 * 1024**2
)  # of documents, decoded; one of 500 findings has 30 kB, and a host runs some dozens
AT_ONCE: Final = 2  # threads that decode
_DOCUMENT: Final = "the signed scan"
_ARCHES: Final = {
    "x86_64": "amd64", "x86-64": "amd64", "i386": "386", "aarch64": "arm64", "armhf": "arm", "armel": "arm",
}  # fmt: skip


class Engine(Protocol):
    """Who knows what an engine is made of (``engine_facts.EngineFacts``)."""

    async def parts(self) -> EngineParts:
        """Once it was asked."""

    def kept_parts(self) -> EngineParts | None:
        """Where it need not be asked."""


class _Said(NamedTuple):
    """What is signed of one platform; ``digest`` is that of its manifest."""

    digest: Digest
    scan: SignedStatement
    vex: SignedStatement | None


class _Read(NamedTuple):
    scan: Scan
    claims: Claims


class _Known(NamedTuple):
    """Every scan that is signed of an image or its platforms, and all ``platforms`` that the index lists."""

    scans: tuple[_Said, ...]
    platforms: tuple[Platform, ...]


class ScanFacts:
    """Answers from what ``trust`` verified."""

    def __init__(self, trust: TrustFacts, engine: Engine) -> None:
        self._trust, self._engine = trust, engine
        self._threads = Threads(AT_ONCE)
        self._kept: dict[tuple[Digest, Digest | None], tuple[int, _Read | NotScanned]] = {}

    async def answer(self, query: ScanQuery) -> Fact:
        """``Scanned``, ``Missing``, ``NotScanned`` or ``Unavailable``; raises as ``TrustFacts``, ``EngineFacts``."""
        said = _said(await self._trust.collection(query.ref.collection, query.roots), query.ref)
        if not isinstance(said, _Known):
            return said
        known = [(one, await self._read(one)) for one in said.scans]
        parts = await self._engine.parts() if query.image_id == str(query.ref.digest) else None
        return _choose(query, known, _running(query, said.platforms, parts))

    def at_once(self, query: ScanQuery) -> Fact | None:
        """The same, where it takes no looking up."""
        opened, parts = self._trust.kept_collection(query.ref.collection, query.roots), self._engine.kept_parts()
        if opened is None or parts is None:
            return None
        said = _said(opened, query.ref)
        if not isinstance(said, _Known):
            return said
        kept = [(one, _of(one, self._kept[_name(one)][1])) for one in said.scans if _name(one) in self._kept]
        return _choose(query, kept, _running(query, said.platforms, parts)) if len(kept) == len(said.scans) else None

    async def _read(self, one: _Said) -> _Read | NotScanned:
        """Each document once, also one that cannot be read."""
        if kept := self._kept.get(_name(one)):
            return _of(one, kept[1])
        read = await self._threads.run(partial(_decode, one))
        self._kept[_name(one)] = len(one.scan.content) + (len(one.vex.content) if one.vex else 0), read
        while sum(size for size, _ in self._kept.values()) > KEPT_MAX_BYTES:
            del self._kept[next(iter(self._kept))]
        return _of(one, read)


def _choose(query: ScanQuery, known: Sequence[tuple[_Said, _Read | NotScanned]], running: Digest | None) -> Fact:
    """The one that is of what the engine holds. Where none is for certain, one that cannot be read might be."""
    read = [(one, held) for one, held in known if isinstance(held, _Read)]
    if exact := [(one, held) for one, held in read if _is_held(held.scan, query.image_id)]:
        return _fact(*max(exact, key=lambda pair: pair[1].scan.scanned_at))  # of one content, what is known latest
    if wrong := next((held for _, held in known if isinstance(held, NotScanned)), None):
        return wrong
    if fits := [_fact(one, held) for one, held in read if one.digest == running]:
        return fits[0]
    return _other_platform(query, [held.scan for _, held in read])


def _fact(one: _Said, held: _Read) -> Scanned:
    return Scanned(digest=one.scan.digest, scan=held.scan, claims=held.claims, expires=one.scan.expires)


def _name(one: _Said) -> tuple[Digest, Digest | None]:
    return one.scan.digest, one.vex.digest if one.vex else None


def _said(opened: Opened, ref: ImageRef) -> _Known | Missing | NotScanned | Unavailable:
    """What the collection says of the image, platform by platform."""
    if isinstance(opened.outcome, PytrustError):
        return _refused(opened.outcome)
    assert ref.digest is not None
    same = (target for _, target in opened.outcome.tags.values() if target.digest == ref.digest)
    platforms = tuple({child.digest: child for target in same for child in target.platforms}.values())
    try:
        found = tuple(_statements(opened.outcome, ref.digest, platforms))
    except PytrustError as error:
        return _refused(error)
    return _Known(found, platforms) if found else Missing()


def _statements(trusted: Trusted, digest: Digest, platforms: Iterable[Platform]) -> Iterator[_Said]:
    for one in (digest, *sorted((child.digest for child in platforms), key=str)):
        if (scan := trusted.statement(SCANS, one)) is not None:
            yield _Said(one, scan, _vex(trusted, one))


def _vex(trusted: Trusted, digest: Digest) -> SignedStatement | None:
    """None also where it is not believed: what it takes away from a scan then counts."""
    try:
        return trusted.statement(VEX, digest)
    except PytrustError:
        return None


def _decode(one: _Said) -> _Read | NotScanned:
    try:
        scan = decode_scan(one.scan.content, _DOCUMENT)
        claims = decode_claims(one.vex.content, "the signed VEX") if one.vex else Claims()
    except PytrustError as error:
        return _unreadable(error)
    return _Read(scan, claims)


def _of(one: _Said, read: _Read | NotScanned) -> _Read | NotScanned:
    """The same document may be signed of another image, too, of which it is not."""
    if isinstance(read, NotScanned) or read.scan.subject.digest == one.digest:
        return read
    why = f"it stands under {one.digest}, and is of {read.scan.subject.digest}"
    return NotScanned(code="other-image", why=why, hint="scan it again: pytrust scan run NAME")


def _is_held(scan: Scan, image_id: str) -> bool:
    return image_id in {str(scan.subject.config), str(scan.subject.digest)}


def _running(query: ScanQuery, platforms: Iterable[Platform], parts: EngineParts | None) -> Digest | None:
    """What an engine runs that calls an image by its index (containerd's store): its own platform of that.

    None where that could be several, whether they are scanned or not, or where the client asks for another.
    """
    if parts is None or query.image_id != str(query.ref.digest) or query.platform not in {"", f"linux/{parts.arch}"}:
        return None
    fits = [child.digest for child in platforms if child.os.lower() == "linux" and _arch(child) == parts.arch]
    return fits[0] if len(fits) == 1 else None


def _arch(platform: Platform) -> str:
    """As containerd reads it."""
    said = platform.architecture.lower()
    return _ARCHES.get(said, said)


def _other_platform(query: ScanQuery, scans: Iterable[Scan]) -> NotScanned:
    there = ", ".join(sorted(f"{scan.subject.platform} ({scan.subject.config})" for scan in scans))
    why = one_line(f"the engine holds {query.image_id}, and what is scanned is {there}")
    return NotScanned(code=NO_SCAN, why=why, hint=f"pytrust scan run --platform OS/ARCH {query.ref}")


def _unreadable(error: PytrustError) -> NotScanned:
    return NotScanned(code=error.code, why=one_line(str(error)), hint=error.hint)


def _refused(error: PytrustError) -> NotScanned | Unavailable:
    if isinstance(error, Refused):
        return _unreadable(error)
    return Unavailable(code=error.code, why=one_line(str(error)), hint=error.hint)
