"""Secrets out of files: into the vault first, and nothing of them is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from tests.fakes.vaulted import FakeVaulted

from pytrust.cli.root import run
from pytrust.cli.secret_intake import carry_out, plan
from pytrust.cli.secret_sources import Taken
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import Conflict
from pytrust.trust.vault import age
from pytrust.trust.vault.bundle import Bundled, encode_bundle
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.model import Reader, Secret, Terms
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Find, Get, List, Page, Put, Value
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import Vault, create_vault

CANARY = "canary-51fb"
COMPOSE = f"""\
services:
  db:
    image: postgres:16   # not the newest
    environment:
      PGDATA: /data
    secrets: [db_password, inline]
  web:
    image: foo/web
    secrets:
      - source: db_password
        target: pg
secrets:
  db_password:
    file: ./db_password.txt
  inline:
    content: "{CANARY}-inline"
"""
AFTER = """\
services:
  db:
    image: postgres:16   # not the newest
    environment:
      PGDATA: /data
    labels:
      pytrust.secrets: "db_password,inline"
  web:
    image: foo/web
    labels:
      pytrust.secrets: "db_password:file=pg"
"""


class Bench:
    """A vault of its own, a folder of files, and the command."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder / "files", capsys
        self.folder.mkdir()
        self._key = folder / "key"
        text, made = unlock_key.make()
        self._key.touch(0o600)
        self._key.write_text(text)
        self.home = folder / "home"
        self.home.mkdir(0o700)
        slot = NewSlot(unlock_key.KIND, "", made.seed, made.params)
        self.vault: Vault = create_vault(self.home / "vault", folder / "home.anchor", [slot], now=1)
        self.desk = Desk(self.vault, now=lambda: 2, owner="uid:0")

    def file(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.touch(mode)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def take(self, *words: str | Path) -> tuple[int, str]:
        """Exit code, and what was said on both streams."""
        code = run(["--home", str(self.home), "--unlock-file", str(self._key), "secret", "import", *map(str, words)])
        said = self._capsys.readouterr()
        assert CANARY not in said.out + said.err
        return code, said.out + said.err

    def names(self) -> list[str]:
        page = self.desk.ask(List())
        assert isinstance(page, Page)
        return [secret.name for secret in page.secrets]

    def secret(self, name: str) -> Secret:
        page = self.desk.ask(Find(name=SecretName(name)))
        assert isinstance(page, Page)
        return page.secrets[0]

    def value(self, name: str) -> bytes:
        found = self.desk.ask(Get(name=SecretName(name)))
        assert isinstance(found, Value)
        return found.value

    def put(self, name: str, value: bytes) -> None:
        self.desk.ask(Put(name=SecretName(name), value=value))


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    made = Bench(tmp_path, capsys)
    yield made
    made.vault.close()


def test_a_compose_file_goes_on_without(bench: Bench) -> None:
    compose = bench.file("compose.yaml", COMPOSE, 0o644)
    password = bench.file("db_password.txt", f"{CANARY}\n")
    code, said = bench.take(compose)
    assert code == 0, said
    assert compose.read_text() == AFTER
    assert stat.S_IMODE(compose.stat().st_mode) == 0o644
    assert (bench.value("db_password"), bench.value("inline")) == (f"{CANARY}\n".encode(), f"{CANARY}-inline".encode())
    assert bench.secret("db_password").terms.readers == ("image:docker.io/foo/web", "image:docker.io/library/postgres")
    assert bench.secret("inline").terms.readers == ("image:docker.io/library/postgres",)
    assert password.exists()
    assert "can go" in said
    assert [path.name for path in bench.folder.iterdir() if path.name not in {"compose.yaml", "db_password.txt"}] == []
    code, said = bench.take(compose)
    assert (code, said.strip()) == (0, "no secrets are left to be taken")
    assert bench.secret("db_password").current.number == 1


def test_a_dry_run_changes_nothing_and_needs_no_vault(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compose = bench.file("compose.yaml", COMPOSE)
    bench.file("db_password.txt", CANARY)
    code = run(["--home", str(tmp_path / "none"), "secret", "import", "--dry-run", str(compose)])
    said = capsys.readouterr()
    assert code == 0, said
    assert compose.read_text() == COMPOSE
    assert bench.names() == []
    assert CANARY not in said.out + said.err
    assert "-  inline: (hidden)" in said.out
    assert '+      pytrust.secrets: "db_password,inline"' in said.out
    assert "PGDATA" not in said.out  # lines around may hold values, too


def test_files_go_once_the_vault_has_them(bench: Bench) -> None:
    compose = bench.file("compose.yaml", COMPOSE)
    password = bench.file("db_password.txt", CANARY)
    code, said = bench.take(compose, "--remove-files")
    assert (code, password.exists()) == (0, False), said
    assert bench.value("db_password") == CANARY.encode()


def test_files_that_the_command_was_not_pointed_at_stay(bench: Bench) -> None:
    """A Compose file could name any file of the host; and a value with two names is not gone with one of them."""
    real, apart = bench.file("real", CANARY), bench.folder.parent / "apart"
    apart.write_text(CANARY)
    (bench.folder / "link").symlink_to(real)
    (bench.folder / "hard").hardlink_to(bench.file("other", CANARY))
    (bench.folder / "up").symlink_to("..")
    for place in ("link", "hard", "../apart", str(apart), "up/apart"):
        compose = bench.file("compose.yaml", COMPOSE.replace("./db_password.txt", place))
        code, said = bench.take(compose, "--remove-files")
        assert (code, (bench.folder / place).read_text()) == (0, CANARY), said
        assert "still holds a value in clear, and stays" in said


def test_interrupted_between_vault_and_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = bench.file("compose.yaml", COMPOSE)
    bench.file("db_password.txt", CANARY)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pytrust.cli.secret_import.write_atomic", stop)
        assert bench.take(compose)[0] == 130
    assert compose.read_text() == COMPOSE
    code, said = bench.take(compose)
    assert (code, compose.read_text()) == (0, AFTER)
    assert "there already" in said
    assert bench.secret("db_password").current.number == 1


def test_other_values_under_the_same_names_stay(bench: Bench) -> None:
    compose = bench.file("compose.yaml", COMPOSE)
    bench.file("db_password.txt", CANARY)
    bench.put("inline", b"of another project")
    code, said = bench.take(compose)
    assert code == 1
    assert "inline" in said
    assert "--prefix" in said
    assert (bench.names(), compose.read_text()) == (["inline"], COMPOSE)
    assert bench.take(compose, "--prefix", "shop/")[0] == 0
    assert bench.names() == ["inline", "shop/db_password", "shop/inline"]
    assert 'pytrust.secrets: "shop/db_password,shop/inline"' in compose.read_text()


def test_replacing_makes_a_new_version(bench: Bench) -> None:
    bench.put("A", b"old")
    env = bench.file(".env", f"A={CANARY}\n")
    code, said = bench.take(env, "--replace")
    assert (code, bench.secret("A").current.number, bench.value("A")) == (0, 2, CANARY.encode()), said


def test_readers_are_added_to_those_there_are(bench: Bench) -> None:
    bench.desk.ask(Put(name=SecretName("inline"), value=f"{CANARY}-inline".encode(), readers=(Reader("uid:5"),)))
    compose = bench.file("compose.yaml", COMPOSE)
    bench.file("db_password.txt", CANARY)
    assert bench.take(compose)[0] == 0
    assert bench.secret("inline").terms.readers == ("image:docker.io/library/postgres", "uid:5")
    assert bench.secret("inline").current.number == 1


def test_a_stack_keeps_its_secrets_with_a_driver(bench: Bench) -> None:
    compose = bench.file("stack.yml", COMPOSE)
    bench.file("db_password.txt", CANARY)
    code, said = bench.take(compose, "--stack", "shop", "--prefix", "shop/")
    assert code == 0, said
    text = compose.read_text()
    assert text.startswith(COMPOSE.partition("secrets:\n  db")[0])
    assert '  db_password:\n    driver: pytrust\n    labels:\n      pytrust.secret: "shop/db_password"\n' in text
    assert bench.secret("shop/db_password").terms.readers == ("service:shop_db", "service:shop_web")


def test_variables_come_from_the_shell_or_the_file_beside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "services:\n  a:\n    image: x\n    secrets: [one, two]\nsecrets:\n  one: {environment: ONE}\n  two: {environment: TWO}\n"
    compose = bench.file("compose.yaml", text)
    bench.file(".env", f"ONE={CANARY}-1\nTWO={CANARY}-2\n")
    monkeypatch.setenv("TWO", f"{CANARY}-shell")
    _, said = bench.take(compose)
    assert (bench.value("one"), bench.value("two")) == (f"{CANARY}-1".encode(), f"{CANARY}-shell".encode()), said
    assert "ONE still stands in" in said
    assert "TWO is still a variable" in said


@pytest.mark.parametrize(
    "text",
    [
        "secrets:\n  a: {environment: NO_SUCH_VARIABLE}\n",
        "secrets:\n  a: {file: ./none}\n",
        "secrets:\n  a: {file: ./empty}\n",
        "secrets:\n  a: {file: .}\n",
        "secrets:\n  a: {file: ./huge}\n",
    ],
)
def test_a_value_that_cannot_be_had(bench: Bench, text: str) -> None:
    compose = bench.file("compose.yaml", text)
    bench.file("empty", "")
    bench.file("huge", b"x" * (1024 * 1024 + 1))
    code, said = bench.take(compose)
    assert code == 2, said
    assert (compose.read_text(), bench.names()) == (text, [])


def test_an_env_file(bench: Bench) -> None:
    env = bench.file("prod.env", f"# of the shop\nDB_PASSWORD='{CANARY} $x'\nEMPTY=\n")
    code, said = bench.take(env, "--remove-files")
    assert (code, bench.names(), bench.value("DB_PASSWORD")) == (0, ["DB_PASSWORD"], f"{CANARY} $x".encode()), said
    assert "EMPTY has no value" in said
    assert not env.exists()


def test_several_files_are_one_step(bench: Bench) -> None:
    one, two = bench.file("a.env", f"A={CANARY}-1\n"), bench.file("b.env", f"A={CANARY}-2\n")
    code, said = bench.take(one, two)
    assert code == 2
    assert "different values for A" in said
    assert bench.names() == []
    two.write_text(f"A={CANARY}-1\nB={CANARY}\n")
    assert bench.take(one, two)[0] == 0
    assert bench.names() == ["A", "B"]


def bundle() -> bytes:
    terms = Terms((("team", "web"),), (Reader("uid:5"),), 4_000_000_000)
    return encode_bundle(
        [Bundled(SecretName("shop/db"), CANARY.encode(), terms), Bundled(SecretName("b"), b"2", Terms())]
    )


def test_an_export_comes_back_whole(bench: Bench) -> None:
    key = pyrage.x25519.Identity.generate()
    exported = bench.file("shop.age", age.encrypt(bundle(), [str(key.to_public())]))
    identity = bench.file("key.txt", str(key))
    code, said = bench.take(exported, "--identity", identity)
    assert code == 0, said
    secret = bench.secret("shop/db")
    assert (secret.terms.labels, secret.terms.readers, secret.terms.expires) == (
        (("team", "web"),),
        ("uid:5",),
        4_000_000_000,
    )
    assert bench.value("shop/db") == CANARY.encode()
    assert exported.exists()
    assert "there already" in bench.take(exported, "--identity", identity)[1]


def test_a_single_value_needs_a_name(bench: Bench) -> None:
    key = pyrage.x25519.Identity.generate()
    sealed = bench.file("x.age", age.encrypt(CANARY.encode(), [str(key.to_public())], armored=True))
    identity = bench.file("key.txt", str(key))
    assert bench.take(sealed, "--identity", identity)[0] == 2
    assert bench.take(sealed, "--identity", identity, "--name", "tls/key")[0] == 0
    assert bench.value("tls/key") == CANARY.encode()


def test_the_wrong_identity_and_one_that_others_read(bench: Bench) -> None:
    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    exported = bench.file("shop.age", age.encrypt(bundle(), [str(key.to_public())]))
    assert bench.take(exported, "--identity", bench.file("other.txt", str(other)))[0] == 4
    assert bench.take(exported, "--identity", bench.file("open.txt", str(key), 0o644))[0] == 4
    assert bench.names() == []


@pytest.mark.parametrize("words", [["--prefix", "pytrust/"], ["--prefix", "../"], ["--stack", "a/b"], ["--stack", "-"]])
def test_words_that_do_not_fit(bench: Bench, words: list[str]) -> None:
    env = bench.file(".env", f"A={CANARY}\n")
    assert bench.take(env, *words)[0] == 2
    assert bench.names() == []


def test_what_kind_of_file(bench: Bench) -> None:
    assert bench.take(bench.file("passwords.txt", CANARY))[0] == 2
    assert bench.take(bench.folder / "none.env")[0] == 2
    fifo = bench.folder / "pipe.env"
    os.mkfifo(fifo)
    assert bench.take(fifo)[0] == 2


def test_a_link_stays_one(bench: Bench) -> None:
    real = bench.file("real.yaml", COMPOSE)
    bench.file("db_password.txt", CANARY)
    link = bench.folder / "compose.yaml"
    link.symlink_to(real)
    assert bench.take(link)[0] == 0
    assert link.is_symlink()
    assert real.read_text() == AFTER


def test_a_file_that_changes_meanwhile_is_left_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = bench.file("compose.yaml", COMPOSE)
    bench.file("db_password.txt", CANARY)
    opened = Workspace.vaulted.func  # type: ignore[attr-defined]

    def edited(workspace: Workspace) -> object:
        compose.write_text(COMPOSE + "# more\n")
        return opened(workspace)

    monkeypatch.setattr(Workspace, "vaulted", property(edited))
    code, said = bench.take(compose)
    assert code == 1
    assert "meantime" in said
    assert compose.read_text() == COMPOSE + "# more\n"


def test_a_value_file_that_changes_meanwhile_is_not_deleted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = bench.file("compose.yaml", COMPOSE)
    password = bench.file("db_password.txt", CANARY)
    opened = Workspace.vaulted.func  # type: ignore[attr-defined]

    def edited(workspace: Workspace) -> object:
        password.write_text(f"{CANARY}, newer")
        return opened(workspace)

    monkeypatch.setattr(Workspace, "vaulted", property(edited))
    code, said = bench.take(compose, "--remove-files")
    assert code == 0
    assert password.read_text() == f"{CANARY}, newer"
    assert "and stays" in said


@pytest.mark.parametrize("before", [b"", b"old"])
def test_somebody_else_is_first(before: bytes) -> None:
    vault, name = FakeVaulted(), SecretName("a")
    if before:
        vault.put(name, before)
    steps = plan(vault, [Taken(name, b"ours", "a.env")], replace=True)
    vault.put(name, b"theirs")
    with pytest.raises(Conflict):
        carry_out(vault, steps)
    assert vault.value(name) == b"theirs"
