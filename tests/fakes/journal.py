"""Entries for the journal, and journals that somebody laid hands on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.scans import VULNERABLE

from pytrust.policy.core.decision import Allow, Deny, Injection, Mutation, Pin, Reason
from pytrust.policy.core.facts import (
    Admission,
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
    Look,
    Manage,
    Named,
    NetworkConnect,
    NetworkCreate,
    Pull,
    Rename,
    Request,
    Start,
    TagImage,
    Unrecognised,
    Update,
    VolumeCreate,
)
from pytrust.policy.core.rules import Policy
from pytrust.policy.journal import Decided, Event
from pytrust.policy.profiles.names import Capability, GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.trust.names import Digest, ImageRef, KeyId, RoleName
from pytrust.trust.vault.names import SecretName

NOW = datetime(2026, 11, 23, 20, 34, 18, tzinfo=UTC)
WEB = ImageRef.parse("localhost:5000/foo/web:v2")
API = ImageRef.parse("localhost:5000/foo/api:v7")
DIGEST = Digest("4f" * 32)
POLICY = Policy(version="ab" * 32)
CREATE = Create(image=Named(ref=WEB), name="web", asks=(Ask(field=Field.BIND, value="/srv/www"),))
ALLOW = Allow(
    pins=(Pin(image=Named(ref=WEB), ref=WEB.at(DIGEST), image_id=str(DIGEST)),),
    mutations=(Mutation(injection=Injection.PIDS, value=512),),
    expires=NOW + timedelta(days=7),
)
DENY = Deny(reasons=(Reason(code="unsigned", text=f"{WEB} is not signed", rule="images[0]", hint="sign it"),))
WARNED = Allow(pins=ALLOW.pins, overruled=DENY.reasons)

REQUESTS: tuple[tuple[Request, str], ...] = (
    (Look(what="container logs"), "container logs"),
    (Change(what="volume prune"), "volume prune"),
    (Manage(what="container kill", container="web"), "container kill web"),
    (Pull(ref=WEB), "image pull localhost:5000/foo/web:v2"),
    (Pull(ref=WEB, every_tag=True), "image pull localhost:5000/foo/web (every tag)"),
    (TagImage(source="abc", target=WEB), "image tag abc as localhost:5000/foo/web:v2"),
    (CREATE, "container create localhost:5000/foo/web:v2 as web"),
    (Create(image=Held(text="abc")), "container create abc"),
    (Start(what="container restart", container="web"), "container restart web"),
    (Update(container="web"), "container update web"),
    (Rename(container="web", name="old"), "container rename web as old"),
    (Exec(container="web", program="sh"), "container exec web: sh"),
    (Exec(container="web"), "container exec web"),
    (ExecUse(what="exec start", exec_id="ab"), "exec start ab"),
    (Attach(what="container attach", container="web"), "container attach web"),
    (NetworkCreate(name="lan"), "network create lan"),
    (NetworkConnect(network="lan", container="web"), "network connect web to lan"),
    (VolumeCreate(name="data"), "volume create data"),
    (VolumeCreate(), "volume create"),
    (Closed(what="swarm init", hint="no"), "swarm init"),
    (Unrecognised(method="BREW", path="/coffee"), "BREW /coffee"),
)
KNOWN: dict[Query, Fact] = {
    TrustQuery(ref=WEB, roots=Roots(keys=(KeyId("cd" * 32),))): Signed(
        digest=DIGEST, signers=(RoleName("alice"),), expires=NOW, offline=True
    ),
    TrustQuery(ref=API): NotSigned(code="unsigned", why="nobody vouches for it"),
    ImageQuery(name="web"): HeldImage(
        id=str(DIGEST), repo_digests=(RepoDigest(collection=WEB.collection, digest=DIGEST),), tags=(WEB,), user="1"
    ),
    ImageQuery(name="api"): Missing(),
    ContainerQuery(name="web"): Container(
        id="ef" * 32,
        image_id=str(DIGEST),
        admission=Admission(ref=WEB, image_id=str(DIGEST), policy=POLICY.version),
    ),
    ExecQuery(exec_id="ab"): ExecInstance(container="ef" * 32),
    PathQuery(path="/srv/www"): HostPath(real="/srv/www"),
    VolumeQuery(name="data"): Volume(driver="local", options=(("type", "tmpfs"),)),
    VolumeQuery(name="other"): Unavailable(code="unreachable", why="the engine does not answer"),
    EngineQuery(): EngineInfo(seccomp=True),
    SecretsQuery(names=(SecretName("db"),), image=WEB.collection): Deliverable(
        folder=f"/run/pytrust/secrets/{'0' * 32}"
    ),
    SecretsQuery(names=(SecretName("key"),), image=WEB.collection): NotDeliverable(code="no-such-secret", why="no"),
    ProfileQuery(ref=WEB.at(DIGEST)): Profiled(
        digest=DIGEST,
        seccomp='{"defaultAction":"SCMP_ACT_ERRNO"}',
        capabilities=(Capability("CHOWN"),),
        no_new_privileges=True,
        read_only=False,
        user="1000",
        apparmor="",
        expires=NOW,
        parts=EngineParts(version="20.10.24", runc="1.1.5", kernel="6.1", arch=GoArch("amd64")),
    ),
    ProfileQuery(ref=API.at(DIGEST)): NotProfiled(code="stale", why="its time is over"),
    ScanQuery(ref=WEB.at(DIGEST), image_id=str(DIGEST)): Scanned(
        digest=DIGEST,
        scan=VULNERABLE,
        expires=NOW,
        claims=Claims(claims=(Claim(ids=("CVE-2026-0001",), status=Status.NOT_AFFECTED),)),
    ),
    ScanQuery(ref=API.at(DIGEST), image_id="web"): NotScanned(code="no-scan", why="another platform is"),
}


def decided(
    request: Request = CREATE, decision: Allow | Deny = ALLOW, *, after: float = 0, caller: str = "uid 1000"
) -> Decided:
    """A decision, so many seconds after ``NOW``."""
    return Decided.of(Facts(NOW + timedelta(seconds=after), KNOWN), caller, request, POLICY, decision)


def event(text: str = "the proxy starts", *, after: float = 0) -> Event:
    """An event, so many seconds after ``NOW``."""
    return Event(at=NOW + timedelta(seconds=after), what="started", text=text)


def tamper(path: Path, *statements: str) -> None:
    """What somebody with write access to the file can do who knows about the triggers."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
