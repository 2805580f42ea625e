"""docker-credential-pytrust: docker's protocol, word for word, over a vault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.fakes.vaulted import FakeVaulted

from pytrust.cli.credential_helper import serve
from pytrust.trust.errors import NotSetUp, RolledBack
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Owner
from pytrust.trust.vault.operations import Get, List, Put, Value

CANARY = "canary-82c0"
HOST = "127.0.0.1:5000"


class Helper:
    """The program with a vault of its own; ``call`` gives exit code and stdout."""

    def __init__(self, vault: Vaulted | None) -> None:
        self.vault = vault

    def opening(self) -> Vaulted | None:
        return self.vault

    def call(self, *words: str, stdin: bytes = b"") -> tuple[int, str]:
        said = bytearray()
        code = serve(list(words), lambda: stdin, self.opening, said.extend)
        return code, said.decode()

    def store(self, server: str, username: str = "alice", secret: str = CANARY) -> tuple[int, str]:
        return self.call(
            "store", stdin=json.dumps({"ServerURL": server, "Username": username, "Secret": secret}).encode()
        )

    def get(self, server: str) -> dict[str, str]:
        code, said = self.call("get", stdin=server.encode())
        assert code == 0, said
        login: dict[str, str] = json.loads(said)
        return login


@pytest.fixture
def vault() -> FakeVaulted:
    return FakeVaulted()


@pytest.fixture
def helper(vault: FakeVaulted) -> Helper:
    return Helper(vault)


class NoVault(Helper):
    def opening(self) -> Vaulted | None:
        raise NotSetUp("there is no vault", hint="pytrust vault init")


def test_what_was_stored_is_got_and_erased(helper: Helper, vault: FakeVaulted) -> None:
    assert helper.store(HOST) == (0, "")
    assert helper.get(HOST) == {"ServerURL": HOST, "Username": "alice", "Secret": CANARY}
    assert helper.call("erase", stdin=f"{HOST}\n".encode()) == (0, "")
    assert vault.names() == []
    assert helper.call("get", stdin=HOST.encode()) == (1, "credentials not found in native keychain\n")


def test_an_identity_token_is_a_login_like_others(helper: Helper) -> None:
    helper.store(HOST, "<token>", "ey." * 9000)
    assert helper.get(HOST) == {"ServerURL": HOST, "Username": "<token>", "Secret": "ey." * 9000}


def test_an_empty_vault_lists_an_empty_object(helper: Helper) -> None:
    assert helper.call("list") == (0, "{}\n")


def test_list_reads_no_secret(helper: Helper, vault: FakeVaulted) -> None:
    helper.store(HOST)
    helper.store("https://index.docker.io/v1/", "bob")
    vault.put("pytrust/key/signing/root", b"other")
    vault.put("db_password", b"other")
    vault.asked.clear()
    code, said = helper.call("list", stdin=b"unused")
    assert (code, json.loads(said)) == (0, {HOST: "alice", "https://index.docker.io/v1/": "bob"})
    assert {type(operation) for operation in vault.asked} == {List}
    assert vault.reads == []


def test_more_logins_than_one_page(vault: FakeVaulted) -> None:
    class Narrow:
        def ask(self, operation: object, *, caller: Owner | None = None) -> object:
            if isinstance(operation, List):
                operation = List(prefix=operation.prefix, after=operation.after, limit=2)
            return vault.ask(operation, caller=caller)  # type: ignore[arg-type]

    helper = Helper(Narrow())  # type: ignore[arg-type]
    servers = {f"r{number}.example" for number in range(5)}
    for server in servers:
        helper.store(server)
    assert set(json.loads(helper.call("list")[1])) == servers


def test_only_the_newest_password_is_kept(helper: Helper, vault: FakeVaulted) -> None:
    helper.store(HOST, secret="old")
    helper.store(HOST, "bob", "new")
    assert helper.get(HOST)["Secret"] == "new"
    assert json.loads(helper.call("list")[1]) == {HOST: "bob"}
    assert len(vault.secret(vault.names()[0]).versions) == 1


def test_the_answer_names_the_address_that_was_asked_for(helper: Helper) -> None:
    helper.store("https://r.example/v2/")
    assert helper.get("r.example")["ServerURL"] == "r.example"
    assert helper.call("erase", stdin=b"r.example") == (0, "")
    assert helper.get("https://r.example/v2/")["Username"] == "alice"  # only what is named is erased


@pytest.mark.parametrize(
    ("words", "stdin", "text"),
    [
        (["get"], b"", "no credentials server URL"),
        (["erase"], b" \n", "no credentials server URL"),
        (["store"], b'{"Username":"alice","Secret":"x"}', "no credentials server URL"),
        (["store"], b'{"ServerURL":"r.example","Secret":"x"}', "no credentials username"),
        (["get"], b"r.example", "credentials not found in native keychain"),
        ([], b"", "Usage: docker-credential-pytrust <store|get|erase|list|version>"),
        (["get", "r.example"], b"", "Usage: docker-credential-pytrust <store|get|erase|list|version>"),
        (["give"], b"", "docker-credential-pytrust: unknown action: give"),
        (["a\nb\x1b"], b"", r"docker-credential-pytrust: unknown action: a\nb\x1b"),
        ([""], b"", "docker-credential-pytrust: unknown action: "),
    ],
)
def test_every_error_is_one_line_on_stdout(helper: Helper, words: list[str], stdin: bytes, text: str) -> None:
    assert helper.call(*words, stdin=stdin) == (1, f"{text}\n")


@pytest.mark.parametrize("word", ["version", "--version", "-v"])
def test_version(helper: Helper, word: str) -> None:
    code, said = helper.call(word)
    assert (code, said.split()[0]) == (0, "docker-credential-pytrust")


@pytest.mark.parametrize("action", ["store", "get", "erase"])
def test_junk_is_refused_in_one_line_that_repeats_nothing(helper: Helper, vault: FakeVaulted, action: str) -> None:
    for junk in (b"\x00\x01\xff" * 9, b'{"Secret":"canary-82c0"', CANARY.encode() * 9000, b"[" * 60_000):
        code, said = helper.call(action, stdin=junk)
        assert said.count("\n") == 1 or (action == "erase" and said == ""), said
        assert CANARY not in said
        assert code == 1 or action == "erase"
    assert vault.names() == []


@pytest.mark.parametrize("action", ["store", "get", "erase", "list"])
def test_a_locked_vault_says_how_to_open_it(action: str) -> None:
    login = b'{"ServerURL":"r.example","Username":"alice","Secret":"x"}'
    vault = FakeVaulted()
    vault.close()
    for helper in (Helper(None), Helper(vault)):
        answer = helper.call(action, stdin=login if action == "store" else b"r.example")
        assert answer == (1, "the vault is locked: pytrust vault unlock\n")


def test_where_no_vault_is_docker_goes_on_without_logins() -> None:
    helper = NoVault(None)
    assert helper.call("get", stdin=b"r.example") == (1, "credentials not found in native keychain\n")
    assert helper.call("list") == (0, "{}\n")
    assert helper.call("erase", stdin=b"r.example") == (0, "")
    assert helper.store("r.example") == (1, "there is no vault: pytrust vault init\n")


def test_a_failure_of_our_own_is_one_line_without_details() -> None:
    class Broken(Helper):
        def opening(self) -> Vaulted | None:
            raise RuntimeError(CANARY)

    class Old(Helper):
        def opening(self) -> Vaulted | None:
            raise RolledBack("the vault is older than what was seen")

    assert Broken(None).call("list") == (1, "docker-credential-pytrust: internal error: RuntimeError\n")
    assert Old(None).call("list") == (1, "the vault is older than what was seen\n")


def test_a_reader_that_went_away_is_a_failure() -> None:
    def write(data: bytes) -> None:
        raise BrokenPipeError

    assert serve(["list"], bytes, FakeVaulted, write) == 1


def test_what_is_kept_is_damaged(helper: Helper, vault: FakeVaulted) -> None:
    helper.store(HOST)
    vault.put(vault.names()[0], b"junk")
    code, said = helper.call("get", stdin=HOST.encode())
    assert (code, said.count("\n")) == (1, 1)
    assert HOST in said


def test_who_read_a_login_is_in_the_audit(helper: Helper, vault: FakeVaulted) -> None:
    helper.store(HOST)
    helper.get(HOST)
    helper.call("get", stdin=b"public.example")  # most pulls need no login
    assert [(read.purpose, read.number, read.refused) for read in vault.reads] == [("docker login", 1, "")]


def test_two_stores_at_once_leave_one_whole_login(helper: Helper, vault: FakeVaulted) -> None:
    users = [f"user{number}" for number in range(8)]
    threads = [threading.Thread(target=helper.store, args=(HOST, user, f"secret of {user}")) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    login = helper.get(HOST)
    assert login["Secret"] == f"secret of {login['Username']}"
    assert json.loads(helper.call("list")[1]) == {HOST: login["Username"]}


def test_a_login_erased_in_between_is_not_found(vault: FakeVaulted) -> None:
    class Slow:
        """Somebody erases between the list and the read."""

        def ask(self, operation: object, *, caller: Owner | None = None) -> object:
            answer = vault.ask(operation, caller=caller)  # type: ignore[arg-type]
            if isinstance(operation, List):
                Helper(vault).call("erase", stdin=b"https://r.example")
            return answer

    Helper(vault).store("https://r.example")
    answer = Helper(Slow()).call("get", stdin=b"r.example")  # type: ignore[arg-type]
    assert answer == (1, "credentials not found in native keychain\n")


def test_values_are_never_labels(helper: Helper, vault: FakeVaulted) -> None:
    helper.store(HOST)
    (name,) = vault.names()
    assert CANARY not in repr(vault.secret(name))
    found = vault.ask(Get(name=vault.secret(name).name))
    assert isinstance(found, Value)
    assert CANARY in found.value.decode()
    assert CANARY not in repr([operation for operation in vault.asked if isinstance(operation, Put)])


def program(*words: str, stdin: bytes, home: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pytrust.cli.credential_helper", *words]
    return subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, "PYTRUST_HOME": str(home)})


def test_the_program_itself(tmp_path: Path) -> None:
    """What needs no vault; more than a pipe holds does not stop it."""
    result = program("get", stdin=b"x" * 1_000_000, home=tmp_path)
    assert (result.returncode, result.stderr) == (1, b"")
    assert result.stdout.count(b"\n") == 1
    assert program("bad", stdin=b"", home=tmp_path).stdout == b"docker-credential-pytrust: unknown action: bad\n"


def test_neither_click_nor_cryptography_is_imported_to_say_no(tmp_path: Path) -> None:
    code = (
        "import sys; from pytrust.cli import credential_helper as helper;"
        "helper.serve(['version'], bytes, lambda: None, bytes);"
        "print([name for name in ('click', 'cryptography', 'msgspec', 'ruamel.yaml', 'subprocess') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
