"""Which images may run, and by which reference they are sent on."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.unit.policy_core.core_case import (
    ALICE,
    BOB,
    CAROL,
    D1,
    D2,
    DEV,
    DEV_RULE,
    DOWN,
    EVIL_ID,
    EXPIRED,
    GOOD,
    GOOD_ID,
    UNSIGNED,
    World,
    ask,
    codes,
    create,
    given_as,
    judged,
    policy,
    reasons,
    ref,
    signed,
    trust_query,
)
from tests.unit.policy_core.core_worlds import LATER, NOW, ROOTS

from pytrust.policy.core.decide import decide
from pytrust.policy.core.decision import Allow, Deny, Need, Pin
from pytrust.policy.core.facts import (
    EngineQuery,
    Fact,
    Facts,
    HeldImage,
    ImageQuery,
    Missing,
    PathQuery,
    Query,
    Signed,
    TrustQuery,
    VolumeQuery,
)
from pytrust.policy.core.request import Create, Field, Held, Image, Named, Pull, TagImage
from pytrust.policy.core.rules import ImageRule, Isolation, Lift, Mode, Policy, Trust
from pytrust.trust.names import ImageRef, RoleName

GOOD_NAME = ImageQuery(name=f"{GOOD.collection}@{D1}")
EVIL = HeldImage(id=EVIL_ID)
FOREIGN = "quay.io/bad/evil"


def run(image: Image) -> Create:
    return Create(image=image)


def test_a_signed_tag_is_sent_on_by_its_digest() -> None:
    decision = judged(create())
    assert isinstance(decision, Allow)
    assert decision.pins == (Pin(image=Named(ref=GOOD), ref=GOOD.at(D1), image_id=GOOD_ID),)
    assert str(decision.pins[0].ref) == f"registry.example.com/foo/good:1@{D1}"
    assert decision.expires == LATER


def test_a_signed_digest_is_found_without_a_tag() -> None:
    by_digest = ref(f"{GOOD.collection}@{D1}")
    decision = judged(create(image=by_digest))
    assert isinstance(decision, Allow)
    assert decision.pins == (Pin(image=Named(ref=by_digest), ref=by_digest, image_id=GOOD_ID),)


def test_a_tag_that_is_signed_as_another_digest() -> None:
    torn = GOOD.at(D2)
    decision = judged(create(image=torn), world={TrustQuery(ref=torn): signed(D1)})
    assert codes(decision) == ["digest-mismatch"]


@pytest.mark.parametrize(
    ("fact", "code", "hint"),
    [(UNSIGNED, "unsigned", "sign it"), (DOWN, "unreachable", "check the network"), (Missing(), "bad-answer", "")],
)
def test_not_signed(fact: Fact, code: str, hint: str) -> None:
    for request in (create(), Pull(ref=GOOD)):
        (reason,) = reasons(judged(request, world={TrustQuery(ref=GOOD): fact}))
        assert (reason.code, reason.hint, reason.firm) == (code, hint, False)
        assert reason.rule == "images registry.example.com/** (policy.yaml:4)"


@pytest.mark.parametrize(
    ("expires", "code"), [(EXPIRED, ["stale"]), (NOW, ["stale"]), (NOW + timedelta(seconds=1), [])]
)
def test_a_signature_ends(expires: datetime, code: list[str]) -> None:
    fact = Signed(digest=D1, signers=(ALICE,), expires=expires)
    assert codes(judged(create(), world={TrustQuery(ref=GOOD): fact})) == code


SIGNERS = [
    (Trust(), (), True),
    (Trust(threshold=2), (ALICE,), False),
    (Trust(threshold=2), (ALICE, ALICE), False),
    (Trust(threshold=2), (ALICE, BOB), True),
    (Trust(signers=(ALICE,)), (ALICE,), True),
    (Trust(signers=(ALICE,)), (BOB,), False),
    (Trust(signers=(ALICE,)), (), False),
    (Trust(signers=(ALICE, BOB), threshold=2), (ALICE, CAROL), False),
    (Trust(signers=(ALICE, BOB), threshold=2), (ALICE, ALICE), False),
    (Trust(signers=(ALICE, BOB), threshold=2), (ALICE, BOB, CAROL), True),
    (Trust(signers=(ALICE,), threshold=0), (BOB,), False),
]


@pytest.mark.parametrize(("trust", "signers", "enough"), SIGNERS)
def test_who_has_to_sign(trust: Trust, signers: tuple[RoleName, ...], enough: bool) -> None:
    under = policy(ImageRule(match="**", where="policy.yaml:4", trust=trust))
    fact = Signed(digest=D1, signers=signers, expires=LATER)
    decision = judged(create(), under, {TrustQuery(ref=GOOD): fact})
    assert codes(decision) == ([] if enough else ["too-few-signers"])


def test_too_few_signers_in_words() -> None:
    trust = Trust(signers=(ALICE, BOB), threshold=2)
    under = policy(ImageRule(match="**", where="policy.yaml:4", trust=trust))
    (reason,) = reasons(judged(create(), under))
    assert reason.text == "registry.example.com/foo/good:1 is signed by alice; the rule asks for 2 of alice, bob"


def test_the_roots_of_the_rule_are_asked_for() -> None:
    under = policy(ImageRule(match="**", where="l", trust=Trust(roots=ROOTS)))
    decision = decide(Pull(ref=GOOD), Facts(NOW, {}), under)
    assert decision == Need(queries=frozenset({TrustQuery(ref=GOOD, roots=ROOTS)}))


def test_the_first_rule_that_fits_decides() -> None:
    strict = ImageRule(match=GOOD.collection, where="l", trust=Trust(signers=(BOB,)))
    loose = ImageRule(match="**", where="l", trust=None)
    assert codes(judged(Pull(ref=GOOD), policy(strict, loose))) == ["too-few-signers"]
    assert codes(judged(Pull(ref=GOOD), policy(loose, strict))) == []


@pytest.mark.parametrize("text", [FOREIGN, f"{FOREIGN}@{D1}", "registry.example.com.evil.org/foo/good:1"])
def test_no_rule(text: str) -> None:
    for request in (create(image=ref(text)), Pull(ref=ref(text)), TagImage(source="x", target=ref(FOREIGN))):
        assert codes(judged(request)) == ["no-rule"]


def test_an_image_that_the_engine_does_not_hold() -> None:
    (reason,) = reasons(judged(create(), world={GOOD_NAME: Missing()}))
    assert (reason.code, reason.firm) == ("no-such-image", True)
    assert reason.text == "No such image: registry.example.com/foo/good:1"


@pytest.mark.parametrize(
    "held",
    [
        HeldImage(id=EVIL_ID),
        HeldImage(id=EVIL_ID, repo_digests=(given_as(FOREIGN, D1),)),
        HeldImage(id=EVIL_ID, repo_digests=(given_as(GOOD.collection, D2),), tags=(GOOD,)),
    ],
)
def test_an_engine_that_answers_with_another_image(held: HeldImage) -> None:
    assert codes(judged(create(), world={GOOD_NAME: held})) == ["foreign-digest"]


def test_an_unsigned_image_where_the_rule_allows_it() -> None:
    decision = judged(create(image=DEV))
    assert isinstance(decision, Allow)
    assert decision.pins == (Pin(image=Named(ref=DEV), ref=DEV, image_id=EVIL_ID),)
    assert decision.expires is None
    assert codes(judged(create(image=DEV), world={ImageQuery(name=str(DEV)): Missing()})) == ["no-such-image"]


def test_an_id_is_sent_on_by_the_name_that_is_signed() -> None:
    decision = judged(run(Held(text=GOOD_ID)))
    assert isinstance(decision, Allow)
    assert decision.pins == (Pin(image=Held(text=GOOD_ID), ref=ref(f"{GOOD.collection}@{D1}"), image_id=GOOD_ID),)


@pytest.mark.parametrize("held", [EVIL, HeldImage(id=EVIL_ID, tags=(GOOD,))])
def test_an_id_without_a_name_from_a_registry(held: HeldImage) -> None:
    (reason,) = reasons(judged(run(Held(text="2222")), world={ImageQuery(name="2222"): held}))
    assert reason.code == "unsigned-image"
    assert EVIL_ID in reason.text


def test_an_id_whose_names_are_not_signed() -> None:
    held = HeldImage(id=EVIL_ID, repo_digests=(given_as(FOREIGN, D2), given_as(GOOD.collection, D2)))
    world: World = {ImageQuery(name="2222"): held, trust_query(f"{GOOD.collection}@{D2}"): UNSIGNED}
    (reason,) = reasons(judged(run(Held(text="2222")), world=world))
    assert reason.code == "unsigned-image"
    assert f"{FOREIGN}@{D2}" in reason.text


def test_an_id_that_the_engine_does_not_know() -> None:
    (reason,) = reasons(judged(run(Held(text="cafe")), world={ImageQuery(name="cafe"): Missing()}))
    assert (reason.code, reason.text, reason.firm) == ("no-such-image", "No such image: cafe", True)


OTHER = "registry.example.com/bar/other"
TWO_NAMES = HeldImage(id=GOOD_ID, repo_digests=(given_as(OTHER, D1), given_as(GOOD.collection, D1)), tags=(DEV,))


@pytest.mark.parametrize(
    ("first", "name"), [(signed(), OTHER), (UNSIGNED, GOOD.collection), (signed(D2), GOOD.collection)]
)
def test_the_first_name_that_is_signed_wins(first: Fact, name: str) -> None:
    world: World = {ImageQuery(name="1111"): TWO_NAMES, trust_query(f"{OTHER}@{D1}"): first}
    decision = judged(run(Held(text="1111")), world=world)
    assert isinstance(decision, Allow)
    assert decision.pins[0].ref == ref(f"{name}@{D1}")


def test_a_name_that_cannot_be_judged_ends_the_search() -> None:
    """Else who cuts the way to a server moves an image under a looser rule."""
    strict = ImageRule(match=OTHER, where="l", trust=Trust())
    loose = ImageRule(match="**", where="l", trust=Trust(), isolation=Isolation.PRIVILEGED)
    world: World = {ImageQuery(name="1111"): TWO_NAMES, trust_query(f"{OTHER}@{D1}"): DOWN}
    for rest in (loose, DEV_RULE):
        assert codes(judged(run(Held(text="1111")), policy(strict, rest), world)) == ["unreachable"]


def test_all_names_of_an_image_are_asked_about_at_once() -> None:
    known: dict[Query, Fact] = {ImageQuery(name="1111"): TWO_NAMES}
    decision = decide(run(Held(text="1111")), Facts(NOW, known), policy())
    assert isinstance(decision, Need)
    assert decision.queries >= {trust_query(f"{OTHER}@{D1}"), trust_query(f"{GOOD.collection}@{D1}")}


def test_a_tag_under_a_rule_for_unsigned_images() -> None:
    held = HeldImage(id=EVIL_ID, repo_digests=(given_as(GOOD.collection, D2),), tags=(GOOD, DEV))
    world: World = {ImageQuery(name="2222"): held, trust_query(f"{GOOD.collection}@{D2}"): UNSIGNED}
    decision = judged(run(Held(text="2222")), world=world)
    assert isinstance(decision, Allow)
    assert decision.pins == (Pin(image=Held(text="2222"), ref=DEV, image_id=EVIL_ID),)


def test_mounted_images_are_judged_like_the_one_that_runs() -> None:
    evil = ref(f"{FOREIGN}:1")
    assert codes(judged(Create(image=Named(ref=GOOD), mounts=(Named(ref=evil),)))) == ["no-rule"]
    decision = judged(Create(image=Named(ref=DEV), mounts=(Named(ref=GOOD), Held(text=GOOD_ID))))
    assert isinstance(decision, Allow)
    assert [pin.ref for pin in decision.pins] == [DEV, GOOD.at(D1), ref(f"{GOOD.collection}@{D1}")]
    assert decision.expires == LATER


def test_the_end_of_the_first_signature_counts() -> None:
    sooner = Signed(digest=D1, signers=(ALICE,), expires=LATER - timedelta(days=1))
    decision = judged(
        Create(image=Named(ref=GOOD), mounts=(Held(text=GOOD_ID),)),
        world={trust_query(f"{GOOD.collection}@{D1}"): sooner},
    )
    assert isinstance(decision, Allow)
    assert decision.expires == sooner.expires


def test_a_pull_is_of_the_digest() -> None:
    assert judged(Pull(ref=GOOD)) == Allow(pins=(Pin(image=Named(ref=GOOD), ref=GOOD.at(D1)),), expires=LATER)
    assert judged(Pull(ref=DEV)) == Allow(pins=(Pin(image=Named(ref=DEV), ref=DEV),))


@pytest.mark.parametrize("target", [GOOD, DEV])
def test_all_tags_are_not_pulled(target: ImageRef) -> None:
    assert codes(judged(Pull(ref=target, every_tag=True))) == ["every-tag"]


TAGS = [
    ("localhost/dev/app:2", []),
    ("localhost/dev/facade", []),
    ("docker.io/foo/cafe", ["no-rule"]),
    ("abc", ["no-rule"]),
    ("6bade", ["hex-name", "no-rule"]),
    ("library/cafe", ["hex-name", "no-rule"]),
    ("index.docker.io/library/" + "a" * 63, ["hex-name", "no-rule"]),
    ("sha256:1234", ["hex-name", "no-rule"]),
    ("registry.example.com/foo/good:9", ["signed-name"]),
]


@pytest.mark.parametrize(("target", "expected"), TAGS)
def test_names_that_a_local_image_may_get(target: str, expected: list[str]) -> None:
    assert codes(judged(TagImage(source="x", target=ref(target)))) == expected


def test_a_hex_name_under_a_rule_for_unsigned_images() -> None:
    under = policy(ImageRule(match="**", where="l", trust=None))
    assert codes(judged(TagImage(source="x", target=ref("6bade")), under)) == ["hex-name"]


def test_all_that_can_be_asked_is_asked_at_once() -> None:
    lifts = [Lift(field=Field.BIND, where="l")]
    request = create(ask(Field.BIND, "/srv"), ask(Field.VOLUME, "data"))
    decision = decide(request, Facts(NOW, {}), policy(lifts=lifts))
    assert isinstance(decision, Need)
    assert decision.queries == {
        TrustQuery(ref=GOOD), EngineQuery(), PathQuery(path="/srv"), VolumeQuery(name="data")
    }  # fmt: skip


def test_every_reason_is_told() -> None:
    request = create(ask(Field.PRIVILEGED), ask(Field.PID_MODE, "host"))
    assert codes(judged(request, world={TrustQuery(ref=GOOD): UNSIGNED})) == ["unsigned", "privileged", "pid-mode"]


WARN = policy(mode=Mode.WARN)


def test_learning_sends_on_what_was_asked() -> None:
    decision = judged(create(ask(Field.PRIVILEGED)), WARN)
    assert isinstance(decision, Allow)
    assert [reason.code for reason in decision.overruled] == ["privileged"]
    assert [pin.ref for pin in decision.pins] == [GOOD.at(D1)]
    assert decision.mutations == ()


def test_learning_keeps_no_pin_in_a_wrong_place() -> None:
    request = Create(image=Named(ref=ref(FOREIGN)), mounts=(Named(ref=GOOD),))
    decision = judged(request, WARN)
    assert isinstance(decision, Allow)
    assert decision.pins == ()


def test_learning_drops_a_pin_to_a_foreign_image() -> None:
    decision = judged(create(), WARN, {GOOD_NAME: EVIL})
    assert isinstance(decision, Allow)
    assert decision.pins == ()


def test_learning_tells_only_what_is_firm_when_it_denies() -> None:
    decision = judged(create(ask(Field.PRIVILEGED)), WARN, {GOOD_NAME: Missing()})
    assert codes(decision) == ["no-such-image"]


def test_learning_has_nothing_to_pass_over_in_a_yes() -> None:
    assert judged(create(), WARN) == judged(create())


def test_what_clients_write_is_shown_in_one_line() -> None:
    name = "x\n\x1b[31m" + "y" * 1000
    (reason,) = reasons(judged(run(Held(text=name)), world={ImageQuery(name=name): Missing()}))
    assert reason.text.isprintable()
    assert len(reason.text) < 300


def test_the_policy_without_rules() -> None:
    decision = judged(create(), Policy(version=""))
    assert isinstance(decision, Deny)
    assert codes(decision) == ["no-rule"]
