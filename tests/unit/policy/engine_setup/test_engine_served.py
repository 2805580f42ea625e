"""What an engine serves, judged against what it should; and whether dockerd could start with the files at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.certificates import Held
from tests.fakes.foreign_ca import SERVER, ForeignCa
from tests.fakes.pki import NOW, authorities

from pytrust.policy.engine_setup.pair import served_by
from pytrust.policy.engine_setup.served import Wanted, judge, served
from pytrust.trust.errors import Unsound
from pytrust.trust.pki.finding import Severity
from pytrust.trust.pki.probe.probed import Answer, Ending, Probe, Reach, Talk, TlsVersion, Verdict

HOST = "docker1.example.com"
CA = ForeignCa("some CA", now=NOW)
OTHER = ForeignCa("another CA", now=NOW)
OLD, NEW = (CA.issue(HOST, uses=SERVER, dns=[HOST]) for _ in range(2))
CLIENT_CAS = (authorities().client.certificate,)
ANSWER = Answer(status=200, date=None, api_version="1.41")
WANTED = Wanted(
    newest=NEW.certificate,
    written=NEW.certificate,
    issuer=CA.certificate,
    client_cas=CLIENT_CAS,
    renew="pytrust ca renew docker1.example.com",
)


def talk(holder: Held = NEW, ending: Ending = Ending.ALERT, *, asked: bool = True) -> Talk:
    return Talk(
        ending=ending,
        version=TlsVersion.TLS_1_3,
        chain=(holder.der, CA.certificate.public_bytes(Encoding.DER)),
        asked=asked,
        accepted=tuple(ca.subject.public_bytes() for ca in CLIENT_CAS),
        answer=ANSWER if ending is Ending.ANSWERED else None,
    )


PROBE = Probe(
    host="127.0.0.1",
    port=2376,
    server_name=HOST,
    at=NOW,
    reach=Reach.OPEN,
    versions=(TlsVersion.TLS_1_3,),
    anonymous=talk(),
    verdict=Verdict(good=True, text=""),
)


def codes(probe: Probe, wanted: Wanted = WANTED) -> list[str]:
    return [finding.code for finding in judge(probe, wanted)]


def test_all_is_well() -> None:
    assert codes(PROBE) == []
    assert served(PROBE) == NEW.certificate


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (replace(PROBE, reach=Reach.REFUSED, reach_text="connection refused", anonymous=None), "unreachable"),
        (replace(PROBE, anonymous=Talk(ending=Ending.GARBLED), plain=ANSWER), "plain-http"),
        (replace(PROBE, anonymous=Talk(ending=Ending.CLOSED)), "no-tls"),
        (replace(PROBE, anonymous=replace(talk(), chain=(b"junk",))), "no-tls"),
        (replace(PROBE, anonymous=talk(ending=Ending.ANSWERED, asked=False)), "no-client-certificates"),
        (replace(PROBE, anonymous=talk(ending=Ending.ANSWERED)), "no-client-certificates"),
        (replace(PROBE, anonymous=talk(ending=Ending.SILENT)), "demand-unknown"),
        (replace(PROBE, anonymous=talk(OLD)), "restart-needed"),
        (replace(PROBE, anonymous=talk(OTHER.issue(HOST, uses=SERVER, dns=[HOST]))), "other-certificate"),
        (replace(PROBE, server_name="docker2.example.com"), "wrong-name"),
        (replace(PROBE, verdict=Verdict(good=False, text="unable to get issuer")), "not-trusted"),
        (replace(PROBE, at=NOW + timedelta(days=31)), "expired"),
        (replace(PROBE, at=NOW - timedelta(days=2)), "not-yet-valid"),
        (replace(PROBE, at=NOW + timedelta(days=27)), "expires-soon"),
        (replace(PROBE, anonymous=replace(talk(), accepted=(b"another",))), "other-client-cas"),
    ],
)
def test_one_thing_is_wrong(probe: Probe, code: str) -> None:
    (finding,) = judge(probe, WANTED)
    assert finding.code == code
    assert finding.thing == "127.0.0.1:2376"
    assert finding.hint
    assert finding.severity is (Severity.WARNING if code in {"demand-unknown", "expires-soon"} else Severity.ERROR)


def test_a_file_that_is_behind_is_not_a_restart() -> None:
    probe = replace(PROBE, anonymous=talk(OLD))
    assert codes(probe, replace(WANTED, written=OLD.certificate)) == ["folder-behind"]


def test_an_older_issuer_is_told_of() -> None:
    assert codes(PROBE, replace(WANTED, issuer=OTHER.certificate)) == ["older-issuer"]
    assert codes(PROBE, replace(WANTED, issuer=None)) == []


def test_without_names_of_cas_nothing_is_said_of_them() -> None:
    assert codes(replace(PROBE, anonymous=replace(talk(), accepted=()))) == []


def test_both_serials_are_named() -> None:
    (finding,) = judge(replace(PROBE, anonymous=talk(OLD)), WANTED)
    for holder in (OLD, NEW):
        assert f"{holder.certificate.serial_number:X}" in finding.text
    assert "restart" in finding.hint
    assert "reload" in finding.hint


@given(st.sampled_from([OLD, NEW]), st.sampled_from(Ending), st.booleans(), st.integers(-5, 40), st.booleans())
def test_errors_come_first(holder: Held, ending: Ending, asked: bool, days: int, good: bool) -> None:
    verdict = Verdict(good=good, text="" if good else "no")
    probe = replace(PROBE, anonymous=talk(holder, ending, asked=asked), at=NOW + timedelta(days=days), verdict=verdict)
    found = [finding.severity for finding in judge(probe, WANTED)]
    assert found == sorted(found, key=list(Severity).index)


def files(**more: bytes) -> dict[str, bytes]:
    named = {f"{name}.pem": data for name, data in more.items()}
    return {"ca.pem": CA.pem, "cert.pem": NEW.pem + CA.pem, "key.pem": NEW.key_pem, **named}


def encrypted() -> bytes:
    return NEW.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def sec1() -> bytes:
    return NEW.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.mark.parametrize("key", [NEW.key_pem, sec1()])
def test_a_pair_that_fits(key: bytes) -> None:
    assert served_by(files(key=key), "/srv/tls") == (NEW.certificate, CA.certificate)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (files(key=OLD.key_pem), "/srv/tls/key.pem is not the key of cert.pem"),
        (files(key=encrypted()), "/srv/tls/key.pem is encrypted"),
        (files(key=b"junk"), "/srv/tls/key.pem holds no private key"),
        (files(cert=b"junk"), "/srv/tls/cert.pem holds no certificate"),
        (files(ca=b""), "/srv/tls/ca.pem holds no certificate"),
        ({"ca.pem": CA.pem, "cert.pem": NEW.pem}, "/srv/tls has no key.pem"),
        ({}, "/srv/tls has no ca.pem"),
    ],
)
def test_what_dockerd_would_end_over(found: dict[str, bytes], why: str) -> None:
    with pytest.raises(Unsound, match=why) as raised:
        served_by(found, "/srv/tls")
    assert raised.value.hint
    assert b"PRIVATE" not in str(raised.value).encode()


def test_the_chain_is_served_whole() -> None:
    assert [type(certificate) for certificate in served_by(files(), "/srv/tls")] == [x509.Certificate] * 2
