"""``pytrust key import`` and ``export`` of docker's and notary's files: all is told, and nothing stops the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.notary_keys import (
    ALICE,
    CURVE,
    EDWARDS,
    PEM,
    PKCS8,
    PLAIN,
    RSA,
    WEB,
    WORD,
    id_of,
    same,
    traditional,
    written,
)

from pytrust.cli.key_docker import export_docker, import_all
from pytrust.cli.root import run
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, UsageError, WrongPassphrase
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.notary_file import open_key, parse, write_key
from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import RoleName

NEW = b"a new passphrase"
ROOT, TARGETS, BOB = RoleName("root"), RoleName("targets"), RoleName("bob")
Make = Callable[..., Workspace]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A home with an empty key ring that seals cheaply, and variables of the environment."""

    def make(**variables: bytes) -> Workspace:
        (tmp_path / "home" / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, value in variables.items():
            monkeypatch.setenv(name, value.decode())
        made = Workspace(tmp_path / "home", None, None)
        made.keyring = Keyring(made.home.keys, rounds=1)
        return made

    return make


@pytest.fixture
def docker(workspace: Make) -> Workspace:
    """Docker's two variables are set."""
    return workspace(
        DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE=b"root's passphrase", DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE=WORD
    )


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """What docker left: a root key, two keys of targets, a signer's."""
    folder = tmp_path / "trust"
    put(folder, RSA, write_key(RSA, b"root's passphrase", ROOT, None, rounds=1))
    put(folder, CURVE, written(CURVE, TARGETS, WEB))
    put(folder, EDWARDS, written(EDWARDS))
    return folder


def put(folder: Path, key: PrivateKey, data: bytes) -> Path:
    (folder / "private").mkdir(parents=True, exist_ok=True)
    path = folder / "private" / f"{id_of(key)}.key"
    path.write_bytes(data)
    return path


def sha(key: PrivateKey) -> str:
    return f"sha256:{PublicKey.of(key.public_key()).id}"


def test_a_folder(docker: Workspace, trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_all(docker, trust, None) == ExitCode.YES
    said = capsys.readouterr()
    assert sorted(said.out.splitlines()) == [
        f"alice {sha(EDWARDS)} (alice)",
        f"root {sha(RSA)} (root)",
        f"targets {sha(CURVE)} (targets of docker.io/foo/web)",
    ]
    assert not said.err
    assert same(docker.keyring.open(ROOT, docker.passphrases), RSA)
    assert same(docker.keyring.open(ALICE, docker.passphrases), EDWARDS)


def test_names_that_are_taken(docker: Workspace, trust: Path) -> None:
    other = generate("ecdsa-p256")
    docker.keyring.add(ROOT, generate("ecdsa-p256"), lambda _: NEW)
    put(trust, other, written(other))
    import_all(docker, trust, None)
    alices = sorted(map(PublicKey.of, (EDWARDS.public_key(), other.public_key())), key=lambda key: key.id)
    found = {entry.name: entry.public for entry in docker.keyring.entries()}
    assert found[RoleName(f"root-{sha(RSA)[7:15]}")] == PublicKey.of(RSA.public_key())
    assert {found[ALICE], *(found.get(RoleName(f"alice-{key.id[:8]}")) for key in alices)} - {None} == set(alices)
    assert len(found) == 5


def test_again_without_any_passphrase(
    docker: Workspace, trust: Path, workspace: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    import_all(docker, trust, None)
    before = sorted((path.name, path.read_bytes()) for path in docker.home.keys.iterdir())
    capsys.readouterr()
    assert import_all(workspace(), trust, None) == ExitCode.YES
    assert capsys.readouterr().out.count("is in the key ring already") == 3
    assert sorted((path.name, path.read_bytes()) for path in docker.home.keys.iterdir()) == before


def test_the_same_key_under_another_name(docker: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without its id in the name has to be opened to be known."""
    docker.keyring.add(BOB, EDWARDS, lambda _: WORD)
    (tmp_path / "alice.key").write_bytes(written(EDWARDS))
    assert import_all(docker, tmp_path / "alice.key", None) == ExitCode.YES
    assert capsys.readouterr().out == f"bob {sha(EDWARDS)} is in the key ring already (alice)\n"


def test_one_wrong_passphrase_does_not_keep_the_others_out(
    docker: Workspace, trust: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger, other = generate("ecdsa-p256"), generate("ecdsa-p256")
    path = put(trust, stranger, write_key(stranger, b"another", BOB, None, rounds=1))
    put(trust, other, write_key(other, b"another", RoleName("carol"), None, rounds=1))
    (trust / "private" / "junk.key").write_bytes(b"junk")
    assert import_all(docker, trust, None) == ExitCode.UNSOUND
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert f"error: wrong passphrase for {path} (bob)\n" in said.err
    assert said.err.count("error: ") == 3
    assert said.err.count("hint: ") == 2
    assert import_all(docker, trust, b"another") == ExitCode.USAGE
    assert same(docker.keyring.open(BOB, docker.passphrases), stranger)
    assert capsys.readouterr().err.count("error: ") == 1


def test_no_passphrase_at_all(workspace: Make, trust: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_all(workspace(), trust, None) == ExitCode.UNSOUND
    said = capsys.readouterr()
    assert not said.out
    assert said.err.count("is encrypted\n") == 3
    assert said.err.count("hint: ") == 1


def test_what_opened_one_opens_the_next(workspace: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The passphrase of ``root`` is known, that of ``alice`` could only be asked for, and there is no terminal."""
    (tmp_path / "1.key").write_bytes(written(CURVE, ROOT))
    (tmp_path / "2.key").write_bytes(written(EDWARDS))
    made = workspace(DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE=WORD)
    with pytest.raises(WrongPassphrase, match="of the signing keys is needed"):
        import_all(made, tmp_path, None)
    assert not capsys.readouterr().err
    assert [entry.name for entry in made.keyring.entries()] == ["root"]


def test_a_new_passphrase_for_the_key_ring(workspace: Make, trust: Path) -> None:
    made = workspace(PYTRUST_PASSPHRASE=NEW)
    assert import_all(made, trust, WORD) == ExitCode.UNSOUND
    assert import_all(made, trust, b"root's passphrase") == ExitCode.YES
    assert len(made.keyring.entries()) == 3
    assert same(made.keyring.open(ALICE, lambda _: NEW), EDWARDS)


def test_unencrypted_keys_need_none(workspace: Make, tmp_path: Path) -> None:
    made = workspace(PYTRUST_PASSPHRASE=NEW)
    put(tmp_path, CURVE, traditional(CURVE, "role: alice"))
    assert import_all(made, tmp_path, None) == ExitCode.YES
    assert same(made.keyring.open(ALICE, lambda _: NEW), CURVE)


def test_a_key_of_nobody(workspace: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, RSA, traditional(RSA))
    assert import_all(workspace(PYTRUST_PASSPHRASE=NEW), tmp_path, None) == ExitCode.USAGE
    assert "does not say whose key it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "into", "headers"),
    [
        (ROOT, True, ["role: root"]),
        (ALICE, True, ["role: alice"]),
        (TARGETS, True, ["gun: docker.io/foo/web", "role: targets"]),
        (ALICE, False, [f"path: {id_of(CURVE)}", "role: alice"]),
    ],
)
def test_export(docker: Workspace, tmp_path: Path, name: RoleName, into: bool, headers: list[str]) -> None:
    docker.keyring.add(name, CURVE, docker.passphrases)
    folder = tmp_path / "there"
    data = export_docker(docker, name, WEB if name == TARGETS else None, folder if into else None)
    assert data.decode().splitlines()[1 : len(headers) + 2] == [*headers, ""]
    assert same(open_key(parse(data, "it"), docker.passphrases(name), "it"), CURVE)
    assert folder.exists() == into
    if into:
        path = folder / "private" / f"{id_of(CURVE)}.key"
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (data, 0o600)
        with pytest.raises(UsageError, match="exists already"):
            export_docker(docker, name, WEB if name == TARGETS else None, folder)


def test_what_was_imported_is_exported_as_it_was(docker: Workspace, trust: Path, tmp_path: Path) -> None:
    docker.keyring.add(TARGETS, generate("ecdsa-p256"), lambda _: WORD)
    import_all(docker, trust, None)
    name = RoleName(f"targets-{sha(CURVE)[7:15]}")
    export_docker(docker, name, WEB, tmp_path / "there")
    files = [parse(path.read_bytes(), path.name) for path in (tmp_path / "there" / "private").iterdir()]
    assert [(file.owner, *file.ids) for file in files] == [(f"targets of {WEB}", id_of(CURVE))]


def test_export_of_a_key_that_lives_elsewhere(docker: Workspace, tmp_path: Path) -> None:
    docker.keyring.add_uri(ALICE, PublicKey.of(CURVE.public_key()), "hsm:2?label=alice")
    with pytest.raises(UsageError, match="outside this key ring"):
        export_docker(docker, ALICE, None, tmp_path)


def command(tmp_path: Path, *words: str) -> int:
    """``pytrust key WORDS`` in that home, whose passphrase is ``NEW``."""
    secret = tmp_path / "home" / "secret"
    secret.touch(0o600)
    secret.write_bytes(NEW)
    return run(["--home", str(tmp_path / "home"), "--passphrase-file", str(secret), "key", *words])


@pytest.fixture
def home(workspace: Make) -> Keyring:
    return workspace().keyring


def test_one_file_of_docker_under_a_chosen_name(home: Keyring, tmp_path: Path) -> None:
    path = put(tmp_path, CURVE, write_key(CURVE, NEW, RoleName("alice"), None, rounds=1))
    assert command(tmp_path, "import", "bob", str(path)) == 0
    assert same(home.open(BOB, lambda _: NEW), CURVE)


def test_one_file_of_notary_that_the_library_cannot_read(home: Keyring, tmp_path: Path) -> None:
    """Known by its name alone: there is no header."""
    path = put(tmp_path, CURVE, write_key(CURVE, NEW, RoleName("x"), None, rounds=1).replace(b"role: x\n\n", b""))
    assert command(tmp_path, "import", "bob", str(path)) == 0
    assert same(home.open(BOB, lambda _: NEW), CURVE)


def test_one_file_of_another_tool(home: Keyring, tmp_path: Path) -> None:
    (tmp_path / "bob.pem").write_bytes(RSA.private_bytes(PEM, PKCS8, PLAIN))
    assert command(tmp_path, "import", "bob", str(tmp_path / "bob.pem")) == 0
    assert same(home.open(BOB, lambda _: NEW), RSA)


def test_a_folder_and_its_passphrase_in_a_file(home: Keyring, tmp_path: Path) -> None:
    put(tmp_path / "trust", EDWARDS, written(EDWARDS))
    secret = tmp_path / "word"
    secret.touch(0o600)
    secret.write_bytes(WORD)
    assert command(tmp_path, "import", str(tmp_path / "trust"), "--old-passphrase-file", str(secret)) == 0
    assert same(home.open(ALICE, lambda _: NEW), EDWARDS)


def test_export_to_a_file(home: Keyring, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    home.add(ALICE, EDWARDS, lambda _: NEW)
    assert command(tmp_path, "export", "alice", "--docker", "-o", str(tmp_path / "out")) == 0
    assert command(tmp_path, "export", "alice", "--docker") == 0
    for data in ((tmp_path / "out").read_bytes(), capsysbinary.readouterr().out):
        assert same(open_key(parse(data, "it"), NEW, "it"), EDWARDS)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "words",
    [
        ["import", "alice"],
        ["import", "alice", "--uri", "hsm:2"],
        ["import", "alice", "x", "--uri", "hsm:2", "--public-key", "y"],
        ["export", "alice", "--docker", "--public"],
        ["export", "alice", "--gun", "docker.io/foo/web"],
        ["export", "alice", "--into", "there"],
        ["export", "alice", "--docker", "--into", "there", "-o", "x"],
        ["export", "alice", "--docker", "--gun", "docker.io/foo/web"],
        ["export", "alice", "--docker", "--gun", "docker.io/foo/web:v1"],
    ],
)
def test_words_that_do_not_fit(
    home: Keyring, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home.add(ALICE, EDWARDS, lambda _: NEW)
    assert command(tmp_path, *words) == ExitCode.USAGE
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_errors_name_the_file_once(docker: Workspace, tmp_path: Path) -> None:
    with pytest.raises(PytrustError) as caught:
        import_all(docker, tmp_path / "nowhere", None)
    assert str(caught.value).count("nowhere") == 1
