"""Uploads that are almost right: bytes changed on the way, and files that their own keys signed, but say odd things.

Nothing but a refusal may come of it, quickly; and what is taken can be read, served and published upon afterwards.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.keys import NAME, private
from tests.fakes.notary_client import RELEASES, Home, bare, certificate, in_pem, signed
from tests.fakes.trust_service import Town

from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats.notary.envelope import max_bytes, read_envelope, write_envelope
from pytrust.trust.formats.notary.files import read_file
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.names import RoleName
from pytrust.trust.publish.both_sides import words
from pytrust.trust.server.refusals import Refusal
from pytrust.trust.store.interface import RoleFile

ROLES: Final = ("root", "targets", RELEASES, "snapshot")
QUICK: Final = 10.0  # seconds on a busy machine, where the honest time is far below one
ODD: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        2**31 - 1,
        2**31,
        2**53,
        10**17,
        "",
        "a",
        "root",
        "targets",
        "targets/releases",
        "targets/releases/deep",
        "QQ==",
        "2020-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "ecdsa-x509",
        "é<&>\u2028",
        [],
        {},
        [None],
        [[]],
        [{}],
        {"": None},
        {"sha256": "QQ=="},
    ]
)


@cache
def _home() -> Home:
    return Home(client_snapshot=bare("client snapshot"))


@cache
def _upload() -> Mapping[str, bytes]:
    return _home().first(["v1", "v2"], ["v1"])


def _publish(files: Mapping[str, bytes]) -> bool:
    """Whether it was taken; then everything has to go on."""
    town, started = Town().with_kept_keys(), time.monotonic()
    try:
        town.service.publish(NAME, files, "mallory")
    except Refusal as error:
        assert error.status == 400
        assert len(error.body()) < 1024
        assert town.newest() == {}
        return False
    finally:
        assert time.monotonic() - started < QUICK
    newest = town.newest()
    assert {role: newest[role] for role in files} == files
    for role in newest:
        assert town.served(role) is not None, role
        read_file(role, newest[role])
    kept = {RoleName(role): RoleFile(RoleName(role), 1, town.now, data) for role, data in newest.items()}
    words(NAME, kept)
    assert town.service.overview(5)[0].roles
    town.later(days=15)
    assert town.served("timestamp") != newest["timestamp"]
    town.service.key(NAME, "timestamp")
    town.service.key(NAME, "snapshot")
    return True


def test_the_upload_itself_is_taken() -> None:
    assert _publish(_upload())


def _bytes_changed(data: bytes, choose: st.DataObject) -> bytes:
    at = choose.draw(st.integers(0, max(len(data) - 1, 0)))
    size = choose.draw(st.integers(1, 40))
    match choose.draw(st.integers(0, 5)):
        case 0:
            changed = bytearray(data or b" ")
            changed[at] ^= 1 << choose.draw(st.integers(0, 7))
            return bytes(changed)
        case 1:
            return data[:at]
        case 2:
            return data[:at] + data[at + size :]
        case 3:
            return data[:at] + data[at : at + size] * 2 + data[at + size :]
        case 4:
            return data[:at] + choose.draw(st.binary(min_size=1, max_size=8)) + data[at:]
        case _:
            return (
                data[:at] + choose.draw(st.sampled_from([b'"', b"\\", b"{", b"]", b",", b"null", b"1e9"])) + data[at:]
            )


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_bytes_that_changed_on_the_way(choose: st.DataObject) -> None:
    role = choose.draw(st.sampled_from(ROLES))
    _publish({**_upload(), role: _bytes_changed(_upload()[role], choose)})


@given(st.sampled_from(ROLES), st.data())
@settings(max_examples=300, deadline=None)
def test_changed_bytes_are_read_or_refused(role: str, choose: st.DataObject) -> None:
    data = _bytes_changed(_bytes_changed(_upload()[role], choose), choose)
    try:
        read_file(role, data)
        again = write_envelope(read_envelope(role, data))
    except BadMetadata as error:
        assert "\n" not in str(error)
        return
    assert write_envelope(read_envelope(role, again)) == again


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document: what holds it, and under which key or index."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((value, key), *_places(inner))]


def _odd(document: dict[str, Any], choose: st.DataObject) -> None:
    for _ in range(choose.draw(st.integers(1, 3))):
        places = _places(document)
        if not places:
            return
        holder, key = choose.draw(st.sampled_from(places), label="place")
        match choose.draw(st.integers(0, 4)):
            case 0 | 1:
                holder[key] = deepcopy(choose.draw(ODD))
            case 2:
                del holder[key]
            case 3:
                other, name = choose.draw(st.sampled_from(places))
                if name in other if isinstance(other, dict) else name < len(other):
                    holder[key] = deepcopy(other[name])
            case _:
                _rename(holder, key, choose)


def _rename(holder: Any, key: Any, choose: st.DataObject) -> None:
    if isinstance(holder, MutableMapping):
        value = holder[key]
        change: Callable[[str], str] = choose.draw(st.sampled_from([str.upper, str.title, lambda name: name + "x"]))
        holder[change(key)] = deepcopy(value)
    else:
        holder.append(deepcopy(holder[key]))


def _signed_anew(choose: st.DataObject) -> dict[str, bytes]:
    """One role says odd things; all that stands above it is made to fit."""
    home, role = _home(), choose.draw(st.sampled_from(ROLES))

    def odd(document: dict[str, Any]) -> None:
        _odd(document, choose)

    files = dict(_upload())
    if role == "root":
        files["root"] = home.root(change=odd)
    elif role == "targets":
        files["targets"] = home.targets(2, ["v1"], change=odd)
    elif role == RELEASES:
        files[RELEASES] = home.releases(1, ["v1"], change=odd)
    del files["snapshot"]
    return files | {"snapshot": home.snapshot(1, files, change=odd if role == "snapshot" else lambda _: None)}


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_signed_by_the_right_keys_and_odd(choose: st.DataObject) -> None:
    _publish(_signed_anew(choose))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_odd_without_a_clients_snapshot(choose: st.DataObject) -> None:
    home = Home()

    def odd(document: dict[str, Any]) -> None:
        _odd(document, choose)

    which = choose.draw(st.integers(0, 2))
    files = home.first(["v1"], ["v1"])
    changed = {
        0: lambda: {"root": home.root(change=odd)},
        1: lambda: {"targets": home.targets(change=odd)},
        2: lambda: {RELEASES: home.releases(change=odd)},
    }
    _publish(files | changed[which]())


@cache
def _certificate() -> bytes:
    pem = certificate(private("root", "ecdsa-p256"), NAME)
    return base64.b64decode(b"".join(pem.split(b"\n")[1:-2]))


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=500, deadline=None)
def test_certificates_of_other_bytes(changes: list[tuple[int, int]]) -> None:
    der = bytearray(_certificate())
    for at, byte in changes:
        der[at % len(der)] = byte
    holder = in_pem(_pem(bytes(der)), private("root", "ecdsa-p256"))
    home = replace(Home(), root_keys=(holder,))
    _publish(home.first())


def test_every_byte_of_a_certificate() -> None:
    """Each in turn, to some values that matter in DER."""
    home = Home()
    for at in range(len(_certificate())):
        for byte in (0x00, 0x1E, 0x30, 0x80, 0xFF):
            der = bytearray(_certificate())
            der[at] = byte
            holder = in_pem(_pem(bytes(der)), private("root", "ecdsa-p256"))
            files = replace(home, root_keys=(holder,)).first()
            if at % 5 == byte % 5:
                _publish(files)


BIG: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "blanks": ("targets", lambda size: b" " * size),
    "brackets": ("targets", lambda size: b"[" * size),
    "braces": ("root", lambda size: b'{"a":' * (size // 5)),
    "quotes": ("targets", lambda size: b'"' * size),
    "backslashes": ("targets", lambda size: b'"' + b"\\" * size),
    "digits": ("snapshot", lambda size: b"1" * size),
    "signatures": (
        "targets",
        lambda size: b'{"signed":{},"signatures":[' + b"{}," * (size // 3) + b"{}]}",
    ),
    "keys of one object": (
        "targets",
        lambda size: b"{" + b",".join(b'"%d":0' % number for number in range(size // 10)) + b"}",
    ),
    "one key very often": ("targets", lambda size: b"{" + b",".join([b'"a":0'] * (size // 6)) + b"}"),
    "escapes": ("targets", lambda size: b'{"signed":{"a":"' + b"\\u003c" * (size // 6) + b'"},"signatures":[]}'),
    "control characters": ("targets", lambda size: b'{"signed":{"a":"' + b"\\n" * (size // 2) + b'"},"signatures":[]}'),
}


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize("case", BIG.values(), ids=BIG)
def test_big_files(case: tuple[str, Callable[[int], bytes]], within: bool) -> None:
    role, make = case
    size = max_bytes(role) - 100 if within else 10_000_000
    started = time.monotonic()
    with pytest.raises(BadMetadata):
        read_file(role, make(size))
    with pytest.raises(BadMetadata):
        read_envelope(role, make(10_000_000))
    assert not _publish({**_upload(), role: make(size)})
    assert time.monotonic() - started < QUICK


def test_a_file_of_many_keys() -> None:
    """Each costs time to read, so they are counted first."""
    home, spki = Home(), bare("alice").wire.public

    def change(count: int) -> Callable[[dict[str, Any]], None]:
        made = [WireKey("ed25519", number.to_bytes(32, "little")) for number in range(count)]
        keys = {key.id: key.document() for key in made}
        return lambda document: document["delegations"]["keys"].update(keys)

    assert spki
    assert _publish(home.first() | {"targets": home.targets(change=change(1000))})
    with pytest.raises(BadMetadata, match="more than 1024 keys"):
        read_file("targets", home.targets(change=change(1024)))


def test_many_tags_are_judged_quickly() -> None:
    """Ten thousand, as an honest owner may have them."""
    started = time.monotonic()
    assert _publish(Home().first([f"tag-{number}" for number in range(10_000)]))
    assert time.monotonic() - started < QUICK


def test_many_delegations_are_judged_quickly() -> None:
    """Sixty files below one parent of many tags: the parent is read once, not once for each of them."""
    alice = bare("alice")
    home = Home()
    names = [f"targets/d{number}" for number in range(60)]
    roles = [{"keyids": [alice.wire.id], "name": name, "paths": [""], "threshold": 1} for name in names]

    def delegating(document: dict[str, Any]) -> None:
        document["delegations"] = {"keys": {alice.wire.id: alice.wire.document()}, "roles": roles}

    town = Town().with_kept_keys()
    first = {"root": home.root(), "targets": home.targets(2, map(str, range(8000)), change=delegating)}
    town.service.publish(NAME, first, "anna")
    uploads = {name: signed(home.document(1), [alice]) for name in names}
    started = time.monotonic()
    town.service.publish(NAME, uploads, "anna")
    assert time.monotonic() - started < QUICK / 2
    assert town.versions().keys() >= set(names)
