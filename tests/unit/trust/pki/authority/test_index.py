"""The index: what was issued stays, and whatever somebody changes in the file is noticed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.authority import ALICE, BOB, Clock, create, server

from pytrust.trust.errors import Damaged, Unsound, UsageError
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.change import NOTE_MAX_BYTES, changing
from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.authority.ledger import Event, What, decode, encode
from pytrust.trust.pki.authority.plan import Plan, encode_plan, read_plan
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import Listed, selector_serial
from pytrust.trust.pki.model import Kind, Reason, serial_text
from pytrust.trust.pki.names import CaName

ANOTHER = """INSERT INTO certificates SELECT NULL, {}, kind, {}, generation, issuer, {}, der, not_before, not_after,
    renew_at, NULL, NULL, NULL FROM certificates WHERE {}"""
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with something of everything in it."""
    folder = tmp_path_factory.mktemp("index") / "ca"
    authority = create(folder, Clock())
    authority.issue_server(server("docker1"))
    alice, _ = authority.issue_clients([ALICE, BOB])
    authority.renew(alice)
    authority.revoke(alice, Reason.KEY_COMPROMISE)
    authority.close()
    with closing(sqlite3.connect(folder / "ca.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return folder / "ca.db"


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    (tmp_path / "ca.db").write_bytes(made.read_bytes())
    (tmp_path / "ca.db").chmod(0o600)
    return tmp_path / "ca.db"


def statements(file: Path, *several: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in several:
            connection.execute(statement)


def without_rules(file: Path, statement: str) -> None:
    """As somebody does who does not mean well."""
    with closing(sqlite3.connect(file)) as connection, connection:
        rules = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount > 0
        for _, rule in rules:
            connection.execute(rule)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM certificates WHERE holder = 'bob'", "never forgotten"),
        ("UPDATE certificates SET der = x'00' WHERE holder = 'bob'", "never changes"),
        ("UPDATE certificates SET not_after = 0", "never changes"),
        ("UPDATE certificates SET revoked_at = NULL, reason = NULL WHERE revoked_at > 0", "withdrawn once"),
        ("UPDATE certificates SET reason = 'superseded' WHERE revoked_at > 0", "withdrawn once"),
        ("DELETE FROM events WHERE seq = 5", "never deleted"),
        ("UPDATE events SET entry = x'00'", "never change"),
        ("UPDATE lists SET number = 1", "only grow"),
        ("DELETE FROM lists", "never restart"),
        ("INSERT INTO generations VALUES ('client-ca', 2, 'issuing')", "UNIQUE"),
        (
            ANOTHER.format("'AB'", "holder", "'another key'", "kind = 'client-ca'"),
            "a subject keeps its key",
        ),
        (
            ANOTHER.format("serial", "holder", "key", "holder = 'bob'"),
            "UNIQUE",
        ),
    ],
)
def test_sqlite_itself_refuses(file: Path, statement: str, why: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=why):
        statements(file, statement)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM certificates WHERE holder = 'bob'", "is missing"),
        ("UPDATE certificates SET der = x'00' WHERE holder = 'bob'", "is not the one that was issued"),
        ("UPDATE certificates SET revoked_at = NULL, reason = NULL WHERE revoked_at > 0", "was not revoked as"),
        ("UPDATE certificates SET revoked_at = 1, reason = 'superseded' WHERE holder = 'bob'", "was not revoked as"),
        ("UPDATE certificates SET reason = 'nonsense', revoked_at = 1", "cannot be read"),
        (
            ANOTHER.format("'AB'", "'mallory'", "key", "holder = 'bob'"),
            "certificate AB is not the one that was issued",
        ),
        ("UPDATE certificates SET holder = 'mallory' WHERE holder = 'bob'", "is not recorded as it was issued"),
        ("UPDATE certificates SET kind = 'server' WHERE holder = 'bob'", "is not recorded as it was issued"),
        ("UPDATE certificates SET not_after = 1 WHERE holder = 'bob'", "is not recorded as it was issued"),
        ("UPDATE certificates SET generation = 2 WHERE holder = 'bob'", "is not recorded as it was issued"),
        ("UPDATE certificates SET replaced_by = NULL WHERE replaced_by > ''", "was not replaced as"),
        ("UPDATE certificates SET replaced_by = 'AB' WHERE holder = 'bob'", "was not replaced as"),
        ("UPDATE generations SET state = 'retired' WHERE kind = 'root'", "root G1 is retired, and was issuing"),
        ("INSERT INTO generations VALUES ('client-ca', 2, 'leaving')", "client-ca G2 is leaving, and was unknown"),
        ("DELETE FROM generations WHERE kind = 'server-ca'", "server-ca G1 is missing, and was issuing"),
        ("UPDATE lists SET der = x'00'", "G1 is not the newest that was signed"),
        ("UPDATE lists SET number = number - 1", "G1 is not the newest that was signed"),
        ("DELETE FROM lists", "list of client-ca G1 is missing"),
        ("DELETE FROM events WHERE seq = 5", "entry 5 is missing"),
        ("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", "is missing"),
        ("UPDATE events SET entry = replace(entry, 'bob', 'eve') WHERE seq = 7", "entry 7 is not what was written"),
        ("UPDATE events SET entry = x'00' WHERE seq = 1", "entry 1 is not what was written"),
    ],
)
def test_what_somebody_changed_is_noticed(file: Path, statement: str, why: str) -> None:
    without_rules(file, statement)
    with Index(file.parent) as index, pytest.raises(Damaged, match=why):
        index.verify()


def test_what_nobody_changed_is_sound(file: Path) -> None:
    with Index(file.parent) as index:
        assert index.verify() == len(list(index.events()))


def test_reading_changes_nothing(file: Path) -> None:
    before = file.read_bytes()
    with Index(file.parent) as index:
        index.all(), index.servers(), index.clients(), index.verify(), index.plan, index.lists()
        with pytest.raises(Unsound, match="readonly"), changing(index._records, datetime.now(UTC)) as change:
            change.note("x", b"y")
    assert file.read_bytes() == before


def test_a_file_that_nobody_has_open_is_read(tmp_path: Path) -> None:
    create(tmp_path / "ca", Clock()).close()
    with Index(tmp_path / "ca") as index:
        assert len(index.all()) == 3


@pytest.mark.parametrize("damage", [b"no database at all", b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_file_is_one_sentence(file: Path, damage: bytes) -> None:
    file.write_bytes(damage)
    with pytest.raises(Unsound, match=r"ca\.db"), Index(file.parent) as index:
        index.all()


def test_a_change_that_fails_leaves_nothing(file: Path) -> None:
    records = Records(file)
    index = Index(file.parent, records)
    count, bob = index.verify(), index.find("bob")
    with pytest.raises(ZeroDivisionError), changing(records, datetime.now(UTC)) as change:
        change.event(What.LISTED, Kind.CLIENT_CA, "x")
        change.holder(bob, "elsewhere", "")
        raise ZeroDivisionError
    assert index.verify() == count
    assert index.holder(Kind.CLIENT, BOB).folder == file.parent / "clients" / "bob"  # type: ignore[union-attr]


def test_a_list_number_never_goes_back(file: Path) -> None:
    records = Records(file)
    (before,) = Index(file.parent, records).lists()
    for number in (before.number, before.number - 1):
        older = Listed(
            generation=1, number=number, der=b"", this_update=before.this_update, next_update=before.next_update
        )
        with pytest.raises(Unsound, match="only grow"), changing(records, datetime.now(UTC)) as change:
            change.listed(older)


def test_a_note_is_bounded(file: Path) -> None:
    records = Records(file)
    with pytest.raises(UsageError, match="a note of"), changing(records, datetime.now(UTC)) as change:
        change.note("rotation", bytes(NOTE_MAX_BYTES + 1))


def test_folders_are_behind_until_written(tmp_path: Path) -> None:
    clock = Clock()
    authority = create(tmp_path / "ca", clock)
    authority.issue_server(server("docker1"))
    alice = authority.issue_client(ALICE)
    assert not authority.index.behind(clock())
    with authority._premises.change() as change:
        change.stale(Kind.SERVER, Kind.CLIENT)
    assert [holder.name for holder in authority.index.behind(clock())] == ["docker1", "alice"]
    assert not authority.index.behind(alice.not_after + timedelta(days=100)), "nobody waits for what is over"
    assert len(authority.rewrite_folders()) == 2
    assert not authority.index.behind(clock())


@given(
    seconds=st.integers(min_value=0, max_value=2**32),
    what=st.sampled_from(What),
    words=st.tuples(_TEXT, _TEXT, _TEXT),
    details=st.dictionaries(_TEXT, _TEXT, max_size=4),
)
def test_events_are_read_as_they_were_written(
    seconds: int, what: What, words: tuple[str, str, str], details: dict[str, str]
) -> None:
    kind, holder, serial = words
    event = Event(
        at=datetime.fromtimestamp(seconds, UTC),
        what=what,
        kind=kind,
        holder=holder,
        serial=serial,
        details=details,
        seq=3,
    )
    assert decode(3, encode(event)) == event


@given(st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b'{"at":1e400}', b"[" * 5000]))
def test_no_bytes_are_more_than_damaged(entry: bytes) -> None:
    with pytest.raises(Damaged, match="event 9"):
        decode(9, entry)
    with pytest.raises(Damaged, match="plan"):
        read_plan(entry)


@given(st.lists(st.sampled_from(["example.com", "10.0.0.0/8"]), unique=True))
def test_a_plan_is_read_as_it_was_written(permitted: list[str]) -> None:
    plan = Plan(name=CaName("tests"), key_kind="ed25519", permitted=tuple(permitted))
    assert read_plan(encode_plan(plan)) == plan


@given(st.integers(min_value=1, max_value=2**159))
def test_a_serial_is_found_however_it_is_typed(serial: int) -> None:
    text = serial_text(serial)
    for typed in (text, text.lower(), f"0x{text}", ":".join(text[i : i + 2] for i in range(0, len(text), 2))):
        assert selector_serial(typed) == text


@given(st.text(max_size=30))
def test_other_text_is_no_serial(text: str) -> None:
    found = selector_serial(text)
    assert not found or int(found, 16) >= 0


def test_the_authority_is_closed(tmp_path: Path) -> None:
    authority: Authority = create(tmp_path / "ca", Clock())
    authority.close()
    with pytest.raises(Unsound):
        authority.index.all()
