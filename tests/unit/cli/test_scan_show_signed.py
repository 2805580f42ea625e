"""``pytrust scan show`` and ``diff`` of images: what is signed of each platform, judged by the policy of today."""

from __future__ import annotations

import json
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from tests.fakes.keys import ALICE, NAME, NOW, House, digest, target
from tests.fakes.scans import CLEAN, FINDING, VULNERABLE

from pytrust.cli.scan_diff import diff
from pytrust.cli.scan_show import show
from pytrust.policy.core.rules import ImageRule, Policy, Trust
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.errors import OtherImage
from pytrust.scanner.rules import GateRule, ScanRules
from pytrust.scanner.scan import Scan
from pytrust.scanner.severity import Severity
from pytrust.scanner.statement import encode_scan
from pytrust.scanner.vex.statement import encode_claims
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.collection.model import SCANS, VEX
from pytrust.trust.collection.statement import Statement
from pytrust.trust.errors import NotFound, UsageError
from pytrust.trust.image import Platform
from pytrust.trust.names import Digest

AMD, ARM = digest("amd64"), digest("arm64")
RULES = ScanRules(gates=(GateRule(severity=Severity.HIGH, where="policy.yaml:4"),), incomplete=None)
REPORT = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-01-02T03:04:05Z",
    "ArtifactName": "web",
    "Results": [
        {
            "Target": "web",
            "Class": "os-pkgs",
            "Vulnerabilities": [
                {"VulnerabilityID": FINDING.id, "PkgName": "openssl", "Severity": "HIGH", "Title": "a title"}
            ],
        }
    ],
}


class Desk:
    """What the commands want of a workspace."""

    def __init__(self, house: House, policy: Policy | None) -> None:
        self._house, self._policy, self.home = house, policy, self
        self.policy = self

    def exists(self) -> bool:
        return self._policy is not None

    def load_policy(self) -> Policy | None:
        return self._policy

    def client(self) -> TrustClient:
        return self._house.client()

    def now(self) -> datetime:
        return self._house.now


@pytest.fixture
def house(tmp_path: Path) -> House:
    """``all`` is for two platforms, of which arm64 is vulnerable; ``one`` for one."""
    house = House(tmp_path)
    children = (Platform("linux", "amd64", None, AMD, 100), Platform("linux", "arm64", "v8", ARM, 100))
    house.owner().sign(NAME, [replaced(target("all"), platforms=children), target("one")], [ALICE])
    scans = (scan_of(AMD, CLEAN), scan_of(ARM, VULNERABLE, "linux/arm64/v8"), scan_of(digest("one"), VULNERABLE))
    said = [Statement(scan.subject.digest, encode_scan(scan)) for scan in scans]
    house.owner().attach(NAME, SCANS, said, [ALICE])
    return house


def scan_of(about: Digest, scan: Scan, platform: str = "linux/amd64") -> Scan:
    source = replace(scan.source, digest=Digest(sha256(json.dumps(REPORT).encode()).hexdigest()))
    subject = replace(scan.subject, name=NAME, digest=about, platform=platform)
    return replace(scan, subject=subject, scanned_at=NOW - timedelta(hours=1), source=source)


def policy() -> Policy:
    rule = ImageRule(match="**", where="policy.yaml:3", trust=Trust(), scan=RULES)
    return Policy(version="0" * 64, images=(rule,))


def run(house: House, command: click.Command, *words: str, judged_by: Policy | None = None) -> Result:
    done = CliRunner().invoke(command, words, standalone_mode=False, obj=Desk(house, judged_by))
    if done.exception:
        raise done.exception
    return done


def sheet(house: House, *words: str, judged_by: Policy | None = None) -> Any:
    return json.loads(run(house, show, *words, "--json", judged_by=judged_by).stdout)


def test_all_platforms_and_the_worst_of_them(house: House) -> None:
    found = sheet(house, f"{NAME}:all", judged_by=policy())
    assert found["outcome"] == "fail"
    facts = {fact["name"]: fact["text"] for fact in found["facts"]}
    assert facts["linux/amd64: digest"] == str(AMD)
    assert facts["linux/arm64/v8: digest"] == str(ARM)
    assert [(line["id"], line["mark"], line["place"]) for line in found["lines"]] == [
        (FINDING.id, "fail", "linux/arm64/v8")
    ]


def test_one_platform(house: House) -> None:
    found = sheet(house, f"{NAME}:all", "--platform", "linux/amd64", judged_by=policy())
    assert (found["outcome"], found["lines"]) == ("pass", [])
    facts = {fact["name"]: fact["text"] for fact in found["facts"]}
    assert facts["signed by"] == "alice"
    assert facts["signed until"].endswith("in 3 d")
    with pytest.raises(NotFound, match="there are those of linux/amd64, linux/arm64/v8"):
        run(house, show, f"{NAME}:all", "--platform", "plan9/mips")


def test_without_a_policy_everything_is_noted(house: House) -> None:
    found = sheet(house, f"{NAME}:one")
    assert [line["mark"] for line in found["lines"]] == ["note"]
    assert "there is no policy" in [remark["text"] for remark in found["remarks"]]


def test_signed_vex_counts_and_is_told(house: House) -> None:
    claims = Claims(authors=("bob",), claims=(Claim(ids=(FINDING.id,), status=Status.NOT_AFFECTED),))
    house.owner().attach(NAME, VEX, [Statement(digest("one"), encode_claims(claims))], [ALICE])
    found = sheet(house, f"{NAME}:one", judged_by=policy())
    assert found["outcome"] == "pass"
    assert [line["mark"] for line in found["lines"]] == ["not-affected"]
    assert "signed VEX counts: 1 claim, written by bob" in [remark["text"] for remark in found["remarks"]]


def test_vex_that_is_over_is_told(house: House) -> None:
    claims = Claims(claims=(Claim(ids=(FINDING.id,), status=Status.NOT_AFFECTED),))
    house.owner().attach(NAME, VEX, [Statement(digest("one"), encode_claims(claims))], [ALICE])
    house.later(days=91)
    house.owner().sign(NAME, [target("one")], [ALICE])
    said = Statement(digest("one"), encode_scan(scan_of(digest("one"), VULNERABLE)))
    house.owner().attach(NAME, SCANS, [said], [ALICE])
    found = sheet(house, f"{NAME}:one", judged_by=policy())
    assert found["outcome"] == "fail"
    assert any("does not count" in remark["text"] for remark in found["remarks"])


def test_the_report_that_was_signed_adds_titles(house: House, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(REPORT))
    found = sheet(house, f"{NAME}:one", "--report", str(file))
    assert [line["title"] for line in found["lines"]] == ["a title"]
    file.write_text(json.dumps(REPORT, indent=1))
    with pytest.raises(OtherImage, match="is not the report that was signed"):
        run(house, show, f"{NAME}:one", "--report", str(file))


def test_images_are_compared_a_platform_at_a_time(house: House) -> None:
    with pytest.raises(UsageError, match="several platforms"):
        run(house, diff, f"{NAME}:all", f"{NAME}:one")
    done = run(house, diff, f"{NAME}:all", f"{NAME}:one", "--platform", "linux/amd64")
    assert (done.return_value, FINDING.id in done.stdout) == (1, True)
    with pytest.raises(NotFound):
        run(house, diff, f"{NAME}:one", f"{NAME}:one", "--platform", "linux/arm64/v8")
