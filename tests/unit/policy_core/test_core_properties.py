"""What holds for every request, whatever is known and whatever the policy says."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.policy_core.core_worlds import (
    NOW,
    ROUNDS_MAX,
    any_facts,
    facts_on,
    image_requests,
    policies,
    requests,
    settle,
)

from pytrust.policy.core.decide import decide
from pytrust.policy.core.decision import Allow, Decision, Deny
from pytrust.policy.core.facts import (
    Container,
    ContainerQuery,
    Deliverable,
    EngineInfo,
    EngineQuery,
    ExecInstance,
    ExecQuery,
    Fact,
    Facts,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    NotScanned,
    PathQuery,
    Profiled,
    ProfileQuery,
    Query,
    Scanned,
    ScanQuery,
    SecretsQuery,
    Signed,
    TrustQuery,
    Unavailable,
    Volume,
    VolumeQuery,
)
from pytrust.policy.core.request import Change, Closed, Create, Look, Named, Pull, Request, Unrecognised
from pytrust.policy.core.rules import Mode, Policy
from pytrust.policy.core.vouching import find_rule
from pytrust.trust.names import CollectionName

SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FITTING: dict[type, tuple[type, ...]] = {
    TrustQuery: (Signed,),
    ImageQuery: (HeldImage,),
    ContainerQuery: (Container,),
    ExecQuery: (ExecInstance,),
    PathQuery: (HostPath,),
    VolumeQuery: (Volume, Missing),
    EngineQuery: (EngineInfo,),
    SecretsQuery: (Deliverable,),
    ProfileQuery: (Profiled, Missing),
    ScanQuery: (Scanned, NotScanned, Missing),
}
CERTAIN = (Look, Change, Closed, Unrecognised)
GONE = Unavailable(code="unreachable", why="nobody answers")


def _decide(data: st.DataObject, request: Request, policy: Policy) -> tuple[Allow | Deny, dict[Query, Fact]]:
    decision, known, rounds = settle(request, policy, lambda query: data.draw(facts_on(query)))
    assert rounds <= ROUNDS_MAX
    return decision, known


@SETTINGS
@given(request=requests, policy=policies(), data=st.data())
def test_it_ends_and_says_why(request: Request, policy: Policy, data: st.DataObject) -> None:
    decision, _ = _decide(data, request, policy)
    if isinstance(decision, Deny):
        assert decision.reasons
        assert len(set(decision.reasons)) == len(decision.reasons)
        for reason in decision.reasons:
            assert reason.code
            assert reason.text
            assert reason.text.isprintable()
    else:
        assert not decision.overruled


@SETTINGS
@given(
    request=requests,
    policy=st.sampled_from(Mode).flatmap(policies),
    data=st.data(),
    now=st.datetimes(timezones=st.just(UTC)),
)
def test_any_answer_is_answered(request: Request, policy: Policy, data: st.DataObject, now: datetime) -> None:
    decision, _, _ = settle(request, policy, lambda _: data.draw(any_facts), now)
    assert isinstance(decision, Allow | Deny)


@SETTINGS
@given(request=requests, policy=policies(), data=st.data())
def test_an_answer_to_another_question_is_no_yes(request: Request, policy: Policy, data: st.DataObject) -> None:
    def misfit(query: Query) -> Fact:
        fact = data.draw(any_facts)
        return GONE if isinstance(fact, FITTING[type(query)]) else fact

    decision, known, _ = settle(request, policy, misfit)
    assert isinstance(decision, Deny) or not known


@SETTINGS
@given(request=requests, policy=policies(), data=st.data())
def test_knowing_less_never_helps(request: Request, policy: Policy, data: st.DataObject) -> None:
    decision, known = _decide(data, request, policy)
    for query in known:
        without = {key: fact for key, fact in known.items() if key != query}
        for less in (without, {**without, query: GONE}):
            poorer = decide(request, Facts(NOW, less), policy)
            assert not (isinstance(decision, Deny) and isinstance(poorer, Allow)), query
        assert not isinstance(decide(request, Facts(NOW, {}), policy), Allow)


@SETTINGS
@given(request=requests.filter(lambda request: not isinstance(request, CERTAIN)), policy=policies(), data=st.data())
def test_several_gone_at_once_do_not_help_either(request: Request, policy: Policy, data: st.DataObject) -> None:
    decision, known = _decide(data, request, policy)
    if isinstance(decision, Allow) or not known:
        return
    kept = data.draw(st.sets(st.sampled_from(sorted(known, key=repr))))
    removed = {query: fact for query, fact in known.items() if query in kept}
    gone = {query: fact if query in kept else GONE for query, fact in known.items()}
    for less in (removed, gone):
        assert not isinstance(decide(request, Facts(NOW, less), policy), Allow)


@SETTINGS
@given(request=requests, policy=policies(), data=st.data())
def test_more_than_was_asked_for_changes_nothing(request: Request, policy: Policy, data: st.DataObject) -> None:
    decision, known = _decide(data, request, policy)
    extra: dict[Query, Fact] = {ImageQuery(name="another"): data.draw(any_facts)}
    assert decide(request, Facts(NOW, {**extra, **known}), policy) == decision


@SETTINGS
@given(request=requests, policy=st.sampled_from(Mode).flatmap(policies), data=st.data())
def test_decided_again_from_json(request: Request, policy: Policy, data: st.DataObject) -> None:
    decision, known = _decide(data, request, policy)
    again_request = msgspec.json.decode(msgspec.json.encode(request), type=Request)
    again_known = msgspec.json.decode(msgspec.json.encode(list(known.items())), type=list[tuple[Query, Fact]])
    again_policy = msgspec.json.decode(msgspec.json.encode(policy), type=Policy)
    again = decide(again_request, Facts(NOW, dict(again_known)), again_policy)
    assert again == decision
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


@SETTINGS
@given(request=image_requests, policy=policies(), data=st.data())
def test_a_yes_to_an_image_rests_on_a_signature_or_on_a_rule(
    request: Create | Pull, policy: Policy, data: st.DataObject
) -> None:
    decision, known = _decide(data, request, policy)
    if isinstance(decision, Deny):
        return
    wanted = (request.image, *request.mounts) if isinstance(request, Create) else (Named(ref=request.ref),)
    assert tuple(pin.image for pin in decision.pins) == wanted
    for pin in decision.pins:
        rule = find_rule(policy, pin.ref.collection)
        assert rule is not None
        if rule.trust is None:
            continue
        assert pin.ref.digest
        vouching = [
            fact
            for query, fact in known.items()
            if isinstance(query, TrustQuery) and query.ref.collection == pin.ref.collection
            if isinstance(fact, Signed) and fact.digest == pin.ref.digest and fact.expires > NOW
        ]
        assert any(len(set(fact.signers)) >= rule.trust.threshold for fact in vouching)
        assert decision.expires
        assert decision.expires <= max(fact.expires for fact in vouching)
        if isinstance(request, Create):
            held = [fact for query, fact in known.items() if isinstance(fact, HeldImage) and fact.id == pin.image_id]
            assert any(
                name.collection == pin.ref.collection and name.digest == pin.ref.digest
                for image in held
                for name in image.repo_digests
            )


@SETTINGS
@given(request=requests, policy=st.sampled_from(Mode).flatmap(policies), data=st.data())
def test_secrets_are_for_verified_images_that_may_read_them_and_never_overrule(
    request: Request, policy: Policy, data: st.DataObject
) -> None:
    """And a container that asks for secrets gets all of them, or is not let through."""
    decision, known = _decide(data, request, policy)
    if isinstance(decision, Deny):
        return
    if isinstance(request, Create) and request.secrets:
        assert decision.delivery
        assert decision.delivery.secrets == request.secrets
        assert decision.delivery.ref == decision.pins[0].ref
    if (delivery := decision.delivery) is None:
        return
    rule = find_rule(policy, delivery.ref.collection)
    assert not decision.overruled
    image = delivery.ref.collection if isinstance(request, Create) else _admitted_as(known)
    names = tuple(sorted({secret.name for secret in delivery.secrets}))
    assert isinstance(known[SecretsQuery(names=names, image=image)], Deliverable)
    if isinstance(request, Create):
        assert rule
        assert rule.trust
    assert any(
        isinstance(query, TrustQuery) and query.ref.collection == image and isinstance(fact, Signed)
        for query, fact in known.items()
    )


def _admitted_as(known: dict[Query, Fact]) -> CollectionName:
    (container,) = (fact for query, fact in known.items() if isinstance(query, ContainerQuery))
    assert isinstance(container, Container)
    assert container.admission
    return container.admission.ref.collection


@SETTINGS
@given(request=requests, policy=policies(Mode.WARN), data=st.data())
def test_learning_lets_through_all_but_what_is_firm(request: Request, policy: Policy, data: st.DataObject) -> None:
    decision, known = _decide(data, request, policy)
    strict = decide(request, Facts(NOW, known), msgspec.structs.replace(policy, mode=Mode.ENFORCE))
    if isinstance(strict, Allow):
        assert decision == strict
        return
    assert isinstance(strict, Deny)
    firm = tuple(reason for reason in strict.reasons if reason.firm)
    if firm:
        assert decision == Deny(reasons=firm)
    else:
        assert isinstance(decision, Allow)
        assert decision.overruled == strict.reasons
        assert not decision.mutations


@SETTINGS
@given(request=requests, policy=policies(), data=st.data())
def test_exceptions_only_allow(request: Request, policy: Policy, data: st.DataObject) -> None:
    bare = msgspec.structs.replace(policy, containers=msgspec.structs.replace(policy.containers, lifts=()))
    decision, known, _ = settle(request, bare, lambda query: data.draw(facts_on(query)))
    if isinstance(decision, Allow):
        richer, _, _ = settle(request, policy, lambda query: known.get(query) or data.draw(facts_on(query)))
        assert isinstance(richer, Allow)


@SETTINGS
@given(request=image_requests, data=st.data())
def test_an_empty_policy_allows_no_image(request: Create | Pull, data: st.DataObject) -> None:
    decision, _ = _decide(data, request, Policy(version=""))
    assert isinstance(decision, Deny)
