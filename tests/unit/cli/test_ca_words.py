"""How certificates are told of: states, spans of time, rows, documents, and what to type next."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pytrust.cli import ca_next
from pytrust.cli.ca_words import State, Today, details, document, in_use, lines, row, span, state, until
from pytrust.trust.pki.authority.rows import PROOF_NAME
from pytrust.trust.pki.authority.rows import State as Part
from pytrust.trust.pki.model import Issued, Kind, Reason, Revocation, Serial

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SERIAL = Serial(0x0A1B2C4D5E6F)


def at(moment: datetime, part: Part = Part.ISSUING) -> Today:
    """A day on which every CA is for ``part``."""
    return Today(moment, {SERIAL: part}, {(Kind.SERVER_CA, 1), (Kind.CLIENT_CA, 1)})


def certificate() -> x509.Certificate:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "docker1.example.com")])
    names = x509.SubjectAlternativeName([x509.DNSName("docker1.example.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vm server CA G1")]))
        .public_key(key.public_key())
        .serial_number(SERIAL)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
        .add_extension(names, critical=False)
        .sign(key, None)
    )


CERTIFICATE = certificate()
GOOD = Issued(
    serial=SERIAL,
    kind=Kind.SERVER,
    holder="docker1.example.com",
    generation=1,
    der=CERTIFICATE.public_bytes(Encoding.DER),
    not_before=NOW,
    not_after=NOW + timedelta(days=90),
    renew_at=NOW + timedelta(days=60),
)
REVOKED = Revocation(NOW + timedelta(days=2), Reason.KEY_COMPROMISE)


@pytest.mark.parametrize(
    ("issued", "days", "expected"),
    [
        (GOOD, 0, State.GOOD),
        (GOOD, 59.99, State.GOOD),
        (GOOD, 60, State.DUE),
        (GOOD, 89.99, State.DUE),
        (GOOD, 90, State.EXPIRED),
        (GOOD, -0.01, State.EARLY),
        (replace(GOOD, replaced_by=Serial(7)), 95, State.REPLACED),
        (replace(GOOD, replaced_by=Serial(7), revoked=REVOKED), 95, State.REVOKED),
    ],
)
def test_states(issued: Issued, days: float, expected: State) -> None:
    assert state(issued, at(NOW + timedelta(days=days))) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 min"),
        (59, "0 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (7_776_000, "90 d"),
    ],
)
def test_spans(seconds: int, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected


@given(st.integers(0, 10**9))
def test_a_span_never_promises_more_than_there_is(seconds: int) -> None:
    number, unit = span(timedelta(seconds=seconds)).split()
    assert int(number) * {"min": 60, "h": 3600, "d": 86_400}[unit] <= seconds


def test_until_and_ago() -> None:
    assert until(NOW + timedelta(days=3), NOW) == "3 d"
    assert until(NOW - timedelta(hours=3), NOW) == "3 h ago"


def test_a_row() -> None:
    assert row(GOOD, at(NOW)) == ("server", "docker1.example.com", "0A1B2C4D", "90 d", "60 d", "good")
    old = replace(GOOD, replaced_by=Serial(7))
    assert row(old, at(NOW))[-2:] == ("", "replaced")


def test_a_ca_goes_by_its_common_name() -> None:
    found = row(replace(GOOD, kind=Kind.CLIENT_CA, holder="client-ca", not_after=NOW + timedelta(days=3650)), at(NOW))
    assert found == ("client CA", "docker1.example.com", "0A1B2C4D", "3650 d", "", "good")


@pytest.mark.parametrize(
    ("left", "expected"), [(366, State.GOOD), (365, State.DUE), (1, State.DUE), (0, State.EXPIRED)]
)
def test_a_ca_is_due_in_its_last_year(left: float, expected: State) -> None:
    authority = replace(GOOD, kind=Kind.ROOT, not_after=NOW + timedelta(days=left), renew_at=NOW - timedelta(days=1))
    assert state(authority, at(NOW)) is expected


@pytest.mark.parametrize(
    ("part", "expected", "shown"),
    [
        (Part.ISSUING, State.GOOD, True),
        (Part.ANNOUNCED, State.ANNOUNCED, True),
        (Part.LEAVING, State.LEAVING, True),
        (Part.RETIRED, State.RETIRED, False),
    ],
)
def test_what_a_ca_is_for(part: Part, expected: State, shown: bool) -> None:
    authority = replace(GOOD, kind=Kind.CLIENT_CA, not_after=NOW + timedelta(days=3650))
    assert state(authority, at(NOW, part)) is expected
    assert in_use(authority, at(NOW, part)) is shown


def test_a_ca_certificate_under_a_root_that_was_dropped_is_retired() -> None:
    assert state(replace(GOOD, kind=Kind.SERVER_CA), Today(NOW, {}, {(Kind.SERVER_CA, 1)})) is State.RETIRED


def test_what_a_dropped_ca_issued_counts_no_more() -> None:
    left = replace(GOOD, kind=Kind.CLIENT, holder="bob", generation=2)
    assert state(left, at(NOW)) is State.RETIRED
    assert not in_use(left, at(NOW))


def test_what_a_rotation_asks_with_is_nobody_s_and_is_not_renewed() -> None:
    proof = replace(GOOD, kind=Kind.CLIENT, holder=PROOF_NAME)
    assert row(proof, at(NOW))[0] == "rotation"
    assert row(proof, at(NOW))[4] == ""
    assert in_use(proof, at(NOW))
    assert not in_use(proof, at(NOW + timedelta(days=91)))
    assert in_use(replace(proof, holder="alice"), at(NOW + timedelta(days=91)))


def test_where_an_engine_is_asked_is_a_line() -> None:
    assert "asked at: 10.0.0.7:2376" in lines(GOOD, "", "10.0.0.7:2376", at(NOW))


def test_a_document_is_json_and_says_all() -> None:
    found = json.loads(json.dumps(document(replace(GOOD, revoked=REVOKED), at(NOW))))
    assert found == {
        "kind": "server",
        "name": "docker1.example.com",
        "serial": "0A1B2C4D5E6F",
        "generation": 1,
        "not_before": "2026-11-24T12:00:00+00:00",
        "not_after": "2027-02-22T12:00:00+00:00",
        "renew_at": None,
        "state": "revoked",
        "revoked": {"at": "2026-11-26T12:00:00+00:00", "reason": "key-compromise"},
        "replaced_by": None,
    }


def test_details_come_from_the_certificate() -> None:
    found = details(GOOD)
    assert found["issuer"] == "CN=vm server CA G1"
    assert found["names"] == ["docker1.example.com"]
    assert x509.load_pem_x509_certificate(found["pem"].encode()) == CERTIFICATE


def test_lines_say_why_it_counts_no_more() -> None:
    shown = list(lines(replace(GOOD, revoked=REVOKED, replaced_by=Serial(7)), "", "", at(NOW)))
    assert "state:    revoked on 2026-11-26 12:00 UTC: key-compromise" in shown
    assert not [line for line in shown if line.startswith(("due", "folder", "asked"))]


def test_what_is_printed_can_be_pasted() -> None:
    folder = Path("/srv/my certs/o'hara")
    dockerd = shlex.split(ca_next.dockerd_line(folder))
    assert dockerd[:2] == ["dockerd", "--tlsverify"]
    assert f"--tlskey={folder}/key.pem" in dockerd
    assert shlex.split(ca_next.proxy_line(folder))[-2:] == ["--tls", str(folder)]
