"""What a signed profile makes of a container: when it is made, when it is started again, and for what runs in it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

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
    ask,
    codes,
    create,
    judged,
    lift,
    policy,
    reasons,
)
from tests.unit.policy_core.core_worlds import LATER, NOW, PARTS

from pytrust.policy.core.decision import Allow, Injection
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    Fact,
    HeldImage,
    ImageQuery,
    Missing,
    NotProfiled,
    Profiled,
    ProfileQuery,
    Query,
)
from pytrust.policy.core.request import Ask, Create, Exec, Field, Held, Named, Start, Update
from pytrust.policy.core.rules import Isolation, Mode, ProfileNeed
from pytrust.policy.profiles.floor import floor
from pytrust.policy.profiles.names import Capability
from pytrust.trust.names import ImageRef

CALLS = tuple(sorted(floor(PARTS.runc, no_new_privileges=True)))


def text(*calls: str, action: str = "SCMP_ACT_ALLOW") -> str:
    rules = [{"names": list(calls), "action": action}]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules})


QUERY = ProfileQuery(ref=ImageRef.parse(f"{GOOD.collection}@{D1}"))
PROFILE = Profiled(
    digest=D2,
    seccomp=text(*CALLS, "socket"),
    capabilities=(Capability("CHOWN"),),
    no_new_privileges=True,
    read_only=True,
    user="",
    apparmor="",
    expires=LATER,
    parts=PARTS,
)
REQUIRED = replace(SIGNED_RULE, profile=ProfileNeed.REQUIRED)
IGNORED = replace(SIGNED_RULE, profile=ProfileNeed.IGNORE)
EVERYTHING = [lift(Field.PRIVILEGED), lift(Field.SECCOMP), lift(Field.CAPABILITY), lift(Field.NEW_PRIVILEGES)]
OPEN = policy(REQUIRED, isolation=Isolation.PRIVILEGED, lifts=EVERYTHING)
CUSTOM = Ask(field=Field.SECCOMP, value="custom")


def confined(decision: Any) -> Profiled | None:
    assert isinstance(decision, Allow), decision
    return decision.profile


@pytest.mark.parametrize("rule", [SIGNED_RULE, REQUIRED])
def test_a_signed_profile_confines(rule: Any) -> None:
    decision = judged(create(), policy(rule), {QUERY: PROFILE})
    assert confined(decision) == PROFILE


def test_an_image_by_its_id_has_the_profile_of_its_name() -> None:
    decision = judged(Create(image=Held(text=GOOD_ID)), policy(REQUIRED), {QUERY: PROFILE})
    assert confined(decision) == PROFILE


def test_where_the_rule_says_so_it_is_not_even_asked_for() -> None:
    assert confined(judged(create(), policy(IGNORED), {QUERY: DOWN})) is None


def test_an_unsigned_image_has_none() -> None:
    assert confined(judged(create(image=DEV))) is None


NO_ANSWERS: list[tuple[Fact, str]] = [
    (NotProfiled(code="stale", why="its time is over"), "stale"),
    (replace(PROFILE, expires=NOW), "stale"),
    (DOWN, "unreachable"),
    (GOOD_HELD, "bad-answer"),
]


@pytest.mark.parametrize("rule", [SIGNED_RULE, REQUIRED])
@pytest.mark.parametrize(("fact", "code"), NO_ANSWERS)
def test_what_does_not_count_is_no_reason_to_run_without(rule: Any, fact: Fact, code: str) -> None:
    assert codes(judged(create(), policy(rule), {QUERY: fact})) == [code]


def test_none_is_fine_unless_it_is_required() -> None:
    assert confined(judged(create(), policy(SIGNED_RULE), {QUERY: Missing()})) is None
    (reason,) = reasons(judged(create(), policy(REQUIRED), {QUERY: Missing()}))
    assert reason.code == "no-profile"
    assert "pytrust profile attach" in reason.hint
    assert "profile required" in reason.rule


WIDER = [
    ask(Field.PRIVILEGED),
    ask(Field.SECCOMP, "unconfined"),
    ask(Field.CAPABILITY, "SYS_ADMIN"),
    ask(Field.CAPABILITY, "ALL"),
    ask(Field.NEW_PRIVILEGES, "allowed"),
]


@pytest.mark.parametrize("asked", WIDER)
def test_no_level_and_no_exception_widens_it(asked: Ask) -> None:
    assert codes(judged(create(asked), OPEN, {QUERY: PROFILE})) == ["wider-than-profile"]
    assert confined(judged(create(asked), replace(OPEN, images=(IGNORED,)), {QUERY: PROFILE})) is None


@pytest.mark.parametrize(
    ("profile", "asked"),
    [
        (replace(PROFILE, user="1000"), ask(Field.USER, "0")),
        (replace(PROFILE, user="1000:1000"), ask(Field.USER, "1001")),
        (replace(PROFILE, user="1000:1000"), ask(Field.GROUP, "0")),
        (replace(PROFILE, user="1000"), ask(Field.GROUP, "0")),
        (replace(PROFILE, apparmor="pytrust-00"), ask(Field.APPARMOR, "docker-default")),
        (replace(PROFILE, apparmor="pytrust-00"), ask(Field.APPARMOR, "unconfined")),
    ],
)
def test_nor_does_another_user_or_another_apparmor_profile(profile: Profiled, asked: Ask) -> None:
    assert codes(judged(create(asked), OPEN, {QUERY: profile})) == ["wider-than-profile"]


@pytest.mark.parametrize(
    "asked",
    [
        ask(Field.CAPABILITY, "CHOWN"),
        ask(Field.SECCOMP, "builtin"),
        ask(Field.USER, "1000"),
        ask(Field.GROUP, "5"),
        ask(Field.PIDS, "10"),
    ],
)
def test_what_it_gives_anyway_may_be_asked_for(asked: Ask) -> None:
    profile = replace(PROFILE, user="1000:5")
    assert confined(judged(create(asked), policy(REQUIRED), {QUERY: profile})) == profile


def own(seccomp: str) -> Create:
    return Create(image=Named(ref=GOOD), asks=(CUSTOM,), seccomp=seccomp)


def test_a_narrower_file_of_the_client_counts_even_where_the_level_takes_none() -> None:
    narrower = text(*CALLS)
    decision = judged(own(narrower), policy(REQUIRED), {QUERY: PROFILE})
    assert confined(decision) == replace(PROFILE, seccomp=narrower)
    assert codes(judged(own(narrower), policy(IGNORED))) == ["seccomp"]


@pytest.mark.parametrize(
    "wide",
    [
        text(*CALLS, "bpf"),
        text(*CALLS, "bpf", action="SCMP_ACT_LOG"),
        text(*CALLS).replace("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"),
        '{"defaultAction": "SCMP_ACT_ALLOW"}',
        "{}",
        "nonsense",
        "",
    ],
)
def test_a_wider_one_or_one_that_nobody_understands_is_refused(wide: str) -> None:
    assert "wider-than-profile" in codes(judged(own(wide), OPEN, {QUERY: PROFILE}))


def test_one_too_narrow_for_the_runtime_never_reaches_the_engine() -> None:
    assert codes(judged(own(text("read", "write")), OPEN, {QUERY: PROFILE})) == ["below-floor"]


TWO = replace(PROFILE, capabilities=(Capability("CHOWN"), Capability("SETUID")))
DROPS = [
    ((), (), ("CHOWN", "SETUID")),
    (("CHOWN",), (), ("SETUID",)),
    (("ALL",), (), ()),
    (("ALL",), ("SETUID",), ("SETUID",)),
    (("CHOWN",), ("CHOWN",), ("CHOWN", "SETUID")),
    ((), ("SETUID",), ("CHOWN", "SETUID")),
]


@pytest.mark.parametrize(("drops", "adds", "left"), DROPS)
def test_capabilities_that_the_client_drops_stay_dropped(
    drops: tuple[str, ...], adds: tuple[str, ...], left: tuple[str, ...]
) -> None:
    asks = tuple(ask(Field.CAPABILITY, name) for name in adds)
    request = Create(image=Named(ref=GOOD), asks=asks, drops=drops)
    found = confined(judged(request, policy(REQUIRED, lifts=EVERYTHING), {QUERY: TWO}))
    assert found == replace(TWO, capabilities=tuple(map(Capability, left)))


def conditional(**condition: Any) -> str:
    """A file with one more call, which an engine takes on a condition."""
    rules = [
        {"names": list(CALLS), "action": "SCMP_ACT_ALLOW"},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", **condition},
    ]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules})


WITHOUT_CHOWN = conditional(excludes={"caps": ["CAP_CHOWN"]})


def test_a_file_is_judged_by_the_capabilities_that_are_left() -> None:
    """An engine takes a rule that excludes a capability once the client has dropped that."""
    harmless = own(WITHOUT_CHOWN)
    assert confined(judged(harmless, OPEN, {QUERY: PROFILE})) == replace(PROFILE, seccomp=WITHOUT_CHOWN)
    for drops in ("CHOWN", "ALL"):
        (reason,) = reasons(judged(replace(harmless, drops=(drops,)), OPEN, {QUERY: PROFILE}))
        assert (reason.code, "the seccomp file lets through bpf" in reason.text) == ("wider-than-profile", True)
    again = replace(harmless, drops=("CHOWN",), asks=(CUSTOM, ask(Field.CAPABILITY, "CHOWN")))
    assert confined(judged(again, OPEN, {QUERY: PROFILE}))


def test_less_is_not_more_under_the_signed_file_either() -> None:
    signed = replace(PROFILE, seccomp=WITHOUT_CHOWN)
    dropping = Create(image=Named(ref=GOOD), drops=("CHOWN",))
    (reason,) = reasons(judged(dropping, OPEN, {QUERY: signed}))
    assert "--cap-drop lets through bpf" in reason.text
    assert confined(judged(create(), OPEN, {QUERY: signed})) == signed


def test_what_is_left_is_what_the_level_judges() -> None:
    strong = replace(PROFILE, capabilities=(Capability("SYS_ADMIN"),))
    request = Create(image=Named(ref=GOOD), drops=("SYS_ADMIN",))
    assert confined(judged(request, policy(REQUIRED), {QUERY: strong})) == replace(PROFILE, capabilities=())


def test_a_profile_gives_no_more_than_the_level() -> None:
    strong = replace(PROFILE, capabilities=(Capability("SYS_ADMIN"),))
    (reason,) = reasons(judged(create(), policy(REQUIRED), {QUERY: strong}))
    assert reason.code == "capability"
    assert "the signed profile gives" in reason.text
    allowed = policy(REQUIRED, lifts=[lift(Field.CAPABILITY, "SYS_ADMIN")])
    assert confined(judged(create(), allowed, {QUERY: strong})) == strong


def test_its_user_is_judged_like_one_that_is_asked_for() -> None:
    tight = policy(REQUIRED, isolation=Isolation.RESTRICTED)
    root = HeldImage(id=GOOD_ID, repo_digests=GOOD_HELD.repo_digests, user="0")
    world: dict[Query, Fact] = {ImageQuery(name=f"{GOOD.collection}@{D1}"): root}
    plain = replace(PROFILE, capabilities=())
    assert codes(judged(create(), tight, {**world, QUERY: plain})) == ["user"]
    assert confined(judged(create(), tight, {**world, QUERY: replace(plain, user="1000")}))
    assert codes(judged(create(), tight, {QUERY: replace(plain, user="0")})) == ["user"]
    assert codes(judged(create(), tight, {QUERY: replace(plain, user="1000:0")})) == ["group"]


def test_what_the_level_writes_in_is_still_written() -> None:
    decision = judged(create(), policy(REQUIRED), {QUERY: PROFILE})
    assert isinstance(decision, Allow)
    assert Injection.PIDS in {mutation.injection for mutation in decision.mutations}


def test_the_earlier_of_two_signatures_ends_the_permission() -> None:
    soon = NOW + timedelta(hours=1)
    decision = judged(create(), policy(REQUIRED), {QUERY: replace(PROFILE, expires=soon)})
    assert isinstance(decision, Allow)
    assert decision.expires == soon


def test_learning_mode_lets_through_without_it() -> None:
    learning = policy(REQUIRED, mode=Mode.WARN)
    decision = judged(create(), learning, {QUERY: Missing()})
    assert isinstance(decision, Allow)
    assert decision.profile is None
    assert [reason.code for reason in decision.overruled] == ["no-profile"]
    assert confined(judged(create(), learning, {QUERY: PROFILE})) == PROFILE
    wide = judged(create(ask(Field.CAPABILITY, "SYS_ADMIN")), learning, {QUERY: PROFILE})
    assert confined(wide) is None


def running(profile: Profiled | None) -> dict[Query, Fact]:
    admission = Admission(ref=GOOD.at(D1), image_id=GOOD_ID, policy="e" * 64, profile=profile)
    return {ContainerQuery(name="web"): Container(id=CONTAINER_ID, image_id=GOOD_ID, admission=admission)}


def start(what: str = "container start") -> Start:
    return Start(what=what, container="web")


def test_what_is_as_narrow_as_what_is_signed_starts_again() -> None:
    assert codes(judged(start(), policy(REQUIRED), running(PROFILE) | {QUERY: PROFILE})) == []


OLDER: list[dict[str, Any]] = [
    {"capabilities": (Capability("CHOWN"), Capability("KILL"))},
    {"no_new_privileges": False},
    {"read_only": False},
    {"seccomp": text(*CALLS, "socket", "bpf")},
]


@pytest.mark.parametrize("made", OLDER)
def test_what_is_wider_than_what_is_signed_now_does_not(made: dict[str, Any]) -> None:
    old = replace(PROFILE, digest=D1, **made)
    (reason,) = reasons(judged(start(), policy(SIGNED_RULE), running(old) | {QUERY: PROFILE}))
    assert reason.code == "older-profile"
    assert codes(judged(start(), policy(SIGNED_RULE), running(PROFILE) | {QUERY: replace(old, digest=D1)})) == []


def test_what_goes_on_is_not_judged_anew() -> None:
    old = replace(PROFILE, digest=D1, read_only=False)
    assert codes(judged(start("container unpause"), policy(REQUIRED), running(old) | {QUERY: PROFILE})) == []


def test_what_was_made_without_starts_only_where_none_is_required() -> None:
    assert codes(judged(start(), policy(SIGNED_RULE), running(None))) == []
    assert codes(judged(start(), policy(REQUIRED), running(None))) == ["older-profile"]


def test_a_withdrawn_profile_is_missed_where_it_is_required() -> None:
    assert codes(judged(start(), policy(REQUIRED), running(PROFILE))) == ["no-profile"]
    assert codes(judged(start(), policy(SIGNED_RULE), running(PROFILE))) == []
    assert codes(judged(start(), policy(SIGNED_RULE), running(PROFILE) | {QUERY: DOWN})) == ["unreachable"]


def test_no_process_of_a_confined_container_is_privileged() -> None:
    request = Exec(container="web", asks=(ask(Field.PRIVILEGED),))
    assert codes(judged(request, OPEN, running(PROFILE))) == ["wider-than-profile"]
    assert codes(judged(request, OPEN, running(None))) == []
    assert codes(judged(Exec(container="web"), OPEN, running(PROFILE))) == []


AS_USER = replace(PROFILE, user="1000:5")
USERS = [
    (AS_USER, {Field.USER: "0"}, False),
    (AS_USER, {Field.USER: "1000", Field.GROUP: "0"}, False),
    (AS_USER, {Field.USER: "1000"}, False),  # which has the group that the image says, or root's
    (AS_USER, {Field.USER: "1000", Field.GROUP: "5"}, True),
    (AS_USER, {}, True),
    (replace(PROFILE, user="1000"), {Field.USER: "1000", Field.GROUP: "0"}, False),
    (replace(PROFILE, user="1000"), {Field.USER: "1000"}, True),
    (PROFILE, {Field.USER: "0", Field.GROUP: "0"}, True),
]


@pytest.mark.parametrize(("profile", "asked", "good"), USERS)
def test_its_user_is_that_of_every_process(profile: Profiled, asked: dict[Field, str], good: bool) -> None:
    request = Exec(container="web", asks=tuple(ask(field, value) for field, value in asked.items()))
    assert codes(judged(request, OPEN, running(profile))) == ([] if good else ["wider-than-profile"])


def test_a_file_that_a_newer_kernel_reads_otherwise_does_not_start_again() -> None:
    later = conditional(includes={"minKernel": "6.90"})
    made = confined(judged(own(later), OPEN, {QUERY: PROFILE}))
    assert made == replace(PROFILE, seccomp=later)
    assert codes(judged(start(), OPEN, running(made) | {QUERY: PROFILE})) == []
    newer = replace(PROFILE, parts=replace(PARTS, kernel="6.90.1"))
    (reason,) = reasons(judged(start(), OPEN, running(made) | {QUERY: newer}))
    assert (reason.code, "lets through bpf" in reason.text) == ("older-profile", True)


def test_another_runtime_with_other_needs_stops_no_container() -> None:
    newer = replace(PROFILE, seccomp=text(*CALLS[1:], "socket"), parts=replace(PARTS, runc="1.9.9"))
    assert codes(judged(start(), OPEN, running(PROFILE) | {QUERY: newer})) == []


def test_a_restart_policy_is_a_start() -> None:
    old = replace(PROFILE, digest=D1, read_only=False)
    always = Update(container="web", asks=(ask(Field.RESTART, "always"),))
    assert codes(judged(always, OPEN, running(old) | {QUERY: PROFILE})) == ["older-profile"]
    assert codes(judged(Update(container="web"), OPEN, running(old) | {QUERY: PROFILE})) == []
