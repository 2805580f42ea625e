"""Generations: at every step of a rotation whoever kept up with the step before is let in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from tests.fakes.authority import ALICE, Clock, create, leaf, passphrase, reopen, revoked, server, trusted

from pytrust.trust.errors import NotFound, Refused, UsageError
from pytrust.trust.names import RoleName
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.folder import CERT, read
from pytrust.trust.pki.model import Kind, Reason


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))  # the verifier of the library is asked about this moment


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> Authority:
    made = create(tmp_path / "ca", clock)
    made.issue_server(server("docker1"))
    made.issue_client(ALICE)
    return made


def places(authority: Authority) -> tuple[Path, Path]:
    (engine,), (client,) = authority.index.servers(), authority.index.clients()
    assert engine.folder is not None
    assert client.folder is not None
    return engine.folder, client.folder


def chain(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(read(folder)[CERT])


def lets_in(anchors: list[x509.Certificate], presented: list[x509.Certificate], *, as_server: bool) -> bool:
    """Whether a peer with these anchors accepts what is presented, as the library judges."""
    builder = PolicyBuilder().store(Store(anchors))
    try:
        if as_server:
            builder.build_server_verifier(x509.DNSName("docker1")).verify(presented[0], presented[1:])
        else:
            builder.build_client_verifier().verify(presented[0], presented[1:])
    except VerificationError:
        return False
    return True


def both_ways(authority: Authority) -> tuple[bool, bool]:
    """Whether the client in its folder accepts the engine in its folder, and the engine the client."""
    engine, client = places(authority)
    leaf(engine), leaf(client)
    return (
        lets_in(trusted(client), chain(engine), as_server=True),
        lets_in(trusted(engine), chain(client), as_server=False),
    )


def renew_all(authority: Authority) -> None:
    for holder in (*authority.index.servers(), *authority.index.clients()):
        authority.renew(holder.issued)


def test_a_client_ca_is_replaced_step_by_step(authority: Authority, clock: Clock) -> None:
    engine, client = places(authority)
    old = chain(client)
    fresh = authority.add_generation(Kind.CLIENT_CA, passphrase)
    assert fresh.certificate.subject.rfc4514_string() == "CN=tests client CA G2,O=tests"
    assert fresh.certificate in trusted(engine)
    assert chain(client) == old
    assert [listed.number for listed in authority.index.lists()] == [int(clock().timestamp())] * 2
    assert authority.index.current(Kind.CLIENT_CA).generation == 1, "announced, it issues nothing"

    authority.promote(Kind.CLIENT_CA, 2)
    assert both_ways(authority) == (True, True)
    renew_all(authority)
    assert chain(client)[1] == fresh.certificate
    assert both_ways(authority) == (True, True)
    assert lets_in(trusted(engine), old, as_server=False), "who did not renew yet is let in"

    authority.retire_generation(Kind.CLIENT_CA, 1)
    assert trusted(engine) == [fresh.certificate]
    assert both_ways(authority) == (True, True)
    assert not lets_in(trusted(engine), old, as_server=False)
    assert [listed.generation for listed in authority.index.lists()] == [2]
    assert not authority.holds_key(Kind.CLIENT_CA, 1)
    authority.verify()


def test_a_server_ca_is_replaced_at_once(authority: Authority) -> None:
    authority.add_generation(Kind.SERVER_CA, passphrase)
    authority.promote(Kind.SERVER_CA, 2)
    assert both_ways(authority) == (True, True)
    renew_all(authority)
    assert chain(places(authority)[0])[1] == authority.index.current(Kind.SERVER_CA).certificate
    authority.retire_generation(Kind.SERVER_CA, 1)
    assert both_ways(authority) == (True, True)


def test_a_root_is_replaced_step_by_step(authority: Authority) -> None:
    engine, client = places(authority)
    knows_old = trusted(client)
    root = authority.add_generation(Kind.ROOT, passphrase)
    assert trusted(client) == [root.certificate, *knows_old]
    with pytest.raises(Refused, match="certified by root G1 alone"):
        authority.promote(Kind.ROOT, 2)
        authority.retire_generation(Kind.ROOT, 1)
    authority.promote(Kind.ROOT, 1)

    assert len(authority.cross_sign(Kind.SERVER_CA)) == 1
    assert len(authority.cross_sign(Kind.CLIENT_CA)) == 1
    assert authority.cross_sign(Kind.SERVER_CA) == []
    for anchors in (knows_old, trusted(client), [root.certificate]):
        assert lets_in(anchors, chain(engine), as_server=True)
    issuers = [certificate.issuer for certificate in chain(engine)[1:]]
    assert issuers == [knows_old[0].subject, root.certificate.subject], "OpenSSL follows the first"

    authority.promote(Kind.ROOT, 2)
    assert [certificate.issuer for certificate in chain(engine)[1:]] == issuers[::-1]
    assert lets_in(knows_old, chain(engine), as_server=True)
    authority.retire_generation(Kind.ROOT, 1)
    assert trusted(client) == [root.certificate]
    assert both_ways(authority) == (True, True)
    assert len(chain(engine)) == 2
    authority.verify()


def test_a_rotation_is_taken_back(authority: Authority) -> None:
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    authority.promote(Kind.CLIENT_CA, 2)
    renew_all(authority)
    authority.promote(Kind.CLIENT_CA, 1)
    renew_all(authority)
    authority.retire_generation(Kind.CLIENT_CA, 2)
    assert both_ways(authority) == (True, True)
    assert authority.index.states(Kind.CLIENT_CA) == {2: State.RETIRED, 1: State.ISSUING}


def test_a_new_key_gets_a_new_number(authority: Authority) -> None:
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    authority.retire_generation(Kind.CLIENT_CA, 2)
    third = authority.add_generation(Kind.CLIENT_CA, passphrase)
    assert third.generation == 3
    subjects = [issued.certificate.subject for issued in authority.index.all()]
    keys = [issued.certificate.public_key() for issued in authority.index.all()]
    assert len(set(subjects)) == len(keys)


def test_revocation_is_on_the_list_of_whoever_issued(authority: Authority) -> None:
    engine, _ = places(authority)
    first = authority.index.find("alice")
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    authority.promote(Kind.CLIENT_CA, 2)
    second = authority.renew(first)
    authority.revoke_all([first, second], Reason.KEY_COMPROMISE)
    assert revoked(engine) == {first.serial, second.serial}
    entries = {
        listed.generation: {entry.serial_number for entry in x509.load_der_x509_crl(listed.der)}
        for listed in authority.index.lists()
    }
    assert entries == {1: {first.serial}, 2: {second.serial}}


def test_revoking_what_a_retired_ca_issued_needs_no_key(authority: Authority) -> None:
    first = authority.index.find("alice")
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    authority.promote(Kind.CLIENT_CA, 2)
    authority.retire_generation(Kind.CLIENT_CA, 1)
    before = authority.index.lists()
    authority.revoke(first, Reason.UNSPECIFIED)
    assert authority.index.lists() == before


def test_what_is_refused(authority: Authority) -> None:
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    with pytest.raises(Refused, match="made already"):
        authority.add_generation(Kind.CLIENT_CA, passphrase)
    with pytest.raises(Refused, match="G1 issues"):
        authority.retire_generation(Kind.CLIENT_CA, 1)
    with pytest.raises(NotFound):
        authority.promote(Kind.CLIENT_CA, 9)
    with pytest.raises(UsageError, match="roots do not sign each other"):
        authority.cross_sign(Kind.ROOT)
    authority.retire_generation(Kind.CLIENT_CA, 2)
    with pytest.raises(Refused, match="was given up"):
        authority.promote(Kind.CLIENT_CA, 2)


def test_steps_can_be_repeated(authority: Authority) -> None:
    authority.add_generation(Kind.CLIENT_CA, passphrase)
    for _ in range(2):
        authority.promote(Kind.CLIENT_CA, 2)
    for _ in range(2):
        authority.retire_generation(Kind.CLIENT_CA, 1)
    count = authority.verify()
    authority.promote(Kind.CLIENT_CA, 2)
    assert authority.verify() == count


def test_a_key_that_was_made_and_not_recorded_is_used(authority: Authority, tmp_path: Path, clock: Clock) -> None:
    """What kill -9 leaves between the two: the key is there, the generation is not."""

    class Ended(Exception):
        pass

    def end(_: RoleName) -> bytes:
        raise Ended

    made: list[RoleName] = []

    def once(name: RoleName) -> bytes:
        made.append(name)
        return passphrase(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytrust.trust.pki.authority.generations.establish", lambda *_: end(RoleName("")))
        with pytest.raises(Ended):
            authority.add_generation(Kind.CLIENT_CA, once)
    key = (tmp_path / "ca" / "keys" / "client-ca-g2.key").read_bytes()
    again = reopen(tmp_path / "ca", clock)
    again.add_generation(Kind.CLIENT_CA, end)
    assert (tmp_path / "ca" / "keys" / "client-ca-g2.key").read_bytes() == key
    assert made == ["client-ca-g2"]
