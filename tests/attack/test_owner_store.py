"""Whoever can write to the store must not make its owner bless what the owner did not say.

Besides the rows of the table: the publishing half. The attacker replaces rows of the database, alters the change that
waits for signatures, or holds the key of one signer (below the threshold).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pytrust.cli.render import change_lines
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.memory import HostMemory
from pytrust.trust.client.source import StoreSource
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.client.trusted import Verified
from pytrust.trust.collection.model import RELEASES, ROOT, TARGETS, Authority, Collection, Delegation, Target, Targets
from pytrust.trust.errors import BadMetadata, Conflict, Damaged, PytrustError, Rollback, Unsigned
from pytrust.trust.formats import tuf
from pytrust.trust.image import Platform
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.online import create_online_keys, load_online_keys
from pytrust.trust.keys.private import generate
from pytrust.trust.keys.sealing import load_sealer
from pytrust.trust.keys.signers import Signer, open_signer, signer_of
from pytrust.trust.names import CollectionName, Digest, Format, ImageRef, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.publish.owner import Owner
from pytrust.trust.publish.proposal import Proposal, decode, encode
from pytrust.trust.publish.publisher import Outcome, Publisher
from pytrust.trust.publish.waiting import versions
from pytrust.trust.publish.wire import Held
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteReader, SqliteStore

NAME = CollectionName("registry.example.com/foo/web")
ALICE, BOB, CAROL = RoleName("alice"), RoleName("bob"), RoleName("carol")
GOOD, FIXED, EVIL = (Digest(letter * 64) for letter in "abe")


def _now() -> datetime:
    return datetime.now(UTC)


def target(tag: str, digest: Digest, *platforms: Platform) -> Target:
    """A tag of 100 bytes."""
    return Target(tag, digest, 100, platforms=platforms)


@dataclass
class House:
    """The owner's home: key ring, store, cache; and a fresh consumer of what it publishes."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.chmod(0o700)
        for name in ("keys", "online"):
            (self.folder / name).mkdir(mode=0o700)
        self.keyring = Keyring(self.folder / "keys", rounds=1)
        for role in ("root", "targets", "targets-2", ALICE, BOB, CAROL):
            self.keyring.add(RoleName(role), generate("ed25519"), lambda _: b"passphrase")
        create_online_keys(self.folder / "online")
        self.pin = Pin("**", frozenset({self.keyring.entry(ROOT).public.id}))
        self.cache = Cache(self.folder / "cache")
        self.open()

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.folder / "store.db"

    def open(self) -> None:
        """Open the store as the next command would."""
        online = load_online_keys(self.folder / "online")
        self.store = SqliteStore(self.database)
        client = TrustClient(StoreSource(self.store), self.cache, [self.pin], now=_now)
        caches = {Format.TUF: self.cache, Format.NOTARY: Cache(self.folder / "cache" / "notary")}
        held = Held(online, load_sealer(self.folder / "online"))
        self.publisher = Publisher(self.store, held, [self.pin], now=_now, memory=HostMemory(client, caches))
        self.owner = Owner(
            self.publisher,
            self.keyring,
            lambda _: b"passphrase",
            online,
            now=_now,
            forms=[Format.TUF],
            tell=lambda _: None,
        )

    def signer(self, name: str) -> Signer:
        """One key of the ring: stolen, in these tests."""
        return open_signer(self.keyring, self.keyring.entry(RoleName(name)), lambda _: b"passphrase")

    def add(self, name: RoleName, threshold: int | None, *by: RoleName) -> None:
        """One more signer."""
        self.owner.add_signer(NAME, name, self.keyring.entry(name).public, threshold, by)

    def verify(self, what: str, *, remembering: bool = False) -> Verified:
        """What a consumer gets: a fresh one, or this host itself."""
        cache = self.cache if remembering else Cache(self.folder / f"fresh-{len(list(self.folder.iterdir()))}")
        client = TrustClient(StoreSource(self.store), cache, [self.pin], now=_now)
        return client.verify([ImageRef.parse(f"{NAME}{what}")])[0]

    def tamper(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        """Write to the database behind the owner's back."""
        self.store.close()
        with sqlite3.connect(self.database) as connection:
            for statement, values in statements:
                connection.execute(statement, values)
        connection.close()
        self.open()

    def propose(self, files: Mapping[RoleName, bytes]) -> None:
        """Let a change wait that no command made."""
        state = self.publisher.load(NAME)
        assert state is not None
        base = versions(state)
        with self.store.writing(NAME) as transaction:
            transaction.set_proposal(NAME, encode(Proposal({Format.TUF: files}, base)))

    def current(self) -> Collection:
        """What is published."""
        state = self.publisher.load(NAME)
        assert state is not None
        return state.collection

    def shown(self) -> list[str]:
        """What an approver gets to see; a refusal to show anything is as good."""
        try:
            state, new, _ = self.publisher.proposal(NAME)
        except BadMetadata as error:
            return [f"refused: {error}"]
        return list(change_lines(state.collection if state else None, new[Format.TUF]))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Alice releases alone; ``v1`` and ``v2`` are released."""
    (tmp_path / "house").mkdir()
    made = House(tmp_path / "house")
    made.owner.sign(NAME, [target("v1", EVIL), target("v2", GOOD)], [ALICE])
    return made


@pytest.fixture
def council(house: House) -> House:
    """Two of alice, bob and carol must agree."""
    house.add(BOB, None, ALICE)
    house.add(CAROL, 2, ALICE, BOB)
    return house


# -- the store put back or edited -------------------------------------------------------------------------------------


def test_store_put_back_after_a_look(house: House) -> None:
    """The owner's host has verified the newest state: an older store is not signed upon."""
    rows = _dump(house)
    house.owner.revoke(NAME, ["v1"], [ALICE])
    house.verify(":v2", remembering=True)
    _restore(house, rows)
    with pytest.raises(Rollback):
        house.owner.sign(NAME, [target("v3", FIXED)], [ALICE])


def test_store_put_back_without_a_look(house: House) -> None:
    """The same on a host that publishes and never verifies: a revoked tag comes back under a fresh signature."""
    rows = _dump(house)
    house.owner.revoke(NAME, ["v1"], [ALICE])
    with pytest.raises(Unsigned):
        house.verify(":v1")
    _restore(house, rows)
    with pytest.raises(PytrustError):
        house.owner.sign(NAME, [target("v3", FIXED)], [ALICE])
    with pytest.raises(PytrustError):
        house.verify(":v1", remembering=True)


@pytest.mark.parametrize("role", ["targets", "releases", "alice"])
def test_old_file_under_a_new_number(house: House, role: str) -> None:
    """The version column is not signed: old bytes do not become newer by it."""
    house.add(BOB, None, ALICE)
    house.owner.revoke(NAME, ["v1"], [ALICE])
    house.verify(":v2", remembering=True)
    oldest = "(SELECT data FROM files WHERE role=? ORDER BY version LIMIT 1)"
    newest = "(SELECT max(version) FROM files WHERE role=?)"
    house.tamper((f"UPDATE files SET data={oldest} WHERE role=? AND version={newest}", (role, role, role)))
    with pytest.raises(Rollback, match="itself says"):
        house.owner.sign(NAME, [target("v3", FIXED)], [ALICE])


def test_old_root_under_a_new_number(house: House) -> None:
    """Nor does a root whose keys were replaced."""
    old = house.store.read(NAME, ROOT, 1)
    house.owner.rotate(NAME, TARGETS, house.keyring.entry(RoleName("targets-2")).public, [ALICE])
    house.verify(":v2", remembering=True)
    house.tamper(
        ("DELETE FROM files WHERE role='root' AND version=1", ()),
        ("UPDATE files SET data=? WHERE role='root' AND version=2", (old,)),
    )
    with pytest.raises((Rollback, BadMetadata)):
        house.owner.sign(NAME, [target("v3", FIXED)], [ALICE])


def test_unsigned_entry_in_the_store(house: House) -> None:
    """A row that nobody signed."""
    collection = house.current()
    old = collection.delegated[RELEASES]
    forged = replace(old, version=old.version + 1, targets={**old.targets, "v9": target("v9", EVIL)})
    data = tuf.write_targets(NAME, RELEASES, forged)
    house.tamper(
        ("UPDATE files SET data=?, version=? WHERE role='releases'", (data, forged.version)),
        ("UPDATE current SET version=? WHERE role='releases'", (forged.version,)),
    )
    with pytest.raises(BadMetadata):
        house.owner.sign(NAME, [target("v3", FIXED)], [ALICE])


@pytest.mark.parametrize("value", [b"", b"{}", b"[" * 1000])
def test_odd_rows(house: House, value: bytes) -> None:
    """Rows that are no metadata are refused by whoever reads them."""
    house.tamper(("UPDATE files SET data=? WHERE role='timestamp'", (value,)))
    with pytest.raises(BadMetadata):
        house.owner.sign(NAME, [target("v3", FIXED)], [ALICE])
    with pytest.raises(BadMetadata):
        house.verify(":v2")


@pytest.mark.parametrize("value", ["text", 7, 300_000_000, None])
def test_rows_of_other_types(house: House, value: object) -> None:
    """SQLite holds anything anywhere: a number must not become that many bytes, nor a text a traceback."""
    house.tamper(
        ("CREATE TABLE free (collection, format, role, version, expires, published, sha256, data)", ()),
        ("INSERT INTO free SELECT * FROM files", ()),
        ("UPDATE free SET data=? WHERE role='timestamp'", (value,)),
        ("DROP TABLE files", ()),
        ("ALTER TABLE free RENAME TO files", ()),
    )
    reader = SqliteReader(house.database)
    try:
        with pytest.raises((Damaged, BadMetadata)):
            client = TrustClient(StoreSource(reader), house.cache, [house.pin], now=_now)
            client.open(NAME)
    finally:
        reader.close()


def _dump(house: House) -> list[str]:
    house.store.close()
    with sqlite3.connect(house.database) as connection:
        rows = list(connection.iterdump())
    connection.close()
    house.open()
    return rows


def _restore(house: House, rows: list[str]) -> None:
    house.store.close()
    for path in house.folder.glob("store.db*"):
        path.unlink()
    with sqlite3.connect(house.database) as connection:
        connection.executescript("\n".join(rows))
    connection.close()
    house.database.chmod(0o600)
    house.open()


# -- the change that waits --------------------------------------------------------------------------------------------


def _approve(house: House, signer: RoleName) -> Outcome:
    """As the command does: look, then sign what was looked at."""
    _, new, _ = house.publisher.proposal(NAME)
    return house.owner.approve(NAME, [signer], new)


def _approve_all(house: House, *signers: RoleName) -> None:
    """Approvers see nothing wrong, and sign; a refusal is as good."""
    for signer in signers:
        try:
            _approve(house, signer)
        except PytrustError:
            return


def test_change_is_shown(council: House) -> None:
    """The honest case, so that the others mean something."""
    council.owner.sign(NAME, [target("v2", FIXED)], [ALICE])
    assert council.shown() == [f"~ v2 {GOOD} -> {FIXED}"]
    assert not _approve(council, BOB).missing
    assert council.verify(":v2").digest == FIXED


def test_altered_release_loses_its_signature(council: House) -> None:
    """A file that is altered while it waits needs the whole threshold again."""
    council.owner.sign(NAME, [target("v2", FIXED)], [ALICE])
    old = council.current().delegated[RELEASES]
    forged = replace(old, version=old.version + 1, targets={**old.targets, "v2": target("v2", EVIL)})
    council.propose({RELEASES: tuf.write_targets(NAME, RELEASES, forged)})
    assert council.shown() == [f"~ v2 {GOOD} -> {EVIL}"]
    assert _approve(council, BOB).missing
    assert council.verify(":v2").digest == GOOD


def test_role_that_nobody_may_sign(council: House) -> None:
    """A stranger's role is not published along with a change."""
    stranger = RoleName("mallory")
    body = Targets(1, _now() + timedelta(days=9), {"v9": target("v9", EVIL)})
    council.propose({stranger: tuf.write_targets(NAME, stranger, body)})
    with pytest.raises(BadMetadata, match="mallory"):
        council.publisher.proposal(NAME)


def test_hidden_platform(council: House) -> None:
    """Alice, below the threshold, slips a child digest under an honest-looking tag: it would verify by digest."""
    child = Platform("linux", "amd64", None, EVIL, 7)
    council.owner.sign(NAME, [target("v2", FIXED, child)], [ALICE])
    shown = "\n".join(council.shown())
    _approve_all(council, BOB)
    try:
        council.verify(f"@{EVIL}")
    except Unsigned:
        return
    assert str(EVIL) in shown


def test_hidden_release_key(council: House) -> None:
    """One more key that may release, which belongs to no signer."""
    mallory = signer_of(generate("ed25519"))
    old = council.current().targets
    delegations = tuple(
        Delegation(item.name, Authority((*item.authority.keys, mallory.public), item.authority.threshold))
        if item.name == RELEASES
        else item
        for item in old.delegations
    )
    forged = Targets(old.version + 1, old.expires, {}, delegations)
    council.propose({TARGETS: tuf.write_targets(NAME, TARGETS, forged)})
    shown = council.shown()
    _approve_all(council, TARGETS)
    authority = council.current().authority(RELEASES)
    assert authority is not None
    assert mallory.public not in authority.keys or mallory.public.id[:8] in "\n".join(shown)


def test_hidden_entry_of_targets(council: House) -> None:
    """Consumers accept a tag from ``releases``, then from ``targets``: the second is not part of the difference."""
    old = council.current().targets
    forged = Targets(old.version + 1, old.expires, {"v9": target("v9", EVIL)}, old.delegations)
    council.propose({TARGETS: tuf.write_targets(NAME, TARGETS, forged)})
    shown = "\n".join(council.shown())
    _approve_all(council, TARGETS)
    try:
        council.verify(":v9")
    except Unsigned:
        return
    assert str(EVIL) in shown


def test_hidden_expiry_and_version(council: House) -> None:
    """A release that never expires, with a version that leaves no room."""
    old = council.current().delegated[RELEASES]
    far = datetime(9999, 1, 1, tzinfo=UTC)
    forged = Targets(10**17, far, {**old.targets, "v2": target("v2", FIXED)})
    council.propose({RELEASES: tuf.write_targets(NAME, RELEASES, forged)})
    shown = "\n".join(council.shown())
    _approve_all(council, BOB, CAROL)
    assert council.current().delegated[RELEASES].version < 100 or "9999" in shown


def test_hidden_field(council: House) -> None:
    """The signed bytes hold more than the model: an approver signs a field nobody reads today."""
    import json

    council.owner.sign(NAME, [target("v2", FIXED)], [ALICE])
    old = council.current().delegated[RELEASES]
    forged = replace(old, version=old.version + 1, targets={**old.targets, "v2": target("v2", FIXED)})
    document: dict[str, Any] = json.loads(tuf.write_targets(NAME, RELEASES, forged))
    document["signed"]["targets"]["v2"]["custom"] = {"profile": "privileged"}
    council.propose({RELEASES: json.dumps(document).encode()})
    _approve_all(council, BOB, CAROL)
    published = council.store.read(NAME, RELEASES)
    assert published is not None
    assert b"privileged" not in published


def test_hidden_words_in_my_mouth(council: House) -> None:
    """The change holds a version of bob's own role: bob signs only what he was shown."""
    council.owner.sign(NAME, [target("v3", FIXED)], [ALICE])
    words = Targets(1, _now() + timedelta(days=9), {"v1": target("v1", EVIL), "v2": target("v2", EVIL)})
    with council.store.writing(NAME) as transaction:
        held = transaction.proposal(NAME)
        assert held is not None
        waiting = decode(NAME, held)
        files = {**waiting.files[Format.TUF], BOB: tuf.write_targets(NAME, BOB, words)}
        transaction.set_proposal(NAME, encode(Proposal({Format.TUF: files}, waiting.base)))
    shown = "\n".join(council.shown())
    _approve_all(council, BOB)
    said = council.current().delegated.get(BOB)
    assert said is None or set(said.targets) <= {"v3"} or str(EVIL) in shown


def test_swapped_between_look_and_approval(council: House) -> None:
    """What bob was shown is what bob signs."""
    council.owner.sign(NAME, [target("v2", FIXED)], [ALICE])
    _, shown, _ = council.publisher.proposal(NAME)
    council.publisher.reject(NAME)
    council.owner.sign(NAME, [target("v2", EVIL)], [ALICE])
    with pytest.raises(Conflict):
        council.owner.approve(NAME, [BOB], shown)
    assert council.verify(":v2").digest == GOOD


# -- a stolen signer's key --------------------------------------------------------------------------------------------


def test_removed_signer_leaves_nothing(house: House) -> None:
    """With alice's key a tag is released that no signer's role vouches for; removing alice withdraws it."""
    house.add(BOB, None, ALICE)
    house.owner.sign(NAME, [target("v2", GOOD)], [BOB])
    old = house.current().delegated[RELEASES]
    evil = replace(old, version=old.version + 1, targets={**old.targets, "v9": target("v9", EVIL)})
    data = tuf.sign(NAME, RELEASES, tuf.write_targets(NAME, RELEASES, evil), [house.signer("alice")])
    assert not house.publisher._settle(
        NAME, Proposal({Format.TUF: {RELEASES: data}}, _base(house)), replacing=None
    ).missing
    assert house.verify(":v9").digest == EVIL
    _, withdrawn = house.owner.remove_signer(NAME, ALICE, None, [BOB])
    assert "v9" in withdrawn
    with pytest.raises(Unsigned):
        house.verify(":v9")
    assert house.verify(":v2").digest == GOOD


def test_removed_after_a_change_of_key(house: House) -> None:
    """A signer who was given another key vouches for nothing; removing that signer still withdraws the tags."""
    house.add(BOB, None, ALICE)
    house.owner.add_signer(NAME, ALICE, house.keyring.entry(CAROL).public, None, [BOB])
    _, withdrawn = house.owner.remove_signer(NAME, ALICE, None, [BOB])
    assert set(withdrawn) == {"v1", "v2"}


def test_removed_signers_key_is_worth_nothing(house: House) -> None:
    """After removal the old key signs no release."""
    house.add(BOB, None, ALICE)
    house.owner.sign(NAME, [target("v2", GOOD)], [BOB])
    house.owner.remove_signer(NAME, ALICE, None, [BOB])
    old = house.current().delegated[RELEASES]
    evil = replace(old, version=old.version + 1, targets={"v9": target("v9", EVIL)})
    data = tuf.sign(NAME, RELEASES, tuf.write_targets(NAME, RELEASES, evil), [house.signer("alice")])
    outcome = house.publisher._settle(NAME, Proposal({Format.TUF: {RELEASES: data}}, _base(house)), replacing=None)
    assert outcome.missing
    with pytest.raises(Unsigned):
        house.verify(":v9")


def test_revoked_tag_is_gone_by_tag_and_digest(house: House) -> None:
    """Revoking leaves no other way to the image."""
    house.owner.revoke(NAME, ["v1"], [ALICE])
    for what in (":v1", f"@{EVIL}", f":v1@{EVIL}"):
        with pytest.raises(Unsigned):
            house.verify(what)
    assert house.verify(":v2").digest == GOOD


def test_neighbour_in_trouble(house: House) -> None:
    """A damaged collection whose timestamp is due does not keep the owner from signing another."""
    house.tamper(
        ("UPDATE files SET data=? WHERE role='targets'", (b"{}",)),
        ("UPDATE current SET expires=1 WHERE role='timestamp'", ()),
    )
    house.publisher.refresh_due()


def _base(house: House) -> dict[Format, dict[RoleName, int]]:
    state = house.publisher.load(NAME)
    assert state is not None
    return versions(state)


def test_6_a_tag_that_gets_other_content_says_what_it_was(house: House) -> None:
    """The owner may move a tag, also back to older content; consumers are told."""
    house.owner.sign(NAME, [target("v9", GOOD)], [ALICE])
    for digest, before in ((FIXED, GOOD), (GOOD, FIXED), (GOOD, FIXED)):
        house.owner.sign(NAME, [target("v9", digest)], [ALICE])
        found = house.verify(":v9")
        assert (found.digest, found.target.previous) == (digest, before)


def test_a_tag_in_targets_is_not_believed_and_is_gone_after_the_next_change(house: House) -> None:
    """Whoever stole the targets key once must not leave a tag that nothing shows and nothing removes."""
    with house.store.writing(NAME) as transaction:
        held = transaction.current(NAME)[TARGETS]
        document = json.loads(held.data)
        document["signed"]["version"] += 1
        document["signed"]["targets"] = {"v9": {"length": 100, "hashes": {"sha256": EVIL.hex}}}
        data = tuf.sign(NAME, TARGETS, json.dumps(document).encode(), [house.signer("targets")])
        transaction.put(NAME, RoleFile(TARGETS, held.version + 1, held.expires, data))
    house.publisher.refresh(NAME)
    with pytest.raises(Unsigned):
        house.verify(":v9")
    house.owner.rotate(NAME, TARGETS, house.keyring.entry(RoleName("targets-2")).public, [ALICE])
    newest = house.store.read(NAME, TARGETS)
    assert newest is not None
    assert json.loads(newest)["signed"]["targets"] == {}


@pytest.mark.parametrize("name", ["/tmp/elsewhere", "../x", "a//b", "Foo", "", 5, b"x"])
def test_names_in_the_store_are_not_taken_on_trust(house: House, name: object) -> None:
    """They become folders when a store is exported."""
    house.tamper(("UPDATE current SET collection=? WHERE role='timestamp'", (name,)))
    with pytest.raises(Damaged):
        SqliteReader(house.database).collections()


@pytest.mark.parametrize("value", ["text", 5, 0.5, 300_000_000])
def test_files_in_the_store_are_bytes(house: House, value: object) -> None:
    house.tamper(("UPDATE files SET data=? WHERE role='timestamp'", (value,)))
    with pytest.raises(Damaged):
        SqliteReader(house.database).read(NAME, RoleName("timestamp"))
    house.open()
    with pytest.raises(Damaged), house.store.writing(NAME) as transaction:
        transaction.current(NAME)


@pytest.mark.parametrize("value", ["zz", 9_999_999_999_999_999, b"x"])
def test_times_in_the_store_are_times(house: House, value: object) -> None:
    house.tamper(("UPDATE files SET expires=? WHERE role='timestamp'", (value,)))
    house.open()
    with pytest.raises(Damaged), house.store.writing(NAME) as transaction:
        transaction.current(NAME)
