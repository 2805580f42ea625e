"""The stock docker client keeps its logins in the vault: real client, real engine, real registry with passwords."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import PushedImage
from tests.rig import registry as registries
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.registry import Registry, private_registry
from tests.rig.vault import PROGRAMS, VaultHome

from pytrust.trust.http import Deadline
from pytrust.trust.names import ImageRef
from pytrust.trust.registry import Descriptor, DockerCredentials
from pytrust.trust.registry import Registry as Client

PASSWORD = "canary-9f3c+/= ü"
HELPER = PROGRAMS / "docker-credential-pytrust"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    need(registries.missing())
    with private_registry(tmp_path_factory.mktemp("guarded"), {"alice": PASSWORD, "bob": "other"}) as running:
        yield running


class Client28:
    """The docker client with a configuration of its own, whose logins are in the vault."""

    def __init__(self, vault: VaultHome, engine: PrivateEngine) -> None:
        self.vault, self.engine = vault, engine
        self.config = vault.folder / "docker"
        self.config.mkdir()
        (self.config / "config.json").write_text(json.dumps({"credsStore": "pytrust"}))

    def run(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        env = self.vault.environment({"DOCKER_HOST": self.engine.host, "DOCKER_CONFIG": str(self.config)})
        return subprocess.run(["docker", *words], input=stdin, env=env, capture_output=True, timeout=60)

    def helper(self, *words: str, stdin: bytes = b"") -> tuple[int, bytes]:
        env = self.vault.environment()
        done = subprocess.run([HELPER, *words], input=stdin, env=env, capture_output=True, timeout=60)
        return done.returncode, done.stdout

    def kept_in_clear(self) -> list[Path]:
        """Files of docker's, and of the vault's, that hold the password in any spelling."""
        spelled = [PASSWORD.encode(), base64.b64encode(f"alice:{PASSWORD}".encode()), b"canary"]
        folders = (self.config, self.vault.folder)
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return [path for path in files if any(word in path.read_bytes() for word in spelled)]


@pytest.fixture
def client(tmp_path: Path, engine: PrivateEngine) -> Iterator[Client28]:
    vault = VaultHome(tmp_path)
    with vault.agent():
        yield Client28(vault, engine)


@pytest.fixture
def private(docker: Docker, guarded: Registry, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that needs a login."""
    name = f"{guarded.host}/foo/secret:v1"
    docker.make_image(name)
    config = tmp_path_factory.mktemp("pusher")
    auth = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    (config / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": auth}}}))
    docker.push(name, env={"DOCKER_CONFIG": str(config)})
    docker.run("rmi", name)
    return name


def test_login_pull_and_logout(client: Client28, guarded: Registry, private: str) -> None:
    assert client.run("pull", private).returncode != 0
    done = client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    assert done.returncode == 0, done.stderr
    assert b"unencrypted" not in done.stdout + done.stderr
    assert json.loads((client.config / "config.json").read_text())["auths"] == {guarded.host: {}}
    assert client.kept_in_clear() == []
    assert client.helper("list") == (0, json.dumps({guarded.host: "alice"}, separators=(",", ":")).encode() + b"\n")
    done = client.run("pull", private)
    assert done.returncode == 0, done.stderr
    done = client.run("logout", guarded.host)
    assert done.returncode == 0, done.stderr
    assert b"WARNING" not in done.stdout + done.stderr
    assert client.helper("list") == (0, b"{}\n")
    client.run("rmi", private)
    assert client.run("pull", private).returncode != 0


def test_a_wrong_password_is_not_kept(client: Client28, guarded: Registry) -> None:
    done = client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=b"wrong")
    assert done.returncode != 0
    assert client.helper("list") == (0, b"{}\n")


def test_another_user_of_the_same_registry(client: Client28, guarded: Registry) -> None:
    for user, password in (("alice", PASSWORD), ("bob", "other")):
        done = client.run("login", "-u", user, "--password-stdin", guarded.host, stdin=password.encode())
        assert done.returncode == 0, done.stderr
    code, said = client.helper("get", stdin=guarded.host.encode())
    assert (code, json.loads(said)) == (0, {"ServerURL": guarded.host, "Username": "bob", "Secret": "other"})


def test_a_locked_vault_is_told_by_docker(client: Client28, guarded: Registry, private: str) -> None:
    client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    client.vault.must("vault", "lock")
    done = client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    assert done.returncode != 0
    assert b"the vault is locked: pytrust vault unlock" in done.stderr
    assert client.kept_in_clear() == []


def test_a_locked_vault_and_pulls(client: Client28, guarded: Registry, private: str, image: PushedImage) -> None:
    """Docker goes on without a login, so that only what needs one is refused."""
    client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    client.vault.must("vault", "lock")
    assert client.run("pull", private).returncode != 0
    assert client.run("pull", f"{image.name}:v1").returncode == 0


def test_logins_in_clear_go_with_the_next_login(client: Client28, guarded: Registry) -> None:
    auth = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    file = client.config / "config.json"
    file.write_text(json.dumps({"auths": {guarded.host: {"auth": auth}}, "credsStore": "pytrust"}))
    assert client.run("logout", guarded.host).returncode == 0
    done = client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    assert done.returncode == 0, done.stderr
    assert client.kept_in_clear() == []


def test_one_registry_only(client: Client28, guarded: Registry, private: str) -> None:
    (client.config / "config.json").write_text(json.dumps({"credHelpers": {guarded.host: "pytrust"}}))
    done = client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    assert done.returncode == 0, done.stderr
    assert client.kept_in_clear() == []
    assert client.run("pull", private).returncode == 0


def test_our_own_registry_client_uses_it(
    client: Client28, guarded: Registry, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
    for name in ("PATH", "PYTRUST_HOME"):
        monkeypatch.setenv(name, client.vault.environment()[name])
    registry = Client(DockerCredentials(client.config), insecure=frozenset())
    (found,) = registry.resolve_all([ImageRef.parse(private)], Deadline(30))
    assert isinstance(found, Descriptor)
    assert str(found.digest) == guarded.digest("foo/secret", "v1", ("alice", PASSWORD))


def test_sixteen_clients_at_once_lose_no_login(client: Client28) -> None:
    codes: list[int] = []

    def store(number: int) -> None:
        login = {"ServerURL": f"r{number % 8}.example", "Username": f"user{number}", "Secret": f"secret{number}"}
        codes.append(client.helper("store", stdin=json.dumps(login).encode())[0])

    threads = [threading.Thread(target=store, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0] * 16
    listed = json.loads(client.helper("list")[1])
    assert set(listed) == {f"r{number}.example" for number in range(8)}
    for server, user in listed.items():
        login = json.loads(client.helper("get", stdin=server.encode())[1])
        assert login["Secret"] == f"secret{user.removeprefix('user')}"


def test_the_secret_is_in_no_argument_and_no_environment(client: Client28, guarded: Registry) -> None:
    """Whoever looks at processes meanwhile sees nothing."""
    seen: list[bytes] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir("/proc"):
                if entry.name.isdecimal() and int(entry.name) != os.getpid():
                    for name in ("cmdline", "environ"):
                        try:
                            seen.append(Path(entry.path, name).read_bytes())
                        except OSError:
                            continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        client.run("login", "-u", "alice", "--password-stdin", guarded.host, stdin=PASSWORD.encode())
        client.helper("get", stdin=guarded.host.encode())
    finally:
        done.set()
        watcher.join()
    assert any(b"docker-credential-pytrust" in text for text in seen)
    assert not any(b"canary-9f3c" in text for text in seen)
