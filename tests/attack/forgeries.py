"""What somebody can do to a collection who holds its server, and some of its keys: attacks, by the row they belong to.

Each is done to a ``FakeCollection``, and is refused alike by whoever verifies: the command and the proxy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.repository import FakeCollection, envelope, key_entry, label, new_key, seal, signature

Attack = Callable[[FakeCollection], object]
ROLES = ("root", "timestamp", "snapshot", "targets", "releases")


def touched(signed: dict[str, Any]) -> None:
    """A change that means nothing, and must be signed all the same."""
    signed["x-attacker"] = "was here"


def next_of(web: FakeCollection, role: str) -> dict[str, Any]:
    """What ``role`` could say next."""
    return {**web.signed(role), "version": web.versions[role] + 1}


# -- row 2 ------------------------------------------------------------------------------------------------------------

TAMPERING: dict[str, Callable[[FakeCollection, str], object]] = {
    "unsigned": lambda web, role: web.forge(role, touched, by=[]),
    "wrong-key": lambda web, role: web.forge(role, touched, by=[new_key()]),
    "wrong-key-right-id": lambda web, role: web.plant(
        role, envelope(next_of(web, role), [signature(next_of(web, role), new_key(), label(web.signers(role)[0]))])
    ),
    "old-signature": lambda web, role: web.plant(
        role, envelope(next_of(web, role), json.loads(web.current[role])["signatures"])
    ),
    "signature-not-hex": lambda web, role: web.plant(
        role, envelope(next_of(web, role), [{"keyid": label(web.signers(role)[0]), "sig": "zz"}])
    ),
}

# -- row 4 ------------------------------------------------------------------------------------------------------------


def put_back(web: FakeCollection, old: dict[str, bytes], role: str) -> None:
    """Old content of ``role``; what stands above it is newest and fits (a thief of the online keys)."""
    if role == "timestamp":
        web.files["timestamp.json"] = old["timestamp"]
    elif role == "snapshot":
        web.put("snapshot", old["snapshot"])
        web.stamp()
    else:
        web.put(role, old[role])
        web.settle()


# -- row 14 -----------------------------------------------------------------------------------------------------------


def _mix_targets(web: FakeCollection) -> None:
    old = web.files["1.targets.json"]
    web.publish("targets")
    web.files["2.targets.json"] = old


def _mix_releases(web: FakeCollection) -> None:
    number = web.versions["releases"]
    old = web.current["releases"]
    web.publish("releases")
    web.files[f"{number + 1}.releases.json"] = old


def _same_version_other_content(web: FakeCollection) -> None:
    web.publish("releases")
    number = web.versions["releases"]
    other = {**web.signed("releases"), "targets": {}}
    web.files[f"{number}.releases.json"] = seal(other, web.signers("releases"))


def _timestamp_names_other_snapshot(web: FakeCollection) -> None:
    web.publish("releases")
    number = web.versions["snapshot"]
    other = seal({**web.signed("snapshot"), "x": 1}, web.keys["snapshot"])
    web.files[f"{number}.snapshot.json"] = other


def _snapshot_version_differs(web: FakeCollection) -> None:
    web.publish("releases")
    old = web.files[f"{web.versions['snapshot'] - 1}.snapshot.json"]
    web.files[f"{web.versions['snapshot']}.snapshot.json"] = old


def _role_missing(web: FakeCollection) -> None:
    web.publish("releases")
    del web.files[f"{web.versions['releases']}.releases.json"]


MIXES: dict[str, Attack] = {
    "targets-of-before": _mix_targets,
    "releases-of-before": _mix_releases,
    "same-version-other-content": _same_version_other_content,
    "timestamp-names-other-snapshot": _timestamp_names_other_snapshot,
    "snapshot-version-differs": _snapshot_version_differs,
    "role-missing": _role_missing,
}

# -- row 16 -----------------------------------------------------------------------------------------------------------


def _delegate(web: FakeCollection, **changes: object) -> None:
    def change(signed: dict[str, Any]) -> None:
        role = next(item for item in signed["delegations"]["roles"] if item["name"] == "alice")
        role.update(changes)

    web.forge("targets", change)


def _say_for_others(web: FakeCollection) -> None:
    """Alice's own role speaks of a tag, and of what bob vouches for."""
    target = dict(next(iter(web.signed("alice")["targets"].values())))
    web.forge("alice", lambda signed: signed.update(targets={"v9": target, "bob/v9": target, "releases/v9": target}))


def _second_parent(web: FakeCollection) -> None:
    """Alice delegates ``releases`` to a key of her own."""
    mallory = new_key()
    role = {"name": "releases", "keyids": [label(mallory)], "threshold": 1, "terminating": True, "paths": ["*"]}
    web.forge(
        "alice",
        lambda signed: signed.update(delegations={"keys": {label(mallory): key_entry(mallory)}, "roles": [role]}),
    )
    target = dict(next(iter(web.signed("releases")["targets"].values())))
    web.forge("releases", lambda signed: signed["targets"].update(v9=target), by=[mallory])


CROSS: dict[str, tuple[Attack, tuple[str, ...]]] = {
    "alice-gets-every-tag": (lambda web: _delegate(web, paths=["*"]), ("bad-metadata",)),
    "alice-gets-bobs": (lambda web: _delegate(web, paths=["alice/*", "bob/*"]), ("bad-metadata",)),
    "not-terminating": (lambda web: _delegate(web, terminating=False), ("bad-metadata",)),
    "hash-prefixes": (lambda web: _delegate(web, paths=None, path_hash_prefixes=["00"]), ("bad-metadata",)),
    "alice-speaks-for-others": (_say_for_others, ("unsigned",)),
    "second-parent": (_second_parent, ("bad-signature", "bad-metadata")),
}
"""All of them try to have ``v9`` believed; beside each, the codes of the refusal."""

# -- row 23 -----------------------------------------------------------------------------------------------------------


def _alone(web: FakeCollection) -> None:
    web.forge("releases", touched, by=web.keys["alice"])


def _same_signature_twice(web: FakeCollection) -> None:
    signed = next_of(web, "releases")
    web.plant("releases", envelope(signed, [signature(signed, web.keys["alice"][0])] * 2))


def _signature_under_bobs_id(web: FakeCollection) -> None:
    alice, bob = web.keys["alice"][0], web.keys["bob"][0]
    signed = next_of(web, "releases")
    web.plant("releases", envelope(signed, [signature(signed, alice), signature(signed, alice, label(bob))]))


ONE_OF_TWO: dict[str, Attack] = {
    "alone": _alone,
    "same-signature-twice": _same_signature_twice,
    "signature-under-bobs-id": _signature_under_bobs_id,
}
"""Alice's key is stolen, and bob has to sign as well."""

TWINS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "two-ids": lambda key: key,
    "upper-case-hex": lambda key: {**key, "keyval": {"public": key["keyval"]["public"].upper()}},
    "extra-field": lambda key: {**key, "x-note": "another key, surely"},
    "more-in-keyval": lambda key: {**key, "keyval": {**key["keyval"], "certificate": ""}},
}


def one_key_as_two(web: FakeCollection, role: str, how: str) -> None:
    """Give ``role`` (root or releases) a threshold of two, which its one key reaches under a second id."""
    key, twin = web.signers(role)[0], "f" * 64
    holder = "targets" if role == "releases" else "root"
    signed = next_of(web, holder)
    part = signed["delegations"] if role == "releases" else signed
    part["keys"][twin] = TWINS[how](key_entry(key))
    held = part["roles"]["root"] if role == "root" else next(item for item in part["roles"] if item["name"] == role)
    held.update(keyids=[label(key), twin], threshold=2)
    if role == "root":
        web.plant("root", _twice(signed, key, twin))
        return
    web.plant("targets", seal(signed, web.keys["targets"]))
    web.plant("releases", _twice(next_of(web, "releases"), key, twin))


def _twice(signed: dict[str, Any], key: Any, twin: str) -> bytes:
    return envelope(signed, [signature(signed, key), signature(signed, key, twin)])


def two_schemes(web: FakeCollection) -> None:
    """Give releases a threshold of two, with one RSA key under both of its signature schemes."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from securesystemslib.signer import CryptoSigner, SSlibKey

    private = generate_private_key(65537, 2048)
    pss = CryptoSigner(private)
    pkcs = CryptoSigner(
        private, SSlibKey.from_crypto(private.public_key(), keyid="e" * 64, scheme="rsa-pkcs1v15-sha256")
    )

    def change(signed: dict[str, Any]) -> None:
        part = signed["delegations"]
        part["keys"] |= {signer.public_key.keyid: signer.public_key.to_dict() for signer in (pss, pkcs)}
        held = next(item for item in part["roles"] if item["name"] == "releases")
        held.update(keyids=[pss.public_key.keyid, pkcs.public_key.keyid], threshold=2)

    web.forge("targets", change)


# -- row 25 -----------------------------------------------------------------------------------------------------------


def _new_keys_only(web: FakeCollection) -> None:
    thieves = [new_key(), new_key()]

    def change(signed: dict[str, Any]) -> None:
        signed["keys"] |= {label(key): key_entry(key) for key in thieves}
        signed["roles"]["root"]["keyids"] = [label(key) for key in thieves]

    web.forge("root", change, by=thieves)


def _one_old_key(web: FakeCollection) -> None:
    thief = new_key()

    def change(signed: dict[str, Any]) -> None:
        signed["keys"][label(thief)] = key_entry(thief)
        signed["roles"]["root"] = {"keyids": [label(thief)], "threshold": 1}

    web.forge("root", change, by=[web.keys["root"][0], thief])


def _skipped_version(web: FakeCollection) -> None:
    web.forge("root", lambda signed: signed.update(version=9))
    web.files["2.root.json"] = web.files.pop("9.root.json")


def _unknown_key_type(web: FakeCollection) -> None:
    odd = {"keytype": "tomorrow", "scheme": "tomorrow-1", "keyval": {"public": "x"}}
    web.forge("root", lambda signed: signed["keys"].update({"9" * 64: odd}))


def _consistency_off(web: FakeCollection) -> None:
    web.forge("root", lambda signed: signed.update(consistent_snapshot=False), by=[web.keys["root"][0]])


def _expired_root(web: FakeCollection) -> None:
    web.forge("root", lambda signed: signed.update(expires="2020-01-01T00:00:00Z"))


ROOTS: dict[str, tuple[Attack, tuple[str, ...]]] = {
    "new-keys-only": (_new_keys_only, ("bad-signature",)),
    "one-old-key": (_one_old_key, ("bad-signature",)),
    "skipped-version": (_skipped_version, ("bad-metadata", "rollback")),
    "unknown-key-type": (_unknown_key_type, ("bad-metadata",)),
    "consistency-off": (_consistency_off, ("bad-signature",)),
    "expired": (_expired_root, ("stale",)),
}
"""The next root of a collection with two root keys, of which the attacker holds one; beside each, the codes."""
