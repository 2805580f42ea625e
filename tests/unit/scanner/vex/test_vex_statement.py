"""Claims as they are signed: one spelling, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from tests.unit.scanner import scan_cases as cases

from pytrust.scanner.claim import Claims
from pytrust.scanner.vex.statement import decode_claims, encode_claims
from pytrust.trust.errors import BadContent


@given(cases.claims)
def test_claims_are_signed_and_read_again(found: Claims) -> None:
    data = encode_claims(found)
    assert decode_claims(data, "it") == found
    assert encode_claims(decode_claims(data, "it")) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"format":"pytrust-vex/2","claims":[]}',
        b'{"format":"pytrust-vex/1","claims":[],"claims":[]}',
        b'{"format":"pytrust-vex/1", "claims":[]}',
        b'{"claims":[],"format":"pytrust-vex/1"}',
        b'{"format":"pytrust-vex/1","claims":[],"more":1}',
        b'{"format":"pytrust-vex/1","claims":[{"ids":[],"status":"fixed"}]}',
        b'{"format":"pytrust-vex/1","claims":[],"sources":["sha256:0"]}',
        b"\xff",
    ],
)
def test_what_was_not_written_here(data: bytes) -> None:
    with pytest.raises(BadContent, match="pytrust-vex/1"):
        decode_claims(data, "it")
