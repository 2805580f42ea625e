"""Enrolment by a real authority, with a clock of ours: interruptions, short lives, and what the desk says to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from tests.fakes.authority import Clock, create
from tests.fakes.certificates import new_key

from pytrust.trust.errors import Damaged, RateLimited, Refused
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.names import KeyId
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.delivery import Supplies, supplies
from pytrust.trust.pki.authority.index import Index
from pytrust.trust.pki.enrol.desk import Desk, root_bundle
from pytrust.trust.pki.enrol.enrolment import SIGNED_MAX, Denial, Enrolment
from pytrust.trust.pki.enrol.grants import Grant
from pytrust.trust.pki.enrol.http import Answer, Request
from pytrust.trust.pki.enrol.store import EnrolStore
from pytrust.trust.pki.enrol.token import SECRET_BYTES, Token
from pytrust.trust.pki.enrol.words import AskEnrol, AskRenew, etag, prove
from pytrust.trust.pki.model import Issued, Kind, LeafKind, Reason
from pytrust.trust.pki.names import ServerNames


class Mortal(EnrolStore):
    """A store whose process can be killed before a certificate is written down."""

    dies = False

    def settle(self, *arguments: Any) -> None:
        if self.dies:
            raise KeyboardInterrupt
        super().settle(*arguments)


class Office:
    """An authority that enrols."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.authority: Authority = create(folder, self.clock)
        self.store = Mortal(folder / "ca.db")
        self.enrolment = Enrolment(self.authority, self.store, self.clock)
        self.said: list[str] = []
        self.desk = Desk(self.authority.index, self.enrolment, self.said.append)

    def token(self, *names: str, kind: LeafKind = Kind.CLIENT, lifetime: timedelta | None = None) -> str:
        made = Token.make(root_bundle(self.authority.index), token_bytes(SECRET_BYTES))
        self.store.add(made.hash, Grant.make(kind, names, now=self.clock(), lifetime=lifetime), self.clock())
        return made.secret.hex()

    def enrol(self, secret: str, holder: PrivateKey, *names: str) -> Issued:
        return self.enrolment.enrol(AskEnrol(secret=secret, names=list(names), csr=csr(holder)))

    def renew(self, issued: Issued, old: PrivateKey, new: PrivateKey) -> Issued:
        certificate, request = issued.certificate.public_bytes(Encoding.PEM).decode(), csr(new)
        ask = AskRenew(certificate=certificate, csr=request, proof=prove(old, request, certificate))
        return self.enrolment.renew(ask)

    def ask(self, method: str, place: str, body: object = b"", known: str = "", peer: str = "10.0.0.1") -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.desk.answer(Request(method, place, data, known), peer)


def csr(holder: PrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(holder, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "ca")
    yield made
    made.store.close()
    made.authority.close()


def denied(caught: pytest.ExceptionInfo[Denial]) -> str:
    return caught.value.denied.code


def test_killed_after_signing_the_same_key_gets_the_same_certificate(office: Office) -> None:
    secret, holder = office.token("alice"), new_key()
    office.store.dies = True
    with pytest.raises(KeyboardInterrupt):
        office.enrol(secret, holder)
    office.store.dies = False
    signed = office.authority.index.find("alice")
    with pytest.raises(Denial) as caught:
        office.enrol(secret, new_key())
    assert denied(caught) == "used-token"
    assert office.enrol(secret, holder) == signed
    assert office.enrol(secret, holder) == signed
    assert [event.what.value for event in office.authority.index.events()].count("token-used") == 1


def test_a_token_does_not_bring_back_what_was_revoked(office: Office) -> None:
    secret, holder = office.token("alice"), new_key()
    office.authority.revoke(office.enrol(secret, holder), Reason.KEY_COMPROMISE)
    with pytest.raises(Denial) as caught:
        office.enrol(secret, holder)
    assert denied(caught) == "used-token"


def test_a_name_that_is_taken_costs_no_use(office: Office) -> None:
    office.enrol(office.token("ci-1"), new_key())
    secret, holder = office.token("ci-*"), new_key()
    with pytest.raises(Refused, match="for another key"):
        office.enrol(secret, holder, "ci-1")
    assert office.enrol(secret, new_key(), "ci-2").holder == "ci-2"


def test_a_pattern_gives_nobody_another_server_s_name(office: Office) -> None:
    """Whoever had the name of the enrolment server could stand in for it."""
    office.authority.issue_server(ServerNames.parse(["office", "ca.example.com", "10.0.0.1"]))
    for wanted in (("d1.example.com", "ca.example.com"), ("d1.example.com", "10.0.0.1"), ("ca.example.com",)):
        with pytest.raises(Refused, match="belongs to the server office"):
            office.enrol(office.token("*.example.com", "10.0.0.0/24", kind=Kind.SERVER), new_key(), *wanted)
    assert (
        office.enrol(office.token("*.example.com", kind=Kind.SERVER), new_key(), "d1.example.com").kind is Kind.SERVER
    )
    named = office.token("d2.example.com", "ca.example.com", kind=Kind.SERVER)
    assert office.enrol(named, new_key()).holder == "d2.example.com", "whoever made that token said so"


def test_certificates_of_five_minutes_go_on_for_hours_without_a_gap(office: Office) -> None:
    life = timedelta(minutes=5)
    holder = new_key()
    issued = office.enrol(office.token("ci", lifetime=life), holder)
    for _ in range(50):
        assert issued.not_after == office.clock().replace(microsecond=0) + life
        assert 0.49 < (issued.renew_at - office.clock()) / life < 0.81
        office.clock.at = issued.renew_at
        fresh = new_key()
        issued, holder = office.renew(issued, holder, fresh), fresh
        assert issued.live(office.clock())
    assert len(office.authority.index.all()) == 3 + 51


def test_a_server_keeps_all_its_names(office: Office) -> None:
    names = ("d1.example.com", "10.0.0.7", "fd00::7")
    holder, fresh = new_key(), new_key()
    issued = office.enrol(office.token(*names, kind=Kind.SERVER), holder)
    renewed = office.renew(issued, holder, fresh)
    assert renewed.kind is Kind.SERVER
    for each in (issued, renewed):
        found = each.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert {str(name.value) for name in found} == set(names)


def test_one_holder_fills_no_index(office: Office) -> None:
    holder = new_key()
    issued = office.enrol(office.token("busy"), holder)
    with pytest.raises(RateLimited):
        for _ in range(SIGNED_MAX):
            fresh = new_key()
            issued, holder = office.renew(issued, holder, fresh), fresh
    assert len(office.authority.index.all()) == 3 + SIGNED_MAX
    office.enrol(office.token("other"), new_key())


def test_what_is_known_is_not_sent_again(office: Office) -> None:
    crl = office.ask("GET", "/v1/crl")
    assert crl.body.startswith(b"-----BEGIN X509 CRL-----")
    again = office.ask("GET", "/v1/crl", known=etag(crl.body))
    assert (again.status, again.body) == (304, b"")
    office.authority.revoke(office.enrol(office.token("mallory"), new_key()), Reason.KEY_COMPROMISE)
    assert office.ask("GET", "/v1/crl", known=etag(crl.body)).status == 200


def test_asking_what_a_token_is_good_for_uses_nothing_up(office: Office) -> None:
    secret = office.token("alice")
    for _ in range(3):
        answer = office.ask("POST", "/v1/token", {"secret": secret})
        assert json.loads(answer.body) == {"kind": "client", "names": ["alice"], "exact": True}
    assert office.enrol(secret, new_key()).holder == "alice"


def test_wrong_tokens_are_counted_by_address_and_used_ones_are_not(office: Office) -> None:
    secret = office.token("alice")
    office.enrol(secret, new_key())
    used = {"secret": secret, "names": [], "csr": csr(new_key())}
    assert {office.ask("POST", "/v1/enrol", used).status for _ in range(20)} == {403}
    wrong = {"secret": "0" * 32}
    assert [office.ask("POST", "/v1/token", wrong, peer="10.0.0.2").status for _ in range(11)] == [401] * 10 + [429]
    assert office.ask("POST", "/v1/token", wrong, peer="10.0.0.3").status == 401
    assert office.ask("GET", "/v1/roots", peer="10.0.0.2").status == 200


@pytest.mark.parametrize("failure", [Damaged("the secret place is damaged"), ValueError("secret"), MemoryError()])
def test_a_failure_of_ours_is_told_to_the_operator_alone(office: Office, failure: Exception) -> None:
    def fail(_: object, key: KeyId) -> None:
        raise failure

    secret = office.token("alice")
    office.store.claim = fail  # type: ignore[method-assign, assignment]
    answer = office.ask("POST", "/v1/enrol", {"secret": secret, "names": [], "csr": csr(new_key())})
    assert answer.status in {500, 503}
    assert b"secret" not in answer.body
    assert len(office.said) == 1


@pytest.mark.parametrize("place", ["/", "/v1", "/v1/roots/", "/v1/roots?x", "/v1/../v1/roots", "/V1/ROOTS", "*", ""])
def test_there_are_no_other_places(office: Office, place: str) -> None:
    assert office.ask("GET", place).status == 404


def test_whoever_has_an_old_key_does_not_use_up_its_holder_s_renewals(office: Office) -> None:
    keys = [new_key() for _ in range(3)]
    first = office.enrol(office.token("alice"), keys[0])
    second = office.renew(first, keys[0], keys[1])
    for _ in range(SIGNED_MAX + 1):
        with pytest.raises((Denial, RateLimited)):
            office.renew(first, keys[0], new_key())
    assert office.renew(second, keys[1], keys[2]).holder == "alice"


def test_a_zone_makes_no_other_name_of_an_address(office: Office) -> None:
    office.authority.issue_server(ServerNames.parse(["fd00::1"]))
    secret = office.token("fd00::/8", kind=Kind.SERVER)
    for name in ("fd00::1", "fd00::1%x", "[fd00::1%1]", "fd00::2%a\nrefused 10.0.0.1: nothing"):
        with pytest.raises((Denial, Refused)):
            office.enrol(secret, new_key(), name)
    assert [holder.name for holder in office.authority.index.servers()] == ["fd00::1"]


def test_bundles_and_lists_are_put_together_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(index: Index, kind: LeafKind) -> Supplies:
        made.append(kind)
        return supplies(index, kind)

    monkeypatch.setattr("pytrust.trust.pki.enrol.desk.supplies", counted)
    places = ["/v1/roots", "/v1/crl", "/v1/bundle/clients", "/v1/issuers"]
    before = [office.ask("GET", place).body for place in places * 3]
    assert sorted(made) == ["client", "server"]
    office.authority.revoke(office.enrol(office.token("alice"), new_key()), Reason.KEY_COMPROMISE)
    after = [office.ask("GET", place).body for place in places]
    assert [one != other for one, other in zip(before, after, strict=False)] == [False, True, False, False]
