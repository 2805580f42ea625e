"""VEX that is signed with an image in a real registry: what other hosts make of it, and for how long."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.rig.clock import Clock, missing
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.ports import answers, free_port
from tests.rig.processes import environment, running
from tests.rig.proxy import PASSPHRASE, Stage, installed
from tests.rig.registry import Registry, push_index
from tests.rig.reports import Flaw, asserted, write_report

CVE = "CVE-2026-0001"
POLICY = "version: 1\nimages: [{match: '**', scan: {fail_on: {severity: low}}}]\n"


@pytest.fixture(scope="module")
def base(engine: PrivateEngine, registry: Registry, docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("scan-vex")
    stage = Stage(folder, engine, registry, Docker(engine.host, folder / "config"))
    stage.pytrust("init", "--signer", "alice")
    name = f"{registry.host}/vex/web"
    docker.make_image(f"{name}:v1", content="vex")
    held = docker.push(f"{name}:v1")
    stage.digests = push_index(registry, "vex/web", "many", held)
    for tag in ("v1", "many"):
        stage.pytrust("sign", f"{name}:{tag}")
    return stage


class House:
    """A home that signs, of one test alone."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.folder, self.home = stage, folder, folder / "home"
        shutil.copytree(stage.home, self.home)
        write_policy(self.home)
        self.name = f"{stage.registry.host}/vex/web"

    def image(self, tag: str = "v1") -> str:
        return f"{self.name}:{tag}"

    def document(self, product: str, name: str = "vex.json", **changes: Any) -> str:
        said = {"status": "not_affected", "justification": "vulnerable_code_not_in_execute_path", **changes}
        statement = {"vulnerability": {"name": CVE}, "products": [{"@id": product}], **said}
        document = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "author": "alice",
            "timestamp": "2026-11-01T00:00:00Z",
            "statements": [{key: value for key, value in statement.items() if value}],
        }
        path = self.folder / name
        path.write_text(json.dumps(document))
        return str(path)

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        done = self.stage.attempt("scan", *words, home=self.home, env=env)
        return done.returncode, done.stdout + done.stderr

    def must(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        code, said = self.run(*words, env=env)
        assert code == 0, said
        return said

    def add(self, *, later: timedelta = timedelta(), env: Mapping[str, str] | None = None) -> None:
        path = write_report(self.folder / "r.json", self.stage.docker, self.image(), [Flaw(CVE)], age=-later)
        self.must("add", self.image(), str(path), *asserted(-later), env=env)


def write_policy(home: Path) -> None:
    (home / "policy.yaml").write_text(POLICY)
    (home / "policy.yaml").chmod(0o600)


def marks(shown: str) -> dict[str, str]:
    return {line["id"]: line["mark"] for line in json.loads(shown)["lines"]}


@pytest.fixture
def house(base: Stage, tmp_path: Path) -> House:
    return House(base, tmp_path)


def test_another_host_sees_what_is_signed_and_what_is_withdrawn(house: House, tmp_path: Path) -> None:
    house.add()
    house.must("vex", "attach", house.image(), house.document(house.image()))
    keys = json.loads(house.stage.pytrust("key", "list", "--json", home=house.home))
    root = next(key["id"] for key in keys if key["name"] == "root")
    other, port = tmp_path / "other", free_port()
    command: list[str | Path] = [installed(), "repo", "serve-static", "--listen", f"127.0.0.1:{port}"]
    env = environment({"PYTRUST_HOME": str(house.home), "PYTRUST_PASSPHRASE": PASSPHRASE, "HOME": str(tmp_path)})

    def there(*words: str) -> subprocess.CompletedProcess[str]:
        return house.stage.attempt(*words, home=other)

    with running(command, log=tmp_path / "server.log", ready=lambda: answers(port), env=env):
        assert there("join", f"http://127.0.0.1:{port}", "--root", f"sha256:{root}").returncode == 0
        write_policy(other)
        (claims,) = json.loads(there("scan", "vex", "show", house.image(), "--json").stdout).values()
        assert (claims["authors"], [claim["ids"] for claim in claims["claims"]]) == (["alice"], [[CVE]])
        assert marks(there("scan", "show", house.image(), "--json").stdout) == {CVE: "not-affected"}
        refused = there("scan", "vex", "attach", house.image(), house.document(house.image()))
        assert (refused.returncode, "on the host that holds the store" in refused.stderr) == (2, True), refused
        house.must("vex", "detach", house.image())
        assert json.loads(there("scan", "vex", "show", house.image(), "--json").stdout) == {}
        assert marks(there("scan", "show", house.image(), "--json").stdout) == {CVE: "fail"}


def test_a_role_whose_time_is_over_is_not_believed(house: House, tmp_path: Path) -> None:
    need(missing())
    house.must("vex", "attach", house.image(), house.document(house.image()))
    clock = Clock.at(tmp_path / "offset")
    for days, mark in ((89, "not-affected"), (91, "fail")):
        clock.move(days=days)
        house.stage.pytrust("repo", "refresh", home=house.home, env=clock.environment)
        house.add(later=timedelta(days=days), env=clock.environment)
        shown = house.stage.attempt("scan", "show", house.image(), "--json", home=house.home, env=clock.environment)
        assert marks(shown.stdout) == {CVE: mark}, shown
    code, said = house.run("vex", "show", house.image(), env=clock.environment)
    assert (code, " ended 20" in said, "--role vex" in said) == (1, True, True), said
    house.stage.pytrust("repo", "renew", house.name, "--role", "vex", home=house.home, env=clock.environment)
    shown = house.stage.attempt("scan", "show", house.image(), "--json", home=house.home, env=clock.environment)
    assert marks(shown.stdout) == {CVE: "not-affected"}, shown


def test_the_second_takes_the_place_of_the_first(house: House) -> None:
    house.must("vex", "attach", house.image(), house.document(house.image()))
    affected = house.document(
        house.image(), "b.json", status="affected", justification=None, action_statement="update openssl"
    )
    house.must("vex", "attach", house.image(), affected)
    (claims,) = json.loads(house.must("vex", "show", house.image(), "--json")).values()
    assert [claim["status"] for claim in claims["claims"]] == ["affected"]
    both = (house.document(house.image()), affected)
    house.must("vex", "attach", house.image(), *both)
    (claims,) = json.loads(house.must("vex", "show", house.image(), "--json")).values()
    assert [claim["status"] for claim in claims["claims"]] == ["not_affected", "affected"]
    assert len(claims["sources"]) == 2


def test_of_an_index_every_platform_that_a_document_is_about(house: House) -> None:
    index, image = house.stage.digests[""], house.image("many")
    said = house.must("vex", "attach", image, house.document(f"{house.name}@{index}"))
    assert "has 1 claim, signed by alice" in said
    shown = json.loads(house.must("vex", "show", image, "--json"))
    assert set(shown) == {digest for platform, digest in house.stage.digests.items() if platform}
    code, said = house.run("vex", "attach", image, house.document(house.image("v1")))
    assert (code, "says nothing of" in said) == (2, True), said
    assert json.loads(house.must("vex", "show", image, "--json")) == shown


def test_one_document_from_standard_input_is_read_once(house: House) -> None:
    text = Path(house.document(house.name)).read_text()
    settings = {
        "PYTRUST_HOME": str(house.home),
        "PYTRUST_PASSPHRASE": PASSPHRASE,
        "HOME": str(house.folder),
        "DOCKER_CONFIG": str(house.stage.docker.config),
    }
    done = subprocess.run(
        [installed(), "scan", "vex", "attach", house.image("many"), "-"],
        env=environment(settings),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
