"""The folders of docker and notary: every layout that they had, nothing beside it, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.notary_keys import ALICE, CURVE, EDWARDS, RSA, WEB, id_of, traditional, vectors, written

from pytrust.trust.errors import BadPermissions, UsageError
from pytrust.trust.keys.notary_file import NotaryKeyFile, parse
from pytrust.trust.keys.notary_folder import find_keys, place_key
from pytrust.trust.keys.notary_names import check_image, free_name, role_name, role_of
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import KEY_FILE_MAX_BYTES, NOTARY_KEYS_MAX
from pytrust.trust.names import CollectionName, RoleName

PUBLIC = PublicKey.of(CURVE.public_key())
ENDING = PUBLIC.id[:8]
ROOT, TARGETS = RoleName("root"), RoleName("targets")


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def owners(source: Path) -> list[str]:
    found, errors = find_keys(source)
    assert not errors
    return [key.file.owner for key in found]


@pytest.mark.parametrize("below", ["", "private"])
def test_the_folder_or_its_private_one(tmp_path: Path, below: str) -> None:
    for name, data in vectors():
        put(tmp_path / "private" / name, data)
    found, errors = find_keys(tmp_path / below)
    assert [key.path.name for key in found] == sorted(name for name, _ in vectors())
    assert not errors


def test_the_layout_of_notary_01(tmp_path: Path) -> None:
    private = tmp_path / "private"
    put(private / "root_keys" / f"{id_of(RSA)}_root.key", traditional(RSA))
    put(private / "tuf_keys" / "docker.io" / "foo" / "web" / f"{id_of(CURVE)}_targets.key", traditional(CURVE))
    put(private / "tuf_keys" / f"{id_of(EDWARDS)}.key", written(EDWARDS))
    assert sorted(owners(tmp_path)) == ["alice", "root", "targets of docker.io/foo/web"]


def test_what_is_not_a_place_of_keys_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path / "private" / "alice.key", written())
    for other in ("alice.key", "tuf/x/metadata/root.key", "private/other/bob.key", "private/bob.pem"):
        put(tmp_path / other, written(RSA))
    assert owners(tmp_path) == ["alice"]


def test_a_file_of_several_keys(tmp_path: Path) -> None:
    assert owners(put(tmp_path / "backup.pem", written() + written(RSA, RoleName("bob")))) == ["alice", "bob"]


def test_one_bad_file_hides_no_other(tmp_path: Path) -> None:
    put(tmp_path / "1.key", b"nothing")
    put(tmp_path / "2.key", written())
    put(tmp_path / "3.key", b"x" * (KEY_FILE_MAX_BYTES + 1))
    (tmp_path / "4.key").symlink_to(tmp_path / "2.key")
    (tmp_path / "5.key").mkdir()
    found, errors = find_keys(tmp_path)
    assert [key.path.name for key in found] == ["2.key"]
    assert [next(name for name in "1345" if f"{name}.key" in str(error)) for error in errors] == ["1", "3", "4", "5"]


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: (path / "tuf").mkdir(parents=True)]
)
def test_nothing_there(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "trust")
    with pytest.raises(UsageError, match="does not exist|holds no private keys"):
        find_keys(tmp_path / "trust")


def test_too_many(tmp_path: Path) -> None:
    for number in range(NOTARY_KEYS_MAX + 1):
        (tmp_path / f"{number}.key").touch()
    with pytest.raises(UsageError, match="more than"):
        find_keys(tmp_path)


def test_a_key_put_in_place(tmp_path: Path) -> None:
    path = place_key(tmp_path / "a" / "trust", "x.key", b"data")
    assert path == tmp_path / "a" / "trust" / "private" / "x.key"
    assert path.read_bytes() == b"data"
    assert [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert [each.name for each in path.parent.iterdir()] == ["x.key"]


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    path = place_key(tmp_path, "x.key", b"data")
    with pytest.raises(UsageError, match="exists already"):
        place_key(tmp_path, "x.key", b"other")
    assert path.read_bytes() == b"data"


def test_no_key_goes_where_others_look(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o755)
    (tmp_path / "private").chmod(0o755)
    with pytest.raises(BadPermissions, match="open to others"):
        place_key(tmp_path, "x.key", b"data")
    assert not list((tmp_path / "private").iterdir())


def file_of(role: str) -> NotaryKeyFile:
    return parse(traditional(RSA, *([f"role: {role}"] if role else [])), "it")


@pytest.mark.parametrize(
    ("role", "name"),
    [("root", "root"), ("alice", "alice"), ("targets/releases", "releases"), ("targets/qa/deep", "qa-deep")],
)
def test_names_in_the_key_ring(role: str, name: str) -> None:
    assert role_name(file_of(role), "it") == name


@pytest.mark.parametrize("role", ["", "Alice", "../x", "targets/", "a b", "x" * 65])
def test_roles_that_are_no_names(role: str) -> None:
    with pytest.raises(UsageError) as caught:
        role_name(file_of(role), "the file")
    assert "the file" in str(caught.value)
    assert caught.value.hint == "give it a name: pytrust key import NAME FILE"


def test_a_taken_name_gets_an_ending_and_loses_it_again() -> None:
    assert free_name(ROOT, PUBLIC, {ALICE}) == "root"
    taken = free_name(ROOT, PUBLIC, {ROOT})
    assert taken == f"root-{ENDING}"
    assert role_of(taken, PUBLIC) == "root"
    assert role_of(ROOT, PUBLIC) == "root"
    assert role_of(RoleName("root-00000000"), PUBLIC) == "root-00000000"


@pytest.mark.parametrize(("role", "image", "said"), [(TARGETS, None, "--gun NAME"), (ALICE, WEB, "leave --gun out")])
def test_images_where_they_do_not_belong(role: RoleName, image: CollectionName | None, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_image(role, image)
    assert said in caught.value.hint


def test_images_where_they_belong() -> None:
    check_image(TARGETS, WEB)
    check_image(RoleName("snapshot"), WEB)
    check_image(ROOT, None)
