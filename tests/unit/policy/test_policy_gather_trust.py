"""Is it signed? Facts from a trust client: in peace, under attack, in an outage, and for many askers at once."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.notary_repository import RELEASES, FakeNotary, FakeNotaryRepository
from tests.fakes.repository import FakeCollection, FakeRepository, flip_bit, new_key

from pytrust.policy import trust_facts
from pytrust.policy.core.facts import Fact, NotSigned, Roots, Signed, TrustQuery, Unavailable
from pytrust.policy.outage import REST
from pytrust.policy.trust_facts import KEPT_AGE, TrustFacts
from pytrust.trust.client.cache import Bundle, Cache
from pytrust.trust.client.source import Source
from pytrust.trust.errors import (
    AccessDenied,
    BadContent,
    BadPermissions,
    Busy,
    Damaged,
    PytrustError,
    RateLimited,
    ServerError,
    TooSlow,
    Unreachable,
)
from pytrust.trust.http import Deadline
from pytrust.trust.limits import CLOCK_TOLERANCE, OFFLINE_MAX_AGE
from pytrust.trust.names import CollectionName, Format, ImageRef, KeyId
from pytrust.trust.pins import Pin

V1, V2, V3 = (f"sha256:{number * 64}" for number in "123")
SECOND = timedelta(seconds=1)


class Line:
    """The way to a repository: it can be cut, and held."""

    def __init__(self, repository: Source) -> None:
        self.repository = repository
        self.failure: PytrustError | None = None
        self.held: set[str] = set()
        self.free = threading.Event()
        self.asked = 0

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        self.asked += 1
        if name in self.held:
            self.free.wait(30)
        if self.failure is not None:
            raise self.failure
        return self.repository.fetch(name, file, deadline)


class Scene:
    """A host that pins the root key of ``foo/web`` for everything, whose clock can be moved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web = FakeCollection("registry.example.com/foo/web")
        self.web.release("v1", V1, 100)
        self.pin = self.web.pin
        self.repository = FakeRepository(self.web)
        self.line = Line(self.repository)
        self.moment: datetime | None = None
        self.facts = self.start()

    def now(self) -> datetime:
        return self.moment or datetime.now(UTC)

    def start(self, *pins: Pin, cache: Cache | None = None) -> TrustFacts:
        """A process of its own, on the same cache."""
        found = cache or Cache(self.folder / "cache")
        return TrustFacts(self.line, found, pins or [self.pin], now=self.now)

    def ask(self, name: str = "v1", roots: Roots | None = None, facts: TrustFacts | None = None) -> Fact:
        text = name if "/" in name else f"{self.web.name}{name if name.startswith('@') else f':{name}'}"
        query = TrustQuery(ref=ImageRef.parse(text), roots=roots)
        return asyncio.run((facts or self.facts).answer(query))

    def signed(self, name: str = "v1", **more: Any) -> Signed:
        fact = self.ask(name, **more)
        assert isinstance(fact, Signed), fact
        return fact

    def refused(self, name: str = "v1", **more: Any) -> str:
        """It is a refusal; gives its code."""
        fact = self.ask(name, **more)
        assert isinstance(fact, NotSigned), fact
        assert fact.why
        assert fact.hint
        return fact.code

    def unknown(self, name: str = "v1", **more: Any) -> str:
        """It could not be found out; gives the code."""
        fact = self.ask(name, **more)
        assert isinstance(fact, Unavailable), fact
        assert fact.why
        return fact.code


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.line.free.set()


@pytest.fixture
def known(scene: Scene) -> Scene:
    """The same, verified once."""
    scene.signed()
    return scene


# -- in peace ---------------------------------------------------------------------------------------------------------


def test_signed_by_tag(scene: Scene) -> None:
    fact = scene.signed()
    assert (str(fact.digest), fact.signers, fact.offline, fact.fallback) == (V1, ("alice",), False, "")
    assert timedelta(days=19) < fact.expires - scene.now() <= timedelta(days=20)


def test_signers_are_sorted(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.web = scene.repository.add(FakeCollection(scene.web.name, people=("zoe", "adam", "mia"), threshold=2))
    scene.web.release("v1", V1, 100)
    assert scene.signed(facts=scene.start(scene.web.pin)).signers == ("adam", "mia", "zoe")


def test_by_digest(scene: Scene) -> None:
    assert str(scene.signed(f"@{V1}").digest) == V1
    assert scene.refused(f"@{V2}") == "unsigned"
    assert scene.refused(f"{scene.web.name}:v1@{V2}") == "unsigned"


def test_unsigned(scene: Scene) -> None:
    assert scene.refused("v9") == "unsigned"
    assert scene.refused("registry.example.com/foo/other:v1") == "unsigned"


def test_a_new_release_and_a_withdrawn_one_count_at_once(known: Scene) -> None:
    known.web.release("v2", V2, 100)
    assert str(known.signed("v2").digest) == V2
    del known.web.released["v1"]
    known.web.publish("releases")
    assert known.refused("v1") == "unsigned"
    known.line.failure = Unreachable("nobody there")
    assert isinstance(known.ask("v1"), Unavailable)
    assert known.signed("v2").offline


# -- outage -----------------------------------------------------------------------------------------------------------

TROUBLES = [
    Unreachable("nobody there"), TooSlow("all too slow"), RateLimited("later"), ServerError("500"),
    AccessDenied("go away"), BadContent("endless"), Damaged("the store is damaged"), BadPermissions("open to all"),
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.code)
def test_what_is_known_serves_in_trouble(known: Scene, trouble: PytrustError) -> None:
    known.web.release("v2", V2, 100)
    known.line.failure = trouble
    for _ in range(2):
        fact = known.signed()
        assert (str(fact.digest), fact.offline, fact.fallback) == (V1, True, trouble.code)
    assert known.unknown("v2") == trouble.code
    assert known.signed(facts=known.start()).offline, "a restart loses nothing"


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.code)
def test_nothing_known_serves_nobody(scene: Scene, trouble: PytrustError) -> None:
    scene.line.failure = trouble
    fact = scene.ask()
    assert isinstance(fact, Unavailable)
    assert str(trouble) in fact.why
    assert "nothing is known" in fact.why


def test_back_to_the_source_after_a_rest(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytrust.policy.outage.REST", 0.05)
    known.line.failure = Unreachable("nobody there")
    assert known.signed().offline
    known.line.failure = None
    known.web.release("v2", V2, 100)
    assert known.unknown("v2") == "unreachable"
    time.sleep(0.06)
    assert not known.signed("v2").offline


def test_in_an_outage_the_source_is_asked_once(known: Scene) -> None:
    known.line.failure = Unreachable("nobody there")
    asked = known.line.asked
    for _ in range(20):
        assert known.signed().offline
    assert known.line.asked == asked + 1
    assert trust_facts.SOURCE_TIMEOUT <= REST, "or two askers at once would be held up"


class CountedCache(Cache):
    """Counts how often it is read."""

    looks = 0

    def load(self, name: CollectionName) -> Bundle:
        self.looks += 1
        return super().load(name)


def test_in_an_outage_the_cache_is_read_once_a_question(known: Scene) -> None:
    """No second time for a source that is not going to be asked."""
    known.line.failure = Unreachable("nobody there")
    cache = CountedCache(known.folder / "cache")
    facts = known.start(cache=cache)
    known.signed(facts=facts)
    before = cache.looks
    known.signed(facts=facts)
    assert cache.looks == before + 1


@pytest.mark.parametrize("online", [True, False], ids=["freeze", "outage"])
def test_expiry_to_the_second(known: Scene, online: bool) -> None:
    """In a freeze the source serves the same files for ever; in an outage nothing."""
    end = (known.now() + timedelta(days=2)).replace(microsecond=0)
    known.web.stamp(end)
    assert known.signed().expires == end
    known.line.failure = None if online else Unreachable("nobody there")
    known.moment = end - SECOND
    assert known.signed().offline is not online
    for later in (end, end + SECOND, end + timedelta(days=4)):
        known.moment = later
        assert (known.refused() if online else known.unknown()) == ("stale" if online else "expired-cache")
        assert isinstance(known.ask(facts=known.start()), NotSigned if online else Unavailable)
    if not online:
        assert "nobody there" in getattr(known.ask(), "why", "")


def test_an_outage_lasts_no_longer_than_allowed(known: Scene) -> None:
    known.moment = known.now().replace(microsecond=0)
    known.web.stamp(known.moment + timedelta(days=19))
    known.signed(facts=known.start())
    seen = known.moment
    known.line.failure = Unreachable("nobody there")
    known.moment = seen + OFFLINE_MAX_AGE
    assert known.signed().offline
    known.moment += SECOND
    assert known.unknown() == "expired-cache"


def test_in_the_same_state_a_source_is_not_asked_again(known: Scene) -> None:
    state: list[object] = [1]
    facts = TrustFacts(
        known.line, Cache(known.folder / "cache"), [known.pin], now=known.now, generation=lambda: state[0]
    )
    known.signed(facts=facts)
    asked = known.line.asked
    assert isinstance(known.signed(facts=facts), Signed)
    assert known.line.asked == asked
    del known.web.released["v1"]
    known.web.publish("releases")
    for other in (2, None, None):  # None: the source cannot tell
        state[0] = other
        assert known.refused(facts=facts) == "unsigned"
        assert known.line.asked > asked
        asked = known.line.asked


def test_what_was_verified_a_moment_ago_ends_like_anything_else(known: Scene) -> None:
    facts = TrustFacts(known.line, Cache(known.folder / "cache"), [known.pin], now=known.now, generation=lambda: 1)
    known.moment = known.now().replace(microsecond=0)
    known.web.stamp(known.moment + SECOND * 90)
    known.signed(facts=facts)
    asked, begun = known.line.asked, known.moment
    known.moment = begun + KEPT_AGE
    known.signed(facts=facts)
    assert known.line.asked > asked
    known.moment = begun + SECOND * 90
    assert known.refused(facts=facts) == "stale"
    known.moment = begun - CLOCK_TOLERANCE - SECOND
    assert known.unknown(facts=facts) == "clock-set-back"


def test_clock_set_back(known: Scene) -> None:
    """To make an expired state look good: refused online and offline."""
    known.moment = known.now() - CLOCK_TOLERANCE - SECOND * 2
    assert known.unknown() == "clock-set-back"
    known.line.failure = Unreachable("nobody there")
    assert known.unknown() in {"clock-set-back", "unreachable"}


# -- attacks ----------------------------------------------------------------------------------------------------------


def _new_root_keys(web: FakeCollection) -> None:
    web.keys["root"] = [new_key()]
    web.make("root")
    web.settle()


def _flipped(role: str) -> Callable[[FakeCollection], None]:
    def attack(web: FakeCollection) -> None:
        web.release("v3", V3, 100)
        file = "timestamp.json" if role == "timestamp" else f"{web.versions[role]}.{role}.json"
        web.files[file] = flip_bit(web.files[file], b'"expires":') if role == "timestamp" else web.files[file][:-2]

    return attack


def _mixed(web: FakeCollection) -> None:
    """Another file under the version that the snapshot names."""
    web.release("v3", V3, 100)
    held = web.record()
    web.released["v3"] = web.released["v1"]
    web.publish("releases")
    newest = web.files[f"{web.versions['releases']}.releases.json"]
    web.replay(held)
    web.files[f"{web.versions['releases']}.releases.json"] = newest


FORGERIES: dict[str, Callable[[FakeCollection], object]] = {
    **{
        f"stranger-{role}": lambda web, role=role: web.forge(role, lambda _: None, by=[new_key()])  # type: ignore[misc]
        for role in ("timestamp", "snapshot", "targets", "releases")
    },
    **{f"damaged-{role}": _flipped(role) for role in ("timestamp", "snapshot", "releases")},
    "root-by-new-keys-only": _new_root_keys,
    "mix-and-match": _mixed,
    "garbage": lambda web: web.files.update({"timestamp.json": b"<html>"}),
}


@pytest.mark.parametrize("how", FORGERIES)
def test_forged_metadata_is_not_taken_and_what_is_known_serves(known: Scene, how: str) -> None:
    """Who can forge can cut the line as well: the worse must not be the better for him."""
    FORGERIES[how](known.web)
    fact = known.signed()
    assert (str(fact.digest), fact.offline) == (V1, True)
    assert fact.fallback in {"bad-signature", "bad-metadata"}
    assert known.refused("v3") == fact.fallback
    assert known.signed(facts=known.start()).offline


@pytest.mark.parametrize("how", FORGERIES)
def test_forged_metadata_at_first_sight(scene: Scene, how: str) -> None:
    FORGERIES[how](scene.web)
    assert scene.refused() in {"bad-signature", "bad-metadata"}


def test_rollback_is_refused_across_restarts(known: Scene) -> None:
    old = known.web.record()
    known.web.release("v1", V2, 100)
    assert str(known.signed().digest) == V2
    newest = known.web.record()
    known.web.replay(old)
    assert known.refused() == "rollback"
    assert known.refused(facts=known.start()) == "rollback"
    known.web.replay(newest)
    assert str(known.signed().digest) == V2


def test_a_source_that_knows_nothing_any_more(known: Scene) -> None:
    known.web.files.clear()
    assert known.refused() == "unsigned"


# -- roots ------------------------------------------------------------------------------------------------------------


def roots_of(web: FakeCollection, threshold: int = 1) -> Roots:
    return Roots(keys=tuple(sorted(map(KeyId, web.pin.root_keys))), threshold=threshold)


def test_a_rule_may_name_other_root_keys_than_the_host(scene: Scene) -> None:
    facts = scene.start(Pin("elsewhere.example.com/**", scene.web.pin.root_keys))
    assert scene.refused(facts=facts) == "untrusted-root"
    assert not scene.signed(facts=facts, roots=roots_of(scene.web)).offline
    assert scene.refused(facts=facts) == "untrusted-root"


@pytest.mark.parametrize("outage", [False, True])
def test_what_was_verified_under_one_root_is_nothing_under_another(known: Scene, outage: bool) -> None:
    """The cache is shared, the trust is not: cached, remembered, and offline."""
    stranger = roots_of(FakeCollection("registry.example.com/foo/other"))
    if outage:
        known.line.failure = ServerError("500")
    for _ in range(2):
        fact = known.ask(roots=stranger)
        assert isinstance(fact, Unavailable if outage else NotSigned)
        assert "no root of" in fact.why
        known.signed()
    fresh = known.start(Pin("**", frozenset(stranger.keys)))
    assert not isinstance(known.ask(facts=fresh), Signed)


def test_threshold_of_a_rule(scene: Scene) -> None:
    one = roots_of(scene.web)
    two = Roots(keys=tuple(sorted({*one.keys, new_key().public.id})), threshold=2)
    scene.signed(roots=one)
    assert scene.refused(roots=two) == "untrusted-root"


def test_roots_are_kept_apart_at_the_same_moment(known: Scene) -> None:
    """One collection under two rules: what is shared in flight is never another rule's."""
    ref = ImageRef.parse(f"{known.web.name}:v1")
    every = [None, roots_of(known.web), Roots(keys=(new_key().public.id,))]

    async def at_once() -> list[Fact]:
        return await asyncio.gather(*(known.facts.answer(TrustQuery(ref=ref, roots=roots)) for roots in every * 3))

    assert [type(fact) for fact in asyncio.run(at_once())] == [Signed, Signed, NotSigned] * 3


def test_sets_of_root_keys_are_bounded(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_facts, "CLIENTS_MAX", 3)
    for _ in range(5):
        known.refused(roots=Roots(keys=(new_key().public.id,)))
    assert len(known.facts._clients) == 3
    known.signed()


# -- the host's own troubles ------------------------------------------------------------------------------------------


class FullDisk(Cache):
    """Nothing can be written."""

    def save(self, name: CollectionName, bundle: Bundle) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_news_that_cannot_be_kept_are_no_reason_to_believe_old_ones(known: Scene) -> None:
    """Whoever fills the disk must not freeze the host."""
    del known.web.released["v1"]
    known.web.publish("releases")
    facts = known.start(cache=FullDisk(known.folder / "cache"))
    fact = known.ask(facts=facts)
    assert isinstance(fact, Unavailable)
    assert (fact.code, "no space left" in fact.why) == ("unsound", True)


def test_damaged_cache(known: Scene) -> None:
    (path,) = (known.folder / "cache").glob("*.json")
    path.write_bytes(b"{}")
    fact = known.ask()
    assert isinstance(fact, Unavailable)
    assert fact.code == "damaged"
    assert fact.why.count("is damaged") == 1


def test_no_folder_for_the_cache(scene: Scene) -> None:
    (scene.folder / "cache").write_text("")
    assert scene.unknown() == "unsound"


# -- many at once -----------------------------------------------------------------------------------------------------


async def gathered(facts: TrustFacts, *refs: str) -> list[Fact]:
    return await asyncio.gather(*(facts.answer(TrustQuery(ref=ImageRef.parse(ref))) for ref in refs))


def test_fifty_at_once_share_one_verification(scene: Scene) -> None:
    scene.web.release("v2", V2, 100)
    names = [f"{scene.web.name}:{tag}" for tag in ("v1", "v2", "v9")] * 17
    answers = asyncio.run(gathered(scene.facts, *names))
    assert [file for _, file in scene.repository.asked].count("timestamp.json") == 1
    assert len(set(answers[0::3])) == len(set(answers[1::3])) == len(set(answers[2::3])) == 1
    assert [type(answer) for answer in answers[:3]] == [Signed, Signed, NotSigned]


def test_fifty_collections_at_once(scene: Scene) -> None:
    names = [f"registry.example.com/foo/web{number}" for number in range(50)]
    for name in names:
        scene.repository.add(FakeCollection(name, keys=scene.web.keys)).release("v1", V1, 100)
    refs = [f"{name}:v1" for name in names]

    async def twice() -> list[Fact]:
        return [*await gathered(scene.facts, *refs), *await gathered(scene.facts, *refs)]

    answers = asyncio.run(twice())
    assert {(str(fact.digest), fact.offline) for fact in answers if isinstance(fact, Signed)} == {(V1, False)}
    assert len(answers) == 100


def test_one_slow_collection_holds_up_no_other(known: Scene) -> None:
    known.line.held.add("registry.example.com/foo/slow")

    async def both() -> Fact:
        slow = asyncio.create_task(
            known.facts.answer(TrustQuery(ref=ImageRef.parse("registry.example.com/foo/slow:v1")))
        )
        await asyncio.sleep(0.05)
        quick = await asyncio.wait_for(known.facts.answer(TrustQuery(ref=ImageRef.parse(f"{known.web.name}:v1"))), 2)
        assert not slow.done()
        known.line.free.set()
        await slow
        return quick

    assert isinstance(asyncio.run(both()), Signed)


def test_who_leaves_spoils_nothing_for_the_others(known: Scene) -> None:
    known.line.held.add(known.web.name)

    async def scene() -> list[Fact]:
        query = TrustQuery(ref=ImageRef.parse(f"{known.web.name}:v1"))
        askers = [asyncio.create_task(known.facts.answer(query)) for _ in range(3)]
        await asyncio.sleep(0.05)
        askers[0].cancel()
        await asyncio.sleep(0)
        known.line.free.set()
        return await asyncio.gather(*askers[1:])

    assert all(isinstance(fact, Signed) and not fact.offline for fact in asyncio.run(scene()))


def test_a_source_that_hangs_is_left_in_time(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no time limit of the source itself works; afterwards nobody waits, and no thread is added."""
    monkeypatch.setattr(trust_facts, "SOURCE_TIMEOUT", 0.2)
    known.line.held.add(known.web.name)
    asked = known.line.asked
    begun = time.monotonic()
    assert known.signed().fallback == "too-slow"
    assert 0.15 < time.monotonic() - begun < 2
    begun = time.monotonic()
    assert all(known.signed().offline for _ in range(10))
    assert time.monotonic() - begun < 0.5
    assert known.line.asked == asked + 1


def test_not_more_collections_at_once_than_allowed(known: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_facts, "FLIGHTS_MAX", 2)
    known.line.held |= {f"registry.example.com/foo/{number}" for number in range(2)}

    async def scene() -> None:
        queries = [TrustQuery(ref=ImageRef.parse(f"registry.example.com/foo/{number}:v1")) for number in range(3)]
        held = [asyncio.create_task(known.facts.answer(query)) for query in queries[:2]]
        await asyncio.sleep(0.02)
        with pytest.raises(Busy):
            await known.facts.answer(queries[2])
        known.line.free.set()
        await asyncio.gather(*held)
        await known.facts.answer(queries[2])

    asyncio.run(scene())


# -- other servers ----------------------------------------------------------------------------------------------------

HERE, THERE = "https://here.example.com", "https://there.example.com"


class Abroad(Scene):
    """Two foreign Notary servers besides the host's own source, and rules that name them."""

    def __init__(self, folder: Path) -> None:
        self.notary = FakeNotary("registry.example.com/foo/web")
        self.notary.release("v1", V2, 100)
        self.lines = {HERE: Line(FakeNotaryRepository(self.notary)), THERE: Line(FakeNotaryRepository(self.notary))}
        super().__init__(folder)

    def start(self, *pins: Pin, cache: Cache | None = None) -> TrustFacts:
        found = cache or Cache(self.folder / "cache")
        return TrustFacts(
            self.line, found, pins or [self.pin], now=self.now, generation=lambda: 1, elsewhere=self.lines.__getitem__
        )

    def rule(self, server: str, **more: Any) -> Roots:
        keys: dict[str, Any] = {} if more else {"keys": tuple(sorted(self.notary.pin.root_keys))}
        return Roots(server=server, form=Format.NOTARY, **keys, **more)


@pytest.fixture
def abroad(tmp_path: Path) -> Iterator[Abroad]:
    scene = Abroad(tmp_path)
    yield scene
    scene.line.free.set()


def test_a_rule_names_the_server_that_is_asked(abroad: Abroad) -> None:
    assert str(abroad.signed().digest) == V1
    assert abroad.lines[HERE].asked == 0
    assert str(abroad.signed(roots=abroad.rule(HERE)).digest) == V2
    assert (abroad.lines[HERE].asked > 0, abroad.lines[THERE].asked) == (True, 0)


def test_a_pin_names_the_server_that_is_asked(abroad: Abroad) -> None:
    pin = Pin("registry.example.com/foo/*", abroad.notary.pin.root_keys, server=HERE)
    assert str(abroad.signed(facts=abroad.start(pin)).digest) == V2


def test_what_another_server_says_is_asked_for_each_time(abroad: Abroad) -> None:
    """The state of the own store tells nothing of a foreign server."""
    abroad.signed(roots=abroad.rule(HERE))
    abroad.notary.release("v1", V3, 100)
    assert str(abroad.signed(roots=abroad.rule(HERE)).digest) == V3


def test_an_outage_of_one_server_is_no_other_ones(abroad: Abroad) -> None:
    for server in (HERE, THERE):
        abroad.signed(roots=abroad.rule(server))
    abroad.lines[HERE].failure = Unreachable("cut")
    found = abroad.signed(roots=abroad.rule(HERE))
    assert (str(found.digest), found.offline, found.fallback) == (V2, True, "unreachable")
    assert not abroad.signed(roots=abroad.rule(THERE)).offline
    assert not abroad.signed().offline
    asked = abroad.lines[HERE].asked
    abroad.signed(roots=abroad.rule(HERE))
    assert abroad.lines[HERE].asked == asked


def test_what_one_server_said_is_not_known_of_another(abroad: Abroad) -> None:
    abroad.signed(roots=abroad.rule(HERE))
    abroad.lines[THERE].failure = Unreachable("cut")
    assert abroad.unknown(roots=abroad.rule(THERE)) == "expired-cache"


def test_stock_outages_end_with_the_timestamp(abroad: Abroad) -> None:
    abroad.notary.expires["timestamp"] = datetime.now(UTC) + timedelta(days=2)
    abroad.notary.settle()
    abroad.signed(roots=abroad.rule(HERE))
    abroad.lines[HERE].failure = Unreachable("cut")
    abroad.moment = datetime.now(UTC) + timedelta(days=3)
    assert abroad.unknown(roots=abroad.rule(HERE)) == "expired-cache"


def test_a_forged_answer_and_a_rollback(abroad: Abroad) -> None:
    rule, old = abroad.rule(HERE), abroad.notary.record()
    abroad.notary.release("v1", V3, 100)
    abroad.signed(roots=rule)
    new = abroad.notary.record()
    abroad.notary.replay(old)
    assert abroad.refused(roots=rule) == "rollback"
    abroad.notary.replay(new)
    abroad.notary.forge("targets", lambda _: None, by=[])
    assert abroad.signed(roots=rule).fallback == "bad-signature"


def test_releases_that_cannot_be_believed_are_refused_at_first_sight(abroad: Abroad) -> None:
    abroad.notary.keys[RELEASES] = [new_key()]
    abroad.notary.publish("targets")
    fact = abroad.ask(roots=abroad.rule(HERE))
    assert isinstance(fact, NotSigned)
    assert (fact.code, "what is released cannot be believed" in fact.why) == ("bad-signature", True)


def test_first_use_by_a_rule(abroad: Abroad) -> None:
    rule = abroad.rule(HERE, first_use=True)
    abroad.signed(roots=rule)
    other = FakeNotary(abroad.notary.name)
    other.release("v1", V3, 100)
    abroad.lines[HERE].repository = FakeNotaryRepository(other)
    assert str(abroad.signed(roots=rule).digest) == V2
    assert abroad.signed(roots=rule, facts=abroad.start()).fallback == "bad-signature"


def test_other_root_keys_at_the_same_server(abroad: Abroad) -> None:
    abroad.signed(roots=abroad.rule(HERE))
    stranger = Roots(keys=(new_key().public.id,), server=HERE, form=Format.NOTARY)
    assert abroad.refused(roots=stranger) == "untrusted-root"
