"""Attacks on Notary v1 metadata: whoever holds the server, and which keys, must not get a yes.

The thief of the server's keys makes snapshot and timestamp fit whatever he forges; the one without them changes files
under the hashes that are listed. Every case is tried at first sight, and on a host that knows better.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.notary_repository import (
    RELEASES,
    FakeNotary,
    FakeNotaryRepository,
    NotaryServer,
    certify,
    issue,
    new_key,
    seal,
)
from tests.fakes.repository import Trouble

from pytrust.trust.client.cache import Cache
from pytrust.trust.client.notary import NotaryClient
from pytrust.trust.client.source import HttpSource, Source
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import (
    AccessDenied,
    BadContent,
    BadMetadata,
    BadSignature,
    PytrustError,
    Refused,
    Rollback,
    ServerError,
    Stale,
    TooSlow,
    Unreachable,
    Unsigned,
    UntrustedRoot,
)
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.http import Deadline, HttpClient
from pytrust.trust.limits import ROLES_MAX, ROOT_ROTATIONS_MAX, TIMESTAMP_MAX_BYTES
from pytrust.trust.names import ImageRef
from pytrust.trust.pins import Pin

NAME = "registry.example.com/foo/web"
V1, V2 = (f"sha256:{number * 64}" for number in "12")
ROLES = ("root", "timestamp", "snapshot", "targets", RELEASES)
BELOW_ROOT = ROLES[1:]
LISTED = ROLES[2:]


class Scene:
    def __init__(self, folder: Path) -> None:
        self.web = FakeNotary(NAME)
        self.web.release("v1", V1, 100)
        self.repository = FakeNotaryRepository(self.web)
        self.cache = Cache(folder / "cache")
        self.pin = self.web.pin
        self.moment: datetime | None = None

    def client(self, source: Source | None = None) -> NotaryClient:
        now = self.moment or datetime.now(UTC)
        return NotaryClient(source or self.repository, self.cache, [self.pin], now=lambda: now)

    def digest(self, tag: str = "v1", source: Source | None = None, deadline: Deadline | None = None) -> str:
        return str(self.client(source).verify([ImageRef.parse(f"{NAME}:{tag}")], deadline)[0].digest)

    def refuse(self, kind: type[PytrustError] | tuple[type[PytrustError], ...], match: str = ".") -> None:
        """No, and nothing of it is kept: what was honest before is taken afterwards."""
        before = self.cache.load(self.web.name)
        with pytest.raises(kind, match=match) as caught:
            self.digest()
        assert str(caught.value)
        assert caught.value.hint
        assert self.cache.load(self.web.name) == before


@pytest.fixture(params=["fresh", "known"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    if request.param == "known":
        made.digest()
    return made


@pytest.fixture
def known(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.digest()
    return made


# -- forged -----------------------------------------------------------------------------------------------------------


def _stranger(web: FakeNotary, role: str) -> None:
    """Signed by somebody, under the id of the right key."""
    web.forge(role, lambda _: None, by=[(keyid, new_key()) for keyid, _ in web.signing(role)])


def _unsigned(web: FakeNotary, role: str) -> None:
    web.forge(role, lambda _: None, by=[])


def _other_key(web: FakeNotary, role: str) -> None:
    """Signed by a key of another role."""
    by = web.signing("snapshot" if role == "timestamp" else "timestamp")
    web.forge(role, lambda _: None, by=by)


FORGED: dict[str, Callable[[FakeNotary, str], object]] = {
    "stranger": _stranger,
    "unsigned": _unsigned,
    "other-key": _other_key,
}


@pytest.mark.parametrize("how", FORGED)
@pytest.mark.parametrize("role", BELOW_ROOT)
def test_a_forged_role(scene: Scene, role: str, how: str) -> None:
    honest = scene.web.record()
    FORGED[how](scene.web, role)
    scene.refuse(BadSignature, match=role)
    scene.web.replay(honest)
    assert scene.digest() == V1


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_root(scene: Scene, how: str) -> None:
    FORGED[how](scene.web, "root")
    scene.refuse((BadSignature, UntrustedRoot))


def test_a_root_that_only_the_new_keys_sign(known: Scene) -> None:
    """The chain is broken: whoever made the new root is not whoever made the old one."""
    known.web.keys["root"] = [new_key()]
    known.web.make("root")
    known.web.settle()
    known.refuse(BadSignature, match="by the keys of the root before it")


def test_a_pinned_root_that_too_few_of_its_keys_signed(tmp_path: Path) -> None:
    """The thief of one key of two writes a root that the pin knows him by; its successor is in perfect order."""
    scene = Scene(tmp_path)
    web = scene.web = FakeNotary(NAME, root_keys=[new_key(), new_key()], threshold={"root": 2})
    scene.repository.collections[NAME] = web
    scene.pin = Pin("**", frozenset({web.keys["root"][0].public.id}))
    web.files["1.root.json"] = seal(web.signed("root"), web.signing("root")[:1])
    web.rotate("root", new_key(), new_key())
    web.release("v1", V1, 100)
    scene.refuse(UntrustedRoot)


def test_a_root_that_skips_a_version(known: Scene) -> None:
    known.web.forge("root", lambda signed: signed.update(version=5))
    known.web.files["2.root.json"] = known.web.files["5.root.json"]
    known.refuse(BadMetadata, match="is followed by")


def test_more_roots_than_are_walked(known: Scene) -> None:
    for _ in range(ROOT_ROTATIONS_MAX):
        known.web.make("root")
    known.web.settle()
    known.refuse(BadMetadata, match="rotated its root")


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"{}", b"[]", b'{"signed":{},"signatures":[]}', b'{"signed":{}', b"\xff"]
)
@pytest.mark.parametrize("role", BELOW_ROOT)
def test_what_is_no_metadata(scene: Scene, role: str, data: bytes) -> None:
    scene.web.plant(role, data)
    scene.refuse(BadMetadata)


@pytest.mark.parametrize("data", [b"", b"<html>", b"{}"])
def test_what_is_no_root(tmp_path: Path, data: bytes) -> None:
    scene = Scene(tmp_path)
    scene.web.files["root.json"] = data
    scene.refuse(BadMetadata)
    scene.web.replay(scene.web.record())
    scene.web.files["root.json"] = scene.web.files["1.root.json"]
    scene.digest()
    scene.web.files["2.root.json"] = data
    scene.refuse(BadMetadata)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**63)
    | st.text(max_size=5)
    | st.sampled_from(["", "root", "targets/x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def _places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _replaced(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    inner = _replaced(value[path[0]], path[1:], new)
    if isinstance(value, dict):
        return {**value, path[0]: inner}
    return [inner if index == path[0] else item for index, item in enumerate(value)]


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("role", ROLES)
def test_whatever_a_publisher_signs_is_believed_or_refused(
    role: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rightly signed, of any shape: nothing but a refusal comes out, and never another image than was signed."""
    scene = Scene(tmp_path_factory.mktemp("any"))
    signed = scene.web.signed(role)
    path = data.draw(st.sampled_from(list(_places(signed))))
    try:
        changed = seal(_replaced(signed, path, data.draw(JSON)), scene.web.signing(role))
    except PytrustError:
        return  # no canonical form, so nothing to sign
    scene.web.plant(role, changed)
    scene.web.files["root.json"] = scene.web.current["root"]
    try:
        assert scene.digest() == V1
    except PytrustError as error:
        assert isinstance(error, Refused)


# -- other files than were listed -------------------------------------------------------------------------------------


def _longer(data: bytes) -> bytes:
    return data + b" "


def _flipped(data: bytes) -> bytes:
    at = data.index(b'"version":') + len(b'"version":')
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _turned(data: bytes) -> bytes:
    """The same JSON, in another order: valid signatures, other bytes."""
    at = data.index(b',"signatures"')
    return b'{"signatures"' + data[at + len(b',"signatures"') : -1] + b"," + data[1:at] + b"}"


@pytest.mark.parametrize("change", [_longer, _flipped, _turned, lambda data: data[:-1], lambda _: b""])
@pytest.mark.parametrize("role", LISTED)
def test_a_file_that_is_not_the_one_listed(tmp_path: Path, role: str, change: Callable[[bytes], bytes]) -> None:
    scene = Scene(tmp_path)
    scene.web.swap(role, change(scene.web.current[role]))
    scene.refuse(BadMetadata, match="is not the file that was listed")


@pytest.mark.parametrize("field", ["length", "sha512"])
@pytest.mark.parametrize("role", LISTED)
def test_a_length_or_hash_that_does_not_fit(scene: Scene, role: str, field: str) -> None:
    """Every hash that is listed has to fit, and the length."""
    above = "timestamp" if role == "snapshot" else "snapshot"

    def lie(signed: dict[str, Any]) -> None:
        item = signed["meta"][role]
        if field == "length":
            item["length"] += 1
        else:
            item["hashes"]["sha512"] = "A" * 86 + "=="

    scene.web.forge(above, lie)
    scene.refuse(BadMetadata, match="is not the file that was listed")


@pytest.mark.parametrize("role", ROLES)
def test_a_file_that_is_missing(tmp_path: Path, role: str) -> None:
    scene = Scene(tmp_path)
    scene.web.withhold(role)
    scene.refuse(Unsigned if role == "root" else BadMetadata, match="nothing in" if role == "root" else "incomplete")


def test_mix_and_match(known: Scene) -> None:
    """An old, rightly signed file where a new one is listed."""
    old = known.web.current[RELEASES]
    known.web.release("v1", V2, 100)
    known.web.swap(RELEASES, old)
    known.refuse(BadMetadata, match="is not the file that was listed")


def test_the_snapshot_goes_with_another_root(scene: Scene) -> None:
    scene.web.forge("snapshot", lambda signed: signed["meta"]["root"].update(length=1))
    scene.refuse(BadMetadata, match="another root than the newest")


# -- rolled back ------------------------------------------------------------------------------------------------------


def test_a_replay_of_everything(known: Scene) -> None:
    old = known.web.record()
    known.web.release("v1", V2, 100)
    known.digest()
    known.web.replay(old)
    known.refuse(Rollback, match="timestamp")


@pytest.mark.parametrize("role", LISTED)
def test_a_replay_of_one_role_by_who_has_the_servers_keys(known: Scene, role: str) -> None:
    old = known.web.current[role]
    known.web.release("v1", V2, 100, "targets", RELEASES)
    known.digest()
    known.web.current[role] = old
    known.web.files[f"{role}.json"] = old
    if role == "snapshot":
        known.web.make("timestamp")
    else:
        known.web.settle()
    known.refuse(Rollback, match=role)


@pytest.mark.parametrize("role", BELOW_ROOT)
def test_the_same_version_says_something_else(known: Scene, role: str) -> None:
    """A version is published once: who says two things under it was put back, or lies to somebody."""
    if role == RELEASES:
        known.web.says[RELEASES]["v1"] = (V2, 100)
    known.web.versions[role] -= 1
    if role == "timestamp":
        known.web.expires["timestamp"] = datetime.now(UTC) + timedelta(days=9)
    known.web.expires.setdefault(role, datetime.now(UTC) + timedelta(days=9))
    known.web.make(role)
    if role not in {"snapshot", "timestamp"}:
        known.web.settle()
    elif role == "snapshot":
        known.web.make("timestamp")
    known.refuse(Rollback, match="other metadata under the same version")


def test_an_old_root(known: Scene) -> None:
    """What is known of roots is never less: the old one is not even looked at."""
    old = known.web.record()
    known.web.rotate("timestamp")
    assert known.client().open(known.web.name).versions[ROOT] == 2
    known.web.replay(old)
    known.refuse((BadMetadata, Rollback))


def test_what_is_released_vanishes_from_the_snapshot(known: Scene) -> None:
    """Without it, docker would fall back to what ``targets`` says."""
    known.web.says["targets"] = {"v1": (V2, 100)}
    known.web.make("targets")
    known.web.current.pop(RELEASES)
    known.web.settle()
    known.refuse(Rollback, match="listed no more")


# -- over -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_role_whose_time_is_over(scene: Scene, role: str) -> None:
    scene.web.expires[role] = datetime.now(UTC) - timedelta(minutes=1)
    scene.web.make(role)
    if role not in {"snapshot", "timestamp"}:
        scene.web.settle()
    elif role == "snapshot":
        scene.web.make("timestamp")
    scene.refuse(Stale, match=f"{role} of .* ended")


def test_a_freeze(known: Scene) -> None:
    known.web.expires["timestamp"] = datetime.now(UTC) + timedelta(days=3)
    known.web.settle()
    known.digest()
    known.moment = datetime.now(UTC) + timedelta(days=4)
    known.refuse(Stale, match="timestamp")


def test_a_certificate_that_is_over(tmp_path: Path) -> None:
    """The root file lives ten years, its certificates may not."""
    scene = Scene(tmp_path)
    key = scene.web.keys["root"][0]
    scene.web.certificates[key.public.id] = certify(
        key, NAME, now=datetime.now(UTC) - timedelta(days=2), life=timedelta(days=1)
    )
    scene.web.make("root")
    scene.web.settle()
    scene.refuse(Stale, match="certificates")


# -- signers and what is released -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [*FORGED, "over"])
def test_a_signer_who_cannot_be_believed_vouches_for_nothing(scene: Scene, how: str) -> None:
    if how == "over":
        scene.web.expires["targets/alice"] = datetime.now(UTC) - timedelta(minutes=1)
        scene.web.publish("targets/alice")
    else:
        FORGED[how](scene.web, "targets/alice")
    found = scene.client().verify([ImageRef.parse(f"{NAME}:v1")])[0]
    assert (str(found.digest), found.signers) == (V1, ())


def test_releases_that_a_removed_signer_signed_is_told_of(known: Scene) -> None:
    """docker goes on as if nothing were released (trap 14): who enforces must know."""
    known.web.says["targets"] = {"v1": (V2, 100)}
    known.web.keys[RELEASES] = [new_key()]
    known.web.publish("targets")
    known.refuse(BadSignature, match="what is released cannot be believed: targets/releases .* has 0 of 1 signatures")
    known.web.publish(RELEASES)
    assert known.digest() == V1


def test_releases_counts_however_many_signers_there_are(tmp_path: Path) -> None:
    """docker would look at every one; what is not looked at must not be what is released."""
    scene = Scene(tmp_path)
    web = FakeNotary(NAME, people=[f"p{number}" for number in range(ROLES_MAX + 3)])
    web.keys[RELEASES] = web.keys.pop(RELEASES)
    web.release("v1", V1, 100)
    web.release("v1", V2, 100, "targets")
    scene.web, scene.pin = web, web.pin
    scene.repository.collections[NAME] = web
    assert scene.digest() == V1


def test_releases_without_keys_says_nothing(known: Scene) -> None:
    known.web.keys[RELEASES] = []
    known.web.publish("targets")
    with pytest.raises(Unsigned):
        known.digest()


# -- whose keys -------------------------------------------------------------------------------------------------------


def test_a_root_of_another_collection(tmp_path: Path) -> None:
    """The same root key, rightly signed, for another name: the certificate says for which."""
    scene = Scene(tmp_path)
    other = FakeNotary("registry.example.com/foo/api", root_keys=scene.web.keys["root"])
    other.release("v1", V2, 100)
    scene.repository.collections[other.name] = other
    scene.repository.instead[NAME] = other.name
    scene.refuse(BadMetadata, match="its common name is not")


def test_a_bare_root_key(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    key = scene.web.keys["root"][0]
    wire = WireKey.plain(key.public)

    def bare(signed: dict[str, Any]) -> None:
        signed["keys"][wire.id] = wire.document()
        signed["roles"]["root"]["keyids"] = [wire.id]

    scene.web.forge("root", bare, by=[(wire.id, key)])
    scene.web.files["root.json"] = scene.web.current["root"]
    scene.refuse(BadMetadata, match="not in a certificate")


def test_one_key_in_two_certificates_is_one(tmp_path: Path) -> None:
    """A threshold of two, reached by one key under two ids."""
    scene = Scene(tmp_path)
    key = scene.web.keys["root"][0]
    first, second = (WireKey.carried(certify(key, NAME)) for _ in range(2))
    assert first.id != second.id

    def twins(signed: dict[str, Any]) -> None:
        signed["keys"] |= {first.id: first.document(), second.id: second.document()}
        signed["roles"]["root"] = {"keyids": [first.id, second.id], "threshold": 2}

    scene.web.files.clear()
    signed = scene.web.signed("root")
    twins(signed)
    scene.web.plant("root", seal(signed, [(first.id, key), (second.id, key)]))
    scene.refuse((UntrustedRoot, BadSignature))


def test_a_pinned_threshold_that_one_key_reaches_by_two_certificates(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    key = scene.web.keys["root"][0]
    twins = [WireKey.carried(certify(key, NAME)) for _ in range(2)]
    signed = scene.web.signed("root")
    signed["keys"] |= {twin.id: twin.document() for twin in twins}
    signed["roles"]["root"]["keyids"] = [twin.id for twin in twins]
    scene.web.plant("root", seal(signed, [(twin.id, key) for twin in twins]))
    scene.pin = Pin("**", frozenset(twin.id for twin in twins), 2)
    scene.refuse(UntrustedRoot)
    scene.pin = Pin("**", frozenset(twin.id for twin in twins))
    assert scene.digest() == V1


@pytest.mark.parametrize("how", ["root-key", "certificate", "ca"])
def test_a_root_that_lists_what_is_pinned_and_is_signed_by_another(tmp_path: Path, how: str) -> None:
    """A certificate is public: to list it says nothing, to sign with it does."""
    scene = Scene(tmp_path)
    now, ca, owner, thief = datetime.now(UTC), new_key(), new_key(), new_key()
    above = issue(ca, "ca", ca, "ca", now - timedelta(days=2), now + timedelta(days=99), ca=True)
    pinned = WireKey.carried(issue(owner, NAME, ca, "ca", now - timedelta(days=1), now + timedelta(days=9)))
    own = WireKey.carried(certify(thief, NAME))
    signed = scene.web.signed("root")
    signed["keys"] |= {pinned.id: pinned.document(), own.id: own.document()}
    signed["roles"]["root"]["keyids"] = [pinned.id, own.id]
    scene.pin = {
        "root-key": Pin("**", frozenset({owner.public.id})),
        "certificate": Pin("**", certificates=frozenset({pinned.id})),
        "ca": Pin("**", ca=above),
    }[how]
    scene.web.plant("root", seal(signed, [(own.id, thief)]))
    scene.refuse(UntrustedRoot)
    scene.web.plant("root", seal(signed, [(pinned.id, owner)]))
    assert scene.digest() == V1


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp", RELEASES])
def test_a_threshold_of_two(tmp_path: Path, role: str) -> None:
    scene = Scene(tmp_path)
    scene.web.keys[role] = [new_key(), new_key()]
    scene.web.threshold[role] = 2
    scene.web.make("root")
    scene.web.publish("targets", RELEASES)
    assert scene.digest() == V1
    scene.web.forge(role, lambda _: None, by=scene.web.signing(role)[:1])
    scene.refuse(BadSignature, match="1 of 2")
    once = scene.web.signing(role)[0]
    scene.web.forge(role, lambda _: None, by=[once, once])
    scene.refuse(BadSignature, match="1 of 2")


# -- servers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_what_is_too_large(tmp_path: Path, role: str) -> None:
    """From a store as from a server, and however rightly signed."""
    scene = Scene(tmp_path)
    scene.web.plant(role, scene.web.current[role] + b" " * 6_000_000)
    scene.web.files[f"{role}.json"] = scene.web.current[role]
    scene.refuse(BadMetadata, match="larger|too large|more than")
    with NotaryServer(scene.repository) as server, pytest.raises(BadContent, match="larger than"):
        scene.digest(source=HttpSource(server.url, HttpClient()))


def test_an_oversize_timestamp_is_not_read_to_its_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with NotaryServer(scene.repository) as server:
        server.fail(Trouble.ENDLESS_BODY, "timestamp")
        with pytest.raises(BadContent, match=f"larger than {TIMESTAMP_MAX_BYTES}"):
            scene.digest(source=HttpSource(server.url, HttpClient()))
        assert server.sent < 1_000_000


TROUBLES = {
    Trouble.SLOW_DRIP: TooSlow,
    Trouble.HANG: TooSlow,
    Trouble.CLOSE: Unreachable,
    Trouble.GARBAGE: Unreachable,
    Trouble.TRUNCATED: Unreachable,
    Trouble.REDIRECT: ServerError,
    Trouble.SERVER_ERROR: ServerError,
    Trouble.FORBIDDEN: AccessDenied,
    Trouble.NOT_FOUND: BadMetadata,
    Trouble.EMPTY: BadMetadata,
}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_a_server_that_misbehaves(tmp_path: Path, role: str, trouble: Trouble) -> None:
    scene = Scene(tmp_path)
    with NotaryServer(scene.repository) as server:
        source = HttpSource(server.url, HttpClient())
        assert scene.digest(source=source) == V1
        scene.web.settle()
        server.fail(trouble, role)
        began = time.monotonic()
        with pytest.raises(TROUBLES[trouble]):
            scene.digest(source=source, deadline=Deadline(0.5))
        assert time.monotonic() - began < 2
        server.behave()
        assert scene.digest(source=source) == V1


def test_a_pin_is_not_weakened_by_what_is_served(tmp_path: Path) -> None:
    """A server that has other roots, all of them in order, for whoever pins one of them."""
    scene = Scene(tmp_path)
    evil = FakeNotary(NAME)
    evil.release("v1", V2, 100)
    scene.repository.collections[NAME] = evil
    scene.refuse(UntrustedRoot)
    evil.files["1.root.json"] = scene.web.files["1.root.json"]
    evil.rotate("root")
    scene.refuse((UntrustedRoot, BadSignature))
    scene.pin = Pin("**", evil.pin.root_keys | scene.web.pin.root_keys, 2)
    scene.refuse((UntrustedRoot, BadSignature))
