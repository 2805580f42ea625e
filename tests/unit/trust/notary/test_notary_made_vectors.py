"""Files that recorded servers do not have, made without pytrust (``tests/vectors/notary/make.py``)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509

from pytrust.trust.collection.model import RELEASES, ROOT, TARGETS
from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats.notary.certificates import leads_to, parse_bundle
from pytrust.trust.formats.notary.checks import require_root, root_signers
from pytrust.trust.formats.notary.envelope import read_envelope, signed_by, write_envelope
from pytrust.trust.formats.notary.files import read_root, read_targets
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.formats.notary.read import targets_of
from pytrust.trust.formats.notary.write import write_targets
from pytrust.trust.names import CollectionName

FOLDER: Final = Path(__file__).parents[3] / "vectors" / "notary"
INDEX: Final = json.loads((FOLDER / "index.json").read_text())
NAME: Final = CollectionName(INDEX["name"])
FILES: Final[dict[str, dict[str, Any]]] = INDEX["files"]
ROOTS: Final = sorted(name for name, facts in FILES.items() if facts["role"] == ROOT)
OTHERS: Final = sorted(name for name, facts in FILES.items() if facts["role"] == TARGETS)
NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)


def data(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", [*ROOTS, *OTHERS])
def test_read_and_written_again(name: str) -> None:
    assert write_envelope(read_envelope(FILES[name]["role"], data(name))) == data(name)


@pytest.mark.parametrize("name", OTHERS)
def test_signatures_of_every_kind(name: str) -> None:
    key = WireKey.read(FILES[name]["key"])
    file = read_targets(TARGETS, data(name))
    assert len(signed_by(file.envelope, [key])) == FILES[name]["good"]
    assert [item.keyid for item in file.envelope.signatures] == [key.id]


@pytest.mark.parametrize("name", OTHERS)
def test_written_from_the_model_as_it_was(name: str) -> None:
    file = read_targets(TARGETS, data(name))
    made = write_targets(targets_of(file, None), file, None)
    assert {**made.signed, "expires": ""} == {**file.envelope.signed, "expires": ""}


@pytest.mark.parametrize("name", ROOTS)
def test_roots(name: str) -> None:
    facts, root = FILES[name], read_root(data(name))
    before = read_root(data(facts["before"])) if facts["before"] else None
    if not facts["refused"]:
        require_root(NAME, root, before, NOW)
        assert len(root_signers(NAME, root, NOW)) == facts["good"]
        return
    with pytest.raises(BadMetadata, match=facts["refused"]):
        require_root(NAME, root, before, NOW)


@pytest.mark.parametrize("name", ["three.root.json", "one.root.json"])
def test_a_root_that_does_not_follow(name: str) -> None:
    with pytest.raises(BadMetadata, match="is followed by"):
        require_root(NAME, read_root(data(name)), read_root(data("one.root.json")), NOW)


def test_a_chain_leads_to_its_own_authority() -> None:
    bundle = parse_bundle(read_root(data("chain.root.json")).keys_of(ROOT)[0].public)
    ca, other = (x509.load_pem_x509_certificate(data(name)) for name in ("ca.pem", "other-ca.pem"))
    leaf, between = bundle
    assert leads_to(bundle, [other, ca], NOW)
    assert leads_to(bundle, [between], NOW)
    assert leads_to([leaf], [between], NOW)
    assert not leads_to(bundle, [other], NOW)
    assert not leads_to([leaf], [ca], NOW)
    assert not leads_to(bundle, [leaf], NOW)
    assert not leads_to(bundle, [], NOW)
    assert not leads_to(bundle, [ca], datetime(2120, 1, 1, tzinfo=UTC))
    assert not leads_to(bundle, [ca], datetime(2020, 1, 1, tzinfo=UTC))


def test_a_chain_of_one_certificate_many_times_ends() -> None:
    between = parse_bundle(read_root(data("chain.root.json")).keys_of(ROOT)[0].public)[1]
    authority = x509.load_pem_x509_certificate(data("other-ca.pem"))
    assert not leads_to([authority] * 8, [between], NOW)


def test_nulls() -> None:
    lists = read_targets(TARGETS, data("null-keyids.targets.json"))
    assert lists.delegations[0].role.keyids == ()
    (releases,) = targets_of(lists, None).delegations
    assert (releases.name, releases.authority.keys) == (RELEASES, ())
    assert read_targets(TARGETS, data("null-roles.targets.json")).delegations == ()


def test_names_and_custom_come_through() -> None:
    assert list(read_targets(TARGETS, data("html.targets.json")).targets) == ['v1&<x>é"\\\u2028\u2029']
    file = read_targets(TARGETS, data("custom.targets.json"))
    assert file.targets["v1"].custom[:3] == [None, True, False]
    assert file.targets["v3"].custom is None
    assert set(targets_of(file, None).targets) == {"v1", "v2", "v3"}
