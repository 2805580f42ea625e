"""What a signed scan makes of a container: when it is made, and when it is started again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.unit.policy_core.core_case import (
    CONTAINER_ID,
    D1,
    D2,
    DEV,
    DOWN,
    GOOD,
    GOOD_HELD,
    GOOD_ID,
    SIGNED_RULE,
    World,
    codes,
    create,
    given_as,
    judged,
    policy,
    reasons,
    signed,
    trust_query,
)
from tests.unit.policy_core.core_worlds import LATER, NOW

from pytrust.policy.core.decision import Allow
from pytrust.policy.core.facts import Fact, HeldImage, ImageQuery, Missing, NotScanned, Scanned, ScanQuery
from pytrust.policy.core.request import Ask, Create, Field, Held, Named, Start, Update
from pytrust.policy.core.rules import Mode, Policy
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.rules import Action, GateRule, ScanRules, Waiver
from pytrust.scanner.scan import Coverage, Database, Scan, Source, Subject
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName, Digest, ImageRef

QUERY = ScanQuery(ref=ImageRef.parse(f"{GOOD.collection}@{D1}"), image_id=GOOD_ID)
GATE = GateRule(severity=Severity.HIGH, where="policy.yaml:6")
RULES = ScanRules(max_age=timedelta(days=7), gates=(GATE,), where="policy.yaml:5")
BAD = Finding(
    id="CVE-2029-0001",
    severity=Severity.CRITICAL,
    package="openssl",
    version="1.0",
    fixed="1.1",
    family="os-pkgs",
    ecosystem="debian",
)
CLEAN = Scan(
    subject=Subject(name=GOOD.collection, digest=D1, config=Digest.parse(GOOD_ID), platform="linux/amd64"),
    scanned_at=NOW - timedelta(hours=2),
    source=Source(digest=D2, length=1000),
    database=Database(updated_at=NOW - timedelta(hours=6)),
    coverage=Coverage(
        kinds=frozenset({Kind.VULNERABILITY}),
        severities=frozenset(Severity),
        unfixed=True,
        families=frozenset({"os-pkgs"}),
    ),
)
VULNERABLE = replace(CLEAN, findings=(BAD,))
STARTED = Start(what="container start", container="web")


def scanned(scan: Scan = CLEAN, **changes: object) -> Scanned:
    return replace(Scanned(digest=D2, scan=scan, expires=LATER - timedelta(days=5)), **changes)


def under(rules: ScanRules | None = RULES, *waivers: Waiver, mode: Mode = Mode.ENFORCE) -> Policy:
    return replace(policy(replace(SIGNED_RULE, scan=rules), mode=mode), waivers=waivers)


def known(fact: Fact) -> World:
    return {QUERY: fact}


def test_a_clean_image_runs_until_its_scan_ends() -> None:
    decision = judged(create(), under(), known(scanned()))
    assert isinstance(decision, Allow)
    assert decision.expires == LATER - timedelta(days=5)


def test_a_vulnerable_image_does_not_and_the_reason_says_it_all() -> None:
    (reason,) = reasons(judged(create(), under(), known(scanned(VULNERABLE))))
    assert all(word in reason.text for word in (str(GOOD), "CVE-2029-0001", "openssl", "1.1"))
    assert "policy.yaml" in reason.rule
    assert reason.hint


def test_without_a_rule_nobody_looks() -> None:
    assert isinstance(judged(create(), under(None), known(scanned(VULNERABLE))), Allow)
    assert isinstance(judged(create(image=DEV), policy(), known(scanned(VULNERABLE))), Allow)


REFUSED: list[tuple[Fact, str]] = [
    (Missing(), "no-scan"),
    (NotScanned(code="no-scan", why="only linux/arm64 is"), "no-scan"),
    (NotScanned(code="stale", why="its time is over", hint="sign it again"), "stale"),
    (NotScanned(code="bad-signature", why="forged"), "bad-signature"),
    (DOWN, "unreachable"),
    (signed(), "bad-answer"),
    (scanned(expires=NOW), "stale-scan"),
    (scanned(replace(CLEAN, subject=replace(CLEAN.subject, config=D2, digest=D2))), "other-image"),
    (scanned(replace(CLEAN, subject=replace(CLEAN.subject, name=CollectionName("docker.io/x/y")))), "other-image"),
    (scanned(replace(CLEAN, scanned_at=NOW - timedelta(days=7, seconds=1))), "stale-scan"),
]


@pytest.mark.parametrize(("fact", "code"), REFUSED)
def test_what_does_not_count(fact: Fact, code: str) -> None:
    (reason,) = reasons(judged(create(), under(), known(fact)))
    assert reason.code == code
    assert reason.hint or code == "bad-answer"
    assert "policy.yaml" in reason.rule


@pytest.mark.parametrize(
    ("fact", "runs"),
    [
        (Missing(), True),
        (NotScanned(code="no-scan", why="only linux/arm64 is"), True),
        (NotScanned(code="stale", why="its time is over"), False),
        (DOWN, False),
        (scanned(VULNERABLE), False),
    ],
)
def test_where_no_scan_is_asked_for_one_that_is_there_counts(fact: Fact, runs: bool) -> None:
    assert isinstance(judged(create(), under(replace(RULES, required=False)), known(fact)), Allow) is runs


def test_a_new_policy_needs_no_new_scan() -> None:
    lenient = replace(RULES, gates=(replace(GATE, packages=("bash",)),))
    assert isinstance(judged(create(), under(lenient), known(scanned(VULNERABLE))), Allow)


def test_what_only_warns_is_told_and_what_is_noted_is_kept() -> None:
    gates = (
        replace(GATE, action=Action.WARN),
        replace(GATE, action=Action.AUDIT, kind=Kind.VULNERABILITY, fix=GATE.fix),
    )
    decision = judged(create(), under(replace(RULES, gates=gates)), known(scanned(VULNERABLE)))
    assert isinstance(decision, Allow)
    assert [reason.code for reason in decision.warnings] == ["findings"]
    assert "CVE-2029-0001" in decision.warnings[0].text
    noted = judged(create(), under(replace(RULES, gates=gates[1:])), known(scanned(VULNERABLE)))
    assert isinstance(noted, Allow)
    assert ([reason.code for reason in noted.noted], noted.warnings) == (["findings"], ())


def test_learning_mode_passes_over_it_aloud() -> None:
    decision = judged(create(), under(mode=Mode.WARN), known(scanned(VULNERABLE)))
    assert isinstance(decision, Allow)
    assert [reason.code for reason in decision.overruled] == ["findings"]


@pytest.mark.parametrize("ended", [False, True])
def test_an_exception_counts_until_its_end(ended: bool) -> None:
    last = NOW.date() - timedelta(days=1) if ended else NOW.date()
    waiver = Waiver(ids=("CVE-2029-0001",), reason="not reachable", owner="alice", expires=last, where="policy.yaml:20")
    assert isinstance(judged(create(), under(RULES, waiver), known(scanned(VULNERABLE))), Allow) is not ended
    elsewhere = replace(waiver, match="docker.io/**")
    assert codes(judged(create(), under(RULES, elsewhere), known(scanned(VULNERABLE)))) == ["findings"]


def test_signed_vex_counts_where_the_rule_lets_it() -> None:
    claims = Claims(claims=(Claim(ids=("CVE-2029-0001",), status=Status.NOT_AFFECTED),))
    said = known(scanned(VULNERABLE, claims=claims))
    assert isinstance(judged(create(), under(), said), Allow)
    assert codes(judged(create(), under(replace(RULES, vex=False)), said)) == ["findings"]


def test_mounted_images_are_judged_too() -> None:
    other = ImageRef.parse("registry.example.com/foo/tools:1")
    world: World = {
        QUERY: scanned(),
        trust_query(str(other)): signed(D2),
        ImageQuery(name=f"{other.collection}@{D2}"): HeldImage(
            id=GOOD_ID, repo_digests=(given_as(other.collection, D2),)
        ),
        ScanQuery(ref=ImageRef.parse(f"{other.collection}@{D2}"), image_id=GOOD_ID): Missing(),
    }
    (reason,) = reasons(judged(replace(create(), mounts=(Named(ref=other),)), under(), world))
    assert (reason.code, str(other.at(D2)) in reason.text) == ("no-scan", True)


def test_an_image_by_its_id_is_judged_by_the_name_that_is_signed() -> None:
    request = Create(image=Held(text=GOOD_ID))
    assert codes(judged(request, under(), known(scanned(VULNERABLE)))) == ["findings"]


@pytest.mark.parametrize("held", ["config", "manifest", "index"])
def test_the_engine_may_call_the_image_by_any_of_its_digests(held: str) -> None:
    child = Digest("c" * 64)
    subject = replace(CLEAN.subject, digest=child, config=Digest.parse(GOOD_ID))
    image_id = {"config": GOOD_ID, "manifest": str(child), "index": str(D1)}[held]
    world: World = {
        ImageQuery(name=f"{GOOD.collection}@{D1}"): replace(GOOD_HELD, id=image_id),
        replace(QUERY, image_id=image_id): scanned(replace(CLEAN, subject=subject)),
    }
    assert isinstance(judged(create(), under(), world), Allow)


@pytest.mark.parametrize(
    "request_",
    [STARTED, Update(container="web", asks=(Ask(field=Field.RESTART, value="always"),))],
    ids=["start", "restart policy"],
)
def test_a_container_that_begins_anew_is_judged_by_what_is_known_now(request_: Start | Update) -> None:
    assert isinstance(judged(request_, under(), known(scanned())), Allow)
    assert "findings" in codes(judged(request_, under(), known(scanned(VULNERABLE))))
    assert "no-scan" in codes(judged(request_, under(), known(Missing())))


def test_a_container_that_goes_on_is_not() -> None:
    decision = judged(Start(what="container unpause", container="web"), under(), known(scanned(VULNERABLE)))
    assert isinstance(decision, Allow)
    assert decision.container == CONTAINER_ID


def test_the_platform_that_a_client_asks_for_is_asked_about() -> None:
    """An engine with several platforms of an image runs that one: another's scan says nothing of it."""
    asked = replace(QUERY, platform="linux/arm64")
    request = replace(create(), platform="linux/arm64")
    assert codes(judged(request, under(), {QUERY: scanned(), asked: NotScanned(code="no-scan", why="x")})) == [
        "no-scan"
    ]
