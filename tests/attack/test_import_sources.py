"""Import from a hostile server or a hostile ``~/.docker/trust``: what is believed, and what becomes of the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.desk import Desk, put
from tests.fakes.keys import NAME, NOW, PASSPHRASE, House, docker_house, signer
from tests.fakes.notary_repository import (
    RELEASES,
    FakeNotary,
    FakeNotaryRepository,
    NotaryServer,
    certify,
    new_key,
    seal,
)

from pytrust.trust.client.gather import FolderSource, gather
from pytrust.trust.collection.model import ROOT, TIMESTAMP
from pytrust.trust.errors import BadMetadata, BadSignature, Damaged, PytrustError, Refused, Unsigned
from pytrust.trust.http import Deadline
from pytrust.trust.limits import NOTARY_COLLECTION_MAX_BYTES
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store.interface import RoleFile

DIGEST = "sha256:" + "ab" * 32
WEB = "registry.example.com/foo/web"
OWN = signer("root", "ecdsa-p256")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return docker_house(tmp_path)


def honest() -> FakeNotary:
    web = FakeNotary(NAME, root_keys=[OWN], people=("alice", "bob"))
    web.release("v1", DIGEST, 100)
    return web


def refused(house: House, web: FakeNotary, kind: type[PytrustError] = Refused) -> str:
    """Nothing is stored, and the error says why."""
    with pytest.raises(kind) as caught:
        house.owner().adopt(NAME, gather(FakeNotaryRepository(web), NAME, Deadline(5)), resign=True)
    assert house.store.collections() == []
    assert house.store.collections(Format.NOTARY) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- files that do not belong together ----------------------------------------------------------------------------------


def _another_root(web: FakeNotary) -> None:
    """A root that was made, and never listed."""
    web.make("root")


def _a_root_under_another_number(web: FakeNotary) -> None:
    web.rotate("timestamp")
    web.files["1.root.json"] = web.files["2.root.json"]


def _a_gap(web: FakeNotary) -> None:
    signed = web.signed("root")
    web.put("root", seal(signed | {"version": 9}, web.signing("root")))
    web.settle()


def _another_chain(web: FakeNotary) -> None:
    """The pinned root, and after it one of a stranger."""
    stranger = new_key()
    web.keys["root"] = [stranger]
    web.make("root")
    web.publish("targets")


def _a_threshold_that_is_not_reached(web: FakeNotary) -> None:
    web.threshold["root"] = 2
    web.keys["root"] = [OWN, new_key()]
    web.put("root", seal(web.next("root"), web.signing("root")[:1]))
    web.settle()


def _targets_of_nobody(web: FakeNotary) -> None:
    web.forge("targets", lambda signed: None, by=[(web.wire("targets")[0].id, new_key())])


def _a_snapshot_of_nobody(web: FakeNotary) -> None:
    web.forge("snapshot", lambda signed: None, by=[(web.wire("snapshot")[0].id, new_key())])


def _a_timestamp_of_nobody(web: FakeNotary) -> None:
    web.forge("timestamp", lambda signed: None, by=[(web.wire("timestamp")[0].id, new_key())])


def _another_targets_file(web: FakeNotary) -> None:
    web.swap("targets", seal(web.next("targets"), web.signing("targets")))


def _a_role_outside(role: str) -> Callable[[FakeNotary], object]:
    def change(signed: dict[str, Any]) -> None:
        signed["meta"][role] = signed["meta"]["targets"]

    return lambda web: web.forge("snapshot", change)


def _too_much(web: FakeNotary) -> None:
    def change(signed: dict[str, Any]) -> None:
        signed["meta"]["targets/huge"] = signed["meta"]["targets"] | {"length": NOTARY_COLLECTION_MAX_BYTES}

    web.forge("snapshot", change)


@pytest.mark.parametrize(
    "lie",
    [
        _another_root,
        _a_root_under_another_number,
        _a_gap,
        _another_chain,
        _a_threshold_that_is_not_reached,
        _targets_of_nobody,
        _a_snapshot_of_nobody,
        _a_timestamp_of_nobody,
        _another_targets_file,
        _a_role_outside("../../../../etc/passwd"),
        _a_role_outside("targets/../root"),
        _a_role_outside("Targets"),
        _too_much,
    ],
)
def test_nothing_is_taken_of_what_does_not_fit(house: House, lie: Callable[[FakeNotary], object]) -> None:
    web = honest()
    lie(web)
    refused(house, web)


def test_too_much_is_refused_before_it_is_fetched() -> None:
    web = honest()
    _too_much(web)
    source = FakeNotaryRepository(web)
    with pytest.raises(BadMetadata, match="more than 64000000 bytes"):
        gather(source, NAME, Deadline(5))
    assert not any(file.startswith("targets") for _, file in source.asked)


def test_roles_that_nobody_delegates_to_say_nothing(house: House) -> None:
    """A snapshot may list more than somebody speaks for: it is kept, and believed in nothing."""
    web = honest()
    evil = seal(web.signed(RELEASES) | {"version": 5}, [(web.wire("targets")[0].id, new_key())])
    web.put("targets/evil", evil)
    web.settle()
    adopted = house.owner().adopt(NAME, gather(FakeNotaryRepository(web), NAME, Deadline(5)), resign=True)
    assert set(adopted.collection.accepted) == {"v1"}
    assert {item.name for item in adopted.collection.signers} == {"alice", "bob"}


def test_a_signer_whose_file_another_signed_says_nothing(house: House) -> None:
    web = honest()
    web.forge(RELEASES, lambda signed: None, by=[(web.wire(RELEASES)[0].id, new_key())])
    adopted = house.owner().adopt(NAME, gather(FakeNotaryRepository(web), NAME, Deadline(5)), resign=True)
    assert adopted.collection.accepted == {}
    assert adopted.unsigned == ("releases",)


def test_the_files_of_another_collection(house: House) -> None:
    """Root certificates carry the name: the owner's other collection, whose root he signed, is no stand-in."""
    web = FakeNotary("docker.io/foo/other", root_keys=[OWN])
    source = FakeNotaryRepository(web)
    source.instead[NAME] = "docker.io/foo/other"
    with pytest.raises(BadMetadata, match="common name"):
        house.owner().adopt(NAME, gather(source, NAME, Deadline(5)), resign=True)
    assert house.store.collections(Format.NOTARY) == []


def test_an_endless_server(house: House) -> None:
    """As many roots as it likes, each a moment late: the time for all of it is bounded."""

    class Slow(FakeNotaryRepository):
        def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
            time.sleep(0.05)
            deadline.remaining(file)
            return super().fetch(name, file, deadline)

    web = honest()
    web.put("root", seal(web.signed("root") | {"version": 2**31 - 1}, web.signing("root")))
    began = time.monotonic()
    with pytest.raises(PytrustError):
        gather(Slow(web), NAME, Deadline(0.5))
    assert time.monotonic() - began < 5
    assert house.store.collections(Format.NOTARY) == []


# -- folders ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../outside", "..", "docker.io/../../outside", "docker.io/foo/web/..", "/etc", "a/./../../b"]
)
def test_names_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    web = honest()
    put(tmp_path / "trust", web)
    put(tmp_path, web, "../outside")
    with pytest.raises((BadMetadata, Unsigned)):
        gather(FolderSource(tmp_path / "trust"), CollectionName(name), Deadline(5))


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "nowhere", "endless"])
def test_odd_files(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, honest())
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "nowhere":
            path.symlink_to("/nonexistent")
        case _:
            with path.open("wb") as file:
                file.truncate(2**33)
    with pytest.raises((Unsigned, Damaged)):
        gather(FolderSource(tmp_path), NAME, Deadline(5))


def test_folders_in_a_circle(tmp_path: Path) -> None:
    put(tmp_path, honest())
    (tmp_path / "tuf" / "docker.io" / "again").symlink_to(tmp_path / "tuf")
    assert FolderSource(tmp_path).names() == [NAME]


# -- the command: whose root key counts ---------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.mark.parametrize("name", ["targets", "alice"])
def test_a_key_for_something_else_vouches_for_no_root(desk: Desk, name: str) -> None:
    """A signer's key may be shared, as with a build server; whoever has it must not become an owner by it."""
    put(desk.trust, FakeNotary(WEB, root_keys=[signer(name, "ecdsa-p256")]))
    before = desk.pins()
    code, said = desk.run("import", "--from", str(desk.trust))
    assert code == 1
    assert "nothing here vouches for the root key" in said
    assert desk.pins() == before
    assert desk.held() == []


def test_a_root_key_of_one_s_own_that_did_not_sign(desk: Desk) -> None:
    """Naming a key in a root is not having it."""
    thief = new_key()
    web = FakeNotary(WEB, root_keys=[thief, OWN])
    forged = seal(web.next("root"), [(web.wire("root")[0].id, thief), (web.wire("root")[1].id, new_key())])
    web.put("root", forged)
    web.settle()
    del web.files["1.root.json"]
    path = put(desk.trust, web)
    assert path.read_bytes() == forged
    before = desk.pins()
    assert desk.run("import", "--from", str(desk.trust))[0] == 1
    assert desk.pins() == before
    assert desk.held() == []


def test_strangers_are_not_believed_at_first_sight(desk: Desk) -> None:
    web = FakeNotary(WEB)
    put(desk.trust, web)
    before = desk.pins()
    code, said = desk.run("import", "--from", str(desk.trust))
    assert (code, desk.pins()) == (1, before)
    assert "--root-key" in said
    code, said = desk.run("import", "--from", str(desk.trust), "--root-key", "ab" * 32)
    assert (code, desk.pins(), desk.held()) == (1, before, [])
    code, said = desk.run("import", "--from", str(desk.trust), "--root-key", web.keys["root"][0].public.id)
    assert (code, desk.held()) == (0, [WEB])
    assert desk.pins() == before | {WEB: {web.keys["root"][0].public.id}}


def test_what_a_pin_covers_needs_no_other(desk: Desk) -> None:
    put(desk.trust, FakeNotary(WEB, root_keys=[OWN]))
    before = desk.pins()
    assert desk.run("import", "--from", str(desk.trust))[0] == 0
    assert desk.pins() == before


@pytest.mark.parametrize("threshold", [1, 2])
def test_one_s_own_root_key_is_not_what_the_pin_wants(desk: Desk, threshold: int) -> None:
    """Somebody pinned other keys for these names, or two: an import must not make one of them enough."""
    put(desk.trust, FakeNotary(WEB, root_keys=[OWN, new_key()]))
    config = desk.home / "config.toml"
    keys = ["ab" * 32] if threshold == 1 else ["ab" * 32, OWN.public.id]
    pin = f'[[pins]]\nmatch = "registry.example.com/**"\nroot_keys = {keys}\nthreshold = {threshold}\n\n[[pins]]'
    config.write_text(config.read_text().replace("[[pins]]", pin.replace("'", '"')))
    before = desk.pins()
    code, said = desk.run("import", "--from", str(desk.trust))
    assert (code, desk.pins(), desk.held()) == (1, before, [])
    assert "pinned for registry.example.com/**" in said
    assert desk.run("import", "--from", str(desk.trust), "--root-key", OWN.public.id)[0] == 0


def test_another_root_key_of_one_s_own(desk: Desk) -> None:
    """Docker's root key, imported beside that of this home, whose pin is for all names."""
    docker = new_key()
    assert docker.private is not None
    desk.ring.add(RoleName(f"root-{docker.public.id[:8]}"), docker.private, lambda _: PASSPHRASE)
    put(desk.trust, FakeNotary(WEB, root_keys=[docker]))
    assert desk.run("import", "--from", str(desk.trust))[0] == 0
    assert next(iter(desk.pins().items())) == (WEB, frozenset({docker.public.id}))


def test_a_pin_is_for_the_name_and_comes_first(desk: Desk) -> None:
    """Brackets and dots of names are no pattern."""
    stranger = new_key()
    web = FakeNotary("[::1]:5000/foo/web", root_keys=[stranger])
    put(desk.trust, web)
    code, said = desk.run("import", "--from", str(desk.trust), "--root-key", stranger.public.id)
    assert code == 0, said
    assert list(desk.pins()) == ["[::1]:5000/foo/web", "**"]


def test_a_refused_import_pins_nothing(desk: Desk) -> None:
    """The key is right, and the collection there already, or over, or broken."""
    stranger = new_key()
    web = FakeNotary(WEB, root_keys=[stranger])
    put(desk.trust, web)
    before, words = desk.pins(), ("import", "--from", str(desk.trust), "--root-key", stranger.public.id)
    web.expires["timestamp"] = NOW - timedelta(days=1)
    web.settle()
    put(desk.trust, web)
    assert desk.run(*words)[0] == 1
    assert desk.run(*words, "--resign")[0] == 1
    del web.expires["timestamp"]
    web.settle()
    put(desk.trust, web)
    desk.plant(CollectionName(WEB), RoleFile(TIMESTAMP, 1, NOW, b"{}"))
    code, said = desk.run(*words)
    assert code != 0
    assert "already" in said
    assert desk.pins() == before


def test_one_bad_neighbour_stops_nobody(desk: Desk) -> None:
    """A folder of docker's has what nobody can import: others' images, notary's odd names, damage."""
    put(desk.trust, FakeNotary(WEB, root_keys=[OWN]))
    put(desk.trust, FakeNotary("docker.io/library/alpine"))
    put(desk.trust, FakeNotary("example.com/Odd", root_keys=[OWN]))
    put(desk.trust, FakeNotary("justaname", root_keys=[OWN]))
    put(desk.trust, FakeNotary("registry.example.com/foo/bad", root_keys=[OWN])).write_bytes(b"{")
    code, said = desk.run("import", "--from", str(desk.trust))
    assert code == 2
    assert desk.held() == [WEB]
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 4
    assert f"imported {WEB}" in said
    assert "'justaname' is not an image's full name" in said


def test_nothing_is_fetched_over_plain_http_from_afar(desk: Desk) -> None:
    for url in ("http://notary.example.com", "https://user:secret@notary.example.com", "ftp://notary.example.com"):
        code, said = desk.run("import", "--from", url, WEB)
        assert code == 2, said
        assert "is not a trust server" in said


def test_from_a_server(desk: Desk) -> None:
    web = FakeNotary(WEB, root_keys=[OWN])
    web.release("v1", DIGEST, 100)
    with NotaryServer(FakeNotaryRepository(web)) as server:
        code, said = desk.run("import", "--from", server.url, WEB, "registry.example.com/foo/none")
    assert code == 1
    assert f"imported {WEB}: 1 tag; signers: alice" in said
    assert "there is no registry.example.com/foo/none to import" in said
    assert desk.held() == [WEB]


def test_a_certificate_for_a_whole_namespace(house: House) -> None:
    """Notary lets ``prefix*`` stand for many names, and pytrust as well: but whoever has that key is pinned by it."""
    web = honest()
    web.certificates[OWN.public.id] = certify(OWN, "docker.io/foo/*")
    old = [(web.wire("root")[0].id, OWN)]
    web.put("root", seal(web.next("root"), [*old, *web.signing("root")]))
    web.settle()
    refused(house, web, BadSignature)
    assert sha256(web.current["root"]).hexdigest() != sha256(web.files["1.root.json"]).hexdigest()
    assert ROOT in web.versions
