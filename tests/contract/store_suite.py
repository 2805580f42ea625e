"""What every store promises: one suite, for each store that a test module gives as the fixture ``kind``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.errors import BadMetadata, Conflict
from pytrust.trust.names import CollectionName, Format, KeyId, RoleName
from pytrust.trust.store.interface import Change, Reader, RoleFile, ServerKey, Store
from pytrust.trust.store.memory import MemoryStore

NAME = CollectionName("docker.io/foo/web")
OTHER = CollectionName("docker.io/foo/api")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORIGINAL = b'{ "odd" :\r\n "spacing\xc3\xa9" }\x00\xff'
GUN = CollectionName("An odd/Gün: as notary allows it")
DELEGATED = RoleName("targets/releases/deep_er")
KEY = ServerKey(SNAPSHOT, KeyId("a" * 64), b"sealed\x00")
FORMATS = pytest.mark.parametrize("form", Format)


@dataclass(frozen=True)
class Kind:
    """A store, and one who reads it."""

    store: Store
    reader: Reader


def file(role: RoleName, version: int, data: bytes = b"", days: float = 10) -> RoleFile:
    return RoleFile(role, version, NOW + timedelta(days=days), data or f"{role} {version}".encode())


def put(store: Store, *files: RoleFile, name: CollectionName = NAME, form: Format = Format.TUF) -> None:
    with store.writing(name) as transaction:
        transaction.put(name, *files, form=form)


def current(store: Store, name: CollectionName = NAME, form: Format = Format.TUF) -> dict[RoleName, RoleFile]:
    with store.writing(name) as transaction:
        return transaction.current(name, form)


def note(store: Store, version: int, name: CollectionName = NAME) -> None:
    with store.writing(name) as transaction:
        transaction.note_change(name, NOW, version, f"{version:064x}" if version else "")


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def count_up(store: Store, times: int, name: CollectionName = NAME) -> None:
    """Publish the next version, over and over."""
    for _ in range(times):
        with store.writing(name) as transaction:
            held = transaction.current(name).get(RELEASES)
            transaction.put(name, file(RELEASES, held.version + 1 if held else 1))


def note_up(store: Store, times: int, name: CollectionName) -> None:
    for number in range(1, times + 1):
        note(store, number, name)


def in_threads(*works: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from([NAME, OTHER]),
        st.sampled_from([ROOT, TARGETS, TIMESTAMP]),
        st.sampled_from(Format),
        st.integers(0, 4),
        st.binary(min_size=1, max_size=3),
        st.sampled_from(["put", "put", "put", "fail", "delete"]),
    ),
    max_size=12,
)


class StoreSuite:
    def test_nothing_yet(self, kind: Kind) -> None:
        assert kind.reader.read(NAME, TIMESTAMP) is None
        assert kind.reader.read(NAME, ROOT, 1) is None
        assert kind.reader.kept(NAME, TIMESTAMP) is None
        assert kind.reader.find(NAME, TIMESTAMP, digest(b""), form=Format.TUF) is None
        assert kind.reader.collections() == kind.reader.collections(Format.TUF) == []
        assert kind.reader.changes(None, 0, 5) == kind.reader.changes_before(None, None, 5) == []
        assert kind.store.proposals() == []
        assert kind.store.expiring(NOW + timedelta(days=10_000), 5) == []
        with kind.store.writing(NAME) as transaction:
            assert transaction.current(NAME) == {}
            assert transaction.roots(NAME) == []
            assert transaction.proposal(NAME) is None
            assert transaction.server_keys(NAME) == []
            assert not transaction.delete(NAME)

    # -- files --

    @FORMATS
    def test_the_original_bytes_come_back(self, kind: Kind, form: Format) -> None:
        put(kind.store, file(TIMESTAMP, 1, ORIGINAL), form=form)
        assert kind.reader.read(NAME, TIMESTAMP, form=form) == ORIGINAL
        assert kind.reader.read(NAME, TIMESTAMP, 1, form=form) == ORIGINAL
        assert current(kind.store, form=form) == {TIMESTAMP: file(TIMESTAMP, 1, ORIGINAL)}

    def test_every_version_is_kept_and_the_newest_is_the_greatest(self, kind: Kind) -> None:
        for number in (1, 2, 9, 10):
            put(kind.store, file(RELEASES, number))
        assert kind.reader.read(NAME, RELEASES) == b"releases 10"
        assert [kind.reader.read(NAME, RELEASES, number) for number in (1, 9, 3)] == [
            b"releases 1",
            b"releases 9",
            None,
        ]
        assert current(kind.store) == {RELEASES: file(RELEASES, 10)}

    def test_when_it_was_published(self, kind: Kind) -> None:
        before = datetime.now(UTC).replace(microsecond=0)
        put(kind.store, file(RELEASES, 3, ORIGINAL))
        put(kind.store, file(RELEASES, 4))
        after = datetime.now(UTC)
        newest, old = kind.reader.kept(NAME, RELEASES), kind.reader.kept(NAME, RELEASES, 3)
        assert newest is not None
        assert old is not None
        assert (newest.version, newest.data, old.version, old.data) == (4, b"releases 4", 3, ORIGINAL)
        assert before <= old.published <= newest.published <= after
        assert kind.reader.kept(NAME, RELEASES, 2) is None

    @FORMATS
    def test_found_by_sha256(self, kind: Kind, form: Format) -> None:
        put(kind.store, file(RELEASES, 1, b"one"), file(RELEASES, 2, b"two"), file(TARGETS, 7, b"seven"), form=form)
        put(kind.store, file(RELEASES, 1, b"other"), name=OTHER, form=form)

        def version(data: bytes, role: RoleName = RELEASES, name: CollectionName = NAME) -> int | None:
            found = kind.reader.find(name, role, digest(data), form=form)
            assert found is None or found.data == data
            return found.version if found else None

        assert [version(data) for data in (b"one", b"two", b"seven", b"other")] == [1, 2, None, None]
        assert version(b"seven", TARGETS) == 7
        assert version(b"other", name=OTHER) == 1
        (other,) = set(Format) - {form}
        assert kind.reader.find(NAME, RELEASES, digest(b"one"), form=other) is None
        assert kind.reader.find(NAME, RELEASES, digest(b"one").upper(), form=form) is None

    def test_roots_in_order(self, kind: Kind) -> None:
        for number in range(1, 12):
            put(kind.store, file(ROOT, number))
        with kind.store.writing(NAME) as transaction:
            assert transaction.roots(NAME) == [f"root {number}".encode() for number in range(1, 12)]

    @pytest.mark.parametrize("version", [1, 2, 3])
    def test_versions_only_rise(self, kind: Kind, version: int) -> None:
        put(kind.store, file(RELEASES, 3))
        with pytest.raises(Conflict, match="at version 3 already"):
            put(kind.store, file(RELEASES, version, b"other"))
        assert kind.reader.read(NAME, RELEASES) == b"releases 3"

    def test_versions_rise_within_one_publish_too(self, kind: Kind) -> None:
        with pytest.raises(Conflict, match="at version 2 already"):
            put(kind.store, file(RELEASES, 2), file(RELEASES, 2, b"again"))
        assert kind.reader.read(NAME, RELEASES) is None

    @pytest.mark.parametrize("version", [1, 2, 4])
    def test_roots_of_tuf_rise_by_one(self, kind: Kind, version: int) -> None:
        put(kind.store, file(ROOT, 1), file(ROOT, 2))
        with pytest.raises(Conflict):
            put(kind.store, file(ROOT, version, b"other"))
        with pytest.raises(Conflict):
            put(kind.store, file(ROOT, 2), name=OTHER)

    def test_roots_of_notary_rise(self, kind: Kind) -> None:
        put(kind.store, file(ROOT, 2), file(ROOT, 5), form=Format.NOTARY)
        with pytest.raises(Conflict):
            put(kind.store, file(ROOT, 5, b"other"), form=Format.NOTARY)
        with kind.store.writing(NAME) as transaction:
            assert transaction.roots(NAME, Format.NOTARY) == [b"root 2", b"root 5"]
            assert transaction.roots(NAME) == []

    @pytest.mark.parametrize("version", [0, -1, 2**63, 10**30])
    def test_versions_that_cannot_be_counted(self, kind: Kind, version: int) -> None:
        with pytest.raises(BadMetadata):
            put(kind.store, file(RELEASES, version))
        assert kind.reader.read(NAME, RELEASES, version) is None

    def test_the_greatest_version(self, kind: Kind) -> None:
        put(kind.store, file(RELEASES, 2**63 - 1))
        assert kind.reader.read(NAME, RELEASES) == b"releases 9223372036854775807"

    def test_formats_do_not_touch_each_other(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 5, b"tuf"))
        put(kind.store, file(TIMESTAMP, 2, b"notary"), form=Format.NOTARY)
        assert kind.reader.read(NAME, TIMESTAMP) == b"tuf"
        assert kind.reader.read(NAME, TIMESTAMP, form=Format.NOTARY) == b"notary"
        assert kind.reader.read(NAME, TIMESTAMP, 2) is None
        assert kind.reader.read(NAME, TIMESTAMP, 5, form=Format.NOTARY) is None
        assert current(kind.store, form=Format.NOTARY) == {TIMESTAMP: file(TIMESTAMP, 2, b"notary")}

    def test_collections_do_not_touch_each_other(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 5))
        put(kind.store, file(TIMESTAMP, 1, b"other"), name=OTHER)
        assert kind.reader.read(NAME, TIMESTAMP) == b"timestamp 5"
        assert kind.reader.read(OTHER, TIMESTAMP) == b"other"
        assert kind.reader.read(OTHER, TIMESTAMP, 5) is None

    def test_collections(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 1), name=OTHER)
        put(kind.store, file(TIMESTAMP, 1), name=NAME)
        put(kind.store, file(TIMESTAMP, 1), name=NAME, form=Format.NOTARY)
        put(kind.store, file(TIMESTAMP, 1), name=GUN, form=Format.NOTARY)
        put(kind.store, file(ROOT, 1), name=CollectionName("docker.io/foo/unfinished"))
        assert kind.reader.collections() == sorted([NAME, OTHER, GUN])
        assert kind.reader.collections(Format.TUF) == sorted([NAME, OTHER])
        assert kind.reader.collections(Format.NOTARY) == sorted([NAME, GUN])

    def test_names_are_sorted_by_code_points(self, kind: Kind) -> None:
        names = [CollectionName(name) for name in ("Z", "a", "a b", "a-b", "a/b", "ab", "é", "ａ", "😀")]
        for name in names:
            put(kind.store, file(TIMESTAMP, 1), name=name, form=Format.NOTARY)
            with kind.store.writing(name) as transaction:
                transaction.set_proposal(name, b"x")
        assert kind.reader.collections() == kind.store.proposals() == sorted(names)
        assert kind.store.expiring(NOW + timedelta(days=100), 4) == sorted(names)[:4]

    def test_names_and_roles_of_notary(self, kind: Kind) -> None:
        put(kind.store, file(DELEGATED, 3), name=GUN, form=Format.NOTARY)
        assert kind.reader.read(GUN, DELEGATED, form=Format.NOTARY) == b"targets/releases/deep_er 3"
        assert current(kind.store, GUN, Format.NOTARY) == {DELEGATED: file(DELEGATED, 3)}

    @pytest.mark.parametrize("odd", ["x' OR '1'='1", "%", "_", "", "\0", "a\0b", "é", "\ud800", "?", "%s", "{}"])
    def test_odd_names_name_nothing(self, kind: Kind, odd: str) -> None:
        put(kind.store, file(TIMESTAMP, 1))
        assert kind.reader.read(CollectionName(odd), TIMESTAMP) is None
        assert kind.reader.read(NAME, RoleName(odd)) is None
        assert kind.reader.find(NAME, TIMESTAMP, odd, form=Format.TUF) is None
        assert kind.reader.changes(CollectionName(odd), 0, 1) == []

    @pytest.mark.parametrize("version", [0, -1, 10**18, 2**63, 10**30])
    def test_odd_versions_are_none(self, kind: Kind, version: int) -> None:
        put(kind.store, file(TIMESTAMP, 1))
        assert kind.reader.read(NAME, TIMESTAMP, version) is None
        assert kind.reader.kept(NAME, TIMESTAMP, version) is None

    # -- transactions --

    def test_a_failed_transaction_leaves_nothing(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 1), file(ROOT, 1))

        def half() -> None:
            with kind.store.writing(NAME) as transaction:
                transaction.put(NAME, file(TIMESTAMP, 2), file(ROOT, 2))
                transaction.put(NAME, file(TIMESTAMP, 1), form=Format.NOTARY)
                transaction.set_proposal(NAME, b"half")
                transaction.note_change(NAME, NOW, 2, "a" * 64)
                transaction.add_server_key(NAME, KEY)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            half()
        assert kind.reader.read(NAME, TIMESTAMP) == b"timestamp 1"
        assert kind.reader.read(NAME, ROOT, 2) is None
        assert kind.reader.collections(Format.NOTARY) == []
        assert kind.store.proposals() == []
        assert kind.reader.changes(None, 0, 9) == []
        with kind.store.writing(NAME) as transaction:
            assert transaction.server_keys(NAME) == []
        put(kind.store, file(TIMESTAMP, 2))

    def test_a_conflict_takes_back_what_went_before(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 1), file(RELEASES, 1))
        with pytest.raises(Conflict), kind.store.writing(NAME) as transaction:
            transaction.put(NAME, file(TIMESTAMP, 2))
            transaction.put(NAME, file(RELEASES, 1))
        assert set(current(kind.store).values()) == {file(TIMESTAMP, 1), file(RELEASES, 1)}

    def test_a_conflict_that_is_caught_added_nothing(self, kind: Kind) -> None:
        put(kind.store, file(RELEASES, 1))
        with kind.store.writing(NAME) as transaction:
            with pytest.raises(Conflict):
                transaction.put(NAME, file(TIMESTAMP, 1), file(RELEASES, 1))
            transaction.put(NAME, file(TARGETS, 1))
        assert set(current(kind.store)) == {RELEASES, TARGETS}

    def test_a_transaction_sees_its_own_writes(self, kind: Kind) -> None:
        with kind.store.writing(NAME) as transaction:
            transaction.put(NAME, file(ROOT, 1))
            transaction.set_proposal(NAME, b"one")
            transaction.add_server_key(NAME, KEY)
            assert transaction.current(NAME) == {ROOT: file(ROOT, 1)}
            assert transaction.roots(NAME) == [b"root 1"]
            assert transaction.proposal(NAME) == b"one"
            assert transaction.server_keys(NAME) == [KEY]
            assert transaction.delete(NAME)
            assert transaction.current(NAME) == {}

    def test_a_reader_sees_the_old_state_until_all_of_the_new_one_is_there(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 1))
        seen: list[object] = []

        def look() -> None:
            seen.append((kind.reader.read(NAME, TIMESTAMP), kind.reader.read(NAME, RELEASES)))
            seen.append((kind.reader.collections(), kind.reader.changes(None, 0, 5)))

        with kind.store.writing(NAME) as transaction:
            transaction.put(NAME, file(TIMESTAMP, 2), file(RELEASES, 1))
            transaction.note_change(NAME, NOW, 2, "a" * 64)
            reader = threading.Thread(target=look)
            reader.start()
            reader.join(5)
            assert seen == [(b"timestamp 1", None), ([NAME], [])]
        look()
        assert seen[2] == (b"timestamp 2", b"releases 1")
        assert kind.reader.changes(None, 0, 5) != []

    def test_transactions_of_threads_follow_one_another(self, kind: Kind) -> None:
        in_threads(*[lambda: count_up(kind.store, 5)] * 3)
        assert current(kind.store)[RELEASES].version == 15

    # -- deletion --

    def test_deletion(self, kind: Kind) -> None:
        for form in Format:
            put(kind.store, file(ROOT, 1), file(TIMESTAMP, 4), form=form)
            put(kind.store, file(TIMESTAMP, 4), form=form, name=OTHER)
        with kind.store.writing(NAME) as transaction:
            transaction.set_proposal(NAME, b"waits")
            transaction.add_server_key(NAME, KEY)
        note(kind.store, 4)
        with kind.store.writing(NAME) as transaction:
            assert transaction.delete(NAME)
            assert not transaction.delete(NAME)
        assert [kind.reader.read(NAME, TIMESTAMP, form=form) for form in Format] == [None, None]
        assert kind.reader.find(NAME, ROOT, digest(b"root 1"), form=Format.TUF) is None
        assert kind.reader.collections() == [OTHER]
        assert kind.store.proposals() == []
        assert kind.store.expiring(NOW + timedelta(days=99), 9) == [OTHER]
        assert len(kind.reader.changes(NAME, 0, 9)) == 1
        with kind.store.writing(NAME) as transaction:
            assert transaction.server_keys(NAME) == [KEY]
            transaction.put(NAME, file(TIMESTAMP, 1))
        assert kind.reader.read(OTHER, TIMESTAMP) == b"timestamp 4"

    def test_deleting_what_only_waits(self, kind: Kind) -> None:
        with kind.store.writing(NAME) as transaction:
            transaction.set_proposal(NAME, b"waits")
        with kind.store.writing(NAME) as transaction:
            assert transaction.delete(NAME)
        assert kind.store.proposals() == []

    @FORMATS
    def test_dropping_one_format(self, kind: Kind, form: Format) -> None:
        for each in Format:
            put(kind.store, file(ROOT, 1), file(TIMESTAMP, 4), form=each)
        put(kind.store, file(TIMESTAMP, 4), name=OTHER, form=form)
        with kind.store.writing(NAME) as transaction:
            transaction.set_proposal(NAME, b"waits")
        with kind.store.writing(NAME) as transaction:
            transaction.drop(NAME, form)
            transaction.put(NAME, file(TIMESTAMP, 1, b"anew"), form=form)
        (other,) = set(Format) - {form}
        assert current(kind.store, form=form) == {TIMESTAMP: file(TIMESTAMP, 1, b"anew")}
        assert set(current(kind.store, form=other)) == {ROOT, TIMESTAMP}
        assert kind.reader.read(OTHER, TIMESTAMP, form=form) == b"timestamp 4"
        assert kind.store.proposals() == []

    # -- the change feed --

    def test_changes(self, kind: Kind) -> None:
        for version, name in ((1, NAME), (1, OTHER), (2, NAME), (0, NAME), (3, NAME)):
            note(kind.store, version, name)
        everything = kind.reader.changes(None, 0, 99)
        ids = [change.id for change in everything]
        assert ids == sorted(set(ids))
        assert ids[0] > 0
        assert [(change.name, change.version) for change in everything] == [
            (NAME, 1),
            (OTHER, 1),
            (NAME, 2),
            (NAME, 0),
            (NAME, 3),
        ]
        assert everything[2] == Change(ids[2], NOW, NAME, 2, f"{2:064x}")
        assert [change.deletion for change in everything] == [False, False, False, True, False]
        ours = [change for change in everything if change.name == NAME]
        assert kind.reader.changes(NAME, 0, 99) == kind.reader.changes_before(NAME, None, 99) == ours
        assert kind.reader.changes_before(None, None, 99) == everything
        assert kind.reader.changes(None, ids[1], 2) == everything[2:4]
        assert kind.reader.changes(NAME, ids[0], 2) == ours[1:3]
        assert kind.reader.changes_before(None, ids[3], 2) == everything[1:3]
        assert kind.reader.changes_before(NAME, ids[4], 2) == ours[1:3]
        assert kind.reader.changes_before(NAME, None, 1) == ours[-1:]
        assert kind.reader.changes(None, ids[4], 5) == kind.reader.changes_before(None, ids[0], 5) == []
        assert kind.reader.changes(None, 0, 0) == kind.reader.changes_before(None, None, 0) == []

    def test_who_follows_the_feed_misses_nothing(self, kind: Kind) -> None:
        """An id that appears after a greater one was read would never be seen."""
        names = [CollectionName(f"docker.io/foo/{number}") for number in range(4)]
        done = threading.Event()
        seen: list[int] = []

        def follow() -> None:
            last = 0
            while not done.is_set() or kind.reader.changes(None, last, 1):
                for change in kind.reader.changes(None, last, 7):
                    last = change.id
                    seen.append(last)

        follower = threading.Thread(target=follow)
        follower.start()
        in_threads(*[lambda name=name: note_up(kind.store, 25, name) for name in names])
        done.set()
        follower.join()
        assert seen == [change.id for change in kind.reader.changes(None, 0, 1000)]
        assert len(seen) == 100

    # -- keys and proposals --

    def test_server_keys(self, kind: Kind) -> None:
        second = ServerKey(TIMESTAMP, KeyId("0" * 64), b"b")
        with kind.store.writing(NAME) as transaction:
            transaction.add_server_key(NAME, KEY)
            transaction.add_server_key(NAME, second)
        with kind.store.writing(OTHER) as transaction:
            transaction.add_server_key(OTHER, ServerKey(TIMESTAMP, KeyId("1" * 64), b"c"))
        with kind.store.writing(NAME) as transaction:
            assert transaction.server_keys(NAME) == [KEY, second]
            assert [key.sealed for key in transaction.server_keys(OTHER)] == [b"c"]

    def test_proposals(self, kind: Kind) -> None:
        for name, document in ((NAME, ORIGINAL), (OTHER, b"two")):
            with kind.store.writing(name) as transaction:
                transaction.set_proposal(name, document)
        assert kind.store.proposals() == sorted([NAME, OTHER])
        with kind.store.writing(NAME) as transaction:
            assert transaction.proposal(NAME) == ORIGINAL
            transaction.set_proposal(NAME, b"again")
        with kind.store.writing(OTHER) as transaction:
            transaction.set_proposal(OTHER, None)
            transaction.set_proposal(OTHER, None)
        with kind.store.writing(NAME) as transaction:
            assert transaction.proposal(NAME) == b"again"
        assert kind.store.proposals() == [NAME]

    # -- expiry --

    def test_what_expires(self, kind: Kind) -> None:
        for number, (role, days) in enumerate([(TIMESTAMP, 1.0), (SNAPSHOT, 1.0), (TIMESTAMP, 3.0), (RELEASES, 1.0)]):
            put(kind.store, file(role, 1, days=days), name=CollectionName(f"docker.io/a/{number}"))
        both = CollectionName("docker.io/a/both")
        put(kind.store, file(TIMESTAMP, 1, days=1), file(SNAPSHOT, 1, days=1), name=both)
        put(kind.store, file(TIMESTAMP, 1, days=1), name=both, form=Format.NOTARY)
        put(kind.store, file(TIMESTAMP, 1, days=1), name=CollectionName("Z/a gun"), form=Format.NOTARY)

        def due(days: float, limit: int = 10) -> list[str]:
            return [name.rpartition("/")[2] for name in kind.store.expiring(NOW + timedelta(days=days), limit)]

        assert due(1) == []
        assert due(2) == ["a gun", "0", "1", "both"]
        assert due(2, limit=3) == ["a gun", "0", "1"]
        assert due(4) == ["a gun", "0", "1", "2", "both"]

    def test_only_the_newest_version_expires(self, kind: Kind) -> None:
        put(kind.store, file(TIMESTAMP, 1, days=1))
        put(kind.store, file(TIMESTAMP, 2, days=5))
        assert kind.store.expiring(NOW + timedelta(days=2), 10) == []

    def test_moments_are_kept_to_the_second(self, kind: Kind) -> None:
        odd = RoleFile(RELEASES, 1, NOW + timedelta(microseconds=999_999), b"x")
        put(kind.store, odd)
        assert current(kind.store)[RELEASES].expires == NOW

    # -- all of it --

    @settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
    @given(operations=OPERATIONS)
    def test_all_stores_agree_with_the_one_in_memory(self, kind: Kind, operations: list[tuple[object, ...]]) -> None:
        memory = MemoryStore()
        for used in (NAME, OTHER):  # the store is that of the example before
            with kind.store.writing(used) as transaction:
                transaction.delete(used)
        for name, role, form, version, data, what in operations:
            outcomes = [_try(store, name, role, form, version, data, what) for store in (memory, kind.store)]
            assert outcomes[0] == outcomes[1]
        for used, format_ in product((NAME, OTHER), Format):
            assert current(memory, used, format_) == current(kind.store, used, format_)
            for role_, number in product((ROOT, TARGETS, TIMESTAMP), (None, 1, 2, 3, 4)):
                expected = memory.read(used, role_, number, form=format_)
                assert kind.reader.read(used, role_, number, form=format_) == expected
        assert kind.reader.collections() == memory.collections()


def _try(store: Store, name: object, role: object, form: object, version: object, data: object, what: object) -> str:
    assert isinstance(version, int)
    assert isinstance(data, bytes)
    assert isinstance(form, Format)
    target = CollectionName(str(name))
    try:
        with store.writing(target) as transaction:
            if what == "delete":
                return str(transaction.delete(target))
            transaction.put(target, file(RoleName(str(role)), version, data), form=form)
            _fail_if(what == "fail")
    except (Conflict, BadMetadata, RuntimeError) as error:
        return type(error).__name__
    return "done"


def _fail_if(wanted: bool) -> None:
    if wanted:
        raise RuntimeError
