"""One policy, one signed image and what an engine holds: the case that most tests begin from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from tests.unit.policy_core.core_worlds import LATER, NOW, settle

from pytrust.policy.core.decision import Allow, Deny, Injection, Reason
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    EngineInfo,
    EngineQuery,
    Fact,
    HeldImage,
    ImageQuery,
    Missing,
    NotSigned,
    ProfileQuery,
    Query,
    RepoDigest,
    ScanQuery,
    Signed,
    TrustQuery,
    Unavailable,
)
from pytrust.policy.core.request import Ask, Create, Field, Named, Request
from pytrust.policy.core.rules import Containers, ImageRule, Isolation, Lift, Mode, Policy, Trust
from pytrust.trust.names import CollectionName, Digest, ImageRef, RoleName

World = dict[Query, Fact]

D1, D2 = Digest("a" * 64), Digest("b" * 64)
GOOD_ID, EVIL_ID = "sha256:" + "1" * 64, "sha256:" + "2" * 64
CONTAINER_ID = "3" * 64
ALICE, BOB, CAROL = RoleName("alice"), RoleName("bob"), RoleName("carol")
GOOD = ImageRef.parse("registry.example.com/foo/good:1")
DEV = ImageRef.parse("localhost/dev/app:latest")
EXPIRED = NOW - timedelta(seconds=1)
UNSIGNED = NotSigned(code="unsigned", why="it is not signed", hint="sign it")
DOWN = Unavailable(code="unreachable", why="nobody answers", hint="check the network")

SIGNED_RULE = ImageRule(match="registry.example.com/**", where="policy.yaml:4", trust=Trust())
DEV_RULE = ImageRule(match="localhost/dev/**", where="policy.yaml:6", trust=None)


def ref(text: str) -> ImageRef:
    return ImageRef.parse(text)


def policy(
    *rules: ImageRule, isolation: Isolation = Isolation.BASELINE, lifts: Iterable[Lift] = (), mode: Mode = Mode.ENFORCE
) -> Policy:
    limits = Containers(isolation=isolation, lifts=tuple(lifts), where="policy.yaml:9")
    return Policy(version="f" * 64, images=rules or (SIGNED_RULE, DEV_RULE), containers=limits, mode=mode)


def lift(field: Field, *values: str, match: str = "**") -> Lift:
    return Lift(field=field, where="policy.yaml:12", match=match, values=values)


def signed(digest: Digest = D1, *signers: RoleName) -> Signed:
    return Signed(digest=digest, signers=signers or (ALICE,), expires=LATER)


def given_as(name: str, digest: Digest) -> RepoDigest:
    return RepoDigest(collection=CollectionName(name), digest=digest)


def trust_query(text: str) -> TrustQuery:
    return TrustQuery(ref=ref(text))


GOOD_HELD = HeldImage(id=GOOD_ID, repo_digests=(given_as(GOOD.collection, D1),), user="1000")
WORLD: World = {
    TrustQuery(ref=GOOD): signed(),
    trust_query(f"{GOOD.collection}@{D1}"): signed(),
    ImageQuery(name=f"{GOOD.collection}@{D1}"): GOOD_HELD,
    ImageQuery(name=GOOD_ID): GOOD_HELD,
    ImageQuery(name=str(DEV)): HeldImage(id=EVIL_ID, tags=(DEV,), user="1000"),
    ContainerQuery(name="web"): Container(
        id=CONTAINER_ID,
        image_id=GOOD_ID,
        admission=Admission(ref=GOOD.at(D1), image_id=GOOD_ID, policy="e" * 64),
    ),
    EngineQuery(): EngineInfo(seccomp=True),
}


def judged(request: Request, under: Policy | None = None, world: Mapping[Query, Fact] | None = None) -> Allow | Deny:
    """The decision in the usual world, changed by ``world``; a question that neither answers is an error.

    But for profiles and scans: in the usual world nobody has signed any.
    """
    known = {**WORLD, **(world or {})}

    def answer(query: Query) -> Fact:
        return known.get(query, Missing()) if isinstance(query, ProfileQuery | ScanQuery) else known[query]

    return settle(request, under or policy(), answer)[0]


def create(*asks: Ask, image: ImageRef = GOOD) -> Create:
    return Create(image=Named(ref=image), asks=asks)


def ask(field: Field, value: str = "true") -> Ask:
    return Ask(field=field, value=value)


def reasons(decision: Allow | Deny) -> tuple[Reason, ...]:
    assert isinstance(decision, Deny), decision
    return decision.reasons


def codes(decision: Allow | Deny) -> list[str]:
    """The codes of a denial; none for a yes."""
    return [] if isinstance(decision, Allow) else [reason.code for reason in decision.reasons]


def written(decision: Allow | Deny) -> dict[Injection, int]:
    """What a yes writes in."""
    assert isinstance(decision, Allow), decision
    return {mutation.injection: mutation.value for mutation in decision.mutations}
