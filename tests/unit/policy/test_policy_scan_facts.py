"""From signed statements to the scan of what an engine holds: the right platform's, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from tests.fakes.scans import CLEAN, CONFIG, MANIFEST, VULNERABLE

from pytrust.policy import scan_facts
from pytrust.policy.core.facts import Fact, Missing, NotScanned, Roots, Scanned, ScanQuery, Unavailable
from pytrust.policy.profiles.names import GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.scan_facts import ScanFacts
from pytrust.policy.trust_facts import Opened
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.scan import Scan
from pytrust.scanner.statement import decode_scan, encode_scan
from pytrust.scanner.vex.statement import encode_claims
from pytrust.trust.client.trusted import SignedStatement
from pytrust.trust.errors import BadMetadata, ExpiredCache, PytrustError, Stale, Unreachable, Unsigned
from pytrust.trust.image import Platform
from pytrust.trust.names import CollectionName, Digest, ImageRef, RoleName

INDEX = Digest("11" * 32)
ARM, ARM_CONFIG = Digest("aa" * 32), Digest("bb" * 32)
REF = ImageRef.parse(f"docker.io/foo/web@{INDEX}")
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
PARTS = EngineParts(version="28.0", runc="", kernel="6.1", arch=GoArch("amd64"))
ARM_SCAN = replace(CLEAN, subject=replace(CLEAN.subject, digest=ARM, config=ARM_CONFIG, platform="linux/arm64/v8"))
CLAIMS = Claims(claims=(Claim(ids=("CVE-2026-0001",), status=Status.NOT_AFFECTED),))
Said = bytes | PytrustError | None


class House:
    """A collection with a tag of two platforms, what is said of each, and an engine."""

    def __init__(
        self,
        scans: Mapping[Digest, Said],
        vex: Said = None,
        platforms: tuple[Digest, ...] = (MANIFEST, ARM),
        arches: Mapping[Digest, str] | None = None,
    ):
        self.said: dict[tuple[str, Digest], Said] = {("scans", digest): said for digest, said in scans.items()}
        self.said |= {("vex", digest): vex for digest in (INDEX, *platforms)}
        arches = {ARM: "arm64", **(arches or {})}
        children = tuple(Platform("linux", arches.get(digest, "amd64"), None, digest, 100) for digest in platforms)
        self.tags = MappingProxyType({"v1": ("releases", SimpleNamespace(digest=INDEX, platforms=children))})
        self.unopened: PytrustError | None = None
        self.kept, self.made_of, self.asked = False, PARTS, 0

    def statement(self, role: RoleName, digest: Digest) -> SignedStatement | None:
        said = self.said.get((role, digest))
        if isinstance(said, PytrustError):
            raise said
        return None if said is None else SignedStatement(said, Digest(sha256(said).hexdigest()), EXPIRES)

    async def collection(self, name: CollectionName, roots: Roots | None) -> Any:
        assert name == REF.collection
        return Opened(self.unopened or self)  # type: ignore[arg-type]

    def kept_collection(self, name: CollectionName, roots: Roots | None) -> Any:
        return Opened(self.unopened or self) if self.kept else None  # type: ignore[arg-type]

    async def parts(self) -> EngineParts:
        self.asked += 1
        return self.made_of

    def kept_parts(self) -> EngineParts | None:
        return self.made_of if self.kept else None


BOTH = {MANIFEST: encode_scan(VULNERABLE), ARM: encode_scan(ARM_SCAN)}


def ask(house: House, image_id: Digest = CONFIG) -> Fact:
    return asyncio.run(ScanFacts(house, house).answer(ScanQuery(ref=REF, image_id=str(image_id))))  # type: ignore[arg-type]


def found(fact: Fact) -> Scan:
    assert isinstance(fact, Scanned), fact
    return fact.scan


@pytest.mark.parametrize(
    ("image_id", "scan"),
    [(CONFIG, VULNERABLE), (MANIFEST, VULNERABLE), (ARM_CONFIG, ARM_SCAN), (ARM, ARM_SCAN), (INDEX, VULNERABLE)],
)
def test_the_engine_s_id_tells_the_platform(image_id: Digest, scan: Scan) -> None:
    fact = ask(House(BOTH), image_id)
    assert found(fact) == scan
    assert isinstance(fact, Scanned)
    assert (fact.digest.hex, fact.expires) == (sha256(encode_scan(scan)).hexdigest(), EXPIRES)


def test_an_engine_that_calls_it_by_the_index_runs_its_own_platform() -> None:
    house = House(BOTH)
    house.made_of = replace(PARTS, arch=GoArch("arm64"))
    assert found(ask(house, INDEX)) == ARM_SCAN
    house.made_of = replace(PARTS, arch=GoArch("arm"))  # no prefix of arm64
    assert isinstance(ask(house, INDEX), NotScanned)


@pytest.mark.parametrize("scanned", [{MANIFEST}, {ARM}, {MANIFEST, ARM}])
@pytest.mark.parametrize("spelled", ["amd64", "x86_64", "AMD64"])
def test_of_several_that_the_engine_could_run_none_is_certain(scanned: set[Digest], spelled: str) -> None:
    """Whoever leaves the worse of two unscanned gains nothing by that."""
    other = replace(ARM_SCAN, subject=replace(ARM_SCAN.subject, platform="linux/amd64/v3"))
    scans = {MANIFEST: encode_scan(CLEAN), ARM: encode_scan(other)}
    house = House({digest: scans[digest] for digest in scanned}, arches={ARM: spelled})
    assert isinstance(ask(house, INDEX), NotScanned)


@pytest.mark.parametrize(
    ("platform", "counts"),
    [
        ("", True),
        ("linux/amd64", True),
        ("linux/arm64", False),
        ("arm64", False),
        ("linux/amd64/v3", False),
        ("x", False),
    ],
)
def test_of_an_index_only_the_engine_s_own_platform_may_be_asked_for(platform: str, counts: bool) -> None:
    """Each is scanned; but an engine that runs what the client asks for is not known to run what was judged."""
    house = House(BOTH)
    query = ScanQuery(ref=REF, image_id=str(INDEX), platform=platform)
    assert isinstance(asyncio.run(ScanFacts(house, house).answer(query)), Scanned) is counts  # type: ignore[arg-type]


def test_one_document_of_two_images_is_of_one() -> None:
    """Also where it was read before, of the image that it is of."""
    data = encode_scan(CLEAN)
    house = House({MANIFEST: data, ARM: data})
    facts = ScanFacts(house, house)  # type: ignore[arg-type]
    for image_id in (MANIFEST, INDEX, ARM, INDEX):
        house.made_of = replace(PARTS, arch=GoArch("arm64"))
        fact = asyncio.run(facts.answer(ScanQuery(ref=REF, image_id=str(image_id))))
        assert isinstance(fact, Scanned) is (image_id == MANIFEST)


def test_of_two_with_the_same_content_the_later_scan_counts() -> None:
    late = replace(CLEAN, scanned_at=CLEAN.scanned_at + timedelta(hours=1))
    for first, second in ((CLEAN, late), (late, CLEAN)):
        twin = replace(second, subject=replace(second.subject, digest=ARM))
        assert found(ask(House({MANIFEST: encode_scan(first), ARM: encode_scan(twin)}))).scanned_at == late.scanned_at


def test_what_cannot_be_read_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house, tried = House({MANIFEST: b"{}"}), list[int]()

    def decode(data: bytes, what: str) -> Scan:
        tried.append(1)
        return decode_scan(data, what)

    monkeypatch.setattr("pytrust.policy.scan_facts.decode_scan", decode)
    facts, query = ScanFacts(house, house), ScanQuery(ref=REF, image_id=str(CONFIG))  # type: ignore[arg-type]

    async def twice() -> None:
        assert await facts.answer(query) == await facts.answer(query)

    asyncio.run(twice())
    assert len(tried) == 1


def test_an_image_of_one_platform() -> None:
    alone = replace(CLEAN, subject=replace(CLEAN.subject, digest=INDEX))
    house = House({INDEX: encode_scan(alone)}, platforms=())
    assert found(ask(house)) == alone
    assert house.asked == 0


def test_none_of_this_platform_is_said_with_those_that_there_are() -> None:
    fact = ask(House({ARM: encode_scan(ARM_SCAN)}))
    assert isinstance(fact, NotScanned)
    assert fact.code == "no-scan"
    assert "linux/arm64/v8" in fact.why
    assert "--platform" in fact.hint


def test_no_prefix_of_a_digest_is_enough() -> None:
    house = House(BOTH)
    for image_id in ("sha256:", f"sha256:{CONFIG.hex[:12]}", CONFIG.hex, ""):
        query = ScanQuery(ref=REF, image_id=image_id)
        assert isinstance(asyncio.run(ScanFacts(house, house).answer(query)), NotScanned)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (None, Missing, ""),
        (Stale("its time is over"), NotScanned, "stale"),
        (BadMetadata("forged"), NotScanned, "bad-metadata"),
        (ExpiredCache("too old"), Unavailable, "expired-cache"),
        (b"{}", NotScanned, "bad-content"),
        (encode_scan(ARM_SCAN), NotScanned, "other-image"),
    ],
)
def test_what_is_none_and_what_does_not_count(said: Said, kind: type, code: str) -> None:
    fact = ask(House({MANIFEST: said}))
    assert type(fact) is kind
    assert getattr(fact, "code", "") == code


def test_one_that_cannot_be_read_might_be_the_one() -> None:
    assert found(ask(House({MANIFEST: encode_scan(CLEAN), ARM: b"{}"}), MANIFEST)) == CLEAN
    for image_id in (MANIFEST, INDEX):
        fact = ask(House({MANIFEST: b"{}", ARM: encode_scan(ARM_SCAN)}), image_id)
        assert isinstance(fact, NotScanned)
        assert fact.code == "bad-content"


@pytest.mark.parametrize(
    ("error", "kind"), [(Unsigned("unsigned"), NotScanned), (Unreachable("nobody answers"), Unavailable)]
)
def test_a_collection_that_cannot_be_opened(error: PytrustError, kind: type) -> None:
    house = House(BOTH)
    house.unopened = error
    assert type(ask(house)) is kind


@pytest.mark.parametrize(
    ("vex", "claims"),
    [
        (None, Claims()),
        (encode_claims(CLAIMS), CLAIMS),
        (Stale("its time is over"), Claims()),
        (BadMetadata("x"), Claims()),
    ],
)
def test_vex_that_is_not_believed_takes_nothing_away(vex: Said, claims: Claims) -> None:
    fact = ask(House(BOTH, vex))
    assert isinstance(fact, Scanned)
    assert fact.claims == claims


def test_it_is_read_once_and_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house, decoded = House(BOTH), list[int]()

    def decode(data: bytes, what: str) -> Scan:
        decoded.append(1)
        return decode_scan(data, what)

    monkeypatch.setattr("pytrust.policy.scan_facts.decode_scan", decode)
    facts, query = ScanFacts(house, house), ScanQuery(ref=REF, image_id=str(CONFIG))  # type: ignore[arg-type]

    async def several() -> list[Fact | None]:
        first = [facts.at_once(query), await facts.answer(query), facts.at_once(query)]
        house.kept = True
        return [*first, facts.at_once(query), await facts.answer(query)]

    before, one, unkept, two, three = asyncio.run(several())
    assert (before, unkept) == (None, None)
    assert one == two == three
    assert len(decoded) == 2


def test_they_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(encode_scan(CLEAN))
    monkeypatch.setattr(scan_facts, "KEPT_MAX_BYTES", 4 * size)
    house = House({})
    facts = ScanFacts(house, house)  # type: ignore[arg-type]

    async def many() -> None:
        for number in range(10):
            scan = replace(CLEAN, source=replace(CLEAN.source, digest=Digest(f"{number}" * 64)))
            house.said["scans", MANIFEST] = encode_scan(scan)
            assert isinstance(await facts.answer(ScanQuery(ref=REF, image_id=str(CONFIG))), Scanned)

    asyncio.run(many())
    assert 0 < len(facts._kept) <= 4
