"""An authority: what it issues, whom it refuses, and that folders and records tell the same story."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fakes.authority import (
    ALICE,
    BOB,
    START,
    Clock,
    create,
    leaf,
    passphrase,
    reopen,
    revoked,
    server,
    trusted,
)
from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.errors import (
    BadPermissions,
    NotFound,
    NotSetUp,
    PytrustError,
    Refused,
    Unsound,
    UsageError,
    VaultLocked,
)
from pytrust.trust.keys.keyring import KeyEntry, Keyring
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import RoleName
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.ca_keys import FOLDER, CaKeys
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.plan import Elsewhere, Plan
from pytrust.trust.pki.authority.succession import Remark
from pytrust.trust.pki.folder import CERT, CRL, KEY, read
from pytrust.trust.pki.model import CRL_LIFETIME, CRL_RENEW_BEFORE, CertKeyKind, Issued, Kind, Reason, serial_text
from pytrust.trust.pki.names import ClientName, parse_ca_name
from pytrust.trust.vault.asking import Vaulted

FIRST = int(START.timestamp())
"""The number of the first list."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ca"


@pytest.fixture
def authority(folder: Path, clock: Clock) -> Authority:
    return create(folder, clock)


def folder_of(authority: Authority, issued: Issued) -> Path:
    holder = authority.index.holder(issued.kind, issued.holder)
    assert holder is not None
    assert holder.folder is not None
    return holder.folder


def whats(authority: Authority) -> list[str]:
    return [event.what.value for event in authority.index.events()]


# Making one.


def test_a_new_authority_is_complete(authority: Authority, folder: Path) -> None:
    subjects = [issued.certificate.subject.rfc4514_string() for issued in authority.index.all()]
    assert subjects == [f"CN=tests {what} G1,O=tests" for what in ("root", "server CA", "client CA")]
    assert sorted(path.name for path in (folder / "keys").iterdir()) == [
        "client-ca-g1.key",
        "root-g1.key",
        "server-ca-g1.key",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "keys")} == {0o700}
    assert [listed.number for listed in authority.index.lists()] == [FIRST]
    assert authority.verify() == 4
    assert [path.name for path in folder.parent.iterdir()] == ["ca"]


@pytest.mark.parametrize("kind", ["ecdsa-p384", "ed25519", "rsa-3072"])
def test_kinds_of_ca_keys(folder: Path, clock: Clock, kind: CertKeyKind) -> None:
    create(folder, clock, Plan(name=parse_ca_name("tests"), key_kind=kind))
    authority = reopen(folder, clock)
    issued = authority.issue_client(ALICE)
    issued.certificate.verify_directly_issued_by(authority.index.current(Kind.CLIENT_CA).certificate)


def test_a_root_key_that_lives_elsewhere(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate_private_key(SECP256R1())
    opened: list[str | None] = []

    def open_signer(_: object, entry: KeyEntry, __: object) -> Signer:
        opened.append(entry.uri)
        return signer_of(key)

    monkeypatch.setattr("pytrust.trust.keys.signers.open_signer", open_signer)
    root = Elsewhere("hsm:2?label=root", PublicKey.of(key.public_key()))
    authority = create(folder, clock, Plan(name=parse_ca_name("tests"), elsewhere={Kind.ROOT: root}))
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    assert authority.index.current(Kind.ROOT).certificate.public_key() == key.public_key()
    for ca in (*authority.index.bundle(Kind.CLIENT_CA), authority.index.current(Kind.SERVER_CA)):
        ca.certificate.verify_directly_issued_by(authority.index.current(Kind.ROOT).certificate)
    assert opened == ["hsm:2?label=root"]
    with pytest.raises(UsageError, match="lives outside"):
        authority.export_root(folder / "root.key")


def test_names_that_are_not_permitted_are_not_issued(folder: Path, clock: Clock) -> None:
    authority = create(folder, clock, Plan(name=parse_ca_name("tests"), permitted=("example.com",)))
    authority.issue_server(server("docker1.example.com"))
    with pytest.raises(Refused):
        authority.issue_server(server("docker1.example.org"))
    assert [holder.name for holder in authority.index.servers()] == ["docker1.example.com"]


def test_there_is_one_authority_to_a_folder(authority: Authority, folder: Path, clock: Clock) -> None:
    before = authority.index.all()
    with pytest.raises(UsageError, match="there is an authority"):
        create(folder, clock)
    assert reopen(folder, clock).index.all() == before


def test_nothing_is_made_over_what_lies_there(folder: Path, clock: Clock) -> None:
    folder.mkdir(parents=True)
    (folder / "notes").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        create(folder, clock)
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_what_an_ended_run_left_is_thrown_away(folder: Path, clock: Clock) -> None:
    rubbish = folder.with_name(".ca.new")
    (rubbish / "keys").mkdir(parents=True, mode=0o700)
    rubbish.chmod(0o700)
    (rubbish / "keys" / "root-g1.key").write_bytes(b"half a key")
    (rubbish / "ca.db").write_bytes(b"half an index")
    create(folder, clock).issue_client(ALICE)
    assert [path.name for path in folder.parent.iterdir()] == ["ca"]


def test_a_folder_without_authority(folder: Path, clock: Clock) -> None:
    with pytest.raises(NotSetUp, match="there is no authority"):
        reopen(folder, clock)


def test_an_index_that_others_can_read_is_refused(authority: Authority, folder: Path, clock: Clock) -> None:
    (folder / "ca.db").chmod(0o640)
    with pytest.raises(BadPermissions):
        reopen(folder, clock)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_umask_changes_nothing(folder: Path, clock: Clock, umask: int) -> None:
    before = os.umask(umask)
    try:
        authority = create(folder, clock)
        where = folder_of(authority, authority.issue_server(server("docker1")))
    finally:
        os.umask(before)
    wide = {path.name for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077}
    assert wide == {"ca.pem", "cert.pem", "crl.pem"}
    assert {path.stat().st_mode & 0o777 for path in where.glob(".1/*") if path.name != KEY} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o700}


def test_a_key_is_opened_once_and_only_when_something_is_signed(
    authority: Authority, folder: Path, clock: Clock
) -> None:
    asked: list[str] = []

    def ask(name: RoleName) -> bytes:
        asked.append(name)
        return passphrase(name)

    again = Authority(folder, ask, clock)
    again.index.all()
    assert asked == []
    alice = again.issue_client(ALICE)
    again.renew(alice)
    again.revoke(alice, Reason.SUPERSEDED)
    again.issue_server(server("docker1"))
    assert asked == ["client-ca-g1", "server-ca-g1"]


# Issuing.


def test_a_server_gets_a_folder_that_works(authority: Authority, folder: Path) -> None:
    issued = authority.issue_server(server("docker1.example.com", "10.0.0.1"))
    where = folder / "servers" / "docker1.example.com"
    assert folder_of(authority, issued) == where
    assert leaf(where).serial_number == issued.serial
    assert trusted(where) == [authority.index.current(Kind.CLIENT_CA).certificate]
    chain = x509.load_pem_x509_certificates(read(where)[CERT])
    assert chain == [issued.certificate, authority.index.current(Kind.SERVER_CA).certificate]
    assert revoked(where) == set()


def test_a_client_gets_a_folder_that_works(authority: Authority, folder: Path) -> None:
    issued = authority.issue_client(ALICE, lifetime=timedelta(hours=8))
    where = folder / "clients" / "alice"
    assert leaf(where) == issued.certificate
    assert trusted(where) == [authority.index.current(Kind.ROOT).certificate]
    assert CRL not in read(where)
    assert issued.not_after == START + timedelta(hours=8)


def test_renewal_comes_between_half_and_four_fifths_of_a_life(authority: Authority) -> None:
    several = authority.issue_clients([ClientName(f"c{number}") for number in range(40)], lifetime=timedelta(days=10))
    points = {(issued.renew_at - START) / timedelta(days=10) for issued in several}
    assert all(0.49 < point < 0.81 for point in points)
    assert len(points) > 30, "a fleet would come at once"


def test_a_wildcard_has_a_folder_without_a_star(authority: Authority) -> None:
    where = folder_of(authority, authority.issue_server(server("*.example.com")))
    assert where.name == "_wildcard.example.com"


def test_a_name_is_one_holders(authority: Authority) -> None:
    authority.issue_client(ALICE)
    count = len(authority.index.all())
    with pytest.raises(UsageError, match="alice has a certificate until") as caught:
        authority.issue_client(ALICE)
    assert "pytrust ca renew alice" in caught.value.hint
    assert len(authority.index.all()) == count
    authority.issue_server(server("alice"))  # a server is not a client


def test_a_name_is_free_again_after_the_end(authority: Authority, clock: Clock) -> None:
    first = authority.issue_client(ALICE)
    clock.go(days=31)
    second = authority.issue_client(ALICE)
    assert second.serial != first.serial
    assert leaf(folder_of(authority, second)) == second.certificate


def test_a_folder_is_one_holders(authority: Authority, tmp_path: Path) -> None:
    authority.issue_client(ALICE, folder=tmp_path / "here")
    with pytest.raises(UsageError, match="belongs to the client alice"):
        authority.issue_client(BOB, folder=tmp_path / "here")
    assert authority.index.holder(Kind.CLIENT, BOB) is None


def test_a_home_can_be_moved(authority: Authority, folder: Path, clock: Clock) -> None:
    authority.issue_client(ALICE)
    authority.close()
    moved = folder.parent.with_name("moved")
    folder.parent.rename(moved)
    again = reopen(moved / "ca", clock)
    fresh = again.renew(again.index.find("alice"))
    assert leaf(moved / "ca" / "clients" / "alice") == fresh.certificate


def test_nothing_is_recorded_where_the_folder_cannot_be_written(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    count = authority.verify()
    for where in (tmp_path / "link", tmp_path / "missing" / "deep"):
        with pytest.raises(Unsound):
            authority.issue_client(ALICE, folder=where)
    assert authority.verify() == count
    assert not list((tmp_path / "real").iterdir())


@pytest.mark.parametrize("lifetime", [timedelta(minutes=4), timedelta(days=826)])
def test_lifetimes_out_of_bounds_are_refused(authority: Authority, lifetime: timedelta) -> None:
    with pytest.raises(UsageError):
        authority.issue_client(ALICE, lifetime=lifetime)
    assert authority.index.holder(Kind.CLIENT, ALICE) is None


def test_many_clients(authority: Authority) -> None:
    alice = authority.issue_client(ALICE)
    names = [ClientName(f"c{number}") for number in range(300)]
    made = authority.issue_clients([*names, ALICE])
    assert [issued.holder for issued in made] == [*names, "alice"]
    assert made[-1] == alice, "who has a certificate keeps it"
    assert len({issued.serial for issued in made}) == 301
    assert all(leaf(folder_of(authority, issued)) == issued.certificate for issued in made[::50])
    assert not authority.index.behind(START)
    assert authority.issue_clients([*names, ALICE]) == made
    authority.verify()


# Keys that are held elsewhere.


def test_signing_for_a_key_elsewhere(authority: Authority, folder: Path) -> None:
    key = Ed25519PrivateKey.generate()
    enrolled = authority.sign_server(server("docker2"), key.public_key())
    assert enrolled.certificate.public_key() == key.public_key()
    assert not (folder / "servers" / "docker2").exists()
    with pytest.raises(UsageError, match="held elsewhere"):
        authority.renew(enrolled)


def test_a_name_keeps_its_key_unless_its_holder_asks(authority: Authority) -> None:
    first, second = (generate_private_key(SECP256R1()).public_key() for _ in range(2))
    enrolled = authority.sign_client(ALICE, first)
    authority.sign_client(ALICE, first)  # an answer that was lost
    with pytest.raises(Refused, match="for another key"):
        authority.sign_client(ALICE, second)
    bob = authority.sign_client(BOB, first)
    with pytest.raises(Refused, match="is not replaced by one for alice"):
        authority.sign_client(ALICE, second, replaces=bob)
    renewed = authority.sign_client(ALICE, second, replaces=enrolled)
    replaced = authority.index.by_serial(enrolled.serial)
    assert replaced is not None
    assert replaced.replaced_by == renewed.serial


def test_a_revoked_certificate_renews_nothing(authority: Authority) -> None:
    first, second = (generate_private_key(SECP256R1()).public_key() for _ in range(2))
    enrolled = authority.sign_client(ALICE, first)
    authority.revoke(enrolled, Reason.KEY_COMPROMISE)
    with pytest.raises(Refused, match="was revoked"):
        authority.sign_client(ALICE, second, replaces=enrolled)  # as it was before
    authority.sign_client(ALICE, second)


# Renewing.


@pytest.mark.parametrize("new_key", [True, False])
def test_renewal_keeps_names_span_kind_and_folder(authority: Authority, clock: Clock, new_key: bool) -> None:
    names = server("docker1", "docker1.example.com", "10.0.0.1", "::1")
    old = authority.issue_server(names, lifetime=timedelta(days=20), key_kind="ecdsa-p384", endpoint="docker1:2376")
    clock.go(days=12)
    fresh = authority.renew(old, new_key=new_key)
    where = folder_of(authority, fresh)
    assert leaf(where) == fresh.certificate
    san = [
        issued.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName) for issued in (old, fresh)
    ]
    assert san[0] == san[1]
    assert fresh.not_after == clock() + timedelta(days=20)
    same = fresh.certificate.public_key() == old.certificate.public_key()
    assert same is not new_key
    assert authority.index.holder(Kind.SERVER, "docker1").endpoint == "docker1:2376"  # type: ignore[union-attr]
    assert [issued.serial for issued in authority.index.live(Kind.SERVER, "docker1", clock())] == [
        old.serial,
        fresh.serial,
    ]


def test_renewals_do_not_shrink(authority: Authority, clock: Clock) -> None:
    issued = authority.issue_client(ALICE)
    spans = []
    for _ in range(4):
        clock.go(days=15, seconds=0.7)
        issued = authority.renew(issued)
        spans.append(issued.not_after - clock().replace(microsecond=0))
    assert set(spans) == {timedelta(days=30)}


def test_near_the_end_of_its_ca_a_renewal_is_shorter(authority: Authority, clock: Clock) -> None:
    clock.go(days=3650 - 20)
    issued = authority.issue_client(ALICE)
    end = authority.index.current(Kind.CLIENT_CA).not_after
    assert issued.not_after == end
    clock.go(days=15)
    assert authority.renew(issued).not_after == end


def test_what_is_due(authority: Authority, clock: Clock) -> None:
    alice, bob = authority.issue_client(ALICE), authority.issue_client(BOB, lifetime=timedelta(days=300))
    assert authority.index.due(clock()) == []
    clock.go(days=29)
    assert authority.index.due(clock()) == [alice]
    authority.renew(alice)
    assert authority.index.due(clock()) == []
    clock.go(days=400)
    authority.revoke(bob, Reason.SUPERSEDED)
    assert [issued.holder for issued in authority.index.due(clock())] == ["alice"]


def test_what_is_not_renewed(authority: Authority) -> None:
    alice = authority.issue_client(ALICE)
    authority.revoke(alice, Reason.UNSPECIFIED)
    for issued in (alice, authority.index.find("alice")):
        with pytest.raises(Refused, match="was revoked"):
            authority.renew(issued)
    with pytest.raises(UsageError, match="is not renewed"):
        authority.renew(authority.index.current(Kind.CLIENT_CA))


def test_a_folder_that_was_handed_over_is_made_again(authority: Authority, tmp_path: Path) -> None:
    alice = authority.issue_client(ALICE)
    folder_of(authority, alice).rename(tmp_path / "alice")
    fresh = authority.renew(alice)
    assert leaf(folder_of(authority, fresh)) == fresh.certificate
    with pytest.raises(PytrustError):
        folder_of(authority, fresh).rename(tmp_path / "again")
        authority.renew(fresh, new_key=False)


# Withdrawing.


def test_revocation_reaches_every_server(authority: Authority) -> None:
    servers = [folder_of(authority, authority.issue_server(server(name))) for name in ("docker1", "docker2")]
    keys = [read(where)[KEY] for where in servers]
    alice, bob = authority.issue_client(ALICE), authority.issue_client(BOB)
    authority.revoke(alice, Reason.KEY_COMPROMISE)
    assert [revoked(where) for where in servers] == [{alice.serial}] * 2
    authority.revoke(bob, Reason.SUPERSEDED)
    assert [revoked(where) for where in servers] == [{alice.serial, bob.serial}] * 2
    assert [listed.number for listed in authority.index.lists()] == [FIRST + 2]
    assert [read(where)[KEY] for where in servers] == keys
    assert authority.index.find("alice").revoked.reason == Reason.KEY_COMPROMISE  # type: ignore[union-attr]


def test_revoking_again_changes_nothing(authority: Authority) -> None:
    alice = authority.issue_client(ALICE)
    authority.revoke(alice, Reason.KEY_COMPROMISE)
    count = authority.verify()
    authority.revoke(alice, Reason.SUPERSEDED)
    assert authority.verify() == count


def test_all_of_a_holder_are_revoked_at_once(authority: Authority, clock: Clock) -> None:
    where = folder_of(authority, authority.issue_server(server("docker1")))
    issued = authority.issue_client(ALICE)
    for _ in range(2):
        issued = authority.renew(issued)
    live = authority.index.live(Kind.CLIENT, ALICE, clock())
    authority.revoke_all(live, Reason.KEY_COMPROMISE)
    assert revoked(where) == {one.serial for one in live}
    assert len(live) == 3
    assert whats(authority).count("listed") == 2


def test_a_list_forgets_what_ended_long_ago(authority: Authority, clock: Clock) -> None:
    alice = authority.issue_client(ALICE)
    authority.revoke(alice, Reason.UNSPECIFIED)
    clock.at = alice.not_after + CRL_LIFETIME - timedelta(seconds=1)
    authority.refresh_crl(force=True)
    where = folder_of(authority, authority.issue_server(server("docker1")))
    assert revoked(where) == {alice.serial}
    clock.go(seconds=1)
    authority.refresh_crl(force=True)
    assert revoked(where) == set()


def test_a_revoked_server_and_what_is_never_revoked(authority: Authority) -> None:
    docker1 = authority.issue_server(server("docker1"))
    authority.revoke(docker1, Reason.CESSATION_OF_OPERATION)
    assert [listed.number for listed in authority.index.lists()] == [FIRST], "clients' lists say nothing of servers"
    with pytest.raises(UsageError, match="is not revoked"):
        authority.revoke(authority.index.current(Kind.ROOT), Reason.UNSPECIFIED)


def test_a_server_that_the_list_cannot_reach_is_named(authority: Authority, tmp_path: Path) -> None:
    docker1, docker2 = (authority.issue_server(server(name)) for name in ("docker1", "docker2"))
    alice = authority.issue_client(ALICE)
    folder_of(authority, docker1).rename(tmp_path / "taken")
    with pytest.raises(Unsound, match="one folder could not be brought up to date.*docker1") as caught:
        authority.revoke(alice, Reason.UNSPECIFIED)
    assert caught.value.hint
    assert revoked(folder_of(authority, docker2)) == {alice.serial}
    (tmp_path / "taken").rename(folder_of(authority, docker1))
    assert authority.rewrite_folders() == [folder_of(authority, docker1)]
    assert revoked(folder_of(authority, docker1)) == {alice.serial}
    assert authority.rewrite_folders() == []


def test_lists_are_renewed_in_time(authority: Authority, clock: Clock) -> None:
    where = folder_of(authority, authority.issue_server(server("docker1")))
    first = read(where)[CRL]
    assert not authority.refresh_crl()
    clock.go(days=10)
    assert authority.refresh_crl()
    assert not authority.refresh_crl()
    assert read(where)[CRL] != first
    assert [listed.next_update - clock() for listed in authority.index.lists()] == [CRL_LIFETIME]


def test_lists_are_renewed_in_passing(authority: Authority, folder: Path, clock: Clock) -> None:
    where = folder_of(authority, authority.issue_server(server("docker1")))
    clock.go(seconds=(CRL_LIFETIME - CRL_RENEW_BEFORE).total_seconds())
    again = reopen(folder, clock)
    again.issue_server(server("docker2"))
    assert [listed.number for listed in again.index.lists()] == [FIRST], "no passphrase is asked for in passing"
    again.issue_client(ALICE)
    assert [listed.number for listed in again.index.lists()] == [int(clock().timestamp())]
    list_end = x509.load_pem_x509_crl(read(where)[CRL]).next_update_utc
    assert list_end == clock() + CRL_LIFETIME


# Finding.


def test_finding(authority: Authority) -> None:
    alice, docker1 = authority.issue_client(ALICE), authority.issue_server(server("docker1"))
    fresh = authority.renew(alice)
    find = authority.index.find
    assert find("alice") == fresh
    assert find("docker1") == docker1
    assert find("client-ca") == authority.index.current(Kind.CLIENT_CA)
    colons = ":".join(map("".join, zip(*[iter(serial_text(docker1.serial).lower())] * 2, strict=True)))
    for text in (serial_text(docker1.serial), serial_text(docker1.serial).lower(), colons, "0x0" + colons):
        assert find(text).serial == docker1.serial
    for text in ("nobody", "", "ff", "0x", "1_0", "\N{SUPERSCRIPT TWO}"):
        with pytest.raises(NotFound):
            find(text)


def test_a_name_that_means_two_things(authority: Authority) -> None:
    client, engine = authority.issue_client(ALICE), authority.issue_server(server("alice"))
    with pytest.raises(UsageError, match="a client and a server") as caught:
        authority.index.find("alice")
    assert serial_text(client.serial) in caught.value.hint
    assert authority.index.find("alice", Kind.SERVER) == engine


# The root key.


def test_the_root_key_leaves_and_comes_back(authority: Authority, folder: Path, clock: Clock, tmp_path: Path) -> None:
    stick = tmp_path / "root.key"
    with pytest.raises(Refused, match="never exported"):
        authority.remove_root()
    assert authority.export_root(stick) == stick
    assert stick.stat().st_mode & 0o777 == 0o600
    authority.export_root(stick)  # once more, the same
    authority.remove_root()
    assert not authority.holds_key(Kind.ROOT, 1)

    again = reopen(folder, clock)
    again.issue_client(ALICE)
    with pytest.raises(Refused, match="root-g1 of this authority is not here") as caught:
        again.add_generation(Kind.CLIENT_CA, passphrase)
    assert "pytrust ca root import" in caught.value.hint
    assert again.import_root(stick) == again.index.current(Kind.ROOT)
    again.add_generation(Kind.CLIENT_CA, passphrase)
    again.verify()
    assert [what for what in whats(again) if what.startswith("root-")] == [
        "root-exported",
        "root-exported",
        "root-removed",
        "root-imported",
    ]


def test_an_export_that_does_not_open_is_none(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"something")
    with pytest.raises(PytrustError):
        authority.export_root(tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"something"
    with pytest.raises(Refused, match="never exported"):
        authority.remove_root()


def test_a_root_key_that_stays_in_a_locked_vault_is_not_recorded_as_removed(
    authority: Authority, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    vault = FakeVaulted()

    def opening() -> Vaulted:
        if vault.closed:
            raise VaultLocked("the vault is locked")
        return vault

    Keyring(folder / FOLDER, vault=opening, place="ca").adopt(RoleName("root-g1"), passphrase)
    keys = CaKeys(folder / FOLDER, passphrase, vault=opening)
    again = Authority(folder, passphrase, clock, keys=keys)
    again.export_root(tmp_path / "root.key", new_passphrase=passphrase)
    before = whats(again)
    vault.close()
    with pytest.raises(VaultLocked):
        again.remove_root()
    assert whats(again) == before
    assert again.holds_key(Kind.ROOT, 1)


def test_another_key_in_the_place_of_the_root_key_is_not_exported(
    authority: Authority, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    """Else the root key would be removed, and be nowhere."""
    (folder / FOLDER / "root-g1.key").write_bytes((folder / FOLDER / "server-ca-g1.key").read_bytes())
    with pytest.raises(PytrustError, match="not the one in its certificate"):
        reopen(folder, clock).export_root(tmp_path / "root.key")
    with pytest.raises(Refused, match="never exported"):
        authority.remove_root()


def test_the_key_of_another_root_is_not_taken(authority: Authority, tmp_path: Path, clock: Clock) -> None:
    create(tmp_path / "other", clock).export_root(tmp_path / "other.key")
    with pytest.raises(Refused, match="no root of this authority"):
        authority.import_root(tmp_path / "other.key")
    with pytest.raises(NotFound):
        authority.import_root(tmp_path / "nothing")


# Records.


def test_the_journal_tells_everything_in_order(authority: Authority, clock: Clock) -> None:
    alice = authority.issue_client(ALICE)
    clock.go(hours=1)
    fresh = authority.renew(alice)
    authority.revoke(fresh, Reason.SUPERSEDED)
    events = list(authority.index.events())
    assert [event.what.value for event in events[4:]] == ["issued", "renewed", "revoked", "listed"]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(before.at <= after.at for before, after in pairwise(events))
    assert events[5].details["replaces"] == serial_text(alice.serial)
    assert events[6].details == {"reason": "superseded"}
    assert [event.seq for event in authority.index.events(after=6)] == [7, 8]


def test_the_state_of_a_rotation_is_kept(authority: Authority, folder: Path, clock: Clock) -> None:
    assert authority.rotation() is None
    authority.set_rotation(b"first")
    authority.set_rotation(b"second")
    assert reopen(folder, clock).rotation() == b"second"
    authority.set_rotation(None)
    assert authority.rotation() is None


def test_an_endpoint_is_remembered(authority: Authority) -> None:
    authority.issue_server(server("docker1"))
    authority.set_endpoint("docker1", "docker1:2376")
    assert [holder.endpoint for holder in authority.index.servers()] == ["docker1:2376"]
    with pytest.raises(NotFound):
        authority.set_endpoint("docker9", "x:1")


def test_where_a_server_is_asked_stands_in_the_journal(authority: Authority) -> None:
    """Whoever can point a rotation at another engine can make it believe what it likes."""
    first = authority.issue_server(server("docker1"), endpoint="docker1:2376")
    authority.renew(first)
    for endpoint in ("10.0.0.7:2376", "10.0.0.7:2376", ""):
        authority.set_endpoint("docker1", endpoint)
    told = [(event.holder, event.details) for event in authority.index.events() if event.what is What.ENDPOINT_SET]
    assert told == [("docker1", {"endpoint": where}) for where in ("docker1:2376", "10.0.0.7:2376", "")]
    authority.verify()


def test_whom_a_rotation_did_not_wait_for_stands_in_the_journal(authority: Authority) -> None:
    remarks = [
        Remark(What.VOUCHED_FOR, Kind.SERVER, "docker1", "cannot be reached"),
        Remark(What.PASSED_OVER, Kind.CLIENT, "alice", "holds a certificate of client CA G1"),
    ]
    authority.set_rotation(b"state", remarks)
    *_, vouched, passed = authority.index.events()
    assert (vouched.what, vouched.holder, vouched.details) == (
        What.VOUCHED_FOR,
        "docker1",
        {"seen": "cannot be reached"},
    )
    assert (passed.what, passed.kind, passed.holder) == (What.PASSED_OVER, "client", "alice")
    authority.verify()


def test_the_first_digits_of_a_serial_are_enough(authority: Authority) -> None:
    alice = authority.issue_client(ALICE)
    whole = serial_text(alice.serial)
    for typed in (whole, whole[:8], whole[:9].lower(), f"0x{whole[:10]}", ":".join(re.findall("..", whole))):
        assert authority.index.find(typed) == alice
    for typed in (whole[:7], f"{whole[:8]}%", f"{whole[:8]}G", whole[2:], f"{whole}0"):
        with pytest.raises(NotFound):
            authority.index.find(typed)


def test_digits_that_begin_several_serials_name_them(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    serials = [int(f"12345678{rest * 30}", 16) for rest in "AB"]
    monkeypatch.setattr(x509, "random_serial_number", iter(serials).__next__)
    authority.issue_client(ALICE)
    authority.issue_client(BOB)
    with pytest.raises(UsageError) as caught:
        authority.index.find("12345678")
    assert all(serial_text(serial) in caught.value.hint for serial in serials)
    assert authority.index.find("12345678B").holder == BOB


def test_a_clock_that_goes_back_issues_nothing_from_the_future(authority: Authority, clock: Clock) -> None:
    clock.at = datetime(2020, 1, 1, tzinfo=START.tzinfo)
    with pytest.raises(Refused, match="counts from 2027-03-01"):
        authority.issue_client(ALICE)


# Clocks, backups, and names that stand for others.


def test_what_was_made_while_the_clock_was_ahead_is_made_again(authority: Authority, clock: Clock) -> None:
    authority.issue_client(ALICE)
    clock.go(days=700)
    authority.renew(authority.index.find("alice"))
    authority.refresh_crl()
    clock.go(days=-700)
    assert [issued.holder for issued in authority.index.due(clock())] == ["alice"]
    assert authority.refresh_crl()
    (listed,) = authority.index.lists()
    assert listed.this_update == clock()
    assert authority.renew(authority.index.find("alice")).live(clock())
    assert authority.index.due(clock()) == []


def test_a_number_is_never_given_to_two_lists(authority: Authority, folder: Path, clock: Clock) -> None:
    """Yesterday's ca.db is put back: the next list is newer than all that hosts have seen."""
    backup = folder.with_name("backup.db")
    with closing(sqlite3.connect(folder / "ca.db")) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    clock.go(hours=1)
    alice = authority.issue_client(ALICE)
    authority.revoke(alice, Reason.KEY_COMPROMISE)
    given = [listed.number for listed in authority.index.lists()]
    authority.close()
    for path in folder.glob("ca.db*"):
        path.unlink()
    backup.rename(folder / "ca.db")
    (folder / "ca.db").chmod(0o600)
    clock.go(hours=1)
    again = reopen(folder, clock)
    again.revoke(again.issue_client(BOB), Reason.UNSPECIFIED)
    assert [listed.number for listed in again.index.lists()] > given
    assert again.verify()


def test_a_ca_that_is_over_says_so_to_whoever_renews(authority: Authority, clock: Clock) -> None:
    alice = authority.issue_client(ALICE)
    clock.at = authority.index.current(Kind.CLIENT_CA).not_after - timedelta(minutes=3)
    with pytest.raises(Refused, match="issues nothing any more"):
        authority.renew(alice)
    clock.go(days=30)
    with pytest.raises(Refused, match="issues nothing any more"):
        authority.renew(alice)


def test_nobody_hides_a_certificate_by_taking_its_serial_for_a_name(authority: Authority) -> None:
    bob = authority.issue_client(BOB)
    text = serial_text(bob.serial)
    authority.issue_client(ClientName(text))
    short = authority.issue_client(ClientName(text[:8]))
    assert authority.index.find(text) == bob
    with pytest.raises(UsageError) as caught:
        authority.index.find(text[:8])
    assert {text, serial_text(short.serial)} <= set(caught.value.hint.replace(",", "").split())


def test_one_certificate_has_one_follower(authority: Authority) -> None:
    """Two processes that renew at once: the second finds it done."""
    keys = [generate_private_key(SECP256R1()).public_key() for _ in range(3)]
    first = authority.sign_client(ALICE, keys[0])
    second = authority.sign_client(ALICE, keys[1], replaces=first)
    with pytest.raises(Refused, match="was renewed already"):
        authority.sign_client(ALICE, keys[2], replaces=first)
    found = authority.index.by_serial(first.serial)
    assert found is not None
    assert found.replaced_by == second.serial


def test_whoever_renews_while_the_passphrase_is_typed_is_locked_out_too(
    authority: Authority, folder: Path, clock: Clock
) -> None:
    keys = [generate_private_key(SECP256R1()).public_key() for _ in range(2)]
    first = authority.sign_client(ALICE, keys[0])
    authority.issue_server(server("docker1"))
    got: list[Issued] = []

    def typed(name: RoleName) -> bytes:
        got.append(authority.sign_client(ALICE, keys[1], replaces=first))
        return passphrase(name)

    operator = Authority(folder, typed, clock)
    withdrawn = operator.revoke_holder(operator.index.find("alice"), Reason.KEY_COMPROMISE)
    assert {issued.serial for issued in withdrawn} == {first.serial, got[0].serial}
    assert revoked(folder / "servers" / "docker1") == {first.serial, got[0].serial}
    assert operator.index.live(Kind.CLIENT, ALICE, clock()) == []
    assert operator.revoke_holder(first, Reason.KEY_COMPROMISE) == []
