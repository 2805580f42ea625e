"""The fourth part of the demo: ``pytrust serve`` for stock docker clients, whose signatures the proxy enforces.

The store of the first home is served with TLS. What docker signs there is seen by pytrust, what pytrust signs is pulled
by docker with content trust, and the proxy runs the one as well as the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.demo_proxy import expect, pytrust
from tests.rig.docker_trust import DockerTrust
from tests.rig.images import Docker
from tests.rig.notary_client import Said
from tests.rig.processes import running
from tests.rig.proxy import installed
from tests.rig.registry import Registry
from tests.rig.throwaway import mint
from tests.rig.trust_server import pytrust_server


@dataclass(frozen=True, slots=True)
class Served:
    """A trust server over the home's store, and a stock client that uses it."""

    folder: Path
    home: Path
    engine: Path
    registry: Registry
    direct: Docker
    client: DockerTrust
    passphrase: str

    @property
    def ours(self) -> str:
        """An image that only pytrust signs."""
        return f"{self.registry.host}/foo/ours"

    @property
    def theirs(self) -> str:
        """An image that only docker signs."""
        return f"{self.registry.host}/foo/theirs"

    def pytrust(self, *words: str) -> str:
        """A command of pytrust, which has to work."""
        return pytrust(self.home, *words, passphrase=self.passphrase)

    def pytrust_refuses(self, *words: str) -> str:
        """A command of pytrust, which has to say no; gives what it says."""
        try:
            self.pytrust(*words)
        except AssertionError as error:
            return str(error)
        raise AssertionError(f"pytrust {' '.join(words)} said yes")

    def must(self, *words: str) -> Said:
        """``docker WORDS`` with content trust, which has to work."""
        said = self.client.attempt(*words)
        expect(said.code == 0, f"docker {' '.join(words)}: {said.err}{said.out}")
        return said


@contextmanager
def serve(
    folder: Path, home: Path, engine: Path, direct: Docker, registry: Registry, passphrase: str
) -> Iterator[Served]:
    """Serve the store of ``home``."""
    with pytrust_server(folder / "trust", mint(folder / "trust-tls"), home=home) as server:
        yield Served(folder, home, engine, registry, direct, DockerTrust(direct, server.url), passphrase)


@contextmanager
def _guarding(host: Served) -> Iterator[Docker]:
    """A proxy before the engine, with the pins of the moment."""
    socket = host.folder / "trust.sock"
    command: list[str | Path] = [installed(), "--home", host.home, "proxy", "--listen", f"unix://{socket}"]
    command += ["--engine", f"unix://{host.engine}"]
    with running(command, log=host.folder / "trust-proxy.log", ready=socket.exists):
        yield Docker(f"unix://{socket}", host.direct.config)


def signs_with_docker(host: Served) -> None:
    """``docker push`` with content trust signs through the server; pytrust sees it once the root key is pinned."""
    host.direct.make_image(f"{host.theirs}:v1", content="theirs")
    host.must("push", f"{host.theirs}:v1")
    shown = json.loads(host.must("trust", "inspect", f"{host.theirs}:v1").out)[0]
    expect(shown["SignedTags"][0]["SignedTag"] == "v1", str(shown))


def believes_docker(host: Served) -> None:
    """Once its root key is pinned, docker's signature counts for pytrust, and the image runs behind the proxy."""
    shown = json.loads(host.must("trust", "inspect", host.theirs).out)[0]
    root = next(key["Keys"][0]["ID"] for key in shown["AdministrativeKeys"] if key["Name"] == "Root")
    unknown = host.pytrust_refuses("verify", f"{host.theirs}:v1")
    expect("root" in unknown, unknown)
    host.pytrust("pin", host.theirs, root)
    said = host.pytrust("verify", f"{host.theirs}:v1")
    expect("signed by" in said, said)
    with _guarding(host) as guarded:
        ran = guarded.run("run", "--rm", f"{host.theirs}:v1", "cat", "/content")
    expect(ran == "theirs", ran)


def pulls_with_docker(host: Served) -> None:
    """What pytrust signed, docker with content trust pulls by its digest; what it did not, docker refuses."""
    for tag in ("v1", "v2"):
        host.direct.make_image(f"{host.ours}:{tag}", content=tag)
        host.direct.push(f"{host.ours}:{tag}")
    host.pytrust("sign", f"{host.ours}:v1")
    said = host.must("pull", f"{host.ours}:v1")
    expect("Pull (1 of 1)" in said.out, said.out)
    refused = host.client.attempt("pull", f"{host.ours}:v2")
    expect(refused.code != 0 and "trust data" in refused.err.lower(), refused.err)


def agree_on_revocation(host: Served) -> None:
    """A tag that pytrust revokes is gone for docker at once."""
    host.pytrust("revoke", f"{host.ours}:v1")
    refused = host.client.attempt("pull", f"{host.ours}:v1")
    expect(refused.code != 0, refused.out)
