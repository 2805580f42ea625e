"""Large values lie in the journal once, are as covered by its chain as entries are, and come back as they were."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.fakes.journal import ALLOW, CREATE, DIGEST, KNOWN, NOW, POLICY, WEB, decided, event, tamper
from tests.fakes.scans import FINDING, VULNERABLE

from pytrust.policy.core.decision import Allow, Deny
from pytrust.policy.core.facts import (
    Admission,
    Container,
    ContainerQuery,
    Fact,
    Facts,
    Profiled,
    ProfileQuery,
    Query,
    Scanned,
    ScanQuery,
)
from pytrust.policy.core.request import Create, Held, Manage
from pytrust.policy.journal import Decided, Entry, Journal, JournalReader, reader
from pytrust.policy.journal import documents as library
from pytrust.policy.journal.coding import decode, encode, names
from pytrust.policy.journal.documents import DOCUMENT_MAX_BYTES, Sheaf, Shelf
from pytrust.policy.journal.file import paths
from pytrust.scanner.claim import Claim, Claims, Status
from pytrust.scanner.statement import encode_scan
from pytrust.trust.errors import Damaged, Unsound

SECCOMP = '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}'
OTHER = '{"defaultAction":"SCMP_ACT_ALLOW"}'
PROFILED = replace(next(fact for fact in KNOWN.values() if isinstance(fact, Profiled)), seccomp=SECCOMP)
CLAIMS = Claims(claims=(Claim(ids=("CVE-2026-0001",), status=Status.NOT_AFFECTED),))
SCANNED = Scanned(digest=DIGEST, scan=VULNERABLE, expires=NOW, claims=CLAIMS)
CONTAINER = Container(
    id="ef" * 32,
    image_id=str(DIGEST),
    admission=Admission(ref=WEB, image_id=str(DIGEST), policy=POLICY.version, profile=PROFILED),
)


def made(*facts: Fact, request: Create | Manage = CREATE, decision: Allow | Deny = ALLOW, after: float = 0) -> Decided:
    queries: tuple[Query, ...] = (
        ProfileQuery(ref=WEB), ScanQuery(ref=WEB, image_id="x"), ContainerQuery(name="y"), ContainerQuery(name="z")
    )  # fmt: skip
    known = dict(zip(queries, facts, strict=False))
    return Decided.of(Facts(NOW + timedelta(seconds=after), known), "uid 1000", request, POLICY, decision)


def again(entry: Entry) -> Entry:
    coded = encode(entry)
    assert names(coded.data) == tuple(sorted(coded.documents))
    return decode(coded.data, Shelf(coded.documents))


def name(content: str | bytes) -> str:
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "proxy" / "journal"


def documents(path: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT sha256, content FROM documents"))


# -- what is taken out of an entry --------------------------------------------------------------------------------------

PLACES = {
    "the client's file": made(request=replace(CREATE, seccomp=SECCOMP)),
    "a profile": made(PROFILED),
    "a container's profile": made(CONTAINER),
    "a decision's profile": made(decision=replace(ALLOW, profile=PROFILED)),
    "everywhere": made(
        PROFILED,
        SCANNED,
        CONTAINER,
        request=replace(CREATE, seccomp=SECCOMP),
        decision=replace(ALLOW, profile=PROFILED),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_seccomp_file_stands_beside_the_entry(place: str) -> None:
    coded = encode(PLACES[place])
    assert b"SCMP_ACT" not in coded.data
    assert coded.documents[name(SECCOMP)] == SECCOMP.encode()
    assert again(PLACES[place]) == PLACES[place]


def test_a_scan_and_claims_stand_beside_the_entry() -> None:
    coded = encode(made(PROFILED, SCANNED))
    assert b"CVE-2026-0001" not in coded.data
    assert coded.documents[name(encode_scan(VULNERABLE))] == encode_scan(VULNERABLE)
    assert len(coded.documents) == 3
    assert again(made(PROFILED, SCANNED)) == made(PROFILED, SCANNED)


def test_nothing_needs_no_document() -> None:
    entry = made(replace(PROFILED, seccomp=""), replace(SCANNED, claims=Claims()), replace(CONTAINER, admission=None))
    assert len(encode(entry).documents) == 1
    assert again(entry) == entry
    assert encode(made()).documents == {}
    assert b"documents" not in encode(made()).data
    assert encode(event()).documents == {}


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_any_text(seccomp: str, other: str) -> None:
    entry = made(replace(PROFILED, seccomp=other), request=replace(CREATE, seccomp=seccomp))
    assert again(entry) == entry
    assert len(encode(entry).documents) == len({seccomp, other} - {""})


def test_what_looks_like_a_name_is_none() -> None:
    """A client writes what it likes: as its file, as the name of a container, or as JSON of ours."""
    for text in (name(SECCOMP), '{"documents":["a"]}', '","documents":["a'):
        for entry in (made(request=replace(CREATE, seccomp=text)), made(request=Manage(what="kill", container=text))):
            assert again(entry) == entry
        assert names(encode(made(request=Create(image=Held(text=text)))).data) == ()


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b'{"type":"Decided","documents":[', b'{"type":"Decided","documents":[1]}']
)
def test_names_in_what_is_no_entry(data: bytes) -> None:
    assert names(data) == ()


def test_half_a_character_is_refused() -> None:
    with pytest.raises(Unsound, match="cannot be written to the journal"):
        encode(made(request=replace(CREATE, seccomp="\ud800")))


def test_documents_are_bounded(folder: Path) -> None:
    many = replace(
        VULNERABLE, findings=tuple(replace(FINDING, id=f"CVE-2026-{n}", target=f"{n:0>99}") for n in range(9999))
    )
    with Journal.open(folder) as journal:
        journal.append(event())
        with pytest.raises(Unsound, match="too large"):
            journal.append(made(request=replace(CREATE, seccomp="x" * (DOCUMENT_MAX_BYTES + 1))))
        with pytest.raises(Unsound, match="cannot be written to the journal: a scan with 9999 findings takes"):
            journal.append(made(PROFILED, replace(SCANNED, scan=many)))
        assert journal.append(made(request=replace(CREATE, seccomp="x" * DOCUMENT_MAX_BYTES))) == 2
        assert journal.verify().entries == 2


def test_a_value_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by identity: what is equal, and another object, is written again, and is the same document."""
    scans = [replace(VULNERABLE) for _ in range(200)]
    first = Sheaf().scan(scans[0])
    assert {Sheaf().scan(scan) for scan in scans} == {first}
    sheaf = Sheaf()
    assert sheaf.scan(scans[-1]) == first
    kept = sheaf.documents[first]
    sheaf.scan(scans[-1])
    assert sheaf.documents[first] is kept


# -- how they lie in the files ------------------------------------------------------------------------------------------


def test_each_is_there_once(folder: Path) -> None:
    with Journal.open(folder) as journal:
        for number in range(10):
            journal.append(PLACES["everywhere"])
            journal.append(made(replace(PROFILED, seccomp=OTHER), after=number))
    with Journal.open(folder) as journal:  # and it knows what is there
        journal.append(PLACES["everywhere"])
        assert journal.verify().entries == 21
    (path,) = paths(folder)
    assert documents(path).keys() == {
        name(SECCOMP),
        name(OTHER),
        name(encode_scan(VULNERABLE)),
        *encode(made(PROFILED, SCANNED)).documents,
    }
    assert len(documents(path)) == 4
    assert [stored.entry for stored in JournalReader(folder).entries()][0::20] == [PLACES["everywhere"]] * 2


def test_each_file_has_its_own(folder: Path) -> None:
    """A full file can be copied away, and an old one deleted, and takes its documents along."""
    with Journal.open(folder, max_bytes=1, keep=2) as journal:
        for number in range(6):
            journal.append(made(replace(PROFILED, seccomp=OTHER if number == 1 else SECCOMP)))
        assert journal.verify().first > 2
        assert [stored.entry for stored in journal.entries()][-1] == made(PROFILED)
    found = [documents(path) for path in paths(folder)]
    assert all(set(there) <= {name(SECCOMP)} for there in found)
    assert sum(map(len, found)) >= 2


MANUAL = (Path(__file__).parents[4] / "docs" / "journal.md").read_text()


def check_by_hand(folder: Path) -> str:
    """What the program in docs/journal.md says of it."""
    program = textwrap.dedent(MANUAL[MANUAL.index("    import hashlib") :])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder.parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_journal_is_checked_by_another_program(folder: Path) -> None:
    with Journal.open(folder, max_bytes=60_000) as journal:
        for number in range(20):
            journal.append(made(replace(PROFILED, seccomp=f"{SECCOMP}{number % 3}"), SCANNED))
        head = journal.verify().head.hex()
    assert len(paths(folder)) > 1
    assert check_by_hand(folder) == head
    for path in paths(folder):
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT entry FROM entries").fetchall()
        assert {known for (entry,) in rows for known in json.loads(entry).get("documents", ())} == documents(
            path
        ).keys()
    tamper(paths(folder)[-1], f"UPDATE documents SET content = x'00' WHERE sha256 = '{name(SECCOMP + '0')}'")
    assert check_by_hand(folder).startswith("AssertionError: ")


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("most", [1, 100, 10**9])
def test_reading_no_more_than_some_at_once(
    folder: Path, newest_first: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_BATCH_MAX_BYTES", most)
    written = [made(replace(PROFILED, seccomp=f"{SECCOMP}{number // 2}")) for number in range(20)]
    with Journal.open(folder) as journal:
        for entry in written:
            journal.append(entry)
    found = [stored.entry for stored in JournalReader(folder).entries(newest_first=newest_first)]
    assert found == (written[::-1] if newest_first else written)


@pytest.fixture
def two(folder: Path) -> Path:
    """Entries 1 and 4 are events, 2 and 3 have a document each."""
    with Journal.open(folder) as journal:
        for entry in (event(), made(PROFILED), made(replace(PROFILED, seccomp=OTHER)), event()):
            journal.append(entry)
    return folder


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET content = x'00'",
        "UPDATE documents SET sha256 = 'x'",
        "DELETE FROM documents",
        f"INSERT OR REPLACE INTO documents VALUES ('{name(SECCOMP)}', x'00')",
        f"INSERT INTO documents VALUES ('{name(SECCOMP)}', x'00') ON CONFLICT DO UPDATE SET content = x'00'",
    ],
)
def test_what_the_file_itself_refuses(two: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(paths(two)[0])) as connection,
        pytest.raises(sqlite3.IntegrityError, match="never"),
    ):
        connection.execute(statement)
    assert JournalReader(two).verify().entries == 4


AT = f"WHERE sha256 = '{name(OTHER)}'"
DAMAGES = [
    (f"UPDATE documents SET content = x'00' {AT}", f"entry 3 needs the document {name(OTHER)}, which is not what was"),
    (
        f"UPDATE documents SET content = CAST(content AS TEXT) {AT}",
        f"entry 3 needs the document {name(OTHER)}, which is",
    ),
    (f"DELETE FROM documents {AT}", f"entry 3 needs the document {name(OTHER)}, which is missing"),
    (f"UPDATE documents SET sha256 = 'x' {AT}", f"entry 3 needs the document {name(OTHER)}, which is missing"),
    (f"UPDATE documents SET content = zeroblob(4000000) {AT}", "entry 3 needs the document .* cannot be read"),
    ("DELETE FROM documents", f"entry 2 needs the document {name(SECCOMP)}, which is missing"),
]


@pytest.mark.parametrize(("statement", "said"), DAMAGES)
def test_what_verification_finds(two: Path, statement: str, said: str) -> None:
    tamper(paths(two)[0], statement)
    for look in (JournalReader(two).verify, lambda: Journal.open(two)):
        with pytest.raises(Damaged, match=said) as caught:
            look()
        assert caught.value.hint
    with pytest.raises(Damaged):
        list(JournalReader(two).entries())


def test_a_document_that_nobody_needs(two: Path) -> None:
    tamper(paths(two)[0], f"INSERT INTO documents VALUES ('{name('x')}', CAST('x' AS BLOB))")
    with pytest.raises(Damaged, match="holds a document that no entry names"):
        JournalReader(two).verify()
    assert len(list(JournalReader(two).entries())) == 4


@pytest.mark.parametrize(
    ("statement", "why"), [(DAMAGES[0][0], "is not what was written"), (DAMAGES[2][0], "is missing")]
)
def test_reading_goes_up_to_the_entry_that_lacks_its_document(two: Path, statement: str, why: str) -> None:
    tamper(paths(two)[0], statement)
    found = JournalReader(two).entries()
    assert [next(found).seq for _ in range(2)] == [1, 2]
    with pytest.raises(Damaged, match=f"the document {name(OTHER)} {why}") as caught:
        next(found)
    assert caught.value.hint


def test_the_table_is_not_there(two: Path) -> None:
    tamper(paths(two)[0], "DROP TABLE documents")
    with pytest.raises(Damaged, match="does not hold the tables of a journal"):
        JournalReader(two).verify()


def test_a_document_that_is_none() -> None:
    for fact in (PROFILED, SCANNED):
        coded = encode(made(fact))
        shelf = Shelf(dict.fromkeys(coded.documents, b"\xff"))
        with pytest.raises(Damaged, match="is not what was written"):
            decode(coded.data, shelf)
    junk = name(b"\xff")
    data = encode(made(SCANNED)).data.replace(name(encode_scan(VULNERABLE)).encode(), junk.encode())
    with pytest.raises(Damaged, match=f"the document {junk} of the journal cannot be understood"):
        decode(data, Shelf({**encode(made(SCANNED)).documents, junk: b"\xff"}))


@pytest.fixture
def no_room() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_for_a_document(folder: Path, no_room: None) -> None:
    """All or nothing: the entry is not there, nor what it would have needed."""
    with Journal.open(folder) as journal:
        journal.append(made(PROFILED))
        with pytest.raises(Unsound, match=str(folder)):
            journal.append(made(replace(PROFILED, seccomp="x" * 500_000), SCANNED))
        assert journal.append(made(PROFILED)) == 2
        assert journal.verify().entries == 2
    assert documents(paths(folder)[0]).keys() == {name(SECCOMP)}


def test_everything_that_is_known_comes_back(folder: Path) -> None:
    with Journal.open(folder) as journal:
        journal.append(decided())
        stored = journal.entry(1)
    assert stored is not None
    assert stored.entry == decided()


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten values are written again, as the same document."""
    monkeypatch.setattr(library, "_KEPT_MAX_BYTES", 2 * len(encode_scan(VULNERABLE)))
    first, *others = (replace(VULNERABLE) for _ in range(3))
    sheaves = Sheaf(), Sheaf()
    sheaves[0].scan(first)
    for scan in others:
        Sheaf().scan(scan)
    sheaves[1].scan(first)
    (name_, kept), (again_, anew) = (next(iter(sheaf.documents.items())) for sheaf in sheaves)
    assert (name_, kept) == (again_, anew)
    assert kept is not anew
