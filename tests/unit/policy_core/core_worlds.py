"""A small world of names, in which generated requests, facts and policies meet often enough to matter."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from msgspec.structs import replace

from pytrust.policy.core.decide import decide
from pytrust.policy.core.decision import Allow, Deny, Need
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
    Facts,
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
    RepoDigest,
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
from pytrust.policy.core.request import (
    Ask,
    Attach,
    Change,
    Closed,
    Create,
    Exec,
    ExecUse,
    Field,
    Held,
    Image,
    Look,
    Manage,
    Named,
    NetworkConnect,
    NetworkCreate,
    Pull,
    Rename,
    Request,
    SecretAsk,
    Start,
    TagImage,
    Unrecognised,
    Update,
    VolumeCreate,
)
from pytrust.policy.core.rules import Containers, ImageRule, Isolation, Lift, Mode, Policy, ProfileNeed, Trust
from pytrust.policy.profiles.names import Capability, GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.finding import Finding, Kind
from pytrust.scanner.rules import Action, Fix, GateRule, ScanRules, Waiver
from pytrust.scanner.scan import Coverage, Database, Scan, Source, Subject
from pytrust.scanner.severity import Severity
from pytrust.trust.names import CollectionName, Digest, ImageRef, KeyId, RoleName
from pytrust.trust.vault.names import SecretName

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
ROUNDS_MAX = 3

COLLECTIONS = ("docker.io/foo/web", "docker.io/library/redis", "localhost/dev/app")
DIGESTS = (Digest("a" * 64), Digest("b" * 64))
SIGNERS = (RoleName("alice"), RoleName("bob"))
ROOTS = Roots(keys=(KeyId("c" * 64),))
IMAGE_IDS = ("sha256:" + "1" * 64, "sha256:" + "2" * 64)
CONTAINERS = ("3" * 64, "4" * 64)

VALUES = {
    Field.CAPABILITY: ("NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN", "ALL"),
    Field.SECCOMP: ("builtin", "unconfined", "custom"),
    Field.USER: ("0", "1000", "root", "", "99999999999"),
    Field.GROUP: ("0", "20", "docker"),
    Field.BIND: ("/srv/data/a", "/etc"),
    Field.WRITABLE_BIND: ("/srv/data/a", "/etc"),
    Field.VOLUME: ("data", "disk"),
    Field.PIDS: ("100", "100000"),
    Field.MEMORY: ("1048576", "1099511627776"),
    Field.PORT: (":80", "127.0.0.1:8080"),
    Field.RESTART: ("always", "on-failure:3"),
    Field.ULIMIT: ("nofile=1024:2048", "rtprio=1:1"),
}


def _reference(name: str, tag: str | None, digest: Digest | None) -> ImageRef:
    registry, _, repository = name.partition("/")
    return ImageRef(registry, repository, tag, digest)


fields = st.sampled_from(Field)
asks = st.one_of(
    fields.flatmap(
        lambda field: st.sampled_from(VALUES.get(field, ("true", "host", "x"))).map(lambda v: Ask(field=field, value=v))
    ),
    st.builds(Ask, field=fields, value=st.text(max_size=20)),
)
many_asks = st.lists(asks, max_size=3).map(tuple)
tags = st.sampled_from(["v1", "v2"])
refs = st.builds(
    lambda name, tag, digest: _reference(name, tag if tag or digest else "v1", digest),
    st.sampled_from(COLLECTIONS),
    st.none() | tags,
    st.none() | st.sampled_from(DIGESTS),
)
images: st.SearchStrategy[Image] = st.one_of(
    st.builds(Named, ref=refs), st.builds(Held, text=st.sampled_from([*IMAGE_IDS, "1111", "cafe"]))
)
names = st.sampled_from(["web", "db", "0" * 12])
texts = st.text(max_size=12)

FOLDERS = ("/run/pytrust/secrets/" + "0" * 32, "/run/pytrust/secrets/" + "1" * 32)
secret_asks = st.builds(SecretAsk, name=st.sampled_from(["db", "shop/key"]).map(SecretName), file=st.just("f"))
many_secrets = st.lists(secret_asks, min_size=1, max_size=2).map(tuple)

SECCOMP, WIDE_SECCOMP = (
    f'{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":{json.dumps(calls)},"action":"SCMP_ACT_ALLOW"}}]}}'
    for calls in (["read"], ["read", "bpf"])
)
PARTS = EngineParts(version="20.10.24", runc="1.1.5", kernel="6.1", arch=GoArch("amd64"))
profiles = st.builds(
    Profiled,
    digest=st.sampled_from(DIGESTS),
    seccomp=st.sampled_from([SECCOMP, WIDE_SECCOMP]),
    capabilities=st.sampled_from([(), (Capability("CHOWN"),), (Capability("NET_BIND_SERVICE"),)]),
    no_new_privileges=st.booleans(),
    read_only=st.booleans(),
    user=st.sampled_from(["", "1000", "0:0"]),
    apparmor=st.sampled_from(["", "pytrust-0123456789abcdef"]),
    expires=st.sampled_from([NOW, LATER]),
    parts=st.just(PARTS),
)

findings = st.builds(
    Finding,
    id=st.sampled_from(["CVE-2029-1111", "CVE-2029-2222"]),
    severity=st.sampled_from(Severity),
    package=st.sampled_from(["openssl", "busybox"]),
    version=st.just("1.0"),
    fixed=st.sampled_from(["", "1.1"]),
    family=st.just("os-pkgs"),
)
scans = st.builds(
    Scan,
    subject=st.builds(
        Subject,
        name=st.sampled_from(COLLECTIONS).map(CollectionName),
        digest=st.sampled_from(DIGESTS),
        config=st.sampled_from(IMAGE_IDS).map(Digest.parse),
        platform=st.just("linux/amd64"),
    ),
    scanned_at=st.sampled_from([NOW - timedelta(days=30), NOW - timedelta(hours=1)]),
    source=st.just(Source(digest=DIGESTS[0], length=1000)),
    database=st.sampled_from([Database(), Database(updated_at=NOW - timedelta(hours=7))]),
    coverage=st.sampled_from(
        [Coverage(), Coverage(kinds=frozenset({Kind.VULNERABILITY}), families=frozenset({"os-pkgs"}), unfixed=True)]
    ),
    findings=st.lists(findings, max_size=3).map(tuple),
)
claims = st.sampled_from([Claims(), Claims(claims=(Claim(ids=("CVE-2029-1111",), status=Status.NOT_AFFECTED),))])
scanned = st.builds(
    Scanned, digest=st.sampled_from(DIGESTS), scan=scans, expires=st.sampled_from([NOW, LATER]), claims=claims
)
not_scanned = st.builds(NotScanned, code=st.sampled_from(["no-scan", "stale"]), why=st.just("its time is over"))
scan_rules = st.builds(
    ScanRules,
    required=st.booleans(),
    max_age=st.sampled_from([None, timedelta(days=7)]),
    gates=st.lists(
        st.builds(
            GateRule,
            action=st.sampled_from(Action),
            severity=st.sampled_from([Severity.LOW, Severity.HIGH]),
            fix=st.sampled_from(Fix),
            where=st.just("policy.yaml:6"),
        ),
        max_size=2,
    ).map(tuple),
    unknown=st.sampled_from([None, Action.DENY, Action.WARN]),
    where=st.just("policy.yaml:5"),
)
waivers = st.builds(
    Waiver,
    ids=st.just(("CVE-2029-2222",)),
    reason=st.just("not reachable"),
    owner=st.just("alice"),
    expires=st.sampled_from([NOW.date() - timedelta(days=1), LATER.date()]),
    where=st.just("policy.yaml:20"),
)

image_requests: st.SearchStrategy[Create | Pull] = st.one_of(
    st.builds(Create, image=images),
    st.builds(Create, image=images, mounts=st.lists(images, max_size=2).map(tuple)),
    st.builds(Create, image=images, asks=many_asks),
    st.builds(Create, image=images, secrets=many_secrets),
    st.builds(Create, image=images, asks=many_asks, secrets=many_secrets),
    st.builds(
        Create,
        image=images,
        asks=many_asks.map(lambda asks: (*asks, Ask(field=Field.SECCOMP, value="custom"))),
        seccomp=st.sampled_from([SECCOMP, WIDE_SECCOMP, "{", ""]),
    ),
    st.builds(Create, image=st.builds(Held, text=st.just(IMAGE_IDS[0]))),
    st.builds(Pull, ref=refs, every_tag=st.booleans()),
)
requests: st.SearchStrategy[Request] = st.one_of(
    image_requests,
    image_requests,
    st.builds(TagImage, source=texts, target=refs),
    st.builds(Start, what=texts, container=names, asks=many_asks),
    st.builds(Start, what=st.sampled_from(["container start", "container unpause"]), container=names),
    st.builds(Update, container=names, asks=many_asks),
    st.builds(Exec, container=names, asks=many_asks),
    st.builds(ExecUse, what=texts, exec_id=names),
    st.builds(Attach, what=texts, container=names),
    st.builds(Manage, what=texts, container=names),
    st.builds(Rename, container=names, name=texts),
    st.builds(NetworkCreate, name=texts, asks=many_asks),
    st.builds(NetworkConnect, network=texts, container=names, asks=many_asks),
    st.builds(VolumeCreate, name=texts, asks=many_asks),
    st.one_of(
        st.builds(Look, what=texts),
        st.builds(Change, what=texts),
        st.builds(Closed, what=texts, hint=texts),
        st.builds(Unrecognised, method=texts, path=texts),
    ),
)

matches = st.sampled_from([*COLLECTIONS, "docker.io/**", "localhost/dev/*", "**"])
levels = st.sampled_from(Isolation)
trusts = st.builds(
    Trust,
    roots=st.none() | st.just(ROOTS),
    signers=st.sampled_from([(), SIGNERS, SIGNERS[:1]]),
    threshold=st.integers(1, 2),
)
rules = st.builds(
    ImageRule,
    match=matches,
    where=st.just("policy.yaml:4"),
    trust=st.none() | trusts,
    isolation=st.none() | levels,
    profile=st.sampled_from(ProfileNeed),
    scan=st.none() | scan_rules,
)
rest_rules = st.lists(
    st.builds(ImageRule, match=st.just("**"), where=st.just("policy.yaml:5"), trust=st.just(Trust())), max_size=1
)
lifts = st.builds(
    Lift,
    field=fields | st.sampled_from(list(VALUES)),
    where=st.just("policy.yaml:9"),
    match=matches,
    values=st.sampled_from([(), ("/srv/data/**",), ("*",)]),
)
containers = st.builds(
    Containers, isolation=levels, lifts=st.lists(lifts, max_size=4).map(tuple), where=st.just("policy.yaml:7")
)


def policies(mode: Mode = Mode.ENFORCE) -> st.SearchStrategy[Policy]:
    """Policies in ``mode``."""
    return st.builds(
        Policy,
        version=st.just("d" * 64),
        images=st.lists(rules, max_size=3).flatmap(lambda some: rest_rules.map(lambda rest: (*some, *rest))),
        containers=containers,
        waivers=st.lists(waivers, max_size=1).map(tuple),
        mode=st.just(mode),
    )


unavailable = st.builds(Unavailable, code=st.just("unreachable"), why=st.just("nobody answers"))
_repo_digests = st.builds(
    RepoDigest,
    collection=st.sampled_from(COLLECTIONS).map(CollectionName),
    digest=st.sampled_from(DIGESTS),
)
_tags = st.builds(lambda name, tag: _reference(name, tag, None), st.sampled_from(COLLECTIONS), tags)
held_images = st.builds(
    HeldImage,
    id=st.sampled_from(IMAGE_IDS),
    repo_digests=st.lists(_repo_digests, max_size=3).map(tuple),
    tags=st.lists(_tags, max_size=2).map(tuple),
    user=st.sampled_from(["", "0", "1000", "1000:0", "web"]),
)
signed = st.builds(
    Signed,
    digest=st.sampled_from(DIGESTS),
    signers=st.sampled_from([SIGNERS, SIGNERS[:1], SIGNERS[1:]]),
    expires=st.sampled_from([NOW - timedelta(days=1), NOW, LATER, LATER + timedelta(days=1)]),
)
not_signed = st.builds(NotSigned, code=st.just("unsigned"), why=st.just("nobody signed it"))
_deliveries = st.none() | st.builds(
    Delivery, folder=st.sampled_from(FOLDERS), ref=refs, secrets=many_secrets, host_users=st.booleans()
)
_containers = st.builds(
    Container,
    id=st.sampled_from(CONTAINERS),
    image_id=st.sampled_from(IMAGE_IDS),
    guarded=st.sampled_from([False, False, True]),
    binds=st.lists(
        st.builds(Ask, field=st.just(Field.BIND), value=st.sampled_from(["/srv/data/a", *FOLDERS])), max_size=2
    ).map(tuple),
    admission=st.none()
    | st.builds(
        Admission,
        ref=refs,
        image_id=st.sampled_from(IMAGE_IDS),
        policy=st.just("d" * 64),
        delivery=_deliveries,
        profile=st.none() | profiles,
    ),
)
_paths = st.builds(HostPath, real=st.sampled_from(["/srv/data/a", "/etc"]), guarded=st.booleans())
_volumes = st.builds(
    Volume,
    driver=st.sampled_from(["local", "nfs"]),
    options=st.sampled_from([(), (("device", "/dev/sda1"),)]),
    guarded=st.sampled_from([False, False, True]),
)
_admitted = st.builds(
    lambda ref, delivery, profile: Container(
        id=CONTAINERS[0],
        image_id=IMAGE_IDS[0],
        admission=Admission(ref=ref, image_id=IMAGE_IDS[0], policy="d" * 64, delivery=delivery, profile=profile),
    ),
    refs,
    _deliveries,
    st.none() | profiles,
)
deliverable = st.builds(Deliverable, folder=st.sampled_from(FOLDERS))
not_deliverable = st.builds(NotDeliverable, code=st.just("no-such-secret"), why=st.just("there is none"))
not_profiled = st.builds(NotProfiled, code=st.just("stale"), why=st.just("its time is over"))
any_facts: st.SearchStrategy[Fact] = st.one_of(
    unavailable, st.just(Missing()), signed, not_signed, held_images, _containers, _paths, _volumes,
    deliverable, not_deliverable, profiles, not_profiled, scanned, not_scanned, st.builds(EngineInfo, seccomp=st.booleans()), st.builds(ExecInstance, container=st.sampled_from(CONTAINERS)),
)  # fmt: skip


def _held_under(query: ImageQuery) -> st.SearchStrategy[Fact]:
    """Mostly what an honest engine says to a name with a digest: that it has the image under it."""
    name, at, digest = query.name.partition("@")
    if not at:
        return held_images
    given_name = RepoDigest(collection=CollectionName(name), digest=Digest.parse(digest))
    return st.one_of(st.just(HeldImage(id=IMAGE_IDS[0], repo_digests=(given_name,), user="1000")), held_images)


def _signed_as(query: TrustQuery) -> st.SearchStrategy[Fact]:
    honest = Signed(digest=query.ref.digest or DIGESTS[0], signers=SIGNERS, expires=LATER)
    return st.one_of(st.just(honest), signed, not_signed)


def _scanned_as(query: ScanQuery) -> st.SearchStrategy[Fact]:
    """A scan of what the engine holds, for the most part."""
    assert query.ref.digest is not None
    subject = Subject(
        name=query.ref.collection,
        digest=query.ref.digest,
        config=Digest.parse(query.image_id),
        platform="linux/amd64",
    )
    fitting = scanned.map(lambda fact: replace(fact, scan=replace(fact.scan, subject=subject)))
    return st.one_of(fitting, fitting, scanned, not_scanned, st.just(Missing()), unavailable)


def facts_on(query: Query) -> st.SearchStrategy[Fact]:  # noqa: C901 - one line for each member of the union
    """Answers to a question: fitting ones for the most part, and what else gatherers say."""
    match query:
        case TrustQuery():
            return st.one_of(_signed_as(query), _signed_as(query), unavailable)
        case ImageQuery():
            return st.one_of(_held_under(query), _held_under(query), st.just(Missing()) | unavailable)
        case ContainerQuery():
            return st.one_of(_admitted, _admitted, _containers, st.just(Missing()) | unavailable)
        case ExecQuery():
            return st.one_of(st.builds(ExecInstance, container=st.sampled_from(CONTAINERS)), st.just(Missing()))
        case PathQuery():
            return st.one_of(_paths, unavailable)
        case VolumeQuery():
            return st.one_of(_volumes, st.just(Missing()), unavailable)
        case SecretsQuery():
            return st.one_of(deliverable, deliverable, not_deliverable, unavailable)
        case ProfileQuery():
            return st.one_of(profiles, profiles, st.just(Missing()), not_profiled, unavailable)
        case ScanQuery():
            return _scanned_as(query)
        case EngineQuery():
            return st.one_of(st.just(EngineInfo(seccomp=True)), st.builds(EngineInfo, seccomp=st.booleans()))


def settle(
    request: Request, policy: Policy, answer: Callable[[Query], Fact], now: datetime = NOW
) -> tuple[Allow | Deny, dict[Query, Fact], int]:
    """Ask and answer until there is a decision; gives that, what became known, and the rounds it took."""
    known: dict[Query, Fact] = {}
    for rounds in range(ROUNDS_MAX + 2):
        decision = decide(request, Facts(now, known), policy)
        if not isinstance(decision, Need):
            return decision, known, rounds
        assert decision.queries, "asks for nothing"
        assert not decision.queries & known.keys(), "asks again for what it was told"
        known.update({query: answer(query) for query in sorted(decision.queries, key=repr)})
    raise AssertionError(f"still asks after {ROUNDS_MAX} rounds")
