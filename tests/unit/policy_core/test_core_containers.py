"""What may be done with containers that exist."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.policy_core.core_case import (
    BOB,
    CONTAINER_ID,
    D1,
    D2,
    DEV,
    DEV_RULE,
    DOWN,
    EVIL_ID,
    EXPIRED,
    GOOD,
    GOOD_ID,
    SIGNED_RULE,
    UNSIGNED,
    World,
    ask,
    codes,
    judged,
    lift,
    policy,
    reasons,
    ref,
    signed,
    trust_query,
    written,
)
from tests.unit.policy_core.core_worlds import LATER

from pytrust.policy.core.decision import Allow, Injection
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    ExecInstance,
    ExecQuery,
    HostPath,
    Missing,
    NotSigned,
    PathQuery,
    Signed,
)
from pytrust.policy.core.request import (
    Attach,
    Change,
    Closed,
    Exec,
    ExecUse,
    Field,
    Look,
    Manage,
    NetworkConnect,
    Rename,
    Request,
    Start,
    Unrecognised,
    Update,
)
from pytrust.policy.core.rules import ImageRule, Isolation, Mode, Trust
from pytrust.trust.names import ImageRef

WEB = ContainerQuery(name="web")
BY_DIGEST = trust_query(f"{GOOD.collection}@{D1}")
START = Start(what="start", container="web")
RUNNING: list[Request] = [START, Update(container="web"), Exec(container="web"), Attach(what="attach", container="web")]
LIVING: list[Request] = [
    Manage(what="stop", container="web"),
    Rename(container="web", name="old"),
    NetworkConnect(network="net", container="web"),
]


def container(
    ref_: ImageRef | None = None, image_id: str = GOOD_ID, admitted_as: str = GOOD_ID, *, guarded: bool = False
) -> World:
    """A world in which the container was let in by this image, or was not."""
    admission = Admission(ref=ref_, image_id=admitted_as, policy="e" * 64) if ref_ else None
    return {WEB: Container(id=CONTAINER_ID, image_id=image_id, guarded=guarded, admission=admission)}


@pytest.mark.parametrize("request_", [*RUNNING, *LIVING])
def test_a_container_is_meant_by_its_full_id(request_: Request) -> None:
    decision = judged(request_)
    assert isinstance(decision, Allow)
    assert decision.container == CONTAINER_ID


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("request_", [*RUNNING, *LIVING])
def test_a_container_that_is_not_there(request_: Request, mode: Mode) -> None:
    (reason,) = reasons(judged(request_, policy(mode=mode), {WEB: Missing()}))
    assert (reason.code, reason.text, reason.firm) == ("no-such-container", "No such container: web", True)
    assert codes(judged(request_, policy(mode=mode), {WEB: DOWN})) == ["unreachable"]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("request_", [*RUNNING, *LIVING])
def test_a_guarded_container_is_not_touched(request_: Request, mode: Mode) -> None:
    decision = judged(request_, policy(mode=mode), container(GOOD.at(D1), guarded=True))
    assert codes(decision) == ["guarded"]


@pytest.mark.parametrize("request_", RUNNING)
def test_what_was_not_let_in_does_not_run(request_: Request) -> None:
    (reason,) = reasons(judged(request_, world=container()))
    assert reason.code == "not-admitted"
    assert "create it again" in reason.hint
    learning = judged(request_, policy(mode=Mode.WARN), container())
    assert isinstance(learning, Allow)
    assert learning.container == CONTAINER_ID


@pytest.mark.parametrize("request_", LIVING)
def test_what_was_not_let_in_can_be_managed(request_: Request) -> None:
    assert judged(request_, world=container()) == Allow(container=CONTAINER_ID)


@pytest.mark.parametrize("request_", RUNNING)
def test_a_container_with_another_image_than_was_let_in(request_: Request) -> None:
    assert codes(judged(request_, world=container(GOOD.at(D1), EVIL_ID))) == ["foreign-image"]


@pytest.mark.parametrize("request_", RUNNING)
def test_an_image_that_no_rule_covers_any_more(request_: Request) -> None:
    assert codes(judged(request_, policy(DEV_RULE))) == ["no-rule"]


def test_starting_rests_on_the_signature() -> None:
    assert judged(START) == Allow(container=CONTAINER_ID, expires=LATER)


def test_starting_asks_by_digest_alone() -> None:
    """The tag may be signed as another digest by now."""
    assert codes(judged(START, world={trust_query(str(GOOD)): signed(D2)})) == []


ENDED = [
    (UNSIGNED, "unsigned"),
    (NotSigned(code="rollback", why="it went back"), "rollback"),
    (Signed(digest=D1, signers=(), expires=EXPIRED), "stale"),
    (signed(D2), "digest-mismatch"),
]


@pytest.mark.parametrize(("fact", "code"), ENDED)
def test_trust_that_ended_stops_the_next_start(fact: Signed | NotSigned, code: str) -> None:
    (reason,) = reasons(judged(START, world={BY_DIGEST: fact}))
    assert reason.code == code
    assert reason.hint == "remove the container, and create it again from a signed image"
    for request in RUNNING[1:]:
        assert codes(judged(request, world={BY_DIGEST: fact})) == []


def test_a_signer_who_lost_his_place_stops_the_next_start() -> None:
    bob = ImageRule(match="**", where="l", trust=Trust(signers=(BOB,)))
    assert codes(judged(START, policy(bob))) == ["too-few-signers"]


def test_not_knowing_stops_it_too_and_says_what_to_do_about_it() -> None:
    (reason,) = reasons(judged(START, world={BY_DIGEST: DOWN}))
    assert (reason.code, reason.hint) == ("unreachable", "check the network")


def test_containers_that_were_let_in_unsigned() -> None:
    world = container(DEV)
    assert judged(START, world=world) == Allow(container=CONTAINER_ID)
    signed_by_now = ImageRule(match="localhost/**", where="policy.yaml:3", trust=Trust())
    (reason,) = reasons(judged(START, policy(signed_by_now), world))
    assert reason.code == "unsigned"
    assert reason.rule == "images localhost/** (policy.yaml:3)"


def test_containers_that_were_let_in_signed_under_a_rule_that_no_longer_asks() -> None:
    unsigned_by_now = ImageRule(match="**", where="l", trust=None)
    assert judged(START, policy(unsigned_by_now), {BY_DIGEST: UNSIGNED}) == Allow(container=CONTAINER_ID)


@pytest.mark.parametrize("level", [Isolation.BASELINE, Isolation.RESTRICTED])
def test_checkpoints_are_not_started_from(level: Isolation) -> None:
    request = Start(what="start", container="web", asks=(ask(Field.CHECKPOINT, "c1"),))
    assert codes(judged(request, policy(isolation=level))) == ["checkpoint"]
    assert codes(judged(request, policy(isolation=Isolation.PRIVILEGED))) == []


EXECS = [
    (Field.PRIVILEGED, "true", ["privileged"], ["privileged"]),
    (Field.USER, "0", ["user"], []),
    (Field.USER, "root", ["user"], []),
    (Field.USER, "1000", [], []),
    (Field.WORKING_DIR, "/proc/self/fd/8", ["working-dir"], ["working-dir"]),
]


@pytest.mark.parametrize(("field", "value", "restricted", "baseline"), EXECS)
def test_processes_in_a_running_container(field: Field, value: str, restricted: list[str], baseline: list[str]) -> None:
    request = Exec(container="web", program="sh", asks=(ask(field, value),))
    assert codes(judged(request, policy(isolation=Isolation.RESTRICTED))) == restricted
    assert codes(judged(request, policy(isolation=Isolation.BASELINE))) == baseline
    own = ImageRule(match=GOOD.collection, where="l", trust=Trust(), isolation=Isolation.PRIVILEGED)
    assert codes(judged(request, policy(own, isolation=Isolation.RESTRICTED))) == []
    lifted = policy(isolation=Isolation.RESTRICTED, lifts=[lift(field, match=GOOD.collection)])
    assert codes(judged(request, lifted)) == []


@pytest.mark.parametrize(("real", "expected"), [("/srv/a", []), ("/etc", ["bind", "writable-bind"])])
def test_paths_are_followed_again_at_every_start(real: str, expected: list[str]) -> None:
    """A link may have taken the place of the folder since the container was made."""
    admission = Admission(ref=GOOD.at(D1), image_id=GOOD_ID, policy="e" * 64)
    binds = ask(Field.BIND, "/srv/a"), ask(Field.WRITABLE_BIND, "/srv/a")
    world: World = {
        WEB: Container(id=CONTAINER_ID, image_id=GOOD_ID, admission=admission, binds=binds),
        PathQuery(path="/srv/a"): HostPath(real=real),
    }
    under = policy(lifts=[lift(Field.BIND, "/srv/*"), lift(Field.WRITABLE_BIND, "/srv/*")])
    assert codes(judged(START, under, world)) == expected
    assert codes(judged(START, policy(), world)) == ["bind", "writable-bind"]


def test_a_restart_policy_is_a_start() -> None:
    """The engine starts the container when it comes up, and asks nobody."""
    revoked: World = {trust_query(f"{GOOD.collection}@{D1}"): UNSIGNED}
    assert codes(judged(Update(container="web", asks=(ask(Field.RESTART, "always"),)))) == []
    assert codes(judged(Update(container="web", asks=(ask(Field.RESTART, "always"),)), world=revoked)) == ["unsigned"]
    assert codes(judged(Update(container="web", asks=(ask(Field.MEMORY, "9"),)), world=revoked)) == []


def test_new_limits() -> None:
    request = Update(container="web", asks=(ask(Field.DEVICE, "/dev/sda"), ask(Field.RESTART, "always")))
    assert codes(judged(request, policy(isolation=Isolation.RESTRICTED))) == ["device", "restart"]


def test_a_limit_on_processes_is_not_taken_away() -> None:
    assert written(judged(Update(container="web"))) == {Injection.PIDS: 512}
    assert written(judged(Update(container="web", asks=(ask(Field.PIDS, "99"),)))) == {}
    assert written(judged(Update(container="web"), policy(isolation=Isolation.PRIVILEGED))) == {}
    assert written(judged(Exec(container="web"))) == {}


def test_joining_a_network() -> None:
    asks = (ask(Field.ENDPOINT_OPTION, "x=y"),)
    request = NetworkConnect(network="net", container="web", asks=asks)
    assert codes(judged(request)) == ["endpoint-option"]
    own = policy(lifts=[lift(Field.ENDPOINT_OPTION, match=GOOD.collection)])
    assert codes(judged(request, own)) == []
    assert codes(judged(request, own, container())) == ["endpoint-option"]
    assert codes(judged(request, own, container(ref("localhost/dev/app")))) == ["endpoint-option"]


def test_exec_instances() -> None:
    request = ExecUse(what="start", exec_id="e1")
    query = ExecQuery(exec_id="e1")
    assert judged(request, world={query: ExecInstance(container=CONTAINER_ID)}) == Allow(container=CONTAINER_ID)
    overruled: World = {query: ExecInstance(container=CONTAINER_ID, overruled=True)}
    assert codes(judged(request, policy(mode=Mode.WARN), overruled)) == []
    assert codes(judged(request, world=overruled)) == ["exec-not-admitted"]
    (reason,) = reasons(judged(request, policy(mode=Mode.WARN), {query: Missing()}))
    assert (reason.code, reason.text, reason.firm) == ("no-such-exec", "No such exec instance: e1", True)


@pytest.mark.parametrize("request_", [Look(what="container logs"), Change(what="volume prune")])
def test_what_does_no_harm(request_: Request) -> None:
    assert judged(request_) == Allow()


@pytest.mark.parametrize("mode", Mode)
def test_what_is_closed_stays_closed(mode: Mode) -> None:
    closed = Closed(what="swarm join", hint="use the engine itself")
    (reason,) = reasons(judged(closed, policy(mode=mode)))
    assert (reason.code, reason.text, reason.hint) == (
        "closed", "swarm join is not let through", "use the engine itself"
    )  # fmt: skip
    (reason,) = reasons(judged(Unrecognised(method="POST", path="/x\r\ny"), policy(mode=mode)))
    assert (reason.code, reason.text) == (
        "unknown-route", r"POST /x\r\ny is no call of the engine that pytrust knows"
    )  # fmt: skip


def test_a_decision_is_kept_as_json() -> None:
    decision = judged(START, policy(SIGNED_RULE))
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Allow) == decision
