"""Every signed image, and what its scan comes to: of a real collection, under policies and clocks that move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as replaced
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.fakes.keys import ALICE, NAME, NOW, House, digest, target
from tests.fakes.scans import CLEAN, FINDING, VULNERABLE

from pytrust.cli.scan_fleet import Fleet, State, Surveyor
from pytrust.cli.scan_reading import read_scan, readings, scanned_digests, stray_digests
from pytrust.policy.core.rules import ImageRule, Policy, Trust
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.rules import GateRule, ScanRules, Waiver
from pytrust.scanner.scan import Scan
from pytrust.scanner.severity import Severity
from pytrust.scanner.statement import decode_scan, encode_scan
from pytrust.scanner.vex.statement import encode_claims
from pytrust.trust.collection.model import SCANS, VEX, Target
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import BadContent, Unreachable, Unsigned
from pytrust.trust.image import Platform
from pytrust.trust.names import Digest, ImageRef

RULES = ScanRules(
    max_age=timedelta(days=7), gates=(GateRule(severity=Severity.HIGH, where="policy.yaml:4"),), incomplete=None
)
FAR = timedelta(days=30)


def policy(rules: ScanRules | None = RULES, *waivers: Waiver, match: str = "**") -> Policy:
    rule = ImageRule(match=match, where="policy.yaml:3", trust=Trust(), scan=rules)
    return Policy(version="0" * 64, images=(rule,), waivers=waivers)


def scan_of(
    about: Digest, scan: Scan = CLEAN, *, age: timedelta = timedelta(hours=1), platform: str = "linux/amd64"
) -> Scan:
    subject = replace(scan.subject, name=NAME, digest=about, platform=platform)
    at = NOW - age
    return replace(scan, subject=subject, scanned_at=at, database=replace(scan.database, updated_at=at))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    return house


def attach(house: House, *scans: Scan) -> None:
    said = [Statement(scan.subject.digest, encode_scan(scan)) for scan in scans]
    house.owner().attach(NAME, SCANS, said, [ALICE])


def survey(house: House, judged_by: Policy | None = None, *, ahead: timedelta = timedelta(days=2)) -> Fleet:
    surveyor = Surveyor(judged_by, house.now, house.now + ahead)
    surveyor.look(house.client().open(NAME))
    return surveyor.fleet()


def states(fleet: Fleet) -> Mapping[str, State]:
    return {row.tag: row.standing.state for row in fleet.rows}


V1, V2 = digest("v1"), digest("v2")


def test_denied_allowed_and_never_scanned(house: House) -> None:
    attach(house, scan_of(V1, VULNERABLE))
    fleet = survey(house, policy())
    assert states(fleet) == {"v1": State.DENIED, "v2": State.DENIED}
    first, second = (row.standing for row in fleet.rows)
    assert "CVE-2026-0001" in first.why
    assert (second.why, second.scan) == ("it has no signed scan", None)
    attach(house, scan_of(V1), scan_of(V2))
    assert states(survey(house, policy())) == {"v1": State.ALLOWED, "v2": State.ALLOWED}


@pytest.mark.parametrize(
    ("judged_by", "why"),
    [
        (None, "there is no policy"),
        (policy(None), "its rule asks for no scan (policy.yaml:3)"),
        (policy(match="docker.io/other/**"), "no rule of the policy allows this image"),
        (
            Policy(version="0" * 64, images=(ImageRule(match="**", where="policy.yaml:3", trust=None, scan=RULES),)),
            "its rule asks for no scan (policy.yaml:3)",
        ),
    ],
)
def test_what_nothing_judges(house: House, judged_by: Policy | None, why: str) -> None:
    attach(house, scan_of(V1, VULNERABLE))
    fleet = survey(house, judged_by)
    assert set(states(fleet).values()) == {State.NOT_JUDGED}
    assert {row.standing.why for row in fleet.rows} == {why}
    assert not fleet.denied


def test_a_scan_that_need_not_be_there(house: House) -> None:
    attach(house, scan_of(V1))
    assert states(survey(house, policy(replace(RULES, required=False)))) == {"v1": State.ALLOWED, "v2": State.ALLOWED}


def test_what_only_warns(house: House) -> None:
    attach(house, scan_of(V1), scan_of(V2))
    assert states(survey(house, policy(replace(RULES, incomplete=None))))["v1"] is State.ALLOWED
    unbound = replace(scan_of(V1), bound=False)
    attach(house, unbound)
    assert states(survey(house, policy()))["v1"] is State.WARNED


def test_it_is_told_when_a_scan_gets_too_old(house: House) -> None:
    attach(house, scan_of(V1, age=timedelta(days=6)), scan_of(V2))
    rows = {row.tag: row.standing.soon for row in survey(house, policy()).rows}
    assert rows["v2"] is None
    assert rows["v1"] is not None
    assert rows["v1"].at == NOW + timedelta(days=1)
    assert survey(house, policy(), ahead=timedelta(hours=23)).rows[0].standing.soon is None
    house.later(days=1)
    assert states(survey(house, policy())) == {"v1": State.DENIED, "v2": State.ALLOWED}


def test_the_end_of_the_signature_is_told_once(house: House) -> None:
    attach(house, scan_of(V1), scan_of(V2))
    end = NOW + timedelta(days=3)
    fleet = survey(house, policy(), ahead=FAR)
    assert fleet.endings == ((NAME, end),)
    soon = fleet.rows[0].standing.soon
    assert soon is not None
    assert soon.at == NOW + timedelta(days=7, hours=-1)
    assert survey(house, policy(), ahead=timedelta(days=2, hours=23)).endings == ()
    reading = read_scan(house.client().open(NAME), V1)
    assert reading is not None
    assert reading.expires == end


def test_it_is_told_when_an_exception_ends(house: House) -> None:
    attach(house, scan_of(V1, VULNERABLE), scan_of(V2))
    tomorrow = (NOW + timedelta(days=1)).date()
    waiver = Waiver(ids=(FINDING.id,), reason="later", owner="alice", expires=tomorrow)
    fleet = survey(house, policy(RULES, waiver), ahead=timedelta(days=2, hours=23))
    assert states(fleet)["v1"] is State.ALLOWED
    soon = fleet.rows[0].standing.soon
    assert soon is not None
    assert soon.at.date() == tomorrow + timedelta(days=1)


def test_a_signature_that_is_over(house: House) -> None:
    attach(house, scan_of(V1), scan_of(V2))
    house.later(days=3, hours=1)
    house.publisher.refresh_due()
    fleet = survey(house, policy(replace(RULES, max_age=FAR)))
    assert set(states(fleet).values()) == {State.DENIED}
    assert not stray(house)


def stray(house: House) -> list[Digest]:
    return list(stray_digests(house.client().open(NAME)))


def test_signed_vex_counts_and_vex_that_is_over_does_not(house: House) -> None:
    attach(house, scan_of(V1, VULNERABLE), scan_of(V2))
    claims = Claims(claims=(Claim(ids=(FINDING.id,), status=Status.NOT_AFFECTED),))
    house.owner().attach(NAME, VEX, [Statement(V1, encode_claims(claims))], [ALICE])
    assert states(survey(house, policy()))["v1"] is State.ALLOWED
    reading = read_scan(house.client().open(NAME), V1)
    assert reading is not None
    assert (reading.claims, reading.disbelieved) == (claims, None)
    house.later(days=91)
    house.owner().sign(NAME, [target("v1"), target("v2")], [ALICE])
    attach(house, scan_of(V1, VULNERABLE), scan_of(V2))
    reading = read_scan(house.client().open(NAME), V1)
    assert reading is not None
    assert reading.claims == Claims()
    assert reading.disbelieved is not None


def multi(tag: str) -> Target:
    children = (
        Platform("linux", "amd64", None, digest("amd64"), 100),
        Platform("linux", "arm64", "v8", digest("arm64"), 100),
    )
    return replaced(target(tag), platforms=children)


def test_each_platform_of_a_tag_is_a_row(house: House) -> None:
    house.owner().sign(NAME, [multi("all")], [ALICE])
    attach(house, scan_of(digest("arm64"), VULNERABLE, platform="linux/arm64/v8"))
    rows = [(row.platform, row.standing.state) for row in survey(house, policy()).rows if row.tag == "all"]
    assert rows == [("linux/amd64", State.DENIED), ("linux/arm64/v8", State.DENIED)]
    trusted = house.client().open(NAME)
    _, index = trusted.tags["all"]
    assert scanned_digests(trusted, index) == (digest("arm64"),)
    (only,) = readings(house.client(), ImageRef.parse(f"{NAME}:all"))
    assert only.scan.subject.platform == "linux/arm64/v8"
    (same,) = readings(house.client(), ImageRef.parse(f"{NAME}@{digest('arm64')}"))
    assert same == only
    assert readings(house.client(), ImageRef.parse(f"{NAME}@{digest('amd64')}")) == ()


def test_content_without_a_tag_is_told(house: House) -> None:
    attach(house, scan_of(V1), scan_of(V2))
    house.owner().revoke(NAME, ["v2"], [ALICE])
    fleet = survey(house, policy())
    assert fleet.strays == ((NAME, V2),)
    assert states(fleet) == {"v1": State.ALLOWED}


def test_a_scan_of_other_content_counts_for_nothing(house: House) -> None:
    said = Statement(V1, encode_scan(scan_of(V2)))
    house.owner().attach(NAME, SCANS, [said], [ALICE])
    with pytest.raises(BadContent, match=f"is of {V2}"):
        read_scan(house.client().open(NAME), V1)
    fleet = survey(house, policy())
    assert states(fleet)["v1"] is State.DENIED
    assert f"is of {V2}" in fleet.rows[0].standing.why


def test_tags_that_share_content_are_read_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.owner().sign(NAME, [target(f"t{number}", "v1") for number in range(20)], [ALICE])
    attach(house, scan_of(V1, VULNERABLE))
    read: list[bytes] = []

    def counted(data: bytes, what: str) -> Scan:
        read.append(data)
        return decode_scan(data, what)

    monkeypatch.setattr("pytrust.scanner.statement.decode_scan", counted)
    assert len(survey(house, policy()).rows) == 22
    assert len(read) == 1


def test_who_signed_it(house: House) -> None:
    attach(house, scan_of(V1))
    reading = read_scan(house.client().open(NAME), V1)
    assert reading is not None
    assert reading.signed_by == "alice"


def test_an_image_that_nobody_signed(house: House) -> None:
    with pytest.raises(Unsigned):
        readings(house.client(), ImageRef.parse(f"{NAME}:v9"))


def test_failures_are_kept(house: House) -> None:
    surveyor = Surveyor(None, NOW, NOW + FAR)
    error = Unreachable("nobody answers")
    surveyor.fail(NAME, error)
    assert surveyor.fleet().failures == ((NAME, error),)
