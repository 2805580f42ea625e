"""What a server says to an upload, case by case: refused with a kind and a reason, or the state that comes of it.

The cases are those that Notary v1's own server is tested for (``server/handlers/validation_test.go``), by name, and
what was found to be missing there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.fakes.keys import NAME, NOW, OTHER, private
from tests.fakes.notary_client import (
    RELEASES,
    SEALER,
    Change,
    Home,
    bare,
    carried,
    certificate,
    delegation,
    delegations,
    in_pem,
    kept_keys,
    listed,
    offered_keys,
    online_keys,
    short_rsa,
    store_keys,
    when,
)
from tests.fakes.notary_reader import check

from pytrust.trust.errors import Conflict, InvalidUpdate
from pytrust.trust.formats.notary.files import read_file, read_root
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.limits import NOTARY_COLLECTION_MAX_BYTES
from pytrust.trust.names import RoleName
from pytrust.trust.publish.notary_update import Update, next_files
from pytrust.trust.publish.server_keys import KeysForOthers
from pytrust.trust.store.interface import RoleFile

Files = Mapping[str, bytes]
Case = Callable[[Home], Files]
PAST = when(NOW - timedelta(days=1))
MAX = 2**31 - 1
BROKEN = WireKey("ecdsa", b"no key")


class Shelf:
    """A collection as a server keeps it, without the server."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.current: dict[RoleName, RoleFile] = {}
        self.roots: list[bytes] = []

    def publish(self, files: Files, now: datetime = NOW) -> None:
        fresh = next_files(Update(self.home.name, files, self.current), self._finder(), now)
        self.current |= {file.role: file for file in fresh}
        self.roots += [files["root"]] if "root" in files else []

    def _finder(self) -> KeysForOthers:
        root = read_root(self.files["root"]) if self.roots else None
        return KeysForOthers(self.home.name, online_keys(), kept_keys(self.home.name), SEALER, root)

    @property
    def files(self) -> dict[str, bytes]:
        return {str(role): file.data for role, file in self.current.items()}

    def versions(self) -> dict[str, int]:
        return {str(role): file.version for role, file in self.current.items()}


def shelf(home: Home, files: Files | None = None) -> Shelf:
    made = Shelf(home)
    made.publish(files if files is not None else home.first(["v1"], ["v2"]))
    return made


def expired(document: dict[str, Any]) -> None:
    document["expires"] = PAST


def of_version(version: object) -> Change:
    return lambda document: document.update(version=version)


def with_field(**fields: object) -> Change:
    return lambda document: document.update(fields)


def with_root(change: Change = lambda _: None, **made: Any) -> Case:
    return lambda home: home.first() | {"root": home.root(change=change, **made)}


def with_root_keys(*keys: Any) -> Case:
    return lambda home: replace(home, root_keys=keys).first()


def with_targets(change: Change) -> Case:
    return lambda home: home.first() | {"targets": home.targets(change=change)}


def _escaped(change: Change) -> Case:
    """With line feeds as JSON escapes them, which canonical JSON does not."""
    return lambda home: home.first() | {"targets": home.targets(change=change).replace(b"\n", b"\\n")}


def _rename(old: str, new: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        document[new] = document.pop(old)

    return change


def _twice_under_two_ids(home: Home) -> Files:
    """One key, bare and in a certificate, for a threshold of two."""
    key = private("targets", "ecdsa-p256")
    both = (bare("targets"), in_pem(certificate(key, "anybody"), key))
    return replace(home, targets_keys=both, thresholds={"targets": 2}).first()


def _with_foreign_id(document: dict[str, Any]) -> None:
    document["keys"]["0" * 64] = next(iter(document["keys"].values()))
    document["roles"]["root"]["keyids"] += ["0" * 64]


def _unlisted(document: dict[str, Any]) -> None:
    document["roles"]["targets"]["keyids"] = ["0" * 64]


def _unreadable_of_nobody(document: dict[str, Any]) -> None:
    document["keys"][BROKEN.id] = BROKEN.document()


def _unreadable(document: dict[str, Any]) -> None:
    _unreadable_of_nobody(document)
    document["roles"]["snapshot"]["keyids"] += [BROKEN.id]


def _delegates_to(name: str) -> Change:
    alice = bare("alice")
    return lambda document: document.update(delegations=delegations([delegation(name, alice)], alice))


def _delegates_twice(document: dict[str, Any]) -> None:
    document["delegations"]["roles"] *= 2


def _out_of_reach(document: dict[str, Any]) -> None:
    document["delegations"]["roles"][0]["threshold"] = 2


def _broken_delegation_key(document: dict[str, Any]) -> None:
    document["delegations"]["keys"][BROKEN.id] = BROKEN.document()


def _snapshot_by(label: str) -> Case:
    """The root names the server's key, and somebody else makes the snapshot."""

    def case(home: Home) -> Files:
        files = home.first()
        return files | {"snapshot": home.snapshot(1, files, by=[bare(label)])}

    return case


def _client_snapshot(change: Change = lambda _: None, version: int = 1, *, leave_out: str = "") -> Case:
    def case(home: Home) -> Files:
        home = replace(home, client_snapshot=bare("client snapshot"))
        files = {role: data for role, data in home.first().items() if role != "snapshot"}
        seen = {role: data for role, data in files.items() if role != leave_out}
        return files | {"snapshot": home.snapshot(version, seen, change=change)}

    return case


def _lists(role: str, data: bytes) -> Change:
    return lambda document: document["meta"].update({role: listed(data)})


def _sha512_alone(document: dict[str, Any]) -> None:
    del document["meta"][RELEASES]["hashes"]["sha256"]


def _chain(first_is_leaf: bool) -> Case:
    root, intermediate = private("ca", "ecdsa-p256"), private("intermediate", "ecdsa-p256")
    leaf_key = private("chained", "ecdsa-p256")
    leaf = certificate(leaf_key, NAME, by=(intermediate, "between"))
    above = certificate(intermediate, "between", ca=True, by=(root, "top"))
    return with_root_keys(in_pem(leaf + above if first_is_leaf else above + leaf, leaf_key))


def _pem(change: Callable[[bytes], bytes]) -> Case:
    key = private("root", "ecdsa-p256")
    return with_root_keys(in_pem(change(certificate(key, NAME)), key))


def _cert(common_name: str = NAME, **certified: Any) -> Case:
    key = private("root", "ecdsa-p256")
    return with_root_keys(in_pem(certificate(key, common_name, **certified), key))


def _rsa_1024(_: Home) -> Files:
    key = short_rsa()
    return replace(Home(), root_keys=(in_pem(certificate(key, NAME), key, "rsa-x509"),)).first()


def _threshold(role: str, threshold: int) -> Case:
    return lambda home: replace(home, thresholds={role: threshold}).first()


def _with_server_key(role: str, key: WireKey) -> Case:
    return lambda home: replace(home, server=home.server | {role: key}).first()


def _next_server_key(role: str, key: WireKey) -> Callable[[Shelf], Files]:
    return lambda held: {"root": replace(held.home, server=held.home.server | {role: key}).root(2)}


FIRST_REFUSED: dict[str, tuple[Case, str, str]] = {
    # No root, or a bad one.
    "no root": (lambda home: {"targets": home.targets()}, "ErrValidation", "no pre-existing root"),
    "nothing at all": (lambda _: {}, "ErrValidation", "no pre-existing root"),
    "root is no JSON": (lambda home: home.first() | {"root": b"{"}, "ErrBadRoot", "not strict JSON"),
    "root is a list": (lambda home: home.first() | {"root": b"[]"}, "ErrBadRoot", "malformed"),
    "root is of another type": (with_root(with_field(_type="Targets")), "ErrBadRoot", "of type 'Targets'"),
    "root type in lower case": (with_root(with_field(_type="root")), "ErrBadRoot", "of type 'root'"),
    "expired root": (with_root(expired), "ErrBadRoot", "root of .* ended"),
    "first root is version 0": (with_root(of_version(0)), "ErrBadRoot", "no number that fits"),
    "first root is version 3": (with_root(of_version(3)), "ErrBadRoot", "must increment the version. Current 1, new 3"),
    "version is true": (with_root(of_version(True)), "ErrBadRoot", "no number that fits"),
    "version is text": (with_root(of_version("1")), "ErrBadRoot", "no number that fits"),
    "root without signatures": (with_root(by=[]), "ErrBadRoot", "root 1 of .* has 0 of 1 signatures"),
    "root by another key": (with_root(by=[bare("mallory")]), "ErrBadRoot", "0 of 1 signatures"),
    "root lacks a role": (with_root(lambda doc: doc["roles"].pop("timestamp")), "ErrBadRoot", "its roles are not"),
    "root has another role": (
        with_root(lambda doc: doc["roles"].update(mirrors=doc["roles"]["root"])),
        "ErrBadRoot",
        "its roles are not",
    ),
    "root role with paths": (
        with_root(lambda doc: doc["roles"]["root"].update(paths=[])),
        "ErrBadRoot",
        "other fields",
    ),
    "keyids that are an object": (
        with_root(lambda doc: doc["roles"]["root"].update(keyids=dict.fromkeys(doc["roles"]["root"]["keyids"]))),
        "ErrBadRoot",
        "is no list",
    ),
    "keyids that are false": (
        with_root(lambda doc: doc["roles"]["root"].update(keyids=False)),
        "ErrBadRoot",
        "is no list",
    ),
    "role's key is not listed": (with_root(_unlisted), "ErrBadRoot", "of a role is not listed"),
    "key under a foreign id": (with_root(_with_foreign_id), "ErrBadRoot", "the key '0000.* has the id"),
    "key that cannot be read": (with_root(_unreadable), "ErrBadRoot", "a key of type ecdsa cannot be read"),
    "key that cannot be read, of no role": (with_root(_unreadable_of_nobody), "ErrBadRoot", "cannot be read"),
    "threshold 0": (_threshold("targets", 0), "ErrBadRoot", "no number that fits"),
    "threshold above the keys": (_threshold("root", 2), "ErrBadRoot", "1 of 2 signatures"),
    "threshold of targets above its keys": (_threshold("targets", 2), "ErrBadRoot", "threshold of 2 does not fit 1"),
    "threshold 2 for what the server signs": (
        _threshold("timestamp", 2),
        "ErrBadRoot",
        "threshold of 2 does not fit 1",
    ),
    "unknown field": (with_root(with_field(spec_version="1.0")), "ErrBadRoot", "'spec_version' is missing or unknown"),
    "field in another case": (with_root(_rename("expires", "Expires")), "ErrBadRoot", "is missing or unknown"),
    "consistent_snapshot": (with_root(with_field(consistent_snapshot=True)), "ErrBadRoot", "consistent_snapshot"),
    "a timestamp key of somebody else": (
        lambda home: replace(home, server=home.server | {"timestamp": bare("mallory").wire}).first(),
        "ErrBadRoot",
        "timestamp key .* is not held",
    ),
    **{
        f"the {role} key of {whose}": (_with_server_key(role, key[role]), kind, reason)
        for whose, key in (("the store", store_keys()), ("another collection", offered_keys(OTHER)))
        for role, kind, reason in (
            ("timestamp", "ErrBadRoot", "timestamp key .* is not held"),
            ("snapshot", "ErrBadHierarchy", "server does not hold current snapshot key"),
        )
    },
    # Root certificates.
    "root key without certificate": (with_root_keys(bare("root")), "ErrBadRoot", "not in a certificate"),
    "certificate of another name": (_cert(OTHER), "ErrBadRoot", "common name is not docker.io/foo/web"),
    "certificate of a longer name": (_cert(f"{NAME}2"), "ErrBadRoot", "common name is not"),
    "wildcard of another prefix": (_cert("docker.io/bar/*"), "ErrBadRoot", "common name is not"),
    "star in the middle": (_cert("docker.io/*/web"), "ErrBadRoot", "common name is not"),
    "certificate without name": (_cert("-"), "ErrBadRoot", "common name is not"),
    "CA as leaf": (_cert(ca=True), "ErrBadRoot", "no CA"),
    "expired certificate": (_cert(end=NOW - timedelta(hours=1)), "ErrBadRoot", "it ended"),
    "certificate of the day after tomorrow": (_cert(start=NOW + timedelta(days=2)), "ErrBadRoot", "begins only"),
    "RSA of 1,024 bits": (_rsa_1024, "ErrBadRoot", "too short"),
    "intermediate before the leaf": (_chain(first_is_leaf=False), "ErrBadRoot", "no CA, and that first"),
    "two leaves": (_pem(lambda pem: pem + pem), "ErrBadRoot", "exactly one certificate"),
    "PEM with a comment": (_pem(lambda pem: b"# mine\n" + pem), "ErrBadRoot", "not written as Go writes it"),
    "PEM with CRLF": (_pem(lambda pem: pem.replace(b"\n", b"\r\n")), "ErrBadRoot", "not written as Go writes it"),
    "PEM without its last line feed": (_pem(bytes.rstrip), "ErrBadRoot", "not written as Go writes it"),
    "PEM that is none": (_pem(lambda _: b"-----BEGIN NOTHING-----\n"), "ErrBadRoot", "a certificate cannot be read"),
    "certificate for an ECDSA key that says RSA": (
        with_root_keys(
            in_pem(certificate(private("root", "ecdsa-p256"), NAME), private("root", "ecdsa-p256"), "rsa-x509")
        ),
        "ErrBadRoot",
        "of another type",
    ),
    # Targets and delegations.
    "first publish without targets": (lambda home: {"root": home.root()}, "ErrBadHierarchy", "needs targets"),
    "expired targets": (with_targets(expired), "ErrBadTargets", "targets of .* ended"),
    "targets of version 0": (with_targets(of_version(0)), "ErrBadTargets", "no number that fits"),
    "targets of a huge version": (with_targets(of_version(MAX + 1)), "ErrBadTargets", "no number that fits"),
    "targets by another key": (
        lambda home: home.first() | {"targets": home.targets(by=[bare("mallory")])},
        "ErrBadTargets",
        "targets of .* has 0 of 1 signatures",
    ),
    "one key under two ids": (_twice_under_two_ids, "ErrBadRoot", "threshold of 2 does not fit 1"),
    "targets is a root": (lambda home: home.first() | {"targets": home.root()}, "ErrBadTargets", "of type 'Root'"),
    "targets that are a list": (with_targets(with_field(targets=[])), "ErrBadTargets", "is no object"),
    "target without a name": (with_targets(with_field(targets={"": {}})), "ErrBadTargets", "name is empty"),
    "target with a line feed": (
        _escaped(with_field(targets={"a\nb": {"hashes": {}, "length": 1}})),
        "ErrBadTargets",
        "control characters",
    ),
    "a line feed in custom": (
        _escaped(with_field(targets={"a": {"custom": "a\nb", "hashes": {}, "length": 1}})),
        "ErrBadTargets",
        "control characters",
    ),
    "target without hashes": (with_targets(with_field(targets={"a": {"length": 1}})), "ErrBadTargets", "hashes"),
    "target with a short hash": (
        with_targets(with_field(targets={"a": {"hashes": {"sha256": "AAAA"}, "length": 1}})),
        "ErrBadTargets",
        "not 32 bytes long",
    ),
    "hash in another spelling": (
        with_targets(with_field(targets={"a": {"hashes": {"md5": "QR=="}, "length": 1}})),
        "ErrBadTargets",
        "not base64 as Go writes it",
    ),
    "negative length": (
        with_targets(with_field(targets={"a": {"hashes": {}, "length": -1}})),
        "ErrBadTargets",
        "no number that fits",
    ),
    "delegation without a parent": (
        lambda home: home.first() | {"targets/a/b": home.releases()},
        "ErrBadTargets",
        "targets/a does not delegate to targets/a/b",
    ),
    "delegation that targets does not know": (
        lambda home: home.first() | {"targets/bob": home.releases()},
        "ErrBadTargets",
        "targets does not delegate to targets/bob",
    ),
    "delegation without targets": (
        lambda home: {"root": home.root(), RELEASES: home.releases()},
        "ErrBadTargets",
        "targets does not delegate",
    ),
    "delegation by another key": (
        lambda home: home.first() | {RELEASES: home.releases(by=[bare("mallory")])},
        "ErrBadTargets",
        "targets/releases of .* has 0 of 1 signatures",
    ),
    "expired delegation": (
        lambda home: home.first() | {RELEASES: home.releases(change=expired)},
        "ErrBadTargets",
        "targets/releases of .* ended",
    ),
    "targets delegates to a grandchild": (with_targets(_delegates_to("targets/a/b")), "ErrBadTargets", "delegates to"),
    "targets delegates to itself": (with_targets(_delegates_to("targets")), "ErrBadTargets", "delegates to"),
    "targets delegates to root": (with_targets(_delegates_to("root")), "ErrBadTargets", "delegates to"),
    "delegation with a dot": (with_targets(_delegates_to("targets/a.b")), "ErrBadTargets", "delegates to"),
    "delegation in capitals": (with_targets(_delegates_to("targets/A")), "ErrBadTargets", "delegates to"),
    "delegation with a path above": (with_targets(_delegates_to("targets/../b")), "ErrBadTargets", "delegates to"),
    "two delegations of one name": (with_targets(_delegates_twice), "ErrBadTargets", "delegated to twice"),
    "delegation that its keys cannot reach": (with_targets(_out_of_reach), "ErrBadTargets", "does not fit 1 keys"),
    "delegation key that is none": (with_targets(_broken_delegation_key), "ErrBadTargets", "cannot be read"),
    "paths that are text": (
        with_targets(lambda doc: doc["delegations"]["roles"][0].update(paths="abc")),
        "ErrBadTargets",
        "is no list",
    ),
    "delegations that are missing": (with_targets(lambda doc: doc.pop("delegations")), "ErrBadTargets", "delegations"),
    # Names of roles.
    "a timestamp": (lambda home: home.first() | {"timestamp": b"{}"}, "ErrValidation", "timestamp is not a role"),
    "a role of no kind": (lambda home: home.first() | {"mirrors": b"{}"}, "ErrValidation", "mirrors is not a role"),
    "a role that climbs": (lambda home: home.first() | {"targets/../root": b"{}"}, "ErrValidation", "is not a role"),
    "a role too long": (lambda home: home.first() | {"targets/" + "a" * 248: b""}, "ErrValidation", "is not a role"),
    # Snapshots.
    "snapshot by a client that may not": (_snapshot_by("mallory"), "ErrBadSnapshot", "0 of 1 signatures"),
    "missing snapshot key": (
        lambda home: replace(home, server=home.server | {"snapshot": bare("mallory").wire}).first(),
        "ErrBadHierarchy",
        "server does not hold current snapshot key",
    ),
    "expired snapshot": (_client_snapshot(expired), "ErrBadSnapshot", "snapshot of .* ended"),
    "snapshot without root": (_client_snapshot(leave_out="root"), "ErrBadSnapshot", "no sha256 of root"),
    "snapshot without targets": (_client_snapshot(leave_out="targets"), "ErrBadSnapshot", "no sha256 of targets"),
    "snapshot without what comes along": (
        _client_snapshot(leave_out=RELEASES),
        "ErrBadSnapshot",
        "does not list targets/releases",
    ),
    "snapshot of a role that nobody has": (
        _client_snapshot(_lists("targets/bob", b"nothing")),
        "ErrBadSnapshot",
        "lists targets/bob as nobody published it",
    ),
    "snapshot of other targets": (
        _client_snapshot(_lists("targets", b"other")),
        "ErrBadSnapshot",
        "lists targets as nobody published it",
    ),
    "snapshot with sha512 alone": (_client_snapshot(_sha512_alone), "ErrBadSnapshot", "no sha256 of targets/releases"),
}


@pytest.mark.parametrize("case", FIRST_REFUSED.values(), ids=FIRST_REFUSED)
def test_a_first_upload_that_is_refused(case: tuple[Case, str, str]) -> None:
    make, kind, reason = case
    home = Home()
    with pytest.raises(InvalidUpdate, match=reason) as caught:
        Shelf(home).publish(make(home))
    assert caught.value.kind == kind


FIRST_TAKEN: dict[str, Case] = {
    "as docker does": lambda home: home.first(["v1"], ["v1"]),
    "root of version 2": lambda home: home.first() | {"root": home.root(2)},
    "targets of a high version": lambda home: home.first() | {"targets": home.targets(MAX)},
    "no delegations": lambda home: replace(home, releasers=()).first(["v1"]),
    "a client's snapshot": lambda home: replace(home, client_snapshot=bare("client snapshot")).first(["v1"]),
    "a client's snapshot of any version": _client_snapshot(version=7),
    "wildcard certificate": _cert("docker.io/foo/*"),
    "certificate of today": _cert(start=NOW + timedelta(hours=20)),
    "leaf and intermediate": _chain(first_is_leaf=True),
    "certificate without constraints": _cert(ca=None),
    "a second root key whose certificate is of another name": with_root_keys(
        carried(f"root of {NAME}"), carried("elsewhere", OTHER)
    ),
    "a delegation without keys": lambda home: (
        replace(home, releasers=()).first()
        | {"targets": home.targets(change=lambda doc: doc["delegations"]["roles"][0].update(keyids=None))}
    ),
    "nulls for lists": lambda home: (
        replace(home, releasers=()).first()
        | {"targets": replace(home, releasers=()).targets(change=with_field(delegations={"keys": {}, "roles": None}))}
    ),
    "every JSON type in custom": with_targets(
        with_field(targets={"a": {"custom": [None, True, {"b": "<&>"}, -3, ""], "hashes": {}, "length": 0}})
    ),
    "names that HTML and JSON escape": lambda home: home.first(['v1&<x>é"\\\u2028'], ["v1"]),
    "time with an offset": with_targets(with_field(expires=f"{NOW + timedelta(days=9):%Y-%m-%dT%H:%M:%S}-08:00")),
}


@pytest.mark.parametrize("make", FIRST_TAKEN.values(), ids=FIRST_TAKEN)
def test_a_first_upload_that_is_taken(make: Case) -> None:
    home = Home()
    files = make(home)
    held = Shelf(home)
    held.publish(files)
    check(held.files, held.roots)
    assert {role: held.files[role] for role in files} == files
    assert held.versions()["timestamp"] == 1


def _next_root(held: Shelf, *, keep_old: bool = True, **kept: Any) -> tuple[Home, bytes]:
    """A root with another root key, signed as said."""
    old = held.home
    new = replace(old, root_keys=(carried("second root"),), old_roots=old.root_keys)
    return new, new.root(2, by=None if keep_old else new.root_keys, **kept)


def _valid_rotation(held: Shelf) -> Files:
    return {"root": _next_root(held)[1]}


def _by_new_key_alone(held: Shelf) -> Files:
    return {"root": _next_root(held, keep_old=False)[1]}


def _by_old_key_alone(held: Shelf) -> Files:
    return {"root": _next_root(held)[0].root(2, by=held.home.root_keys)}


def _other_targets_key(held: Shelf) -> Files:
    return {"root": replace(held.home, targets_keys=(bare("new targets"),)).root(2)}


def _other_targets_key_and_targets(held: Shelf) -> Files:
    home = replace(held.home, targets_keys=(bare("new targets"),))
    return {"root": home.root(2), "targets": home.targets(3)}


def _without_delegation(held: Shelf) -> Files:
    return {"targets": replace(held.home, releasers=()).targets(3)}


NEXT_REFUSED: dict[str, tuple[Callable[[Shelf], Files], str, str]] = {
    **{
        f"root changes to the {role} key of {whose}": (_next_server_key(role, key[role]), kind, reason)
        for whose, key in (("the store", store_keys()), ("another collection", offered_keys(OTHER)))
        for role, kind, reason in (
            ("timestamp", "ErrBadRoot", "timestamp key .* is not held"),
            ("snapshot", "ErrBadHierarchy", "server does not hold current snapshot key"),
        )
    },
    "rotation without the old signature": (_by_new_key_alone, "ErrBadRoot", "by the keys of the root before it"),
    "rotation without the new signature": (_by_old_key_alone, "ErrBadRoot", "root 2 of .* has 0 of 1"),
    "root goes on by two": (lambda held: {"root": held.home.root(3)}, "ErrBadRoot", "Current 1, new 3"),
    "root leaves its targets behind": (_other_targets_key, "ErrBadRoot", "targets of .* has 0 of 1 signatures"),
    "root gives the snapshot away without one": (
        lambda held: {"root": replace(held.home, client_snapshot=bare("client snapshot")).root(2)},
        "ErrBadHierarchy",
        "server does not hold current snapshot key",
    ),
    "a root of another collection": (
        lambda held: {"root": replace(Home(OTHER), server=held.home.server).root(2)},
        "ErrBadRoot",
        "common name is not",
    ),
    "a client's snapshot of old targets": (
        lambda held: {
            "targets": held.home.targets(3),
            "snapshot": held.home.snapshot(2, held.files | {"targets": held.home.targets(3)}, by=[bare("mallory")]),
        },
        "ErrBadSnapshot",
        "0 of 1 signatures",
    ),
    "a signer who was removed": (
        lambda held: {**_without_delegation(held), RELEASES: held.home.releases(2)},
        "ErrBadTargets",
        "targets does not delegate to targets/releases",
    ),
    "more bytes than a collection may have": (
        lambda held: {"targets/a": b" " * (NOTARY_COLLECTION_MAX_BYTES + 1)},
        "ErrValidation",
        "would have more than",
    ),
}


@pytest.mark.parametrize("case", NEXT_REFUSED.values(), ids=NEXT_REFUSED)
def test_an_upload_that_is_refused(case: tuple[Callable[[Shelf], Files], str, str]) -> None:
    make, kind, reason = case
    held = shelf(Home())
    with pytest.raises(InvalidUpdate, match=reason) as caught:
        held.publish(make(held))
    assert caught.value.kind == kind


NEXT_TAKEN: dict[str, tuple[Callable[[Shelf], Files], dict[str, int]]] = {
    "nothing": (lambda _: {}, {"snapshot": 2, "timestamp": 2}),
    "root rotated": (_valid_rotation, {"root": 2, "snapshot": 2, "timestamp": 2}),
    "root signed anew": (lambda held: {"root": held.home.root(2)}, {"root": 2, "snapshot": 2, "timestamp": 2}),
    "targets rotated": (_other_targets_key_and_targets, {"root": 2, "targets": 3, "snapshot": 2, "timestamp": 2}),
    "targets alone": (lambda held: {"targets": held.home.targets(9)}, {"targets": 9, "snapshot": 2, "timestamp": 2}),
    "a delegation alone": (
        lambda held: {RELEASES: held.home.releases(5)},
        {RELEASES: 5, "snapshot": 2, "timestamp": 2},
    ),
    "a delegation removed, its file stays listed": (
        _without_delegation,
        {"targets": 3, "snapshot": 2, "timestamp": 2},
    ),
}


@pytest.mark.parametrize("case", NEXT_TAKEN.values(), ids=NEXT_TAKEN)
def test_an_upload_that_is_taken(case: tuple[Callable[[Shelf], Files], dict[str, int]]) -> None:
    make, changed = case
    held = shelf(Home())
    before = held.versions()
    held.publish(make(held))
    assert held.versions() == before | changed
    check(held.files, held.roots)


STALE: dict[str, Callable[[Shelf], Files]] = {
    "root again": lambda held: {"root": held.files["root"]},
    "another root of the same version": lambda held: {"root": held.home.root(1)},
    "targets again": lambda held: {"targets": held.files["targets"]},
    "other targets of the same version": lambda held: {"targets": held.home.targets(2, ["v9"])},
    "older targets": lambda held: {"targets": held.home.targets(1)},
    "a delegation again": lambda held: {RELEASES: held.files[RELEASES]},
}


@pytest.mark.parametrize("make", STALE.values(), ids=STALE)
def test_a_version_that_is_not_above(make: Callable[[Shelf], Files]) -> None:
    held = shelf(Home())
    with pytest.raises(Conflict, match="cannot be published"):
        held.publish(make(held))


def test_an_old_root_does_not_come_back() -> None:
    held = shelf(Home())
    first = held.files["root"]
    held.publish(_valid_rotation(held))
    for files in ({"root": first}, {"root": held.home.root(3)}, {"root": held.home.root(2)}):
        with pytest.raises((InvalidUpdate, Conflict)):
            held.publish(files)


def test_a_root_whose_certificate_is_over_has_a_successor() -> None:
    """Its own time counts when it comes, not when it is followed."""
    soon = NOW + timedelta(days=2)
    home = Home(root_keys=(carried("short-lived", ends=soon),))
    held = shelf(home)
    later = soon + timedelta(days=1)
    with pytest.raises(InvalidUpdate, match="it ended"):
        held.publish({"root": home.root(2)}, later)
    held.publish({"root": replace(home, root_keys=(carried("second root"),), old_roots=home.root_keys).root(2)}, later)
    check(held.files, held.roots)


def test_expired_targets_do_not_keep_a_delegate_from_publishing() -> None:
    """Only what is uploaded has to be in time, as with the stock server."""
    home = Home()
    held = shelf(home)
    later = NOW + timedelta(days=4 * 365)
    held.publish({RELEASES: replace(home, now=later).releases(2)}, later)
    assert held.versions()[RELEASES] == 2


def test_a_threshold_of_two() -> None:
    home = Home(targets_keys=(bare("targets"), bare("second targets")), thresholds={"targets": 2})
    with pytest.raises(InvalidUpdate, match="1 of 2 signatures"):
        Shelf(home).publish(home.first() | {"targets": home.targets(by=[bare("targets")])})
    held = shelf(home)
    check(held.files)


def test_one_key_in_two_forms_signs_once() -> None:
    key = private("targets", "ecdsa-p256")
    both = (bare("targets"), in_pem(certificate(key, "anybody"), key), bare("second targets"))
    home = Home(targets_keys=both, thresholds={"targets": 2})
    with pytest.raises(InvalidUpdate, match="threshold|twice|1 of 2 signatures"):
        Shelf(home).publish(home.first() | {"targets": home.targets(by=both[:2])})


def test_nested_delegations() -> None:
    """A child speaks as long as its parent does."""
    alice, bob, carol = bare("alice"), bare("bob"), bare("carol")
    home = Home()
    held = shelf(home)
    deep = _delegating("targets/releases/deep", bob)
    held.publish({"targets/releases/deep": home.releases(1, by=[bob]), RELEASES: home.releases(2, change=deep)})
    assert check(held.files) == {RELEASES, "targets/releases/deep"}
    with pytest.raises(InvalidUpdate, match="targets/releases/deep of .* 0 of 1"):
        held.publish({"targets/releases/deep": home.releases(2, by=[alice])})
    held.publish({"targets": replace(home, releasers=(carol,)).targets(3)})
    with pytest.raises(InvalidUpdate, match="targets/releases of .* 0 of 1"):
        held.publish({"targets/releases/deep": home.releases(2, by=[bob])})
    assert check(held.files) == set()
    held.publish({RELEASES: home.releases(3, by=[carol], change=deep)})
    held.publish({"targets/releases/deep": home.releases(2, by=[bob])})
    assert check(held.files) == {RELEASES, "targets/releases/deep"}


def test_a_child_of_a_removed_parent_is_silent() -> None:
    bob, home = bare("bob"), Home()
    held = shelf(home)
    deep = _delegating("targets/releases/deep", bob)
    held.publish({RELEASES: home.releases(2, change=deep)})
    held.publish(_without_delegation(held))
    with pytest.raises(InvalidUpdate, match="targets does not delegate to targets/releases"):
        held.publish({"targets/releases/deep": home.releases(1, by=[bob])})


def _delegating(name: str, to: Any) -> Change:
    return lambda document: document.update(delegations=delegations([delegation(name, to)], to))


def test_a_client_may_not_list_what_is_older() -> None:
    home = Home(client_snapshot=bare("client snapshot"))
    held = shelf(home)
    old = held.files[RELEASES]
    mine = {role: data for role, data in held.files.items() if role not in {"snapshot", "timestamp"}}
    newer = {RELEASES: home.releases(2)}
    held.publish(newer | {"snapshot": home.snapshot(2, mine | newer)})
    with pytest.raises(InvalidUpdate, match="lists targets/releases as nobody published it"):
        held.publish({"snapshot": home.snapshot(3, mine | {RELEASES: old})})
    with pytest.raises(Conflict):
        held.publish({"snapshot": home.snapshot(2, mine | newer)})
    with pytest.raises(InvalidUpdate, match="server does not hold"):
        held.publish({RELEASES: home.releases(3)})
    check(held.files)


def test_a_client_may_not_leave_out_who_has_a_say() -> None:
    """Only who was removed: notary's client drops those from its snapshot."""
    home = Home(client_snapshot=bare("client snapshot"))
    held = shelf(home)
    mine = {role: data for role, data in held.files.items() if role not in {"snapshot", "timestamp"}}
    seen = {role: data for role, data in mine.items() if role != RELEASES}
    with pytest.raises(InvalidUpdate, match="leaves targets/releases out, which targets delegates to"):
        held.publish({"snapshot": home.snapshot(2, seen)})
    targets = replace(home, releasers=()).targets(3)
    held.publish({"targets": targets, "snapshot": home.snapshot(2, seen | {"targets": targets})})
    assert held.versions()["snapshot"] == 2


def test_the_server_takes_the_snapshot_over() -> None:
    home = Home(client_snapshot=bare("client snapshot"))
    held = shelf(home)
    held.publish({"root": replace(home, client_snapshot=None).root(2)})
    assert held.versions()["snapshot"] == 2
    check(held.files, held.roots)


def test_no_snapshot_is_made_that_nobody_could_read() -> None:
    """A client may count as high as it goes; the server cannot count on."""
    home = Home(client_snapshot=bare("client snapshot"))
    files = home.first()
    mine = {role: data for role, data in files.items() if role != "snapshot"}
    held = shelf(home, mine | {"snapshot": home.snapshot(MAX, mine)})
    with pytest.raises(InvalidUpdate, match="no number that fits"):
        held.publish({"root": replace(home, client_snapshot=None).root(2)})


def test_two_server_signatures_are_more_than_one_server_makes() -> None:
    home = Home()
    second = bare("second timestamp")

    def change(document: dict[str, Any]) -> None:
        document["keys"][second.wire.id] = second.wire.document()
        rule = document["roles"]["timestamp"]
        rule["keyids"].append(second.wire.id)
        rule["threshold"] = 2

    with pytest.raises(InvalidUpdate, match="more than one signature on the timestamp"):
        Shelf(home).publish(home.first() | {"root": home.root(change=change)})


def test_bytes_are_kept_as_they_came() -> None:
    """Even those that no stock client writes: what is hashed is what is served."""
    home = Home()
    files = home.first()
    files["targets"] = json.dumps(json.loads(files["targets"]), indent=1).encode()
    held = shelf(home, files)
    assert held.files["targets"] == files["targets"]
    check(held.files)


def test_what_was_published_says_when_it_ends() -> None:
    held = shelf(Home())
    for role, file in held.current.items():
        read = read_file(role, file.data)
        assert (file.version, file.expires) == (read.version, read.expires)


def test_a_signature_of_another_collection_is_worth_nothing() -> None:
    """All of a collection under another name of the same owner: its certificate says whose it is."""
    with pytest.raises(InvalidUpdate, match=f"common name is not {OTHER}"):
        Shelf(Home(OTHER)).publish(Home(NAME).first())
