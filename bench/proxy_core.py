"""The decision on a typical container: image signed, engine asked, every fact at hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from bench.harness import alternate, report
from pytrust.policy.core.decide import decide
from pytrust.policy.core.decision import Allow
from pytrust.policy.core.facts import (
    EngineInfo,
    EngineQuery,
    Fact,
    Facts,
    HeldImage,
    ImageQuery,
    Query,
    RepoDigest,
    Roots,
    Signed,
    TrustQuery,
)
from pytrust.policy.core.request import Ask, Create, Field, Named
from pytrust.policy.core.rules import Containers, ImageRule, Isolation, Lift, Policy, Trust
from pytrust.trust.names import Digest, ImageRef, KeyId, RoleName

_GOAL: Final = 20_000  # decisions a second on one core
_TIMES: Final = 2_000
_NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
_REF: Final = ImageRef.parse("registry.example.com/foo/web:v7")
_DIGEST: Final = Digest("a" * 64)
_ROOTS: Final = Roots(keys=(KeyId("b" * 64),))
_SIGNERS: Final = (RoleName("alice"), RoleName("bob"))
_POLICY: Final = Policy(
    version="c" * 64,
    images=(
        ImageRule(match="localhost/dev/**", where="policy.yaml:4", trust=None, isolation=Isolation.BASELINE),
        ImageRule(match="docker.io/library/**", where="policy.yaml:6", trust=Trust(roots=_ROOTS)),
        ImageRule(match="registry.example.com/**", where="policy.yaml:8", trust=Trust(signers=_SIGNERS, threshold=2)),
    ),
    containers=Containers(
        lifts=(
            Lift(field=Field.PORT, where="policy.yaml:12", match="registry.example.com/foo/*"),
            Lift(field=Field.CAPABILITY, where="policy.yaml:13", match="docker.io/**", values=("NET_RAW",)),
        )
    ),
)
_REQUEST: Final = Create(
    image=Named(ref=_REF),
    name="web",
    asks=(
        Ask(field=Field.USER, value="1000"),
        Ask(field=Field.PORT, value=":80"),
        Ask(field=Field.MEMORY, value="536870912"),
        Ask(field=Field.RESTART, value="on-failure:3"),
        Ask(field=Field.CAPABILITY, value="NET_BIND_SERVICE"),
    ),
)
_KNOWN: Final[dict[Query, Fact]] = {
    TrustQuery(ref=_REF): Signed(digest=_DIGEST, signers=_SIGNERS, expires=_NOW + timedelta(days=7)),
    ImageQuery(name=f"{_REF.collection}@{_DIGEST}"): HeldImage(
        id=f"sha256:{'d' * 64}", repo_digests=(RepoDigest(collection=_REF.collection, digest=_DIGEST),)
    ),
    EngineQuery(): EngineInfo(seccomp=True),
}


def decisions() -> None:
    """A yes with five asks, under three image rules and two exceptions."""
    facts = Facts(_NOW, _KNOWN)
    assert isinstance(decide(_REQUEST, facts, _POLICY), Allow)
    (seconds,) = alternate(lambda: [decide(_REQUEST, facts, _POLICY) for _ in range(_TIMES)])
    ours = _TIMES / seconds
    report("core.decide", "decisions/s", ours, _GOAL, ratio=ours / _GOAL)


BENCHES: Final = {"core.decide": decisions}
