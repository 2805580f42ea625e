"""Images that the stock docker client signed at the stock notary-server: verified, and enforced by the proxy."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests.fakes.notary_repository import issue, new_key
from tests.rig import docker_trust, notary
from tests.rig.docker_trust import DockerTrust
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.notary_client import PASSPHRASES, NotaryClient, Said
from tests.rig.processes import RigError
from tests.rig.proxy import Stage
from tests.rig.registry import Registry
from tests.rig.throwaway import mint
from tests.rig.token_service import TokenService, token_service
from tests.rig.trust_server import TrustServer

from pytrust.trust.keys.notary_file import write_key
from pytrust.trust.names import RoleName


@dataclass(slots=True)
class Foreign:
    """A publisher with stock tools, and a host that verifies what he signed.

    ``signed`` has the signer ann and the tag v1; ``classic`` was pushed with content trust, so that ``targets`` says v1.
    Both have a tag v2 that nobody signed.
    """

    stage: Stage
    server: TrustServer
    ann: DockerTrust
    digests: dict[str, str]

    def name(self, which: str) -> str:
        return f"{self.stage.registry.host}/foreign/{which}"

    def docker(self, *words: str) -> Said:
        said = self.ann.attempt(*words)
        if said.code:
            raise RigError(f"docker {' '.join(words)}: {said.out}{said.err}")
        return said

    def root_key(self, which: str) -> str:
        """What docker calls the root key of a collection."""
        shown = json.loads(self.docker("trust", "inspect", self.name(which)).out)
        return str(next(keys["Keys"][0]["ID"] for keys in shown[0]["AdministrativeKeys"] if keys["Name"] == "Root"))

    def pin(self, which: str, how: str, *, server: bool = True) -> None:
        """Pin one collection in ``config.toml``, and nothing else."""
        home = self.stage.home
        config = (home / "config.toml").read_text().partition("[[pins]]")[0]
        where = f'server = "{self.server.url}"\nformat = "notary-v1"\n' if server else ""
        (home / "config.toml").write_text(f'{config}[[pins]]\nmatch = "{self.name(which)}"\n{where}{how}\n')

    def policy(self, which: str, how: str) -> str:
        trust = f"{{server: '{self.server.url}', format: notary-v1, {how}}}"
        rule = f"  - match: '{self.name(which)}'\n    trust: {trust}\n"
        return f"version: 1\nimages:\n{rule}containers:\n  isolation: baseline\n"


@pytest.fixture(scope="module")
def foreign(
    engine: PrivateEngine, registry: Registry, docker: Docker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Foreign]:
    need(notary.missing())
    need(docker_trust.missing())
    folder = tmp_path_factory.mktemp("foreign")
    files = mint(folder / "tls")
    host = Docker(engine.host, folder / "host-config")
    with notary.notary_server(folder / "server", files) as server:
        trusted = host.config / "tls" / f"127.0.0.1:{server.port}"
        trusted.mkdir(parents=True)
        shutil.copy(files.ca, trusted / "ca.crt")
        made = Foreign(
            Stage(folder, engine, registry, host),
            server,
            DockerTrust(Docker(engine.host, folder / "ann"), server.url),
            {},
        )
        made.stage.pytrust("init", "--signer", "alice")
        publish(made, docker)
        yield made


def publish(made: Foreign, docker: Docker) -> None:
    """Push both images with their tags, and sign one of each."""
    for which in ("signed", "classic"):
        for tag in ("v1", "v2"):
            docker.make_image(f"{made.name(which)}:{tag}", content=f"{which} {tag}")
            made.digests[f"{which}:{tag}"] = docker.push(f"{made.name(which)}:{tag}")
    made.docker("push", f"{made.name('classic')}:v1")
    made.docker("trust", "key", "generate", "ann", "--dir", str(made.stage.folder))
    made.docker("trust", "signer", "add", "--key", str(made.stage.folder / "ann.pub"), "ann", made.name("signed"))
    made.docker("trust", "sign", f"{made.name('signed')}:v1")


@pytest.fixture(autouse=True)
def forget(foreign: Foreign) -> None:
    """Every test sees the server for the first time."""
    shutil.rmtree(foreign.stage.home / "cache", ignore_errors=True)


@pytest.mark.parametrize("which", ["signed", "classic"])
def test_verify(foreign: Foreign, which: str) -> None:
    foreign.pin(which, f'root_keys = ["{foreign.root_key(which)}"]')
    said = foreign.stage.pytrust("verify", f"{foreign.name(which)}:v1")
    by = "ann (releases 1 of 1)" if which == "signed" else "nobody in particular (targets 1 of 1)"
    assert f"{foreign.name(which)}:v1@{foreign.digests[f'{which}:v1']} signed by {by}, expires " in said
    denied = foreign.stage.attempt("verify", f"{foreign.name(which)}:v2")
    assert (denied.returncode, "is not signed" in denied.stderr) == (1, True)
    assert f"{foreign.name(which)}:v1@" in foreign.stage.pytrust("verify", "--offline", f"{foreign.name(which)}:v1")


def test_inspect(foreign: Foreign) -> None:
    foreign.pin("signed", f'root_keys = ["{foreign.root_key("signed")}"]')
    shown = foreign.stage.pytrust("inspect", foreign.name("signed"))
    assert re.search(rf"v1 +{foreign.digests['signed:v1']} +ann", shown)
    roles = json.loads(foreign.stage.pytrust("inspect", "--json", foreign.name("signed")))["roles"]
    assert {item["role"] for item in roles} == {"root", "targets", "snapshot", "timestamp", "releases", "ann"}


def test_the_name_of_the_key_file_is_a_pin(foreign: Foreign) -> None:
    """docker names the file of the bare key by another id than its metadata do."""
    private = foreign.ann.docker.config / "trust" / "private"
    root = next(path.stem for path in private.glob("*.key") if "role: root" in path.read_text())
    foreign.pin("signed", f'root_keys = ["{root}"]')
    foreign.stage.pytrust("verify", f"{foreign.name('signed')}:v1")


def test_a_pinned_certificate(foreign: Foreign) -> None:
    from pytrust.trust.formats.notary.files import read_root

    data = (
        foreign.ann.docker.config / "trust" / "tuf" / foreign.name("signed") / "metadata" / "root.json"
    ).read_bytes()
    (foreign.stage.home / "root.pem").write_bytes(read_root(data).keys_of("root")[0].public)
    foreign.pin("signed", 'certificates = ["root.pem"]')
    foreign.stage.pytrust("verify", f"{foreign.name('signed')}:v1")
    foreign.pin("classic", 'certificates = ["root.pem"]')
    denied = foreign.stage.attempt("verify", f"{foreign.name('classic')}:v1")
    assert (denied.returncode, "certificates pinned" in denied.stderr) == (1, True)


def test_first_use_is_said(foreign: Foreign) -> None:
    foreign.pin("signed", 'first_use = "accept"')
    done = foreign.stage.attempt("verify", f"{foreign.name('signed')}:v1")
    assert (done.returncode, "no pin covers" in done.stderr) == (0, True)


def test_another_key_and_no_pin(foreign: Foreign) -> None:
    foreign.pin("signed", f'root_keys = ["{"ab" * 32}"]')
    denied = foreign.stage.attempt("verify", f"{foreign.name('signed')}:v1")
    assert (denied.returncode, "no root of" in denied.stderr) == (1, True)
    denied = foreign.stage.attempt("verify", f"{foreign.name('classic')}:v1")
    assert (denied.returncode, "no root key is pinned" in denied.stderr) == (1, True)


def test_the_certificate_of_the_server_counts(foreign: Foreign, tmp_path: Path) -> None:
    foreign.pin("signed", f'root_keys = ["{foreign.root_key("signed")}"]')
    lost = foreign.stage.attempt("verify", f"{foreign.name('signed')}:v1", env={"DOCKER_CONFIG": str(tmp_path)})
    assert (lost.returncode, "certificate" in lost.stderr.lower()) == (3, True)


@pytest.mark.parametrize("which", ["signed", "classic"])
def test_the_proxy_enforces_it(foreign: Foreign, which: str) -> None:
    policy = foreign.policy(which, f"root_keys: [{foreign.root_key(which)}]")
    with foreign.stage.proxy(policy) as proxy:
        made = proxy.create(f"{foreign.name(which)}:v1")
        assert made.status == 201, made.message
        image = foreign.stage.direct("GET", f"/containers/{made.json['Id']}/json").json
        assert image["Config"]["Image"] == f"{foreign.name(which)}@{foreign.digests[f'{which}:v1']}"
        denied = proxy.create(f"{foreign.name(which)}:v2")
        assert (denied.status, "is not signed" in denied.message) == (403, True)
        foreign.stage.direct("DELETE", f"/containers/{made.json['Id']}?force=1")


def test_the_proxy_asks_for_signers(foreign: Foreign) -> None:
    with foreign.stage.proxy(
        foreign.policy("classic", f"root_keys: [{foreign.root_key('classic')}], signers: {{any_of: [ann]}}")
    ) as proxy:
        denied = proxy.create(f"{foreign.name('classic')}:v1")
        assert (denied.status, "signed by nobody by name; the rule asks for 1 of ann" in denied.message) == (403, True)


def test_a_rotated_root_is_followed(foreign: Foreign) -> None:
    """A new root key, by the stock notary client, on the files of the stock docker client."""
    foreign.pin("signed", f'root_keys = ["{foreign.root_key("signed")}"]')
    foreign.stage.pytrust("verify", f"{foreign.name('signed')}:v1")
    client = NotaryClient(foreign.ann.docker.config / "trust", foreign.server.url, foreign.server.files.ca)
    said = client.attempt("key", "rotate", foreign.name("signed"), "root", stdin="yes\n")
    assert said.code == 0, said
    known = foreign.stage.pytrust("inspect", "--json", foreign.name("signed"))
    shutil.rmtree(foreign.stage.home / "cache")
    fresh = foreign.stage.pytrust("inspect", "--json", foreign.name("signed"))
    for shown in (known, fresh):
        assert next(item["version"] for item in json.loads(shown)["roles"] if item["role"] == "root") == 2


@pytest.fixture(scope="module")
def closed(foreign: Foreign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TrustServer, TokenService]]:
    """A stock server that takes tokens only; ann signed the same image there, with the stock notary client."""
    folder = tmp_path_factory.mktemp("closed")
    files, name = foreign.server.files, foreign.name("signed")
    with (
        token_service(folder / "issuer", {"ann": "secret"}, frozenset()) as issuer,
        notary.notary_server(folder / "server", files, issuer=issuer) as server,
    ):
        manifest = _manifest(foreign, "signed", "v1")
        client = NotaryClient(folder / "ann", server.url, files.ca, ("ann", "secret"))
        digest = foreign.digests["signed:v1"].removeprefix("sha256:")
        for words in (["init", "-p", name], ["addhash", "-p", name, "v1", str(len(manifest)), "--sha256", digest]):
            said = client.attempt(*words)
            assert said.code == 0, said
        issuer.take()
        yield server, issuer


def _manifest(foreign: Foreign, which: str, tag: str) -> bytes:
    """What the registry serves; the digest says that it is what was pushed."""
    url = f"http://{foreign.stage.registry.host}/v2/foreign/{which}/manifests/{foreign.digests[f'{which}:{tag}']}"
    request = urllib.request.Request(url, headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: bytes = answer.read()
    assert f"sha256:{sha256(data).hexdigest()}" == foreign.digests[f"{which}:{tag}"]
    return data


@pytest.mark.parametrize("login", ["", "ann:secret", "ann:wrong"])
def test_a_server_that_asks_who_we_are(
    foreign: Foreign, closed: tuple[TrustServer, TokenService], tmp_path: Path, login: str
) -> None:
    server, issuer = closed
    trusted = tmp_path / "tls" / f"127.0.0.1:{server.port}"
    trusted.mkdir(parents=True)
    shutil.copy(server.files.ca, trusted / "ca.crt")
    auths = {foreign.stage.registry.host: {"auth": b64encode(login.encode()).decode()}} if login else {}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    foreign.pin("signed", f'first_use = "accept"\nserver = "{server.url}"\nformat = "notary-v1"', server=False)
    done = foreign.stage.attempt("verify", f"{foreign.name('signed')}:v1", env={"DOCKER_CONFIG": str(tmp_path)})
    who = login.partition(":")[0] or "nobody"
    if login.endswith("wrong"):
        assert (done.returncode, "denies access" in done.stderr) == (1, True)
    else:
        assert done.returncode == 0, done.stderr
        asked = issuer.take()
        assert asked == [f"token for {who}: repository:{foreign.name('signed')}:pull: ['pull']"]


def test_a_pinned_authority(foreign: Foreign, tmp_path: Path) -> None:
    """An organisation certifies root keys, by name of the image; the stock client begins with such a one."""
    now, ca, root = datetime.now(UTC), new_key(), new_key()
    foreign.stage.docker.tag(f"{foreign.name('signed')}:v1", f"{foreign.name('certified')}:v1")
    digest = foreign.stage.docker.push(f"{foreign.name('certified')}:v1")
    span = (now - timedelta(days=1), now + timedelta(days=400))
    (foreign.stage.home / "ca.pem").write_bytes(issue(ca, "our CA", ca, "our CA", *span, ca=True))
    (tmp_path / "root.crt").write_bytes(issue(root, foreign.name("certified"), ca, "our CA", *span))
    assert root.private is not None
    passphrase = PASSPHRASES["NOTARY_ROOT_PASSPHRASE"].encode()
    (tmp_path / "root.key").write_bytes(write_key(root.private, passphrase, RoleName("root"), None))
    client = NotaryClient(tmp_path / "ann", foreign.server.url, foreign.server.files.ca)
    size = str(len(_manifest(foreign, "signed", "v1")))
    own = ["--rootkey", str(tmp_path / "root.key"), "--rootcert", str(tmp_path / "root.crt")]
    said = client.attempt("init", *own, "-p", foreign.name("certified"))
    assert said.code == 0, said
    hexes = digest.removeprefix("sha256:")
    said = client.attempt("addhash", "-p", foreign.name("certified"), "v1", size, "--sha256", hexes)
    assert said.code == 0, said
    foreign.pin("certified", 'ca = "ca.pem"')
    assert f"@{digest} signed by" in foreign.stage.pytrust("verify", f"{foreign.name('certified')}:v1")
    pem = (foreign.stage.home / "ca.pem").read_text()
    with foreign.stage.proxy(foreign.policy("certified", f"ca: {json.dumps(pem)}")) as proxy:
        made = proxy.create(f"{foreign.name('certified')}:v1")
        assert made.status == 201, made.message
        foreign.stage.direct("DELETE", f"/containers/{made.json['Id']}?force=1")
    foreign.pin("signed", 'ca = "ca.pem"')
    denied = foreign.stage.attempt("verify", f"{foreign.name('signed')}:v1")
    assert (denied.returncode, "authority pinned" in denied.stderr) == (1, True)


def test_without_the_server(foreign: Foreign) -> None:
    """Last: the server stays down. What was verified serves on, and what was not is not let in."""
    policy = foreign.policy("signed", f"root_keys: [{foreign.root_key('signed')}]")
    with foreign.stage.proxy(policy) as proxy:
        made = proxy.create(f"{foreign.name('signed')}:v1")
        assert made.status == 201, made.message
        foreign.server.daemon.stop()
        again = proxy.create(f"{foreign.name('signed')}:v1")
        assert again.status == 201, again.message
        for reply in (made, again):
            foreign.stage.direct("DELETE", f"/containers/{reply.json['Id']}?force=1")
        proxy.reload(foreign.policy("classic", f"root_keys: [{'ab' * 32}]"))
        assert proxy.create(f"{foreign.name('classic')}:v1").status == 403
    foreign.pin("signed", f'root_keys = ["{"ab" * 32}"]')
    lost = foreign.stage.attempt("verify", f"{foreign.name('signed')}:v1")
    assert (lost.returncode, str(foreign.server.port) in lost.stderr) == (3, True)
