"""A pin by the id that docker shows becomes one by the id of the key itself."""

from __future__ import annotations

from tests.shared_data import shared_data

from pytrust.trust.anchor import bare_id
from pytrust.trust.collection.model import ROOT
from pytrust.trust.formats.notary.files import read_root
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.names import KeyId


def test_every_id_of_a_root_key_is_known() -> None:
    root = read_root((shared_data("notary-vectors") / "a11-sign-v4-three-keys" / "root.json").read_bytes())
    (key,) = root.keys_of(ROOT)
    shown = {KeyId(key.id), KeyId(canonical_id(key.material)), key.material.id}
    assert len(shown) == 3
    assert {bare_id(root, one) for one in shown} == {key.material.id}


def test_an_id_that_the_root_does_not_name_stays() -> None:
    root = read_root((shared_data("notary-vectors") / "a11-sign-v4-three-keys" / "root.json").read_bytes())
    (targets,) = root.keys_of("targets")
    for other in (KeyId("0" * 64), KeyId(targets.id), targets.material.id):
        assert bare_id(root, other) == other
