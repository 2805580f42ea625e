"""Every form of VEX that is read, by hand, says the same: ``tests/vectors/vex/make.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.vectors.vex import make

from pytrust.scanner.claim import Status
from pytrust.scanner.scan import Subject
from pytrust.scanner.vex.read import claims_for, read_vex
from pytrust.scanner.vex.statement import decode_claims, encode_claims
from pytrust.trust.names import CollectionName, Digest

FOLDER = Path(make.__file__).parent
FORMS = sorted(name for name in make.texts() if name != "signed.json")
SUBJECT = Subject(
    name=CollectionName(make.NAME),
    digest=Digest.parse(make.MANIFEST),
    config=Digest.parse(make.CONFIG),
    platform="linux/amd64",
)


def test_the_files_are_what_the_script_writes() -> None:
    held = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert held == make.texts()


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(name: str) -> None:
    document = read_vex((FOLDER / name).read_bytes(), what=name)
    found = claims_for(document, SUBJECT, tag=make.TAG)
    assert [(claim.ids[0], claim.status, claim.purls) for claim in found.claims] == [
        ("CVE-2026-0001", Status.NOT_AFFECTED, (make.SSL,)),
        ("CVE-2026-0002", Status.AFFECTED, ()),
        ("CVE-2026-0003", Status.FIXED, (make.ZLIB,)),
    ]
    first = found.claims[0]
    assert first.justification == "vulnerable_code_not_in_execute_path"
    assert first.text == "it is never a server"
    assert ("GHSA-aaaa-bbbb-cccc" in first.ids) is (not name.startswith("openvex-0.0"))
    assert found.authors == ("Alice <alice@example.com>",)


def test_what_is_signed_has_the_bytes_that_the_format_says() -> None:
    name = "openvex-0.2.0.json"
    found = claims_for(read_vex((FOLDER / name).read_bytes(), what=name), SUBJECT, tag=make.TAG)
    signed = (FOLDER / "signed.json").read_bytes()
    assert encode_claims(found) == signed
    assert decode_claims(signed, "it") == found
