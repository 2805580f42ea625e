"""A set-up on a real dockerd: it starts with what was written, takes stock clients with a certificate, and nobody else.

What is systemd's part is done as systemd does it: ``systemd-socket-activate`` listens where docker.socket says, and
dockerd is started with the words that docker.service holds.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.rig import dockerd
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.ports import free_port
from tests.rig.processes import RigError, environment, find
from tests.rig.proxy import ask, installed

from pytrust.cli.engine_folder import ServerFolder
from pytrust.cli.engine_setup import set_up
from pytrust.cli.workspace import Workspace
from pytrust.policy.engine_setup.apply import rollback
from pytrust.policy.engine_setup.compose import engine_command
from pytrust.policy.engine_setup.contexts import context_command, engine_url, environment_lines
from pytrust.policy.engine_setup.places import Places
from pytrust.policy.engine_setup.units import command_line, command_words, values
from pytrust.trust.errors import ExitCode, PytrustError
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.model import Kind
from pytrust.trust.pki.names import ClientName, ServerNames, parse_ca_name

PASSPHRASE = "a passphrase for the engine"
ACTIVATED = "[Service]\nExecStart=/usr/sbin/dockerd -H fd:// --containerd=/x\n"
PLAIN = "[Service]\nExecStart=/usr/sbin/dockerd\n"
SOCKET = "[Socket]\nListenStream=/run/docker.sock\n"


@dataclass(frozen=True)
class Host:
    """A host's files below ``root``, and the authority that is on it; its engine would run in ``engine``."""

    root: Path
    home: Path
    port: int

    @property
    def engine(self) -> Path:
        return self.root / "e"

    @property
    def daemon_json(self) -> Path:
        return self.root / "etc/docker/daemon.json"

    @property
    def server(self) -> Path:
        return self.home / "ca/servers/localhost"

    @property
    def client(self) -> Path:
        return self.home / "ca/clients/alice"

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def units(self, service: str, socket: str = "") -> None:
        self.write("usr/lib/systemd/system/docker.service", service)
        if socket:
            self.write("usr/lib/systemd/system/docker.socket", socket)

    def unit(self, name: str) -> tuple[str, ...]:
        """As it counts now."""
        found = Places(self.root).look()
        return found.service if name == "service" else found.socket

    def set_up(self) -> int:
        return set_up(
            Workspace(self.home, None, None),
            ServerFolder(self.server, None),
            Places(self.root),
            port=self.port,
            yes=True,
        )

    def files(self) -> dict[str, tuple[int, bytes]]:
        paths = [path for path in self.root.rglob("*") if path.is_file() and self.engine not in path.parents]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in paths}

    def pytrust(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = {"PYTRUST_HOME": str(self.home), "PYTRUST_PASSPHRASE": PASSPHRASE}
        return subprocess.run(
            [installed(), *words], env=environment(settings), capture_output=True, text=True, check=False, timeout=60
        )

    def check(self, port: int | None = None) -> tuple[int, set[str], dict[str, Any]]:
        """What ``pytrust engine check`` says: exit code, codes of findings, all of it."""
        done = self.pytrust("engine", "check", f"localhost:{port or self.port}", "--server", "localhost", "--json")
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, {finding["code"] for finding in document["findings"]}, document

    def docker(self) -> Docker:
        """The stock client, set up by the lines that are printed."""
        return Docker(engine_url("localhost", self.port), self.root / "docker")

    def tls(self) -> dict[str, str]:
        lines = environment_lines(engine_url("localhost", self.port), str(self.client))
        pairs = [line.removeprefix("export ").partition("=") for line in lines if line.startswith("export ")]
        return {name: shlex.split(value)[0] for name, _, value in pairs}

    def refused(self) -> str:
        """What a client without a certificate is told."""
        done = self.docker().attempt("--tlsverify", "--tlscacert", f"{self.client}/ca.pem", "version")
        assert done.returncode
        return done.stderr.decode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with one server and one client, to be copied."""
    need(dockerd.missing())
    folder = tmp_path_factory.mktemp("ca")
    give = lambda _: PASSPHRASE.encode()  # noqa: E731
    plan = Plan(name=parse_ca_name("engine test"))
    authority = Authority.create(folder / "ca", plan, give, give, lambda: datetime.now(UTC), rounds=1)
    authority.issue_server(ServerNames.parse(["localhost", "127.0.0.1"]))
    authority.issue_client(ClientName("alice"))
    authority.close()
    return folder


@pytest.fixture
def host(home: Path, tmp_path: Path) -> Host:
    shutil.copytree(home, tmp_path / "home", symlinks=True)
    (tmp_path / "h").mkdir()
    return Host(tmp_path / "h", tmp_path / "home", free_port())


@contextmanager
def activated(host: Host) -> Iterator[PrivateEngine]:
    """The engine, with every port that docker.socket has."""
    places = [place for place in values(host.unit("socket"), "Socket", "ListenStream") if not place.startswith("/")]
    with private_engine(host.engine, config=host.daemon_json, activated=places) as engine:
        yield engine


def test_the_socket_way(host: Host) -> None:
    """A port of docker.socket speaks TLS, the unix socket does not; a renewal needs a restart; a rollback is exact."""
    need("" if find("systemd-socket-activate") else "socket activation needs systemd: scripts/install-packages")
    host.units(ACTIVATED, SOCKET)
    host.write("etc/docker/daemon.json", '{\n\t"debug": true\n}')
    before = host.files()
    assert host.set_up() == ExitCode.YES
    with activated(host) as engine:
        assert host.docker().run("version", "--format", "{{.Server.Version}}", env=host.tls())
        assert "certificate" in host.refused()
        assert ask(engine.socket, "GET", "/_ping").body == b"OK"
        assert host.check()[:2] == (0, set())
        first = host.check()[2]["serves"]["serial"]
        renewed = host.pytrust("ca", "renew", "localhost")
        assert renewed.returncode == 0, renewed.stderr
        code, codes, document = host.check()
        assert (code, codes, document["serves"]["serial"]) == (1, {"restart-needed"}, first)
    with activated(host):
        code, codes, document = host.check()
        assert (code, codes) == (0, set())
        assert document["serves"] == document["newest"] != first
    rollback(host.home / "ca" / "engine", force=False)
    assert host.files() == before
    assert host.check()[:2] == (3, {"unreachable"})


def test_the_hosts_way(host: Host) -> None:
    host.units(PLAIN)
    host.write("etc/docker/daemon.json", json.dumps({"hosts": [f"unix://{host.engine}/docker.sock"], "debug": True}))
    assert host.set_up() == ExitCode.YES
    with private_engine(host.engine, config=host.daemon_json):
        assert host.docker().run("version", "--format", "{{.Server.Version}}", env=host.tls())
        assert host.check()[:2] == (0, set())
        command = context_command(engine_url("localhost", host.port), str(host.client), name="mine")
        docker = host.docker()
        settings = {"DOCKER_CONFIG": str(docker.config), "HOME": "/nonexistent"}
        subprocess.run(["sh", "-c", command], env=environment(settings), check=True, capture_output=True)
        shown = ["docker", "--context", "mine", "version"]
        subprocess.run(shown, env=environment(settings), check=True, capture_output=True)


def test_the_service_way(host: Host) -> None:
    host.units(f"[Service]\nExecStart=/usr/sbin/dockerd -H unix://{host.engine}/docker.sock\n")
    assert host.set_up() == ExitCode.YES
    _, *words = command_words(command_line(host.unit("service")), {})
    with private_engine(host.engine, *words, config=host.daemon_json):
        assert host.docker().run("version", "--format", "{{.Server.Version}}", env=host.tls())
        assert host.check()[:2] == (0, set())


def test_tls_without_a_port_is_an_engine_that_starts(host: Host) -> None:
    """What kill -9 between the two files leaves."""
    host.units(ACTIVATED, SOCKET)
    host.set_up()
    with private_engine(host.engine, f"--host=unix://{host.engine}/docker.sock", config=host.daemon_json) as engine:
        assert ask(engine.socket, "GET", "/_ping").body == b"OK"


def test_the_command_of_the_compose_file(host: Host) -> None:
    words = [word.replace("/certs/server", str(host.server)) for word in engine_command(host.port)]
    with private_engine(host.engine, *(word for word in words[1:] if "docker.sock" not in word)):
        assert host.docker().run("version", "--format", "{{.Server.Version}}", env=host.tls())
        assert host.check()[:2] == (0, set())


@pytest.mark.parametrize(
    ("text", "unit", "dockerd_says"),
    [
        ('{\n  // a comment\n  "debug": true\n}', PLAIN, "invalid character"),
        ('{"debug": true,}', PLAIN, "invalid character"),
        ('{"hosts": ["unix://SOCK"]}', ACTIVATED, "both as a flag and in the configuration file: hosts"),
        ('{"hosts": ["unix://SOCK"]}', "[Service]\nExecStart=\n", "both as a flag"),
        ('{"TLSVerify": true}', PLAIN, "don't match any configuration option: TLSVerify"),
        ('{"tlsverify": true}', PLAIN.replace("dockerd", "dockerd --tlsverify"), "both as a flag"),
        ('{"hosts": "unix://SOCK"}', PLAIN, "cannot unmarshal string"),
    ],
)
def test_what_dockerd_refuses_is_refused_before_it_is_written(
    host: Host, text: str, unit: str, dockerd_says: str
) -> None:
    """The same contradiction, put to both."""
    text = text.replace("SOCK", f"{host.engine}/docker.sock")
    in_drop_in = "ExecStart=\n" in unit
    host.units(ACTIVATED if in_drop_in else unit, SOCKET)
    if in_drop_in:
        override = f"{unit}ExecStart=/usr/sbin/dockerd -D -H unix://{host.engine}/docker.sock\n"
        host.write("etc/systemd/system/docker.service.d/override.conf", override)
    host.write("etc/docker/daemon.json", text)
    before = host.files()
    with pytest.raises(PytrustError) as raised:
        host.set_up()
    assert raised.value.exit_code == ExitCode.UNSOUND
    assert raised.value.hint
    assert host.files() == before
    _, *flags = command_words(command_line(host.unit("service")), {})
    flags = [flag.replace("fd://", f"unix://{host.engine}/docker.sock") for flag in flags if "containerd" not in flag]
    with pytest.raises(RigError, match=dockerd_says), private_engine(host.engine, *flags, config=host.daemon_json):
        pass


def test_tlsverify_false_is_flagged_for_good_reason(host: Host) -> None:
    """dockerd starts with it, and lets everybody in; the check sees that."""
    settings = {f"tls{key}": f"{host.server}/{key}.pem" for key in ("cert", "key")}
    hosts = [f"unix://{host.engine}/docker.sock", f"tcp://127.0.0.1:{host.port}"]
    host.units(PLAIN)
    host.write("etc/docker/daemon.json", json.dumps({"hosts": hosts, "tlsverify": False, **settings}))
    with pytest.raises(PytrustError, match="lets everybody in"):
        host.set_up()
    with private_engine(host.engine, config=host.daemon_json):
        assert host.check()[:2] == (1, {"no-client-certificates"})


def test_the_check_sees_plain_http(host: Host) -> None:
    with private_engine(host.engine, "--tls=false", f"--host=tcp://127.0.0.1:{host.port}"):
        code, codes, document = host.check()
    assert (code, codes, document["plain_http"]) == (1, {"plain-http"}, True)


def test_the_check_sees_client_cas_that_are_over(host: Host) -> None:
    """After a rotation of the client CA, an engine that was not restarted still lets the old one's clients in."""
    host.units(PLAIN)
    host.write("etc/docker/daemon.json", json.dumps({"hosts": [f"unix://{host.engine}/docker.sock"]}))
    host.set_up()
    with private_engine(host.engine, config=host.daemon_json):
        assert host.check()[:2] == (0, set())
        give = lambda _: PASSPHRASE.encode()  # noqa: E731
        authority = Authority(host.home / "ca", give, lambda: datetime.now(UTC))
        authority.add_generation(Kind.CLIENT_CA, give)
        authority.close()
        assert host.check()[:2] == (1, {"other-client-cas"})
    with private_engine(host.engine, config=host.daemon_json):
        assert host.check()[:2] == (0, set())


def test_a_pair_that_does_not_fit_is_refused_and_would_end_dockerd(host: Host) -> None:
    host.units(PLAIN)
    other = host.root / "other"
    other.mkdir(mode=0o700)
    for name, source in (("ca.pem", host.server), ("cert.pem", host.server), ("key.pem", host.client)):
        (other / name).write_bytes((source / name).read_bytes())
        (other / name).chmod(0o600)
    workspace = Workspace(host.home, None, None)
    with pytest.raises(PytrustError, match="not the key of"):
        set_up(workspace, ServerFolder(other, None), Places(host.root), yes=True)
    flags = ["--tlsverify", f"--tlscacert={other}/ca.pem", f"--tlscert={other}/cert.pem", f"--tlskey={other}/key.pem"]
    with pytest.raises(RigError, match="private key does not match"), private_engine(host.engine, *flags):
        pass
