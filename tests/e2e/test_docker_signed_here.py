"""Images that the stock docker client signed at ``pytrust serve``: verified and enforced as they are, without a TUF side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from tests.e2e.test_foreign_notary import Foreign, publish
from tests.rig import docker_trust, notary
from tests.rig.docker_trust import DockerTrust
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.proxy import Stage
from tests.rig.registry import Registry
from tests.rig.throwaway import mint
from tests.rig.trust_server import pytrust_server


@pytest.fixture(scope="module")
def here(
    engine: PrivateEngine, registry: Registry, docker: Docker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Foreign]:
    need(notary.missing())
    need(docker_trust.missing())
    folder = tmp_path_factory.mktemp("here")
    files = mint(folder / "tls")
    stage = Stage(folder, engine, registry, Docker(engine.host, folder / "host-config"))
    stage.pytrust("init", "--signer", "alice")
    env = {"PYTRUST_PASSPHRASE": "a passphrase for the stage"}
    with pytrust_server(folder / "server", files, home=stage.home, env=env) as server:
        trusted = stage.docker.config / "tls" / f"127.0.0.1:{server.port}"
        trusted.mkdir(parents=True)
        shutil.copy(files.ca, trusted / "ca.crt")
        made = Foreign(stage, server, DockerTrust(Docker(engine.host, folder / "ann"), server.url), {})
        publish(made, docker)
        yield made


@pytest.mark.parametrize("which", ["signed", "classic"])
@pytest.mark.parametrize("way", ["store", "https"])
def test_verify(here: Foreign, which: str, way: str) -> None:
    here.pin(which, f'root_keys = ["{here.root_key(which)}"]', server=False)
    env = {"PYTRUST_TRUST_URL": here.server.url} if way == "https" else {}
    said = here.stage.pytrust("verify", f"{here.name(which)}:v1", env=env)
    by = "ann (releases 1 of 1)" if which == "signed" else "nobody in particular (targets 1 of 1)"
    assert f"{here.name(which)}:v1@{here.digests[f'{which}:v1']} signed by {by}, expires " in said
    denied = here.stage.attempt("verify", f"{here.name(which)}:v2", env=env)
    assert (denied.returncode, "is not signed" in denied.stderr) == (1, True)


def test_the_proxy_enforces_it_and_sees_what_changes(here: Foreign) -> None:
    here.pin("signed", f'root_keys = ["{here.root_key("signed")}"]', server=False)
    with here.stage.proxy(home=here.stage.home) as proxy:
        assert proxy.create(f"{here.name('signed')}:v2").status == 403
        here.docker("trust", "sign", f"{here.name('signed')}:v2")
        made = proxy.create(f"{here.name('signed')}:v2")
        assert made.status == 201, made.message
        here.stage.direct("DELETE", f"/containers/{made.json['Id']}?force=1")
        here.docker("trust", "revoke", f"{here.name('signed')}:v2")
        assert proxy.create(f"{here.name('signed')}:v2").status == 403


def test_what_pytrust_signs_is_verified_beside_it(here: Foreign) -> None:
    """One store, one collection made by docker, one by pytrust."""
    own = f"{here.name('own')}"
    here.stage.docker.tag(f"{here.name('signed')}:v1", f"{own}:v1")
    digest = here.stage.docker.push(f"{own}:v1")
    config = (here.stage.home / "config.toml").read_text().partition("[[pins]]")[0]
    key = here.stage.pytrust("key", "list", "--json")
    root = next(item["id"] for item in json.loads(key) if item["name"] == "root")
    (here.stage.home / "config.toml").write_text(f'{config}[[pins]]\nmatch = "**"\nroot_keys = ["{root}"]\n')
    here.stage.pytrust("sign", f"{own}:v1")
    assert f"{own}:v1@{digest} signed by alice" in here.stage.pytrust("verify", f"{own}:v1")
    denied = here.stage.attempt("verify", f"{here.name('signed')}:v1")
    assert (denied.returncode, "no root of" in denied.stderr) == (1, True)
