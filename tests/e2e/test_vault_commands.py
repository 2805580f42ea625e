"""``pytrust vault`` and ``pytrust secret`` as a new user types them: real processes, terminals, age, tar and a token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.rig.needs import need
from tests.rig.processes import environment, find
from tests.rig.ssh_keys import ssh_key
from tests.rig.terminal import typed

PYTRUST = str(Path(sys.executable).with_name("pytrust"))
CANARY = b"canary-4e9d-never-seen"
WORDS = "correct horse battery staple"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a shell, and a vault that a key in a file opens."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def env(self, **more: str) -> dict[str, str]:
        return environment({"PYTRUST_HOME": str(self.home), "HOME": str(self.folder), **more})

    def run(
        self, *words: str, stdin: bytes = b"", more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """``pytrust WORDS``, with no terminal and nothing that opens the vault."""
        return subprocess.run(
            [PYTRUST, *words],
            input=stdin,
            env=self.env(**(more or {})),
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            start_new_session=True,
        )

    def open(self, *words: str, stdin: bytes = b"", key: str = "key") -> subprocess.CompletedProcess[bytes]:
        return self.run("--unlock-file", key, *words, stdin=stdin)

    def must(self, *words: str, stdin: bytes = b"", key: str = "key") -> bytes:
        done = self.open(*words, stdin=stdin, key=key)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def shell(self, line: str) -> bytes:
        """A line as documents have it, whole or not at all."""
        path = f"{Path(PYTRUST).parent}:{environment()['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            env=self.env(PATH=path),
            cwd=self.folder,
            capture_output=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def user(tmp_path: Path) -> User:
    made = User(tmp_path)
    done = made.run("vault", "init", "--unlock-key-only", "--unlock-key-file", "key")
    assert done.returncode == 0, done.stderr
    return made


def test_a_first_hour(tmp_path: Path) -> None:
    """A vault by passphrase, made and used at a terminal."""
    alice = User(tmp_path)
    twice = [("new passphrase for the vault: ", WORDS), ("again: ", WORDS)]
    begun = time.monotonic()
    code, screen = typed([PYTRUST, "vault", "init"], twice, env=alice.env())
    took = time.monotonic() - begun
    assert code == 0, screen
    keys = re.findall(r"PTKEY-1-[A-Za-z0-9_-]{48}", screen)
    assert len(keys) == 1
    assert WORDS not in screen
    assert took < 20, "the cost of the passphrase is calibrated"
    asked = ("passphrase or unlock key of the vault: ", WORDS)
    put = [("value of db_password: ", CANARY.decode()), ("again: ", CANARY.decode()), asked]
    code, screen = typed([PYTRUST, "secret", "put", "db_password"], put, env=alice.env())
    assert (code, CANARY.decode() in screen) == (0, False), screen
    code, screen = typed([PYTRUST, "secret", "get", "db_password"], [asked], env=alice.env())
    assert (code, CANARY.decode() in screen) == (0, True), screen
    code, screen = typed([PYTRUST, "secret", "get", "db_password"], [(asked[0], keys[0])], env=alice.env())
    assert (code, CANARY.decode() in screen) == (0, True), screen
    code, screen = typed([PYTRUST, "secret", "get", "db_password"], [(asked[0], "wrong horse")], env=alice.env())
    assert code == 4
    assert "error: that does not open the vault" in screen


def test_two_values_typed_that_differ(user: User) -> None:
    command = [PYTRUST, "--unlock-file", str(user.folder / "key"), "secret", "put", "a"]
    code, screen = typed(command, [("value of a: ", "one"), ("again: ", "two")], env=user.env())
    assert code == 2
    assert "the two values differ" in screen
    assert user.must("secret", "ls", "--json") == b"[]\n"


def test_a_secret_is_seen_nowhere_but_where_it_is_asked_for(user: User) -> None:
    """Not in the arguments or the environment of a process, in no output of another command, in no file."""
    words = [PYTRUST, "--unlock-file", "key", "secret", "put", "a", "--label", "team=web"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(words, env=user.env(), cwd=user.folder, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(CANARY)
        process.stdin.flush()
        proc = Path("/proc", str(process.pid))
        end = time.monotonic() + 5
        while b"put" not in (proc / "cmdline").read_bytes() and time.monotonic() < end:
            time.sleep(0.01)
        seen = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        said, _ = process.communicate(timeout=60)
    assert CANARY not in seen + said
    assert said == b"a version 1\n"
    commands = [
        ["secret", "ls"],
        ["secret", "ls", "--all", "--json"],
        ["secret", "history", "a"],
        ["secret", "rollback", "a", "1"],
        ["secret", "expire", "a", "1d"],
        ["secret", "allow", "a", "uid:1"],
        ["secret", "put", "a", CANARY.decode()],
        ["secret", "put", f"a={CANARY.decode()}"],
        ["secret", "put", "a", f"--value={CANARY.decode()}"],
        ["secret", "rotate", "a", "--length", "20"],
        ["vault", "verify"],
        ["vault", "rekey"],
        ["vault", "backup", "b.tar"],
        ["secret", "audit"],
        ["secret", "rm", "a", "--yes"],
    ]
    for command in commands:
        done = user.open(*command)
        assert CANARY not in done.stdout + done.stderr, command
        assert b"Traceback" not in done.stderr
    for path in user.folder.rglob("*"):
        if path.is_file():
            assert CANARY not in path.read_bytes(), path


def test_many_put_at_once_and_one_is_first(user: User) -> None:
    def put(number: int) -> int:
        return user.open("secret", "put", "a", "--expect", "absent", stdin=b"%d" % number).returncode

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(put, range(6)))
    assert sorted(codes) == [0, 1, 1, 1, 1, 1]
    assert user.must("secret", "get", "a") == b"%d" % codes.index(0)
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda number: user.must("secret", "put", "b", stdin=b"%d" % number), range(6)))
    assert sorted(done) == [f"b version {number}\n".encode() for number in range(1, 7)]


def test_a_backup_on_another_host(user: User, tmp_path: Path) -> None:
    user.must("secret", "put", "a", stdin=CANARY)
    assert user.run("vault", "backup", "saved.tar").returncode == 0, "locked, as cron runs it"
    assert user.shell("tar -tf saved.tar > names; head -1 names") == b"vault.json\n"
    other = User(tmp_path / "other")
    other.folder.mkdir()
    (other.folder / "key").write_bytes((user.folder / "key").read_bytes())
    (other.folder / "key").chmod(0o600)
    other.must("vault", "restore", str(user.folder / "saved.tar"))
    assert other.must("secret", "get", "a") == CANARY
    assert other.must("vault", "verify").startswith(b"the vault is whole")


def test_who_waits_for_the_agent_has_the_new_key(user: User) -> None:
    """The agent holds the vault open over a rekey, a slot that goes, and a restored backup."""
    user.must("secret", "put", "a", stdin=CANARY)
    user.must("vault", "slot", "add", "unlock-key", "second")
    assert user.run("vault", "backup", "saved.tar").returncode == 0
    user.must("vault", "unlock")
    try:
        assert user.run("secret", "get", "a").stdout == CANARY
        user.must("vault", "rekey")
        assert user.run("secret", "get", "a").stdout == CANARY
        second = json.loads(user.run("vault", "status", "--json").stdout)["slots"][1]["id"]
        user.must("vault", "slot", "remove", second, "--yes")
        assert user.run("secret", "get", "a").stdout == CANARY
        assert user.open("vault", "verify", key="second").returncode == 4
        assert user.run("secret", "put", "a", stdin=b"newer").returncode == 0
        user.must("vault", "restore", "--older", "saved.tar")
        assert user.run("secret", "get", "a").stdout == CANARY
        assert user.run("secret", "put", "a", stdin=b"goes on").stdout == b"a version 2\n"
    finally:
        user.run("vault", "lock")


def test_age_opens_what_was_exported(user: User) -> None:
    need("" if find("age") else "age is not installed")
    user.must("secret", "put", "shop/db", "--label", "team=web", "--reader", "uid:7", stdin=CANARY)
    user.must("secret", "put", "other", stdin=b"\x00\xff")
    user.shell("age-keygen -o identity 2>/dev/null && age-keygen -y identity > team")
    exported = "pytrust --unlock-file key secret export"
    document = json.loads(user.shell(f"{exported} --recipients-file team -o all.age && age -d -i identity all.age"))
    assert document == {
        "pytrust": 1,
        "secrets": [
            {"name": "other", "value": "AP8=", "labels": {}, "readers": [], "expires": None},
            {
                "name": "shop/db",
                "value": "Y2FuYXJ5LTRlOWQtbmV2ZXItc2Vlbg==",
                "labels": {"team": "web"},
                "readers": ["uid:7"],
                "expires": None,
            },
        ],
    }
    pipe = f'{exported} shop/ --raw --recipient "$(cat team)" | age -d -i identity'
    assert user.shell(pipe) == CANARY
    assert CANARY not in (user.folder / "all.age").read_bytes()


def test_an_export_moves_secrets_into_another_vault(user: User, tmp_path: Path) -> None:
    need("" if find("age-keygen") else "age is not installed")
    words = ["--label", "team=web", "--reader", "uid:7", "--expires", "9000-01-01"]
    user.must("secret", "put", "shop/db", *words, stdin=CANARY)
    user.shell("age-keygen -o identity 2>/dev/null; chmod 600 identity; age-keygen -y identity > team")
    user.must("secret", "export", "--recipients-file", "team", "-o", "all.age")
    other = User(tmp_path / "other")
    other.folder.mkdir()
    assert other.run("vault", "init", "--unlock-key-only", "--unlock-key-file", "key").returncode == 0
    identity = str(user.folder / "identity")
    said = other.must("secret", "import", str(user.folder / "all.age"), "--identity", identity)
    assert CANARY not in said
    assert other.must("secret", "get", "shop/db") == CANARY
    (here,), (there,) = (json.loads(each.must("secret", "ls", "--json")) for each in (user, other))
    assert {**here, "changed": ""} == {**there, "changed": ""}


def test_age_opens_an_export_for_ssh_keys_and_by_passphrase(user: User) -> None:
    need("" if find("age") else "age is not installed")
    user.must("secret", "put", "a", stdin=CANARY)
    public, private = ssh_key("ed25519")
    (user.folder / "id").write_bytes(private)
    (user.folder / "id").chmod(0o600)
    (user.folder / "id.pub").write_text(public)
    exported = "pytrust --unlock-file key secret export a --raw --recipients-file id.pub"
    assert user.shell(f"{exported} | age -d -i id") == CANARY
    twice = [("new passphrase for the exported file: ", WORDS), ("again: ", WORDS)]
    key, output = str(user.folder / "key"), str(user.folder / "out.age")
    command = [PYTRUST, "--unlock-file", key, "secret", "export", "a", "--raw", "--passphrase", "-o", output]
    code, screen = typed(command, twice, env=user.env())
    assert code == 0, screen
    code, screen = typed(["age", "-d", output], [("Enter passphrase: ", WORDS)], env=user.env())
    assert (code, CANARY.decode() in screen) == (0, True), screen


def test_an_age_identity_opens_the_vault(user: User) -> None:
    need("" if find("age-keygen") else "age is not installed")
    user.must("secret", "put", "a", stdin=CANARY)
    user.shell("age-keygen -o identity 2>/dev/null; chmod 600 identity")
    user.shell('pytrust --unlock-file key vault slot add age "$(age-keygen -y identity)" --label team')
    assert user.must("secret", "get", "a", key="identity") == CANARY


def test_a_token_opens_the_vault(user: User) -> None:
    need("" if Path(MODULE).exists() and find("softhsm2-util") else "softhsm2 is not installed")
    user.must("secret", "put", "a", stdin=CANARY)
    settings = _token(user.folder)
    (user.folder / "pin").write_text("123456\n")
    (user.folder / "pin").chmod(0o600)
    uri = f"pkcs11:token=ops;object=vault?module-path={MODULE}"
    words = ["--unlock-file", "key", "--passphrase-file", "pin", "vault", "slot", "add", "pkcs11", uri]
    done = user.run(*words, more=settings)
    assert done.returncode == 0, done.stderr
    assert b"123456" not in done.stdout + done.stderr
    (user.folder / "unlock").write_text("pin-value=123456\n")
    (user.folder / "unlock").chmod(0o600)
    done = user.run("--unlock-file", "unlock", "secret", "get", "a", more=settings)
    assert (done.returncode, done.stdout) == (0, CANARY), done.stderr


def _token(folder: Path) -> dict[str, str]:
    """A token ``ops`` with a key pair ``vault``, and what makes programs find it."""
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    settings = {"SOFTHSM2_CONF": str(folder / "conf")}
    pair = rsa.generate_private_key(65537, 3072)
    pem = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "pair.pem").write_bytes(pem)
    init = "--init-token --free --label ops --so-pin 12345678 --pin 123456"
    load = f"--import {folder}/pair.pem --token ops --label vault --id 01 --pin 123456"
    for words in (init, load):
        subprocess.run(
            ["softhsm2-util", *words.split()], check=True, capture_output=True, env={**os.environ, **settings}
        )
    return settings


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["secret", "ls"], 4, b"error: the vault is locked"),
        (["--unlock-file", "key", "secret", "get", "none"], 1, b"error: there is no secret none"),
        (["--unlock-file", "key", "secret", "put", "a"], 2, b"error: the value of a is empty"),
        (["--unlock-file", "nothing", "secret", "ls"], 4, b"error: nothing does not exist"),
        (
            ["--unlock-file", "key", "--unlock-fd", "0", "secret", "ls"],
            2,
            b"error: what opens the vault is given twice",
        ),
        (["--home", "elsewhere", "secret", "ls"], 4, b"error: there is no vault at elsewhere/vault"),
        (["--home", "elsewhere", "vault", "backup", "b.tar"], 4, b"error: there is no vault at elsewhere/vault"),
        (["--home", "elsewhere", "vault", "rekey"], 4, b"error: there is no vault at elsewhere/vault"),
        (["vault", "init"], 2, b"error: there is a vault at"),
        (["vault", "backup", "key"], 2, b"error: key exists already"),
        (["vault", "restore", "key"], 4, b"error: key is no backup of a vault"),
        (["vault", "slot", "add", "tpm"], 2, b"error: 'tpm' is no kind of slot"),
        (["secret"], 2, b""),
        (["secret", "show"], 2, b"error: no such command"),
    ],
)
def test_wrong_words_are_told_in_two_lines(user: User, words: list[str], code: int, told: bytes) -> None:
    done = user.run(*words)
    assert done.returncode == code, done
    assert told in done.stderr
    assert done.stderr.count(b"\n") <= 2
    assert b"Traceback" not in done.stderr
    assert {path.name for path in user.folder.iterdir()} == {"home", "home.anchor", "key"}
