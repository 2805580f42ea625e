"""A TLS folder as a running process reads it: changes are seen, older lists are not taken, not even after a restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.foreign_ca import ForeignCa

from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, PytrustError, Rollback
from pytrust.trust.pki import folder as tls_folder
from pytrust.trust.pki.clients.seen_lists import CAS_MAX, SeenLists
from pytrust.trust.pki.clients.standing import Bad, ClientTrust, Good
from pytrust.trust.pki.clients.trust_folder import TrustFolder

CA, OTHER = ForeignCa("client CA"), ForeignCa("another CA")
ALICE = CA.issue("alice")
SERIAL = ALICE.certificate.serial_number


class Site:
    """One TLS folder and one memory."""

    def __init__(self, path: Path) -> None:
        self.tls, self.seen = path / "tls", path / "state" / "lists.json"
        self.folder = TrustFolder(self.tls, self.seen)

    def put(self, crl: bytes, *, ca: bytes = CA.pem) -> None:
        tls_folder.publish(self.tls, {"ca.pem": ca, "crl.pem": crl})

    def read(self) -> ClientTrust:
        return self.folder.read()[1]

    def restart(self) -> None:
        self.folder = TrustFolder(self.tls, self.seen)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_folder_as_it_is(site: Site) -> None:
    site.put(CA.crl(SERIAL))
    files, trust = site.folder.read()
    assert files == {"ca.pem": CA.pem, "crl.pem": files["crl.pem"]}
    assert isinstance(trust.judge(ALICE.der, CA.now), Bad)


def test_a_folder_of_others_without_a_list(site: Site) -> None:
    site.tls.mkdir(0o700)
    (site.tls / "ca.pem").write_bytes(CA.pem)
    standing = site.read().judge(ALICE.der, CA.now)
    assert isinstance(standing, Bad)
    assert standing.code == "no-revocation-list"


def test_what_is_missing(site: Site) -> None:
    with pytest.raises(NotSetUp):
        site.read()
    site.tls.mkdir(0o700)
    with pytest.raises(NotSetUp, match=r"ca.pem is missing"):
        site.read()


def test_a_folder_that_others_may_write(site: Site) -> None:
    site.put(CA.crl())
    site.tls.chmod(0o777)
    with pytest.raises(BadPermissions):
        site.read()


def test_every_change_is_another_identity(site: Site) -> None:
    seen = {site.folder.identity()}
    for number in range(5):
        site.put(CA.crl(number=number + 1))
        assert site.folder.identity() == site.folder.identity()
        seen.add(site.folder.identity())
    os.truncate(site.tls / "crl.pem", 10)
    seen.add(site.folder.identity())
    (site.tls / "crl.pem").unlink()
    seen.add(site.folder.identity())
    assert len(seen) == 8


@pytest.mark.parametrize("restart", [False, True])
def test_an_older_list_is_not_taken(site: Site, restart: bool) -> None:
    site.put(CA.crl(SERIAL, number=9))
    site.read()
    site.put(CA.crl(number=8))
    if restart:
        site.restart()
    with pytest.raises(Rollback, match="has number 8, and 9 was seen before"):
        site.read()
    site.put(CA.crl(number=10))
    assert isinstance(site.read().judge(ALICE.der, CA.now), Good)


def test_the_same_list_again_is_no_rollback(site: Site) -> None:
    site.put(CA.crl(number=9))
    site.read()
    before = site.seen.stat()
    site.restart()
    site.read()
    assert site.seen.stat().st_mtime_ns == before.st_mtime_ns


def test_each_ca_has_numbers_of_its_own(site: Site) -> None:
    site.put(CA.crl(number=900) + OTHER.crl(number=3), ca=CA.pem + OTHER.pem)
    site.read()
    site.put(OTHER.crl(number=4), ca=OTHER.pem)
    site.read()
    site.put(CA.crl(number=899) + OTHER.crl(number=5), ca=CA.pem + OTHER.pem)
    with pytest.raises(Rollback):
        site.read()


def test_a_renewed_ca_certificate_does_not_forget(site: Site) -> None:
    site.put(CA.crl(number=9))
    site.read()
    renewed = ForeignCa("client CA", key=CA.key)
    assert renewed.pem != CA.pem
    site.put(renewed.crl(number=8), ca=renewed.pem)
    with pytest.raises(Rollback):
        site.read()


def test_without_room_a_new_list_counts_all_the_same(site: Site) -> None:
    site.put(CA.crl(SERIAL, number=9))
    site.seen.parent.write_bytes(b"no folder can be made here")
    with pytest.raises(PytrustError):  # the memory cannot even be looked for
        site.read()
    site.seen.parent.unlink()
    site.seen.with_name("lists.json.lock").mkdir(parents=True)  # it cannot be written
    trust = site.read()
    assert [finding.code for finding in trust.findings] == ["lists-not-remembered"]
    assert isinstance(trust.judge(ALICE.der, CA.now), Bad)
    site.put(CA.crl(number=8))
    with pytest.raises(Rollback):  # this process remembers
        site.read()


def test_a_memory_that_others_may_write(site: Site) -> None:
    site.put(CA.crl())
    site.read()
    assert site.seen.stat().st_mode & 0o777 == 0o600
    site.seen.chmod(0o666)
    with pytest.raises(BadPermissions):
        site.read()


@given(st.dictionaries(st.binary(min_size=32, max_size=32), st.integers(0, 2**159 - 1), max_size=5))
def test_the_memory_comes_back(numbers: dict[bytes, int]) -> None:
    seen = SeenLists(tuple((issuer.hex(), number) for issuer, number in numbers.items()))
    assert SeenLists.decode(seen.encode()) == seen


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"numbers":[["x","1"]]}',
        b'{"numbers":[["' + b"a" * 64 + b'"]]}',
        b'{"numbers":[["' + b"a" * 64 + b'",7]]}',
        b'{"numbers":[["' + b"a" * 64 + b'","-7"]]}',
        b'{"numbers":7}',
    ],
)
def test_a_damaged_memory_is_not_taken_for_an_empty_one(data: bytes) -> None:
    with pytest.raises(Damaged):
        SeenLists.decode(data)


def test_the_memory_has_a_bound() -> None:
    trust = ClientTrust.read(CA.pem, CA.crl())
    seen = SeenLists(tuple((f"{number:064x}", number) for number in range(CAS_MAX))).add(trust.cas)
    assert len(seen.numbers) == CAS_MAX
    assert seen.numbers[-1] == (trust.cas[0].issuer_id, 1)
    assert seen.numbers[0][1] == 1  # the one that was seen longest ago went


@pytest.mark.parametrize("name", ["ca.pem", "crl.pem"])
def test_a_file_that_others_can_write_to_says_nothing(site: Site, name: str) -> None:
    site.put(CA.crl())
    (site.tls / name).chmod(0o666)
    with pytest.raises(BadPermissions, match=rf"{name} is open to others"):
        site.read()


@pytest.mark.parametrize("old_first", [True, False])
def test_the_highest_number_of_a_ca_with_two_certificates_is_remembered(site: Site, old_first: bool) -> None:
    bare, named = (ForeignCa("client CA", key=CA.key, key_id=False), ForeignCa("client CA", key=CA.key, key_name=b"x"))
    cas = bare.pem + named.pem if old_first else named.pem + bare.pem
    site.put(bare.crl(number=5) + named.crl(number=9, authority=b"x"), ca=cas)
    site.read()
    site.restart()
    site.read()
    site.put(bare.crl(number=8) + named.crl(number=7, authority=b"x"), ca=cas)
    with pytest.raises(Rollback, match="has number 8, and 9 was seen before"):
        site.read()
