"""VEX documents: what is read of them, what is refused, and which of it is about an image."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scanner.scan_cases import MANIFEST, SCAN
from tests.unit.scanner.vex.vex_documents import AT, DIGEST, LIBRARY, SSL, analysed, cyclonedx, openvex, statement

from pytrust.scanner.claim import Claim, Status
from pytrust.scanner.limits import VEX_MAX_BYTES
from pytrust.scanner.vex.cyclonedx import STATES
from pytrust.scanner.vex.read import claims_for, joined, read_vex
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest

SUBJECT = SCAN.subject


def claims(data: bytes) -> tuple[Claim, ...]:
    return claims_for(read_vex(data, what="vex.json"), SUBJECT).claims


def test_a_statement_of_openvex() -> None:
    (claim,) = claims(openvex(statement(impact_statement="not there")))
    assert claim == Claim(
        ids=("CVE-2026-0001", "GHSA-x"),
        status=Status.NOT_AFFECTED,
        justification="component_not_present",
        text="not there",
        at=datetime(2026, 11, 1, 11, tzinfo=UTC),
    )


def test_a_statement_s_own_time_counts_and_the_later_of_its_two() -> None:
    own = statement(timestamp="2026-11-02T00:00:00Z", last_updated="2026-11-03T00:00:00Z")
    assert claims(openvex(own))[0].at == datetime(2026, 11, 3, tzinfo=UTC)


def test_an_analysis_of_cyclonedx() -> None:
    (claim,) = claims(cyclonedx(analysed()))
    assert claim == Claim(
        ids=("CVE-2026-0001", "GHSA-x"),
        status=Status.NOT_AFFECTED,
        purls=("pkg:deb/debian/openssl@3.0.1-1",),
        justification="vulnerable_code_not_in_execute_path",
        text="never called; update",
        at=datetime(2026, 11, 1, 11, tzinfo=UTC),
    )


@pytest.mark.parametrize(("state", "status"), STATES.items())
def test_states_of_cyclonedx(state: str, status: Status) -> None:
    assert claims(cyclonedx(analysed(state)))[0].status is status


@pytest.mark.parametrize("ref", ["web", "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#web"])
def test_an_analysis_of_the_whole(ref: str) -> None:
    document = cyclonedx(analysed(ref=ref), serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79")
    assert claims(document)[0].purls == ()


PRODUCTS: list[tuple[Any, tuple[str, ...] | None]] = [
    ({"@id": DIGEST}, ()),
    ({"@id": f"docker.io/foo/web@{DIGEST}"}, ()),
    ({"@id": f"foo/web:v2@{DIGEST}"}, ()),
    ({"@id": "docker.io/foo/web"}, ()),
    (DIGEST, ()),
    ({"@id": "x", "hashes": {"sha-256": MANIFEST.hex.upper()}}, ()),
    ({"@id": "x", "identifiers": {"purl": f"pkg:oci/web@{DIGEST.replace(':', '%3A')}"}}, ()),
    ({"@id": f"pkg:oci/web@{DIGEST.replace(':', '%3A')}?repository_url=docker.io/foo/web"}, ()),
    ({"@id": "pkg:oci/web"}, ()),
    ({"@id": DIGEST, "subcomponents": [{"@id": "pkg:deb/debian/openssl"}]}, ("pkg:deb/debian/openssl",)),
    ({"@id": "pkg:deb/debian/openssl"}, ("pkg:deb/debian/openssl",)),
    ({"@id": f"docker.io/foo/web@sha256:{'0' * 64}"}, None),
    ({"@id": f"docker.io/foo/other@{DIGEST}"}, None),
    ({"@id": f"pkg:oci/web@sha256%3A{'0' * 64}"}, None),
    ({"@id": f"pkg:oci/web@{DIGEST.replace(':', '%3A')}?repository_url=docker.io/foo/other"}, None),
    ({"@id": "pkg:oci/eb"}, None),
    ({"@id": DIGEST[:30]}, None),
    ({"@id": "x", "hashes": {"sha-512": MANIFEST.hex}}, None),
    ({"@id": DIGEST, "subcomponents": [{"@id": "openssl"}]}, None),
    ({"@id": "pkg:deb/debian/openssl\n"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("product", "purls"), PRODUCTS)
def test_which_products_are_this_image(product: Any, purls: tuple[str, ...] | None) -> None:
    data = openvex(statement(products=[product]))
    if purls is None:
        with pytest.raises(UsageError, match="says nothing of"):
            claims(data)
    else:
        assert claims(data)[0].purls == purls


def test_all_of_the_image_is_more_than_a_part() -> None:
    part = {"@id": "pkg:deb/debian/openssl"}
    assert claims(openvex(statement(products=[part, {"@id": DIGEST}])))[0].purls == ()
    assert claims(openvex(statement(products=[part, {"@id": "other"}])))[0].purls == ("pkg:deb/debian/openssl",)
    with pytest.raises(UsageError, match="no product"):
        claims(openvex(statement(products=None)))


REFUSED: list[tuple[bytes, str]] = [
    (b"", "no VEX document"),
    (b"[]", "no JSON object"),
    (b"{}", "neither @context nor bomFormat"),
    (b"\xff\xfe{}", "no VEX document"),
    (b"\xef\xbb\xbf{}", "no VEX document"),
    (openvex() + b"{}", "no VEX document"),
    (b'{"@context":"x","@context":"https://openvex.dev/ns"}', "stands twice"),
    (b'{"@context":NaN}', "no number"),
    (b'{"x":"\\ud800"}', "no VEX document"),
    (b"[" * 100_000, "no VEX document"),
    (b" " * (VEX_MAX_BYTES + 1), "larger than"),
    (b'{"spdxVersion":"SPDX-2.3"}', "an SPDX document"),
    (b'{"payloadType":"x","payload":""}', "a DSSE envelope"),
    (b'{"predicateType":"x"}', "an in-toto statement"),
    (b'{"document":{"csaf_version":"2.0"}}', "a CSAF document"),
    (b'{"SchemaVersion":2}', "a report of Trivy"),
    (openvex(statement(vulnerability={})), "names no vulnerability"),
    (openvex(statement(status="fine")), "no OpenVEX document"),
    (openvex(statement(justification=None)), "not why"),
    (openvex(statement(justification="because")), "none of OpenVEX's"),
    (openvex(statement(status="affected", justification=None)), "what to do"),
    (openvex(statement(timestamp="2026-11-01T00:00:00")), "without a zone"),
    (openvex(statement(), **{"@context": "https://openvex.dev/ns/v9.0.0"}), "is of OpenVEX /v9.0.0"),
    (openvex(statement(), **{"@context": "https://openvex.dev/nsx"}), "is of OpenVEX x"),
    (openvex(statement(Products=[])), "unknown field `Products`"),
    (openvex(statement(products=[{"@id": DIGEST, "Subcomponents": [{"@id": SSL}]}])), "unknown field `Subcomponents`"),
    (openvex(statement(products=[{"@id": DIGEST, "subcomponents": [{"ID": SSL}]}])), "unknown field `ID`"),
    (cyclonedx(analysed(), components=[LIBRARY, {**LIBRARY, "purl": "pkg:deb/debian/x"}]), "two components"),
    (openvex(statements=None), "no OpenVEX document"),
    (cyclonedx(), "a bill of materials, and no VEX"),
    (cyclonedx({"id": "CVE-1"}), "a bill of materials, and no VEX"),
    (cyclonedx(analysed(), specVersion="1.3"), "those that are read"),
    (cyclonedx(analysed("fine")), "none of CycloneDX's"),
    (cyclonedx(analysed(id="")), "without an id"),
    (cyclonedx(analysed(analysis={"state": "not_affected"})), "not why"),
    (cyclonedx(analysed(analysis={"state": "in_triage", "justification": "x\x1b[2J"})), "none of CycloneDX's"),
    (cyclonedx(analysed(ref="nowhere")), "says nothing of"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        claims(data)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: openvex(statement(status=text))))
def test_any_bytes_are_read_or_refused_in_words(data: bytes) -> None:
    try:
        read_vex(data, what="vex.json")
    except UsageError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("version", ["", "/v0.0.1", "/v0.0.2", "/v0.2.0"])
def test_versions_of_openvex(version: str) -> None:
    known = {"@id": "x", "version": "1", "supplier": "x", "vuln_description": "x", "action_statement_timestamp": AT}
    document = openvex(
        statement(**known, vulnerability="CVE-2026-0001", timestamp="2023-01-08T18:02:03.647787998-06:00"),
        **{"@context": f"https://openvex.dev/ns{version}", "version": "1", "role": "x", "tooling": "x"},
    )
    (claim,) = claims(document)
    assert (claim.ids, claim.at) == (("CVE-2026-0001",), datetime(2023, 1, 9, 0, 2, 3, 647788, tzinfo=UTC))


def test_a_bill_of_materials_that_is_deep_or_repeats_itself() -> None:
    whole = {"bom-ref": "web", "purl": f"pkg:oci/web@{DIGEST.replace(':', '%3A')}"}
    assert claims(cyclonedx(analysed(ref="web"), components=[whole]))[0].purls == ()
    component: dict[str, Any] = LIBRARY
    for _ in range(400):
        component = {"components": [component]}
    try:
        assert claims(cyclonedx(analysed(), components=[component]))[0].purls == (LIBRARY["purl"],)
    except UsageError as error:
        assert "no VEX document" in str(error) or "no CycloneDX document" in str(error)


def test_several_documents_are_one() -> None:
    one, other = (
        read_vex(openvex(statement(status=status, justification=None, action_statement="x"), author=who), what="x")
        for status, who in (("fixed", "a"), ("affected", "b"))
    )
    found = joined([claims_for(one, SUBJECT), claims_for(other, SUBJECT)])
    assert [claim.status for claim in found.claims] == [Status.FIXED, Status.AFFECTED]
    assert found.authors == ("a", "b")
    assert len(set(found.sources)) == 2
    assert all(isinstance(source, Digest) for source in found.sources)
