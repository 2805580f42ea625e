"""Who gets secrets: containers of verified images that may read them, when they are made and whenever they start."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.policy_core.core_case import (
    CONTAINER_ID,
    D1,
    DEV,
    DOWN,
    EXPIRED,
    GOOD,
    GOOD_HELD,
    GOOD_ID,
    SIGNED_RULE,
    UNSIGNED,
    ask,
    codes,
    judged,
    lift,
    policy,
    reasons,
    signed,
    trust_query,
)

from pytrust.policy.core.decision import Allow
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    Deliverable,
    Delivery,
    Fact,
    HostPath,
    ImageQuery,
    NotDeliverable,
    PathQuery,
    Query,
    SecretsQuery,
    TrustQuery,
)
from pytrust.policy.core.request import Ask, Create, Field, Held, Named, SecretAsk, Start
from pytrust.policy.core.rules import ImageRule, Mode
from pytrust.trust.names import ImageRef
from pytrust.trust.vault.names import SecretName

FOLDER = f"/run/pytrust/secrets/{'0' * 32}"
ANOTHER = f"/run/pytrust/secrets/{'1' * 32}"
SECRETS = (
    SecretAsk(name=SecretName("shop/key"), file="k", uid=1, mode=0o400),
    SecretAsk(name=SecretName("db"), file="db"),
    SecretAsk(name=SecretName("db"), file="again"),
)
QUERY = SecretsQuery(names=(SecretName("db"), SecretName("shop/key")), image=GOOD.collection)
YES, NO = (
    Deliverable(folder=FOLDER),
    NotDeliverable(code="no-such-secret", why="there is no secret db", hint="allow it"),
)
DELIVERY = Delivery(folder=FOLDER, ref=GOOD.at(D1), secrets=SECRETS)


def wanting(*asks: Ask, image: ImageRef = GOOD) -> Create:
    return Create(image=Named(ref=image), asks=asks, secrets=SECRETS)


def having(*binds: Ask, delivery: Delivery | None = DELIVERY) -> dict[Query, Fact]:
    admission = Admission(ref=GOOD.at(D1), image_id=GOOD_ID, policy="e" * 64, delivery=delivery)
    return {ContainerQuery(name="web"): Container(id=CONTAINER_ID, image_id=GOOD_ID, binds=binds, admission=admission)}


def start(what: str = "container start") -> Start:
    return Start(what=what, container="web")


def test_a_verified_image_that_may_read_them_gets_them() -> None:
    decision = judged(wanting(), world={QUERY: YES})
    assert isinstance(decision, Allow)
    assert decision.delivery == DELIVERY


def test_an_image_by_its_id_is_judged_by_its_signed_name() -> None:
    decision = judged(Create(image=Held(text=GOOD_ID), secrets=SECRETS), world={QUERY: YES})
    assert isinstance(decision, Allow)
    assert decision.delivery
    assert decision.delivery.ref.collection == GOOD.collection


def test_users_are_counted_as_the_container_has_them() -> None:
    under = policy(lifts=[lift(Field.USERNS_MODE)])
    decision = judged(wanting(ask(Field.USERNS_MODE, "host")), under, {QUERY: YES})
    assert isinstance(decision, Allow)
    assert decision.delivery == replace(DELIVERY, host_users=True)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("fact", "code"), [(NO, "no-such-secret"), (DOWN, "unreachable"), (UNSIGNED, "bad-answer")])
def test_who_may_not_is_refused_in_every_mode(mode: Mode, fact: Fact, code: str) -> None:
    for request, world in ((wanting(), {}), (start(), having())):
        decision = judged(request, policy(mode=mode), {**world, QUERY: fact})
        assert codes(decision) == [code]
        assert all(reason.firm for reason in reasons(decision))


def test_an_image_that_may_run_unsigned_gets_none() -> None:
    """And the vault is not even asked."""
    for mode in Mode:
        assert codes(judged(wanting(image=DEV), policy(mode=mode))) == ["unverified-image"]


REFUSED: dict[str, tuple[Create, dict[Query, Fact], str]] = {
    "unsigned": (wanting(), {TrustQuery(ref=GOOD): UNSIGNED}, "unsigned"),
    "expired": (wanting(), {TrustQuery(ref=GOOD): replace(signed(), expires=EXPIRED)}, "stale"),
    "not-known": (wanting(), {TrustQuery(ref=GOOD): DOWN}, "unreachable"),
    "too-much": (wanting(ask(Field.PRIVILEGED)), {}, "privileged"),
    "foreign": (
        wanting(),
        {ImageQuery(name=f"{GOOD.collection}@{D1}"): replace(GOOD_HELD, repo_digests=())},
        "foreign-digest",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_learning_does_not_hand_out_what_enforcing_would_not(name: str) -> None:
    request, world, code = REFUSED[name]
    world = {QUERY: YES, **world}
    assert codes(judged(request, policy(), world)) == [code, "no-secrets"]
    assert codes(judged(request, policy(mode=Mode.WARN), world)) == ["no-secrets"]
    assert isinstance(judged(replace(request, secrets=()), policy(mode=Mode.WARN), world), Allow)


def test_an_image_that_has_to_be_pulled_first_is_docker_s_own_answer() -> None:
    from pytrust.policy.core.facts import Missing

    world: dict[Query, Fact] = {ImageQuery(name=f"{GOOD.collection}@{D1}"): Missing(), QUERY: YES}
    assert codes(judged(wanting(), world=world)) == ["no-such-image"]


# -- later ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["container start", "container restart"])
def test_every_start_asks_again_and_brings_the_same_folder(what: str) -> None:
    decision = judged(start(what), world={**having(), QUERY: Deliverable(folder=ANOTHER)})
    assert isinstance(decision, Allow)
    assert decision.delivery == DELIVERY


def test_what_only_goes_on_has_them_already() -> None:
    decision = judged(start("container unpause"), world=having())
    assert isinstance(decision, Allow)
    assert decision.delivery is None


@pytest.mark.parametrize("mode", Mode)
def test_after_its_signature_an_image_gets_none(mode: Mode) -> None:
    world = {**having(), trust_query(f"{GOOD.collection}@{D1}"): UNSIGNED}
    assert "no-secrets" in codes(judged(start(), policy(mode=mode), world))
    rule = ImageRule(match=GOOD.collection, where="policy.yaml:3", trust=None)
    assert codes(judged(start(), policy(rule, SIGNED_RULE, mode=mode), having())) == ["unverified-image"]


def test_its_own_folder_is_no_path_of_the_host_that_it_mounts() -> None:
    own, writable = ask(Field.BIND, FOLDER), ask(Field.WRITABLE_BIND, FOLDER)
    assert isinstance(judged(start(), world={**having(own), QUERY: YES}), Allow)
    for binds, delivery in (((own, writable), DELIVERY), ((ask(Field.BIND, ANOTHER),), DELIVERY), ((own,), None)):
        assert codes(judged(start(), world={**having(*binds, delivery=delivery), QUERY: YES}))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("asked", "joins"),
    [
        (ask(Field.VOLUMES_FROM, "web"), True),
        (ask(Field.PID_MODE, "container:web"), True),
        (ask(Field.IPC_MODE, "container:web"), False),
        (ask(Field.NETWORK_MODE, "container:web"), False),
    ],
)
def test_the_files_of_a_container_with_secrets_are_for_no_other(mode: Mode, asked: Ask, joins: bool) -> None:
    under = policy(lifts=[lift(asked.field)], mode=mode)
    request = Create(image=Named(ref=GOOD), asks=(asked,))
    assert codes(judged(request, under, having())) == (["joins-secrets"] if joins else [])
    assert isinstance(judged(request, under, having(delivery=None)), Allow)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("field", "joins"), [(Field.PID_MODE, True), (Field.IPC_MODE, False)])
def test_whom_a_container_joined_is_judged_again_when_it_starts(mode: Mode, field: Field, joins: bool) -> None:
    """The name that was judged may have been another's when the engine looked it up."""
    other = "7" * 64
    admission = Admission(ref=GOOD.at(D1), image_id=GOOD_ID, policy="e" * 64)
    joining = Container(
        id=other, image_id=GOOD_ID, admission=admission, joins=(ask(field, f"container:{CONTAINER_ID}"),)
    )
    joined = having()[ContainerQuery(name="web")]
    world: dict[Any, Any] = {ContainerQuery(name="other"): joining, ContainerQuery(name=CONTAINER_ID): joined}
    decision = judged(Start(what="container start", container="other"), policy(mode=mode), world)
    assert codes(decision) == (["joins-secrets"] if joins else [])
    world[ContainerQuery(name=CONTAINER_ID)] = having(delivery=None)[ContainerQuery(name="web")]
    assert isinstance(judged(Start(what="container start", container="other"), policy(mode=mode), world), Allow)


def test_a_path_that_leads_to_the_folders_is_guarded() -> None:
    """As the host answers for it: no exception covers it."""
    under = policy(lifts=[lift(Field.BIND, "/**")])
    world: dict[Any, Any] = {PathQuery(path=FOLDER): HostPath(real=FOLDER, guarded=True)}
    request = Create(image=Named(ref=GOOD), asks=(ask(Field.BIND, FOLDER),))
    assert codes(judged(request, under, world)) == ["guarded-path"]
