"""A real engine with good and bad containers, audited directly and through the proxy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.proxy import Stage, make_stage
from tests.rig.registry import Registry
from tests.rig.reports import Flaw, asserted, write_report
from tests.rig.tls import Authority, tls_env

TIGHT = """
--user 1000:1000 --cap-drop ALL --security-opt no-new-privileges --read-only --memory 64m --cpu-shares 256
--pids-limit 50 --network none --restart on-failure:3 --health-cmd true --health-interval 1s
"""
Row = dict[str, Any]


@pytest.fixture(scope="module")
def shop(engine: PrivateEngine, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """``good:1`` is signed and runs tight; ``evil`` is not, and would have everything of the host: not every machine
    that runs this may give that away, so it is only created."""
    folder = tmp_path_factory.mktemp("audit")
    stage = make_stage(folder, engine, registry, Docker(engine.host, folder / "docker"))
    _run(stage, "audit-tight", f"{stage.good}:1", *TIGHT.split())
    _make(stage, "audit-loose", f"{stage.evil}:1", "--privileged", "--network", "host", "--pid", "host", "--ipc", "host",
         "--uts", "host", "-v", f"{engine.socket}:/var/run/docker.sock", "-v", "/etc:/host:ro", "--restart", "always")  # fmt: skip
    _make(stage, "audit-root", f"{stage.good}:2", "--network", "none", "--cap-add", "SYS_ADMIN", "-e", "API_TOKEN=hunter2",
         "--security-opt", "seccomp=unconfined", "--device", "/dev/null:/dev/nothing")  # fmt: skip
    yield stage
    stage.docker.run("rm", "-f", "audit-tight", "audit-loose", "audit-root")


def _run(stage: Stage, name: str, image: str, *words: str) -> None:
    stage.docker.run("run", "-d", "--name", name, *words, image, "sleep", "600")


def _make(stage: Stage, name: str, image: str, *words: str) -> None:
    stage.docker.run("create", "--name", name, *words, image, "sleep", "600")


def _audit(stage: Stage, *words: str, code: int = 1, host: str = "") -> list[Row]:
    done = stage.attempt("audit", "--json", *words, env={"DOCKER_HOST": host} if host else {})
    assert done.returncode == code, done.stderr or done.stdout
    lines: list[Row] = json.loads(done.stdout)["lines"]
    return lines


def _of(lines: list[Row], number: str, subject: str | None = None) -> list[Row]:
    return [line for line in lines if line["id"] == number and subject in {None, line["subject"]}]


@pytest.fixture(scope="module")
def direct(shop: Stage) -> list[Row]:
    return _audit(shop)


def test_a_container_that_has_everything_of_the_host_fails(direct: list[Row]) -> None:
    failed = {line["id"] for line in direct if line["subject"] == "audit-loose" and line["mark"] == "fail"}
    wanted = {
        "5.4",
        "5.5",
        "5.6",
        "5.10",
        "5.11",
        "5.13",
        "5.16",
        "5.17",
        "5.18",
        "5.21",
        "5.22",
        "5.26",
        "5.29",
        "5.32",
    }
    assert wanted <= failed
    assert [line["mark"] for line in _of(direct, "5.15", "audit-loose")] == ["warn"]


def test_a_tight_container_fails_nothing(direct: list[Row]) -> None:
    wrong = [line for line in direct if line["subject"] == "audit-tight" and line["mark"] not in {"pass", "skipped"}]
    assert wrong == []


def test_what_one_container_was_given(direct: list[Row]) -> None:
    assert "SYS_ADMIN" in _of(direct, "5.4", "audit-root")[0]["why"]
    assert _of(direct, "5.22", "audit-root")[0]["mark"] == "fail"
    assert _of(direct, "5.18", "audit-root")[0]["mark"] == "fail"


def test_what_is_signed_and_what_is_not(shop: Stage, direct: list[Row]) -> None:
    names = {line["subject"] for line in _of(direct, "4.2") if line["mark"] == "fail"}
    assert {f"{shop.evil}:1", f"{shop.good}:2"} <= names
    assert f"{shop.good}:1" not in names
    newest = {line["subject"]: line["mark"] for line in _of(direct, "5.28")}
    assert "audit-tight" not in newest
    assert newest["audit-root"] == "fail"
    assert _of(direct, "4.4", f"{shop.good}:1")[0]["why"] == "it has no signed scan"


def test_every_item_is_there_and_people_are_asked_for_what_no_engine_says(direct: list[Row]) -> None:
    numbers = {line["id"] for line in direct}
    wanted = [f"2.{item}" for item in range(1, 19)] + [f"3.{item}" for item in range(1, 25)]
    wanted += [f"1.1.{item}" for item in range(1, 19)] + ["1.2.1", "1.2.2", "6.1", "6.2"]
    wanted += [f"4.{item}" for item in range(1, 13)] + [f"5.{item}" for item in range(1, 33)]
    wanted += [f"7.{item}" for item in range(1, 10)]
    assert numbers == set(wanted)
    for number in ("1.2.1", "4.3", "4.8", "4.11", "5.9", "5.19", "5.23", "5.24", "7.6", "7.7", "7.8", "7.9"):
        assert {line["mark"] for line in _of(direct, number)} == {"manual"}


def test_the_engine_itself(direct: list[Row]) -> None:
    assert _of(direct, "2.5")[0]["mark"] == "pass"
    assert _of(direct, "2.6")[0]["mark"] == "pass"
    assert _of(direct, "2.12")[0]["mark"] == "fail"
    assert _of(direct, "4.5")[0]["mark"] == "fail"
    assert _of(direct, "5.1")[0]["mark"] == "pass"
    assert _of(direct, "7.1")[0]["mark"] == "skipped"


def test_settings_are_those_of_the_daemon_behind_the_socket(direct: list[Row]) -> None:
    """The rig's engine has --iptables=false, --cgroup-parent, and no TCP port."""
    assert _of(direct, "2.4")[0]["mark"] == "fail"
    assert _of(direct, "2.10")[0]["mark"] == "warn"
    assert _of(direct, "2.7")[0]["mark"] == "pass"
    assert _of(direct, "2.3")[0]["mark"] == "pass"


def test_through_the_proxy_the_same_is_seen(shop: Stage, direct: list[Row]) -> None:
    """But for the way to the engine; and which daemon is behind a proxy is not seen where several run."""
    with shop.proxy() as proxy:
        through = _audit(shop, host=proxy.host)
    ours = {"2.7", "2.12", "4.5", "5.32"}
    settings = {"2.3", "2.4", "2.8", "2.10", "2.11", "2.16", *(f"3.{number}" for number in range(9, 15))}
    assert _told(through, ours | settings) == _told(direct, ours | settings)
    for number in settings:
        assert [line["mark"] for line in _of(through, number)] in (
            [line["mark"] for line in _of(direct, number)],
            ["skipped"],
        )
    assert [line["mark"] for line in _of(through, "4.5")] == ["warn"]
    assert [line["mark"] for line in _of(through, "2.12")] == ["warn"]
    assert [line["mark"] for line in _of(through, "2.7")] == ["manual"]


def _told(lines: list[Row], but: set[str]) -> list[tuple[str, ...]]:
    return [tuple(line[key] for key in ("id", "subject", "mark", "why")) for line in lines if line["id"] not in but]


def test_a_scan_is_judged_by_the_policy(shop: Stage, tmp_path: Path) -> None:
    image = f"{shop.good}:1"
    report = write_report(tmp_path / "report.json", shop.docker, image, [Flaw("CVE-2026-0001")])
    shop.pytrust("scan", "add", image, str(report), *asserted())
    (line,) = _of(_audit(shop, "--only", "4.4"), "4.4", image)
    assert line["mark"] == "warn"
    assert "there is no policy" in line["why"]
    policy = shop.home / "policy.yaml"
    policy.write_text("version: 1\nimages:\n  - match: '**'\n    scan: {fail_on: {severity: high}}\n")
    try:
        (line,) = _of(_audit(shop, "--only", "4.4"), "4.4", image)
        assert (line["mark"], "CVE-2026-0001" in line["why"]) == ("fail", True)
        policy.write_text("version: 1\nimages:\n  - match: '**'\n    scan: {fail_on: {package: [zlib]}}\n")
        assert _of(_audit(shop, "--only", "4.4"), "4.4", image) == []
    finally:
        policy.unlink()


def test_a_tag_that_moved_on_leaves_its_containers_behind(shop: Stage) -> None:
    name = f"{shop.registry.host}/stage/moved:1"
    shop.docker.make_image(name, content="old")
    shop.docker.push(name)
    shop.pytrust("sign", name)
    _run(shop, "audit-moved", name, "--network", "none")
    try:
        assert _of(_audit(shop, "--only", "5.28"), "5.28", "audit-moved") == []
        shop.docker.make_image(name, content="new")
        digest = shop.docker.push(name)
        shop.pytrust("sign", name)
        (line,) = _of(_audit(shop, "--only", "5.28"), "5.28", "audit-moved")
        assert (line["mark"], digest in line["why"]) == ("fail", True)
    finally:
        shop.docker.run("rm", "-f", "audit-moved")


def test_fixes_are_told_and_never_made(shop: Stage) -> None:
    lines = _audit(shop, "--only", "5.5,5.29,4.2", "--fix-hints")
    assert "--privileged" in _of(lines, "5.5", "audit-loose")[0]["hint"]
    assert _of(lines, "4.2", f"{shop.evil}:1")[0]["hint"] == f"pytrust sign {shop.evil}:1"
    assert _of(_audit(shop, "--only", "5.5"), "5.5", "audit-loose")[0]["mark"] == "fail"


def test_nothing_but_gets_reaches_the_engine(shop: Stage) -> None:
    with shop.proxy() as proxy:
        _audit(shop, host=proxy.host)
        assert proxy.witness.seen() != []
        assert proxy.witness.acted() == []


def test_over_tls(shop: Stage, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(shop.home, home)
    authority = Authority.make(shop, home)
    alice = authority.client("alice")
    with shop.proxy(home=home, tls=authority.server) as proxy:
        host = f"tcp://127.0.0.1:{proxy.tls_port}"
        done = shop.attempt("audit", "--json", "--only", "2.7,3.17,5.5", env={"DOCKER_HOST": host, **tls_env(alice)})
        plain = _audit(shop, "--only", "2.7", host=f"tcp://127.0.0.1:{proxy.port}")
    lines = json.loads(done.stdout)["lines"]
    assert [(line["mark"], line["why"]) for line in _of(lines, "2.7")] == [("pass", "only clients with a certificate")]
    assert _of(lines, "5.5", "audit-loose")[0]["mark"] == "fail"
    assert "not on this host" not in _of(lines, "3.17")[0]["why"]
    assert [line["mark"] for line in plain] == ["fail"]


def test_without_looking_at_the_host(shop: Stage) -> None:
    lines = _audit(shop, "--no-host", "--only", "3", code=0)
    assert {line["mark"] for line in lines} == {"skipped"}
    done = shop.attempt("audit", "--no-host", "--only", "3")
    assert done.stdout.startswith("SKIPPED")


def test_nobody_there(shop: Stage, tmp_path: Path) -> None:
    done = shop.attempt("audit", env={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert done.returncode == 3
    assert done.stderr.startswith("error: no engine answers")


def test_a_number_that_is_no_check(shop: Stage) -> None:
    assert shop.attempt("audit", "--only", "9").returncode == 2


def test_without_a_home_the_rest_is_looked_at(shop: Stage, tmp_path: Path) -> None:
    done = shop.attempt("audit", "--json", "--only", "4.2,5.5", home=tmp_path / "nothing")
    lines = json.loads(done.stdout)["lines"]
    assert {line["mark"] for line in _of(lines, "4.2")} == {"skipped"}
    assert _of(lines, "5.5", "audit-loose")[0]["mark"] == "fail"
