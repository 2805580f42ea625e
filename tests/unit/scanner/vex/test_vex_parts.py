"""Which part of an image a statement is about: what excuses is read narrowly, and what accuses widely."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scanner.scan_cases import MANIFEST, SCAN
from tests.unit.scanner.vex.vex_documents import DIGEST, LIBRARY, SSL, analysed, cyclonedx, openvex, statement

from pytrust.scanner.claim import Status
from pytrust.scanner.vex.read import claims_for, read_vex
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Digest

SUBJECT = SCAN.subject
INDEX = Digest("ef" * 32)
ACCUSED = {"status": "affected", "justification": None, "action_statement": "update"}


def purls_of(data: bytes, index: Digest | None = None, tag: str | None = None) -> tuple[str, ...] | None:
    """What the only claim is about; None where there is none."""
    try:
        (claim,) = claims_for(read_vex(data, what="vex.json"), SUBJECT, index=index, tag=tag).claims
    except UsageError as error:
        assert "says nothing of" in str(error)
        return None
    return claim.purls


NAMED: list[tuple[str, str | None, bool]] = [
    ("foo/web:v2", "v2", True),
    ("docker.io/foo/web:v2", "v2", True),
    ("pkg:docker/foo/web@v2", "v2", True),
    ("foo/web", "v2", True),
    ("pkg:docker/foo/web@v1", "v2", False),
    ("foo/web:v1", "v2", False),
    ("foo/web:v2", None, False),
    ("foo/web:latest", None, False),
    ("foo/web:latest", "latest", True),
    ("foo/web", "latest", True),
]


@pytest.mark.parametrize(("name", "tag", "is_it"), NAMED)
def test_a_tag_is_the_one_that_is_asked_for(name: str, tag: str | None, is_it: bool) -> None:
    assert purls_of(openvex(statement(products=[{"@id": name}])), tag=tag) == (() if is_it else None)


def test_what_is_fixed_in_one_tag_excuses_no_other() -> None:
    fixed = statement(products=[{"@id": "foo/web:v1"}], status="fixed", justification=None)
    there = statement(
        products=[{"@id": "foo/web:v2"}], status="affected", justification=None, action_statement="update"
    )
    for data in (openvex(fixed, there), openvex(there, fixed)):
        found = claims_for(read_vex(data, what="vex.json"), SUBJECT, tag="v2").claims
        assert [claim.status for claim in found] == [Status.AFFECTED]


OF_AN_INDEX = [
    (f"foo/web@{INDEX}", True),
    (str(INDEX), True),
    (f"pkg:oci/web@{INDEX}", True),
    (f"pkg:oci/web@{INDEX}?arch=amd64", True),
    (f"pkg:oci/web@{INDEX}?arch=arm64", False),
    (f"foo/other@{INDEX}", False),
]


@pytest.mark.parametrize(("name", "is_it"), OF_AN_INDEX)
def test_the_index_that_lists_an_image_is_the_image(name: str, is_it: bool) -> None:
    data = openvex(statement(products=[{"@id": name}]))
    assert purls_of(data, index=INDEX) == (() if is_it else None)
    assert purls_of(data) is None


def test_a_name_beside_the_digest_of_another_image_is_not_this_one() -> None:
    other = {"@id": "foo/web", "hashes": {"sha-256": "0" * 64}}
    assert purls_of(openvex(statement(products=[other]))) is None
    assert purls_of(openvex(statement(products=[{**other, "hashes": {"sha-256": MANIFEST.hex}}]))) == ()
    assert purls_of(openvex(statement(products=[{**other, "hashes": {"sha-512": "0" * 128}}]))) == ()
    assert purls_of(openvex(statement(products=[other], **ACCUSED))) == ()


OPENVEX_PARTS: list[tuple[dict[str, Any], tuple[str, ...] | None, tuple[str, ...]]] = [
    ({"products": [DIGEST], "subcomponents": [SSL]}, (SSL,), (SSL,)),  # 0.0.1
    ({"products": [DIGEST], "subcomponents": ["openssl"]}, None, ()),
    ({"products": [DIGEST], "subcomponents": [SSL, ""]}, (SSL,), ()),
    ({"products": [{"@id": DIGEST, "subcomponents": [{"@id": SSL}]}], "subcomponents": [SSL]}, (SSL,), (SSL,)),
    ({"products": [{"@id": DIGEST, "subcomponents": [{"@id": SSL}, {"@id": "x"}]}]}, (SSL,), ()),
    ({"products": [{"@id": DIGEST, "subcomponents": [{"@id": "x", "identifiers": {"purl": SSL}}]}]}, (SSL,), (SSL,)),
    ({"products": [{"@id": DIGEST, "subcomponents": [{}]}]}, None, ()),
    ({"products": [{"@id": SSL, "subcomponents": [{"@id": "pkg:npm/x"}]}]}, None, (SSL,)),
]


@pytest.mark.parametrize(("changes", "excused", "accused"), OPENVEX_PARTS)
def test_an_unknown_part_excuses_nothing_and_accuses_the_whole(
    changes: dict[str, Any], excused: tuple[str, ...] | None, accused: tuple[str, ...]
) -> None:
    assert purls_of(openvex(statement(**changes))) == excused
    assert purls_of(openvex(statement(**changes, **ACCUSED))) == accused


BARE = {"bom-ref": "ssl", "purl": SSL}
CYCLONEDX_PARTS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...] | None, tuple[str, ...] | None]] = [
    ({"bom-ref": "foo/web", "name": "foo/web"}, {"ref": "foo/web"}, None, ()),  # a label, and no image
    ({"bom-ref": DIGEST}, {"ref": DIGEST}, None, ()),
    (BARE, {"ref": "ssl"}, (SSL,), (SSL,)),
    (BARE, {"ref": "ssl", "versions": [{"range": "vers:deb/<3"}]}, None, (SSL,)),
    (BARE, {"ref": "ssl", "versions": [{"version": "3.0.1-1"}]}, None, (SSL,)),
    (BARE, {"ref": "web", "versions": [{"version": "1"}]}, None, ()),
    (LIBRARY, {"ref": "ssl", "versions": [{"version": "3.0.1-1"}]}, (f"{SSL}@3.0.1-1",), (f"{SSL}@3.0.1-1",)),
    (BARE, {"ref": f"{SSL}@4"}, (f"{SSL}@4",), (f"{SSL}@4",)),
    ({"bom-ref": "x", "components": [BARE]}, {"ref": "ssl"}, (SSL,), (SSL,)),
    (BARE, {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/2#ssl"}, (SSL,), (SSL,)),
    (BARE, {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#ssl"}, None, None),
    (BARE, {"ref": f"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#{SSL}"}, (SSL,), (SSL,)),
    (BARE, {"ref": f"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#{DIGEST}"}, None, None),
    (BARE, {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/2"}, None, ()),
    (BARE, {"ref": ""}, None, ()),
]


@pytest.mark.parametrize(("component", "affected", "excused", "accused"), CYCLONEDX_PARTS)
def test_which_part_of_a_bill_of_materials_is_meant(
    component: dict[str, Any],
    affected: dict[str, Any],
    excused: tuple[str, ...] | None,
    accused: tuple[str, ...] | None,
) -> None:
    for state, purls in (("not_affected", excused), ("exploitable", accused)):
        found = purls_of(
            cyclonedx(
                analysed(state, affects=[affected]),
                metadata={"component": {"bom-ref": "web", "purl": "pkg:oci/web"}},
                components=[component],
                serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
                version=2,
            )
        )
        assert found == purls


_names = st.sampled_from(
    [DIGEST, str(INDEX), f"sha256:{'0' * 64}", "foo/web", "foo/web:v1", "foo/web:v2", "pkg:oci/web", SSL, "x", ""]
)
_components = st.fixed_dictionaries({"@id": _names}, optional={"identifiers": st.fixed_dictionaries({"purl": _names})})
_products = st.lists(
    st.fixed_dictionaries({"@id": _names}, optional={"subcomponents": st.lists(_components, max_size=2)}), max_size=2
)


@given(_products, st.lists(_names, max_size=2))
def test_what_a_statement_excuses_its_opposite_takes_back(products: list[dict[str, Any]], shared: list[str]) -> None:
    """Of the same products: what is read narrowly is never more than what is read widely."""
    parts = {"products": products, "subcomponents": shared}
    narrow = purls_of(openvex(statement(**parts)), INDEX, "v2")
    wide = purls_of(openvex(statement(**parts, **ACCUSED)), INDEX, "v2")
    assert narrow is None or wide == () or (wide is not None and narrow != () and set(narrow) <= set(wide))
