"""Looking up Notary v1 collections: what real clients made, where trust starts, what is remembered, who is asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.notary_repository import (
    RELEASES,
    FakeNotary,
    FakeNotaryRepository,
    GuardedServer,
    certify,
    issue,
    new_key,
)
from tests.fakes.repository import FakeCollection, FakeRepository
from tests.shared_data import shared_data

from pytrust.trust.anchor import certificate_id, check_authority
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.either import EitherClient
from pytrust.trust.client.lookup import Client
from pytrust.trust.client.notary import NotaryClient
from pytrust.trust.client.source import HttpSource, Source, parse_notary_name
from pytrust.trust.collection.model import ROOT, TARGETS
from pytrust.trust.errors import (
    AccessDenied,
    BadMetadata,
    BadSignature,
    ExpiredCache,
    ServerError,
    Stale,
    Unsigned,
    UntrustedRoot,
    UsageError,
)
from pytrust.trust.formats.notary.files import read_root
from pytrust.trust.http import Deadline, HttpClient
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.limits import OFFLINE_MAX_AGE
from pytrust.trust.names import CollectionName, Format, ImageRef
from pytrust.trust.pins import Pin
from pytrust.trust.registry import DockerCredentials
from pytrust.trust.registry.session import Session

NAME = "registry.example.com/foo/web"
V1, V2, V3 = (f"sha256:{number * 64}" for number in "123")
MADE = datetime(2026, 11, 24, tzinfo=UTC)  # the day after the vectors were


class Scene:
    """A host, its cache and its clock, in front of a repository."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.web = FakeNotary(NAME, **more)  # type: ignore[arg-type]
        self.web.release("v1", V1, 100)
        self.repository = FakeNotaryRepository(self.web)
        self.folder = folder
        self.moment: datetime | None = None
        self.pins = [self.web.pin]

    def now(self) -> datetime:
        return self.moment or datetime.now(UTC)

    def client(self, *pins: Pin, offline: bool = False, source: Source | None = None) -> NotaryClient:
        """A process of its own, on the same cache."""
        way = None if offline else source or self.repository
        return NotaryClient(way, Cache(self.folder / "cache"), pins or self.pins, now=self.now)

    def digest(self, tag: str = "v1", client: Client | None = None) -> str:
        return str((client or self.client()).verify([ImageRef.parse(f"{NAME}:{tag}")])[0].digest)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


# -- what real clients made -------------------------------------------------------------------------------------------


class Vector:
    """What the real server served after one step, as a source."""

    def __init__(self, step: str) -> None:
        self.folder = shared_data("notary-vectors") / step
        self.name = CollectionName((self.folder / "GUN").read_text().strip())

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        role, version, _ = parse_notary_name(file)
        older = version is not None and version != read_root(self.root).version
        path = self.folder / (f"{version}.root.json" if older else f"{role}.json")
        return path.read_bytes() if name == self.name and path.exists() else None

    @property
    def root(self) -> bytes:
        return (self.folder / "root.json").read_bytes()


def material_ids(step: str) -> frozenset[str]:
    return frozenset(key.material.id for key in read_root(Vector(step).root).keys_of(ROOT))


def look(step: str, tmp_path: Path, pin: Pin | None = None) -> NotaryClient:
    return NotaryClient(
        Vector(step), Cache(tmp_path / "cache"), [pin or Pin("**", material_ids(step))], now=lambda: MADE
    )


def test_every_vector_is_verified(tmp_path: Path) -> None:
    steps = [path.parent.name for path in shared_data("notary-vectors").glob("*/root.json")]
    assert len(steps) >= 15
    for step in steps:
        trusted = look(step, tmp_path / step).open(Vector(step).name)
        assert trusted.form is Format.NOTARY, step


def test_what_docker_trust_signed(tmp_path: Path) -> None:
    vector = Vector("a11-sign-v4-three-keys")
    ref = ImageRef.parse(f"{vector.name}:v4")
    found = look("a11-sign-v4-three-keys", tmp_path).verify([ref])[0]
    assert (found.role, set(found.signers)) == ("releases", {"alice", "bob", "carol"})


def test_what_docker_push_signed_stands_in_targets(tmp_path: Path) -> None:
    """The classic layout: no delegation at all."""
    vector = Vector("a18-dct-push-fresh")
    client = look(vector.folder.name, tmp_path)
    tags = client.open(vector.name).tags
    assert tags
    assert {role for role, _ in tags.values()} == {TARGETS}
    ref = ImageRef.parse(f"{vector.name}:{next(iter(tags))}")
    assert (client.verify([ref])[0].role, client.verify([ref])[0].signers) == (TARGETS, ())


def test_releases_without_a_key_says_nothing(tmp_path: Path) -> None:
    """docker trust signer remove of the last signer: what ``releases`` said is void, and no refusal either."""
    trusted = look("a27-signer-remove-last", tmp_path).open(Vector("a27-signer-remove-last").name)
    assert trusted.tags == {}


def test_an_old_root_leads_to_the_newest(tmp_path: Path) -> None:
    """Root v7 was signed by both keys; who pinned the first key follows, and keeps every root on the way."""
    vector = Vector("b12-rotate-root")
    first = read_root((vector.folder / "1.root.json").read_bytes())
    old = Pin("**", frozenset(key.material.id for key in first.keys_of(ROOT)))
    assert look("b12-rotate-root", tmp_path, old).open(vector.name).versions[ROOT] == 7


def test_a_collection_that_was_made_anew_is_another(scene: Scene) -> None:
    """``notary delete --remote`` and ``init`` with the same root key: who knew the old one does not take it for that."""
    scene.client().open(scene.web.name)
    scene.repository.collections[NAME] = FakeNotary(NAME, root_keys=scene.web.keys["root"])
    with pytest.raises(BadSignature):
        scene.client().open(scene.web.name)


# -- tags -------------------------------------------------------------------------------------------------------------


def test_releases_come_before_targets(scene: Scene) -> None:
    scene.web.release("v1", V2, 100, "targets")
    scene.web.release("v2", V2, 100, "targets")
    assert (scene.digest("v1"), scene.digest("v2")) == (V1, V2)


def test_a_digest_that_targets_says_and_releases_replaced(scene: Scene) -> None:
    scene.web.release("v1", V2, 100, "targets")
    with pytest.raises(Unsigned):
        scene.client().verify([ImageRef.parse(f"{NAME}@{V2}")])
    assert scene.client().verify([ImageRef.parse(f"{NAME}@{V1}")])[0].role == "releases"


def test_what_only_a_signer_says_is_not_released(scene: Scene) -> None:
    scene.web.release("v9", V3, 100, "targets/alice")
    with pytest.raises(Unsigned):
        scene.digest("v9")


def test_a_role_speaks_below_its_paths_only(scene: Scene) -> None:
    def narrow(signed: dict[str, object]) -> None:
        for role in signed["delegations"]["roles"]:  # type: ignore[index]
            role["paths"] = ["prod-"]

    scene.web.release("prod-1", V2, 100)
    scene.web.forge("targets", narrow)
    assert scene.digest("prod-1") == V2
    with pytest.raises(Unsigned):
        scene.digest("v1")


# -- where trust starts -----------------------------------------------------------------------------------------------


def _canonical(web: FakeNotary) -> Pin:
    return Pin("**", frozenset({canonical_id(web.keys["root"][0].public)}))


def _wire(web: FakeNotary) -> Pin:
    return Pin("**", frozenset({web.wire("root")[0].id}))


def _certificate(web: FakeNotary) -> Pin:
    pem = web.certificates[web.keys["root"][0].public.id]
    return Pin("**", certificates=frozenset({certificate_id(pem, "it")}))


PINS: dict[str, Callable[[FakeNotary], Pin]] = {
    "material": lambda web: web.pin,
    "canonical": _canonical,
    "wire": _wire,
    "certificate": _certificate,
    "first-use": lambda web: Pin("**", first_use=True),
}


@pytest.mark.parametrize("way", PINS)
def test_every_way_to_pin(scene: Scene, way: str) -> None:
    trusted = scene.client(PINS[way](scene.web)).open(scene.web.name)
    assert trusted.first_use is (way == "first-use")


@pytest.mark.parametrize("way", [way for way in PINS if way != "first-use"])
def test_no_way_to_pin_takes_another_collection(scene: Scene, way: str) -> None:
    other = FakeNotary(NAME)
    with pytest.raises(UntrustedRoot, match="no root of"):
        scene.client(PINS[way](other)).open(scene.web.name)


@pytest.mark.parametrize("way", [way for way in PINS if way != "first-use"])
def test_a_pin_holds_through_rotations(scene: Scene, way: str) -> None:
    """Pinned before, first seen after: the chain leads from the pinned root to the newest."""
    pin = PINS[way](scene.web)
    scene.web.rotate("root")
    scene.web.rotate("root")
    assert scene.client(pin).open(scene.web.name).versions[ROOT] == 3


def test_first_use_is_remembered(scene: Scene) -> None:
    client = scene.client(Pin("**", first_use=True))
    client.open(scene.web.name)
    scene.web.rotate("root")
    client.open(scene.web.name)
    other = FakeNotary(NAME)
    scene.repository.collections[NAME] = other
    with pytest.raises(BadMetadata):
        scene.client(Pin("**", first_use=True)).open(scene.web.name)
    shutil.rmtree(scene.folder / "cache")
    scene.client(Pin("**", first_use=True)).open(scene.web.name)


def authority_scene(tmp_path: Path, *, ends: timedelta = timedelta(days=30)) -> tuple[Scene, bytes]:
    ca, root = new_key(), new_key()
    start = datetime.now(UTC) - timedelta(days=10)
    above = issue(ca, "ca", ca, "ca", start, start + timedelta(days=300), ca=True)
    web = FakeNotary.__new__(FakeNotary)
    scene = Scene.__new__(Scene)
    pem = issue(root, NAME, ca, "ca", start, datetime.now(UTC) + ends)
    web = certified(root, pem)
    scene.__dict__.update(
        web=web, repository=FakeNotaryRepository(web), folder=tmp_path, moment=None, pins=[Pin("**", ca=above)]
    )
    return scene, above


def certified(root: object, pem: bytes) -> FakeNotary:
    """A collection whose root key is carried by this certificate."""

    class Certified(FakeNotary):
        def wire(self, role: str) -> list:  # type: ignore[type-arg]
            self.certificates.setdefault(root.public.id, pem)  # type: ignore[attr-defined]
            return super().wire(role)

    web = Certified(NAME, root_keys=[root])  # type: ignore[list-item]
    web.release("v1", V1, 100)
    return web


def test_a_pinned_authority(tmp_path: Path) -> None:
    scene, above = authority_scene(tmp_path)
    assert scene.digest() == V1
    assert check_authority(above, "ca.pem") == above
    stranger = new_key()
    start = datetime.now(UTC) - timedelta(days=1)
    other = issue(stranger, "ca", stranger, "ca", start, start + timedelta(days=9), ca=True)
    with pytest.raises(UntrustedRoot, match="authority"):
        scene.client(Pin("**", ca=other)).open(scene.web.name)


def test_an_authority_that_is_over(tmp_path: Path) -> None:
    scene, _ = authority_scene(tmp_path)
    scene.moment = datetime.now(UTC) + timedelta(days=15)
    scene.digest()
    scene.moment = datetime.now(UTC) + timedelta(days=400)
    with pytest.raises((UntrustedRoot, Stale)):
        scene.client(Pin("**", ca=scene.pins[0].ca)).open(scene.web.name)


def test_a_threshold_counts_keys_not_ids(tmp_path: Path) -> None:
    """One key in two certificates is one key, whichever of its ids are pinned."""
    scene = Scene(tmp_path, root_keys=[new_key(), new_key()], threshold={"root": 2})
    first, second = scene.web.keys["root"]
    both = Pin("**", frozenset({first.public.id, canonical_id(second.public)}), 2)
    scene.client(both).open(scene.web.name)
    twice = Pin("**", frozenset({first.public.id, canonical_id(first.public), scene.web.wire("root")[0].id}), 2)
    with pytest.raises(UntrustedRoot):
        scene.client(twice).open(scene.web.name)


@pytest.mark.parametrize(
    "more",
    [
        {}, {"root_keys": frozenset({"a"}), "first_use": True}, {"root_keys": frozenset({"a"}), "ca": b"x"},
        {"ca": b"x", "certificates": frozenset({"a"})}, {"ca": b"x", "form": Format.TUF},
        {"first_use": True, "threshold": 2}, {"ca": b"x", "threshold": 2},
        *({"first_use": True, "server": url} for url in (
            "", "notary.example.com", "http://notary.example.com", "https://", "https://u@h", "https://u:p@h",
            "https://h?x", "https://h#x", "https://h\\@i", "ftp://h", "https://h:0", "https://h:99999", "https://h i",
            "https://h%00", "https://ä.example.com",
        )),
    ],
)  # fmt: skip
def test_pins_that_cannot_be(more: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Pin("**", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url", ["https://notary.example.com", "https://h:4443/sub", "http://127.0.0.1:5", "http://[::1]:5"]
)
def test_servers_that_can_be_pinned(url: str) -> None:
    assert Pin("**", first_use=True, server=url).server == url


# -- what is remembered -----------------------------------------------------------------------------------------------


def test_a_second_look_asks_two_questions(scene: Scene) -> None:
    client = scene.client()
    client.open(scene.web.name)
    scene.repository.asked.clear()
    client.open(scene.web.name)
    assert [file for _, file in scene.repository.asked] == ["timestamp.json", "2.root.json"]


def test_another_process_fetches_only_what_changed(scene: Scene) -> None:
    scene.client().open(scene.web.name)
    scene.web.release("v2", V2, 100, RELEASES)
    scene.repository.asked.clear()
    assert scene.digest("v2") == V2
    asked = [file.split(".")[0] for _, file in scene.repository.asked]
    assert asked == ["2", "timestamp", "snapshot", RELEASES]


def test_files_are_kept_by_quoted_names(scene: Scene) -> None:
    scene.client().open(scene.web.name)
    assert set(Cache(scene.folder / "cache").load(scene.web.name).files) == {
        "root_history/1.root.json", "timestamp.json", "snapshot.json", "targets.json", "targets%2Freleases.json",
        "targets%2Falice.json",
    }  # fmt: skip


def test_offline(scene: Scene) -> None:
    with pytest.raises(ExpiredCache, match="nothing is known"):
        scene.client(offline=True).open(scene.web.name)
    scene.client().open(scene.web.name)
    assert scene.client(offline=True).open(scene.web.name).offline
    scene.moment = datetime.now(UTC) + OFFLINE_MAX_AGE + timedelta(hours=1)
    with pytest.raises(ExpiredCache, match="the last look"):
        scene.client(offline=True).open(scene.web.name)


def test_offline_and_over(scene: Scene) -> None:
    scene.web.expires["timestamp"] = datetime.now(UTC) + timedelta(days=2)
    scene.web.settle()
    scene.client().open(scene.web.name)
    scene.moment = datetime.now(UTC) + timedelta(days=3)
    with pytest.raises(ExpiredCache, match="timestamp of .* ended"):
        scene.client(offline=True).open(scene.web.name)
    with pytest.raises(Stale, match="timestamp of .* ended"):
        scene.client().open(scene.web.name)


def test_a_root_certificate_that_ends_ends_all(tmp_path: Path) -> None:
    """Stock clients refuse every file of such a repository, and so does the memory of this process."""
    root = new_key()
    web = certified(root, certify(root, NAME, life=timedelta(days=2)))
    scene = Scene(tmp_path)
    scene.web, scene.pins = web, [web.pin]
    scene.repository = FakeNotaryRepository(web)
    client = scene.client()
    assert client.open(web.name).expires() < datetime.now(UTC) + timedelta(days=3)
    scene.moment = datetime.now(UTC) + timedelta(days=2, hours=1)
    for again in (client, scene.client()):
        with pytest.raises(Stale, match="certificates of the root keys"):
            again.open(web.name)


def test_a_root_that_comes_between_two_questions(scene: Scene) -> None:
    """The snapshot is of the new root already: one more look at the roots, and all fits."""
    client = scene.client()
    client.open(scene.web.name)
    before = dict(scene.web.files)
    scene.web.rotate("timestamp")

    class Late:
        asked = 0

        def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
            if file == "notary/2.root.json":
                self.asked += 1
                return scene.web.files["2.root.json"] if self.asked > 1 else before.get("2.root.json")
            return scene.repository.fetch(name, file, deadline)

    assert scene.client(source=Late()).open(scene.web.name).versions[ROOT] == 2


# -- who is asked -----------------------------------------------------------------------------------------------------


def either(
    scene: Scene, pins: list[Pin], source: Source | None, elsewhere: dict[str, Source] | None = None
) -> EitherClient:
    return EitherClient(
        source, Cache(scene.folder / "cache"), pins, now=scene.now, elsewhere=lambda url: (elsewhere or {})[url]
    )


class Both:
    """A source with both sides."""

    def __init__(self, *sources: Source) -> None:
        self.sources = list(sources)

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        return next((data for source in self.sources if (data := source.fetch(name, file, deadline)) is not None), None)


def both_sides(scene: Scene) -> tuple[Both, FakeRepository, list[Pin]]:
    tuf = FakeCollection(NAME)
    tuf.release("v1", V2, 100)
    repository = FakeRepository(tuf)
    return Both(repository, scene.repository), repository, [Pin("**", tuf.pin.root_keys | scene.web.pin.root_keys)]


def test_tuf_comes_before_notary(scene: Scene) -> None:
    source, _, pins = both_sides(scene)
    assert scene.digest(client=either(scene, pins, source)) == V2
    notary = [Pin("**", pins[0].root_keys, form=Format.NOTARY)]
    assert scene.digest(client=either(scene, notary, source)) == V1
    assert scene.digest(client=either(scene, notary, None)) == V1
    assert scene.digest(client=either(scene, pins, None)) == V2


def test_a_collection_without_a_tuf_side(scene: Scene) -> None:
    client = either(scene, scene.pins, scene.repository)
    assert scene.digest(client=client) == V1
    assert scene.digest(client=either(scene, scene.pins, None)) == V1
    with pytest.raises(Unsigned):
        either(scene, [Pin("**", scene.pins[0].root_keys, form=Format.TUF)], scene.repository).open(scene.web.name)


def test_no_way_back_from_tuf_to_notary(scene: Scene) -> None:
    """Who can hide a side can choose what is believed: nothing, then."""
    source, repository, pins = both_sides(scene)
    either(scene, pins, source).open(scene.web.name)
    repository.collections.clear()
    with pytest.raises(Unsigned, match="was seen here in TUF"):
        either(scene, pins, source).open(scene.web.name)
    assert scene.digest(client=either(scene, pins, None)) == V2


def test_a_first_use_is_the_only_one(scene: Scene) -> None:
    """Whoever holds the server later has a TUF side of his own: nothing pins it, and nobody asked for it."""
    anything = [Pin("**", first_use=True)]
    assert scene.digest(client=either(scene, anything, scene.repository)) == V1
    source, _, _ = both_sides(scene)
    assert scene.digest(client=either(scene, anything, source)) == V1
    shutil.rmtree(scene.folder / "cache")
    assert scene.digest(client=either(scene, anything, source)) == V2
    with pytest.raises(Unsigned):
        either(scene, anything, scene.repository).open(scene.web.name)


def test_a_pinned_server_is_asked_and_no_other(scene: Scene) -> None:
    url = "https://notary.example.com"
    pin = Pin("**", scene.pins[0].root_keys, server=url, form=Format.NOTARY)
    nobody = FakeNotaryRepository()
    assert scene.digest(client=either(scene, [pin], nobody, {url: scene.repository})) == V1
    assert nobody.asked == []
    assert scene.digest(client=either(scene, [pin], None)) == V1
    with pytest.raises(ExpiredCache):
        either(scene, scene.pins, None).open(scene.web.name)


def test_nothing_is_signed(scene: Scene) -> None:
    with pytest.raises(Unsigned):
        either(scene, scene.pins, FakeNotaryRepository()).open(scene.web.name)


# -- logins -----------------------------------------------------------------------------------------------------------


def docker(folder: Path, registry: str, user: str, password: str) -> DockerCredentials:
    from base64 import b64encode

    auth = b64encode(f"{user}:{password}".encode()).decode()
    folder.mkdir()
    (folder / "config.json").write_text(f'{{"auths":{{"{registry}":{{"auth":"{auth}"}}}}}}')
    return DockerCredentials(folder)


@pytest.mark.parametrize("basic", [False, True])
def test_the_login_of_the_images_registry_counts(scene: Scene, basic: bool) -> None:
    credentials = docker(scene.folder / "docker", "registry.example.com", "alice", "secret")
    with GuardedServer(scene.repository, "alice", "secret", basic=basic) as server:
        session = Session(credentials, frozenset(), scene.folder / "tls", server=server.url)
        assert scene.digest(client=scene.client(source=HttpSource(server.url, HttpClient(), session))) == V1
        assert set(server.scopes) == (set() if basic else {f"repository:{NAME}:pull"})
        assert sum(path == "/v2/" for path, _ in server.asked) == 1
        assert sum("_trust" in path and not value for path, value in server.asked) == 1
        assert sum(path.startswith("/token") for path, _ in server.asked) == (0 if basic else 1)


def test_a_login_goes_to_no_other_place(scene: Scene) -> None:
    """The server sends whoever is logged in elsewhere: that is no answer."""
    credentials = docker(scene.folder / "docker", "registry.example.com", "alice", "secret")
    with GuardedServer(scene.repository, "alice", "secret") as server, GuardedServer(scene.repository, "", "") as other:
        session = Session(credentials, frozenset(), scene.folder / "tls", server=server.url)
        server.elsewhere = other.url
        with pytest.raises(ServerError, match="answered 302"):
            scene.digest(client=scene.client(source=HttpSource(server.url, HttpClient(), session)))
        assert other.asked == []


def test_without_a_login(scene: Scene) -> None:
    credentials = docker(scene.folder / "docker", "other.example.com", "alice", "secret")
    with GuardedServer(scene.repository, "alice", "secret") as server:
        session = Session(credentials, frozenset(), scene.folder / "tls", server=server.url)
        with pytest.raises(AccessDenied, match="denies access"):
            scene.digest(client=scene.client(source=HttpSource(server.url, HttpClient(), session)))
        assert all(not value for _, value in server.asked)


@pytest.mark.parametrize(
    "file",
    ["notary/x.json", "notary/../root.json", "notary/targets/../x.json", "notary/targets/.json", "notary/root",
     "notary/0.root.json", "root.json", "notary/targets//x.json", "notary/root.ABC.json", "notary/TARGETS.json"],
)  # fmt: skip
def test_names_that_are_none(file: str) -> None:
    with pytest.raises(BadMetadata):
        parse_notary_name(file)
