"""A decision in lines: every member of every union has its words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest
from tests.fakes.scans import CLEAN, VULNERABLE

from pytrust.cli.decisions import decision_lines, fact_line, request_lines, same, things
from pytrust.policy.core.decision import Allow, Deny, Injection, Mutation, Pin, Reason
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    Deliverable,
    Delivery,
    EngineInfo,
    EngineQuery,
    ExecInstance,
    ExecQuery,
    Fact,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    NotDeliverable,
    NotProfiled,
    NotScanned,
    NotSigned,
    PathQuery,
    Profiled,
    ProfileQuery,
    Query,
    Roots,
    Scanned,
    ScanQuery,
    SecretsQuery,
    Signed,
    TrustQuery,
    Unavailable,
    Volume,
    VolumeQuery,
)
from pytrust.policy.core.request import Ask, Create, Field, Held, Look, Named, SecretAsk
from pytrust.policy.profiles.names import Capability, GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.trust.names import Digest, ImageRef, KeyId, RoleName
from pytrust.trust.vault.names import SecretName

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
REF = ImageRef.parse("foo/web:v2")
DIGEST = Digest("ab" * 32)
IMAGE_ID = f"sha256:{'cd' * 32}"
ROOTS = Roots(keys=(KeyId("ef" * 32),))
ADMISSION = Admission(ref=REF, image_id=IMAGE_ID, policy="x")
FOLDER = f"/run/pytrust/secrets/{'0' * 32}"
SECRET = SecretAsk(name=SecretName("shop/db"), file="db.txt", uid=1000, mode=0o400)

PROFILE = Profiled(
    digest=DIGEST,
    seccomp="{}",
    capabilities=(Capability("CHOWN"),),
    no_new_privileges=True,
    read_only=False,
    user="",
    apparmor="",
    expires=NOW,
    parts=EngineParts(version="20.10.24", runc="1.1.5", kernel="6.1", arch=GoArch("amd64")),
)

QUERIES: list[tuple[Query, str]] = [
    (TrustQuery(ref=REF), "signature of docker.io/foo/web:v2"),
    (TrustQuery(ref=REF, roots=ROOTS), "signature of docker.io/foo/web:v2 by root keys of the policy"),
    (ImageQuery(name="web"), "image web"),
    (ContainerQuery(name="web"), "container web"),
    (ExecQuery(exec_id="12"), "exec instance 12"),
    (PathQuery(path="/srv"), "host path /srv"),
    (VolumeQuery(name="db"), "volume db"),
    (
        SecretsQuery(names=(SecretName("db"), SecretName("key")), image=REF.collection),
        "secrets db, key for docker.io/foo/web",
    ),
    (ProfileQuery(ref=REF.at(DIGEST)), f"profile of docker.io/foo/web:v2@{DIGEST}"),
    (ScanQuery(ref=REF.at(DIGEST), image_id=IMAGE_ID), f"scan of docker.io/foo/web:v2@{DIGEST}"),
    (EngineQuery(), "engine"),
]
FACTS: list[tuple[Fact, str]] = [
    (Deliverable(folder=FOLDER), "may be handed over"),
    (
        NotDeliverable(code="no-such-secret", why="there is no secret db, or it is for others"),
        "refused, there is no secret db, or it is for others",
    ),
    (
        Signed(digest=DIGEST, signers=(RoleName("alice"), RoleName("bob")), expires=NOW),
        f"{DIGEST} by alice, bob, until 2026-11-23 20:00:00 UTC",
    ),
    (
        Signed(digest=DIGEST, signers=(), expires=NOW, offline=True),
        f"{DIGEST} by nobody by name, until 2026-11-23 20:00:00 UTC, as this host verified before",
    ),
    (NotSigned(code="stale", why="its time is over"), "refused, its time is over"),
    (PROFILE, f"{DIGEST}, capabilities CHOWN, until 2026-11-23 20:00:00 UTC"),
    (NotProfiled(code="stale", why="its time is over"), "refused, its time is over"),
    (
        Scanned(digest=DIGEST, scan=VULNERABLE, expires=NOW),
        f"{DIGEST}, 1 critical, scanned 2026-11-23 18:00:00 UTC, until 2026-11-23 20:00:00 UTC",
    ),
    (
        Scanned(digest=DIGEST, scan=CLEAN, expires=NOW),
        f"{DIGEST}, nothing found, scanned 2026-11-23 18:00:00 UTC, until 2026-11-23 20:00:00 UTC",
    ),
    (NotScanned(code="stale", why="its time is over"), "refused, its time is over"),
    (Unavailable(code="unreachable", why="nobody answers"), "not known, nobody answers"),
    (Missing(), "there is none"),
    (HeldImage(id=IMAGE_ID, user="7"), f"{IMAGE_ID}, runs as user 7"),
    (HeldImage(id=IMAGE_ID), f"{IMAGE_ID}, runs as user 0"),
    (Container(id="12", image_id=IMAGE_ID), f"12, image {IMAGE_ID}, not let in by this proxy"),
    (
        Container(id="12", image_id=IMAGE_ID, guarded=True, admission=ADMISSION),
        f"12, image {IMAGE_ID}, let in as docker.io/foo/web:v2, guarded",
    ),
    (ExecInstance(container="12"), "in the container 12"),
    (HostPath(real="/srv"), "leads to /srv"),
    (HostPath(real="/run", guarded=True), "leads to /run, which is guarded"),
    (Volume(driver="local"), "driver local"),
    (Volume(driver="local", options=(("device", "/dev/sda"), ("o", ""))), "driver local device=/dev/sda o="),
    (EngineInfo(seccomp=True), "has a seccomp profile of its own"),
    (EngineInfo(seccomp=False), "has no seccomp profile of its own"),
]
REASON = Reason(code="unsigned", text="it is not signed", rule="images ** (policy.yaml:3)", hint="sign it")
PIN = Pin(image=Named(ref=REF), ref=REF.at(DIGEST), image_id=IMAGE_ID)


def test_every_question_and_answer_is_here() -> None:
    assert {type(query) for query, _ in QUERIES} == set(get_args(Query))
    assert {type(fact) for fact, _ in FACTS} == set(get_args(Fact))


@pytest.mark.parametrize(("query", "words"), QUERIES)
def test_questions(query: Query, words: str) -> None:
    assert fact_line(query, Missing()) == f"{words}: there is none"
    assert things(frozenset({query, EngineQuery()})) == ", ".join(sorted({words, "engine"}))


@pytest.mark.parametrize(("fact", "words"), FACTS)
def test_answers(fact: Fact, words: str) -> None:
    assert fact_line(EngineQuery(), fact) == f"engine: {words}"


def test_what_is_asked_for() -> None:
    asks = (Ask(field=Field.BIND, value="/srv"), Ask(field=Field.PRIVILEGED, value="true"))
    request = Create(image=Named(ref=REF), name="web", mounts=(Held(text="cafe"), Named(ref=REF)), asks=asks)
    assert list(request_lines(request)) == [
        "container create docker.io/foo/web:v2 as web",
        "  asks for bind: /srv",
        "  asks for privileged: true",
        "  mounts the image cafe",
        "  mounts the image docker.io/foo/web:v2",
    ]
    assert list(request_lines(Look(what="container list"))) == ["container list"]


def test_a_denial() -> None:
    bare = Reason(code="x", text="another reason")
    assert list(decision_lines(Deny(reasons=(REASON, bare)))) == [
        "denied",
        "  it is not signed",
        "    rule: images ** (policy.yaml:3)",
        "    hint: sign it",
        "  another reason",
    ]


def test_a_permission() -> None:
    mutations = (Mutation(injection=Injection.PIDS, value=512), Mutation(injection=Injection.PRIVATE_IPC))
    assert list(decision_lines(Allow(pins=(PIN,), mutations=mutations, expires=NOW))) == [
        "allowed",
        f"  docker.io/foo/web:v2 is sent on as docker.io/foo/web:v2@{DIGEST}",
        "  written in: pids 512, private-ipc",
        "  good until 2026-11-23 20:00:00 UTC",
    ]
    assert list(decision_lines(Allow())) == ["allowed"]


def test_what_does_not_deny_is_told_apart() -> None:
    assert list(decision_lines(Allow(warnings=(REASON,), noted=(OTHER,)))) == [
        "allowed",
        "  warned:",
        "  it is not signed",
        "    rule: images ** (policy.yaml:3)",
        "    hint: sign it",
        "  noted:",
        "  that is not signed",
    ]


def test_a_permission_of_learning_mode_has_its_reasons() -> None:
    assert list(decision_lines(Allow(overruled=(REASON,))))[:2] == [
        "allowed in learning mode, denied otherwise",
        "  it is not signed",
    ]


MOVED = Reason(code="unsigned", text="it is not signed", rule="images ** (policy.yaml:9)", hint="do")
OTHER = Reason(code="unsigned", text="that is not signed")


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        (Deny(reasons=(REASON,)), Deny(reasons=(MOVED,)), True),
        (Deny(reasons=(REASON, OTHER)), Deny(reasons=(OTHER, MOVED)), True),
        (Deny(reasons=(REASON,)), Deny(reasons=(OTHER,)), False),
        (Deny(reasons=(REASON,)), Deny(reasons=(REASON, OTHER)), False),
        (Deny(reasons=(REASON,)), Allow(), False),
        (Allow(), Deny(reasons=(REASON,)), False),
        (Allow(pins=(PIN,)), Allow(pins=(PIN,), expires=NOW), True),
        (Allow(pins=(PIN,)), Allow(), False),
        (Allow(warnings=(REASON,)), Allow(warnings=(MOVED,)), True),
        (Allow(warnings=(REASON,)), Allow(), False),
        (Allow(mutations=(Mutation(injection=Injection.PIDS, value=1),)), Allow(), False),
        (Allow(overruled=(REASON,)), Allow(overruled=(MOVED, OTHER)), True),
        (Allow(overruled=(REASON,)), Allow(), False),
    ],
)
def test_decisions_that_come_to_the_same(one: Allow | Deny, other: Allow | Deny, answer: bool) -> None:
    assert same(one, other) is answer


def test_secrets_are_named_and_not_where_they_lie() -> None:
    request = Create(image=Named(ref=REF), secrets=(SECRET,))
    assert "  asks for the secret shop/db: /run/secrets/db.txt, user 1000, group 0, mode 0400" in request_lines(request)
    lines = list(decision_lines(Allow(delivery=Delivery(folder=FOLDER, ref=REF, secrets=(SECRET,)))))
    assert "  secrets in /run/secrets: db.txt" in lines
    assert FOLDER not in "".join(lines)
