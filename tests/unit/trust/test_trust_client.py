"""Looking up: what this host knows, what the source says, and when neither is good enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.keys import ALICE, NAME, NOW, OTHER, House, digest, pin, public, ref, target
from tuf.api.exceptions import DownloadError

from pytrust.trust.client import lookup
from pytrust.trust.client.cache import Bundle, Cache, check_clock, decode, encode, outdated, seen_versions
from pytrust.trust.client.source import Bridge, CacheSource, StoreSource, parse_file_name
from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS
from pytrust.trust.errors import (
    BadMetadata,
    BadPermissions,
    Busy,
    ClockSetBack,
    Damaged,
    ExpiredCache,
    PytrustError,
    Refused,
    Rollback,
    Stale,
    TooSlow,
    Unreachable,
    Unsigned,
    UntrustedRoot,
)
from pytrust.trust.files import locked
from pytrust.trust.http import Deadline
from pytrust.trust.limits import (
    CLOCK_GRANULARITY,
    CLOCK_TOLERANCE,
    COLLECTION_MAX_CHARS,
    OFFLINE_MAX_AGE,
    ROOT_ROTATIONS_MAX,
)
from pytrust.trust.names import CollectionName, ImageRef, RoleName, parse_collection

SECOND = timedelta(seconds=1)


class Watched:
    """A source that notes what is asked of it, and can be changed."""

    def __init__(self, house: House) -> None:
        self._inner = StoreSource(house.store)
        self.asked: list[str] = []
        self.instead: dict[str, bytes | PytrustError | None] = {}

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        self.asked.append(file)
        answer = self.instead.get(file, self._inner.fetch(name, file, deadline))
        if isinstance(answer, PytrustError):
            raise answer
        return answer

    def freeze(self) -> None:
        """From now on, serve what there is now."""
        for role in (ROOT, TARGETS, RELEASES, ALICE, SNAPSHOT):
            for number in range(1, 6):
                file = f"{number}.{role}.json"
                self.instead[file] = self._inner.fetch(NAME, file, Deadline(5))
        self.instead["timestamp.json"] = self._inner.fetch(NAME, "timestamp.json", Deadline(5))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.owner().sign(NAME, [target("v1")], [ALICE])
    return house


@pytest.fixture
def source(house: House) -> Watched:
    return Watched(house)


# -- the cache file -------------------------------------------------------------------------------------------------

TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
CHAIN = {"timestamp.json": TEXTS, "snapshot.json": TEXTS, "targets.json": TEXTS, "root_history/1.root.json": TEXTS}
FILES = st.fixed_dictionaries(CHAIN, optional={"releases.json": TEXTS, "root_history/10.root.json": TEXTS})


@given(FILES | st.just({}), TIMES, TIMES)
def test_a_bundle_round_trip(files: dict[str, bytes], refreshed: datetime, greatest: datetime) -> None:
    bundle = Bundle(files, refreshed, greatest)
    assert decode(encode(bundle), "it") == bundle


def test_roots_are_in_order_of_their_numbers() -> None:
    files = {f"root_history/{number}.root.json": b"%d" % number for number in (10, 9, 1, 2)}
    assert Bundle({"targets.json": b"x", **files}).roots == [b"1", b"2", b"9", b"10"]


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.binary() | st.text().map(str.encode) | st.integers(0, 400))
def test_any_damage_is_called_so(data: bytes | int) -> None:
    if isinstance(data, int):
        good = encode(Bundle(dict.fromkeys(CHAIN, b"{}"), NOW, NOW))
        data = good[: min(data, len(good) - 1)]
    with pytest.raises(Damaged, match="it is damaged"):
        decode(data, "it")


def document(**changes: str) -> bytes:
    parts = {"format": "1", "refreshed": "1", "greatest_time": "1", "files": "{}"} | changes
    return ("{" + ",".join(f'"{key}":{value}' for key, value in parts.items() if value) + "}").encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "2"}, {"format": "null"}, {"format": ""}, {"refreshed": ""}, {"greatest_time": ""}, {"files": ""},
        {"refreshed": "1.5"}, {"refreshed": '"1"'}, {"refreshed": "999999999999999999"}, {"greatest_time": "null"},
        {"greatest_time": "-99999999999999999"}, {"files": "[]"}, {"files": "null"}, {"files": '{"x.json":1}'},
        {"files": '{"targets.json":"x"}'},
        *({"files": json.dumps(dict.fromkeys([*CHAIN, name], "x"))}
          for name in ("../x.json", "/etc/x.json", "a/b.json", "root_history/../x.json", "root_history/x.root.json",
                       "root_hx", "root_history", "", ".", "..", "x\0.json", "root_history/1.root.json/x",
                       "x.json\n")),
    ],
)  # fmt: skip
def test_what_decode_refuses(changes: dict[str, str]) -> None:
    """Names of files become paths: none may lead out of the folder they are written to."""
    decode(document(), "it")
    with pytest.raises(Damaged):
        decode(document(**changes), "it")


def test_saving_and_loading(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.load(NAME) == Bundle()
    cache.lock_path(NAME)
    bundle = Bundle(dict.fromkeys(CHAIN, b"{}"), NOW, NOW)
    cache.save(NAME, bundle)
    assert cache.load(NAME) == bundle
    assert cache.names() == [NAME]
    assert cache.load(OTHER) == Bundle()


@pytest.mark.parametrize("mode", [0o666, 0o622, 0o660])
def test_a_cache_that_others_can_write(tmp_path: Path, mode: int) -> None:
    cache = Cache(tmp_path)
    cache.save(NAME, Bundle())
    next(tmp_path.glob("*.json")).chmod(mode)
    with pytest.raises(BadPermissions):
        cache.load(NAME)


@pytest.mark.parametrize("part", ["a/", "aaaaaaaaaaaaaaa/"])
def test_the_longest_names(house: House, part: str) -> None:
    """A name is also the name of a file, where a slash takes three bytes and the system allows 255."""
    path = (part * 240)[: COLLECTION_MAX_CHARS - len("example.com/") - 1].rstrip("/") + "b"
    name = parse_collection(f"example.com/{path}")
    house.owner().sign(name, [target("v1")], [ALICE])
    assert house.client().verify([ImageRef.parse(f"{name}:v1")])
    assert Cache(house.folder / "cache").names() == [name]


def test_when_a_cache_is_rewritten() -> None:
    old = Bundle({"x": b"1"}, NOW, NOW)
    assert not outdated(old, Bundle({"x": b"1"}, NOW + CLOCK_GRANULARITY, NOW + CLOCK_GRANULARITY))
    assert outdated(old, Bundle({"x": b"1"}, NOW, NOW + CLOCK_GRANULARITY + SECOND))
    assert outdated(old, Bundle({"x": b"2"}, NOW, NOW))


# -- the clock ------------------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back() -> None:
    bundle = Bundle({}, NOW, NOW)
    check_clock(bundle, NOW - CLOCK_TOLERANCE)
    with pytest.raises(ClockSetBack):
        check_clock(bundle, NOW - CLOCK_TOLERANCE - SECOND)


def test_the_greatest_time_is_remembered(house: House) -> None:
    house.later(days=2)
    house.client().open(NAME)
    house.now = NOW
    for client in (house.client(), house.offline()):
        with pytest.raises(ClockSetBack, match="was seen before"):
            client.open(NAME)


def test_looking_changes_nothing_but_the_time(house: House) -> None:
    client = house.client()
    client.open(NAME)
    cache = Cache(house.folder / "cache")
    first = cache.load(NAME)
    house.later(minutes=10)
    client.open(NAME)
    assert cache.load(NAME) == first
    house.later(hours=2)
    client.open(NAME)
    assert cache.load(NAME).greatest_time == house.now
    assert cache.load(NAME).files == first.files


# -- offline --------------------------------------------------------------------------------------------------------


def test_offline_for_a_while(house: House) -> None:
    house.client().open(NAME)
    house.now = NOW + OFFLINE_MAX_AGE
    found = house.offline().verify([ref("v1")])[0]
    assert (found.digest, found.offline, found.refreshed) == (digest("v1"), True, NOW)
    house.now += SECOND
    with pytest.raises(ExpiredCache, match="7 days back"):
        house.offline().open(NAME)


def test_looking_offline_does_not_make_what_is_known_younger(house: House) -> None:
    house.client().open(NAME)
    client = house.offline()
    for _ in range(7):
        house.later(days=1)
        client.open(NAME)
    house.later(days=1)
    for each in (client, house.offline()):
        with pytest.raises(ExpiredCache):
            each.open(NAME)


def test_offline_beyond_an_expiry(house: House) -> None:
    house.now = NOW + timedelta(days=12)
    house.client().open(NAME)
    house.later(days=3)
    with pytest.raises(ExpiredCache, match="has expired"):
        house.offline().open(NAME)


def test_offline_without_a_cache(house: House) -> None:
    with pytest.raises(ExpiredCache, match="nothing is known"):
        house.offline().open(NAME)


def test_offline_with_another_pin(house: House) -> None:
    house.client().open(NAME)
    house.pins = [pin("somebody else")]
    with pytest.raises(UntrustedRoot):
        house.offline().open(NAME)


# -- online ---------------------------------------------------------------------------------------------------------


def test_nothing_is_signed(house: House) -> None:
    with pytest.raises(Unsigned, match="nothing in"):
        house.client().open(OTHER)


def test_answers_within_one_process_are_fresh(house: House, source: Watched) -> None:
    client = house.client(source=source)
    client.open(NAME)
    source.asked.clear()
    assert client.open(NAME) == client.open(NAME)
    assert set(source.asked) == {"timestamp.json", "2.root.json"}
    house.owner().sign(NAME, [target("v2")], [ALICE])
    assert client.verify([ref("v2")])[0].digest == digest("v2")
    house.owner().revoke(NAME, ["v2"], [ALICE])
    with pytest.raises(Unsigned):
        client.verify([ref("v2")])


def test_a_new_root_is_noticed_though_the_timestamp_is_the_same(house: House, source: Watched) -> None:
    client = house.client(source=source)
    client.open(NAME)
    old = source.fetch(NAME, "timestamp.json", Deadline(5))
    source.instead["timestamp.json"] = old
    house.ring.promote(RoleName("bob"), ROOT)
    house.owner().rotate(NAME, ROOT, public("bob"), [])
    assert client.open(NAME).versions[ROOT] == 2


def test_what_is_remembered_expires(house: House, source: Watched) -> None:
    client = house.client(source=source)
    client.open(NAME)
    source.freeze()
    house.later(days=14)
    with pytest.raises(Stale, match="has expired"):
        client.open(NAME)


def test_what_another_process_learned_is_not_forgotten(house: House, source: Watched) -> None:
    slow = house.client(source=source)
    slow.open(NAME)
    source.freeze()
    house.owner().sign(NAME, [target("v2")], [ALICE])
    house.client().open(NAME)
    with pytest.raises(Rollback):
        slow.open(NAME)


def test_a_source_that_was_put_back(house: House, source: Watched) -> None:
    source.freeze()
    house.owner().sign(NAME, [target("v2")], [ALICE])
    house.client().open(NAME)
    with pytest.raises(Rollback, match="older metadata"):
        house.client(source=source).open(NAME)
    assert house.client().verify([ref("v2")])
    assert house.client("another host", source).verify([ref("v1")])


@pytest.mark.parametrize("file", ["1.targets.json", "2.releases.json", "1.alice.json", "1.snapshot.json"])
def test_mixed_sets_do_not_pass(house: House, source: Watched, file: str) -> None:
    house.owner().sign(OTHER, [target("v1", "elsewhere")], [ALICE])
    role, version = parse_file_name(file)[1], parse_file_name(file)[0]
    source.instead[file] = house.store.read(OTHER, role, version)
    with pytest.raises(Refused):
        house.client(source=source).open(NAME)


@pytest.mark.parametrize(
    "file", ["timestamp.json", "1.snapshot.json", "1.targets.json", "2.releases.json", "1.root.json"]
)
@pytest.mark.parametrize("data", [None, b"", b"{}", b"\xff", b"[" * 1000, b'{"signed":{"_type":"x"},"signatures":[]}'])
def test_whatever_a_source_says_is_refused_in_a_sentence(
    house: House, source: Watched, file: str, data: bytes | None
) -> None:
    source.instead[file] = data
    with pytest.raises(Refused) as caught:
        house.client(source=source).open(NAME)
    assert NAME in str(caught.value) or file.split(".", 1)[-1] in str(caught.value)
    assert not list((house.folder / "cache").glob("*.json"))


@pytest.mark.parametrize("error", [Unreachable("nobody there"), TooSlow("too slow")])
def test_a_source_that_cannot_be_asked(house: House, source: Watched, error: PytrustError) -> None:
    for file in ("1.root.json", "timestamp.json", "2.releases.json"):
        source.instead = {file: error}
        with pytest.raises(type(error)):
            house.client(source=source).open(NAME)


def test_a_set_with_a_hole_is_no_set(house: House, source: Watched) -> None:
    source.instead["1.alice.json"] = None
    with pytest.raises(BadMetadata, match="incomplete"):
        house.client(source=source).open(NAME)


def test_the_deadline_is_total(house: House, source: Watched) -> None:
    clock = iter(range(1000))
    with pytest.raises(TooSlow):
        house.client(source=source).open(NAME, Deadline(4, lambda: float(next(clock))))


def test_a_lock_that_is_held(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "LOCK_TIMEOUT", 0.05)
    with (
        locked(Cache(house.folder / "cache").lock_path(NAME), timeout=1),
        pytest.raises(Busy, match="locked by another process"),
    ):
        house.client().open(NAME)
    house.client().open(NAME)


def test_a_damaged_cache_is_not_overwritten(house: House) -> None:
    house.client().open(NAME)
    path = next((house.folder / "cache").glob("*.json"))
    path.write_bytes(b"{}")
    for client in (house.client(), house.offline()):
        with pytest.raises(Damaged, match="is damaged") as caught:
            client.open(NAME)
        assert caught.value.hint.startswith("remove it")
    assert path.read_bytes() == b"{}"


def test_a_failure_keeps_what_was_known(house: House, source: Watched) -> None:
    client = house.client(source=source)
    client.open(NAME)
    before = Cache(house.folder / "cache").load(NAME)
    house.owner().sign(NAME, [target("v2")], [ALICE])
    source.instead["3.releases.json"] = b"{}"
    with pytest.raises(Refused):
        client.open(NAME)
    assert Cache(house.folder / "cache").load(NAME) == before


def test_seen_versions(house: House) -> None:
    house.client().open(NAME)
    bundle = Cache(house.folder / "cache").load(NAME)
    assert seen_versions(NAME, bundle) == {ROOT: 1, TARGETS: 1, RELEASES: 2, ALICE: 1}
    assert seen_versions(NAME, Bundle()) == {}


def test_several_references_are_one_look(house: House, source: Watched) -> None:
    house.owner().sign(NAME, [target("v2")], [ALICE])
    found = house.client(source=source).verify([ref("v1"), ref("v2"), ref("v1")])
    assert [one.digest for one in found] == [digest("v1"), digest("v2"), digest("v1")]
    assert source.asked.count("timestamp.json") == 1


def test_by_digest(house: House) -> None:
    house.owner().sign(NAME, [target("v2", "v1"), target("v3")], [ALICE])
    client = house.client()

    def ask(text: str) -> str:
        return client.verify([ImageRef.parse(f"{NAME}{text}")])[0].target.tag

    assert ask(f"@{digest('v1')}") == "v1"
    assert ask(f":v2@{digest('v1')}") == "v2"
    for refused in (f"@{digest('other')}", f":v3@{digest('v1')}", f":v9@{digest('v1')}"):
        with pytest.raises(Unsigned, match="is not signed under"):
            ask(refused)


# -- sources --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("timestamp.json", (None, "timestamp")),
        ("1.root.json", (1, "root")),
        ("999999999999999999.alice.json", (10**18 - 1, "alice")),
        ("7.a%2Fb.json", (7, "a/b")),
        ("0.root.json", (None, "0.root")),
    ],
)
def test_file_names(file: str, parts: tuple[int | None, str]) -> None:
    assert parse_file_name(file) == parts


@pytest.mark.parametrize(
    "file", ["", "json", ".json", "root", "1.root.jsonx", "a/b.json", "x" * 300 + ".json", "root.json\n"]
)
def test_what_is_no_file_name(file: str) -> None:
    with pytest.raises(BadMetadata, match="not a metadata file name"):
        parse_file_name(file)


def test_the_cache_as_a_source() -> None:
    held = CacheSource({"root_history/2.root.json": b"root", "a%2Fb.json": b"odd"})
    wanted = ["2.root.json", "1.root.json", "5.a%2Fb.json", "timestamp.json"]
    assert [held.fetch(NAME, file, Deadline(5)) for file in wanted] == [b"root", None, b"odd", None]


def test_a_bridge_counts_roots(house: House) -> None:
    """python-tuf would stop walking without a word and go on with an old root."""
    root = house.store.read(NAME, ROOT, 1)
    assert root is not None

    class Endless:
        def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
            return root

    bridge = Bridge(Endless(), NAME, Deadline(60))
    for _ in range(1, ROOT_ROTATIONS_MAX):
        assert b"".join(bridge._fetch(f"{Bridge.BASE_URL}1.root.json")) == root
    with pytest.raises(BadMetadata, match="rotated its root 256 times"):
        bridge._fetch(f"{Bridge.BASE_URL}1.root.json")


def test_a_root_under_the_number_of_another_is_refused(house: House) -> None:
    """Else a skipped version would look like a rollback, which no cache may answer for."""

    class Skipping:
        def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
            return house.store.read(NAME, ROOT, 1)

    bridge = Bridge(Skipping(), NAME, Deadline(5))
    with pytest.raises(BadMetadata, match="another version of the root"):
        bridge._fetch(f"{Bridge.BASE_URL}2.root.json")


def test_errors_of_a_source_pass_the_bridge(house: House, source: Watched) -> None:
    source.instead["timestamp.json"] = Unreachable("nobody there")
    bridge = Bridge(source, NAME, Deadline(5))
    fetch: Callable[[str], object] = bridge.fetch
    with pytest.raises((DownloadError, Unreachable)) as caught:
        fetch(f"{Bridge.BASE_URL}timestamp.json")
    assert isinstance(caught.value.__cause__ or caught.value, Unreachable)
