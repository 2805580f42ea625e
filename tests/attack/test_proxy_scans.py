"""Signed scans on a real engine: what runs, what does not, and what somebody tries who would rather have it run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from tests.attack.cell import act, create
from tests.fakes.trivy import Behaviour, install
from tests.rig.clock import Clock
from tests.rig.proxy import API, Proxy, Reply, Stage
from tests.rig.registry import push_index
from tests.rig.reports import Flaw, asserted, write_report

FLAW: Final = Flaw("CVE-2026-0001")
MINOR: Final = Flaw("CVE-2026-0002", "LOW", "bash", "5.1-1", "5.1-2")
UNFIXED: Final = Flaw("CVE-2026-0003", "CRITICAL", "zlib", "1.2-1", "")
RULES: Final = "{max_age: 7d, fail_on: {severity: high, fix: available}}"


class Host:
    """A home whose images are scanned; each test begins with one of its own."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.home, self.folder = stage, folder / "home", folder
        shutil.copytree(stage.home, self.home)

    @property
    def image(self) -> str:
        return f"{self.stage.good}:1"

    def add(self, *flaws: Flaw, age: timedelta = timedelta(), image: str = "") -> str:
        """Sign a scan of the image that found ``flaws``, made ``age`` ago."""
        report = write_report(self.folder / "report.json", self.stage.docker, self.image, flaws, age=age)
        return self.stage.pytrust("scan", "add", image or self.image, str(report), *asserted(age), home=self.home)

    def policy(self, rules: str = RULES, more: str = "") -> str:
        return self.stage.policy().replace("  - match: '**'", f"  - match: '**'\n    scan: {rules}") + more

    @contextmanager
    def proxy(self, rules: str = RULES, *, clock: Clock | None = None) -> Iterator[Proxy]:
        with self.stage.proxy(self.policy(rules), home=self.home, env=clock.environment if clock else None) as proxy:
            yield proxy


@pytest.fixture
def host(stage: Stage, tmp_path: Path) -> Host:
    return Host(stage, tmp_path)


def refused(proxy: Proxy, reply: Reply, *words: str) -> None:
    """By the policy, with all of ``words``, and before the engine was told of it."""
    assert (reply.status, proxy.witness.acted()) == (403, []), reply
    missing = [word for word in words if word not in reply.message]
    assert not missing, reply.message


def test_a_vulnerable_image_is_refused_and_a_mended_one_runs(stage: Stage, host: Host) -> None:
    with host.proxy() as proxy:
        refused(proxy, create(stage, proxy, {}), "has no signed scan", "pytrust scan run", "policy.yaml:")
        host.add(FLAW, MINOR, UNFIXED, age=timedelta(hours=2))
        reply = create(stage, proxy, {})
        refused(proxy, reply, "CVE-2026-0001", "openssl", "3.0.2-1", "policy.yaml:", f"{stage.good}:1")
        assert not {"CVE-2026-0002", "CVE-2026-0003"} & set(reply.message.replace(",", " ").split())
        host.add(MINOR, UNFIXED, age=timedelta(hours=1))
        assert stage.client(proxy).run("run", "--rm", host.image, "cat", "/content").strip() == "good:1"


def test_a_new_policy_needs_no_new_scan(stage: Stage, host: Host) -> None:
    host.add(FLAW, MINOR)
    with host.proxy() as proxy:
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0001")
        waiver = (
            "exceptions:\n  - {id: CVE-2026-0001, reason: not reachable, owner: alice, expires: 2999-12-31,"
            " purl: pkg:deb/debian/%s}\n"
        )
        proxy.reload(host.policy(more=waiver % "openssl"))
        assert create(stage, proxy, {}).status == 201
        proxy.witness.forget()
        proxy.reload(host.policy(more=waiver % "busybox"))
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0001")
        proxy.reload(host.policy("{max_age: 7d, fail_on: {severity: low}}"))
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0002")


def test_what_only_warns_is_printed_by_docker(stage: Stage, host: Host) -> None:
    host.add(FLAW)
    with host.proxy("{max_age: 7d, warn_on: {severity: high}}") as proxy:
        done = stage.client(proxy).attempt("run", "--rm", host.image, "cat", "/content")
        assert (done.returncode, done.stdout.strip()) == (0, b"good:1")
        assert b"WARNING" in done.stderr
        assert b"CVE-2026-0001" in done.stderr


@pytest.mark.parametrize("words", ["id", "digest", "short id", "tag of another name"])
def test_no_other_name_gets_round_it(stage: Stage, host: Host, words: str) -> None:
    host.add(FLAW)
    held = stage.direct("GET", f"/images/{host.image}/json").json["Id"]
    stage.docker.run("tag", host.image, "localhost/else:1")
    image = {
        "id": held,
        "digest": f"{stage.good}@{stage.digests['good:1']}",
        "short id": held.removeprefix("sha256:")[:12],
        "tag of another name": "localhost/else:1",
    }[words]
    with host.proxy() as proxy:
        reply = proxy.create(image, User="1000:1000")
        assert (reply.status, proxy.witness.acted()) == (403, []), reply


def test_a_container_that_exists_does_not_start_again_and_one_that_runs_goes_on(stage: Stage, host: Host) -> None:
    host.add(age=timedelta(hours=2))
    with host.proxy() as proxy:
        idle = create(stage, proxy, {"Cmd": ["sleep", "600"]}).json["Id"]
        busy = create(stage, proxy, {"Cmd": ["sleep", "600"]}).json["Id"]
        assert act(proxy, busy).status == 204
        host.add(FLAW, age=timedelta(hours=1))
        for container, what in ((idle, "start"), (busy, "restart")):
            reply = act(proxy, container, what)
            assert (reply.status, "CVE-2026-0001" in reply.message) == (403, True), reply
        update = proxy.ask("POST", f"/{API}/containers/{busy}/update", {"RestartPolicy": {"Name": "always"}})
        assert (update.status, "CVE-2026-0001" in update.message) == (403, True), update
        assert stage.direct("GET", f"/containers/{busy}/json").json["State"]["Running"] is True
        assert stage.client(proxy).run("exec", busy, "cat", "/content").strip() == "good:1"
        for container in (idle, busy):
            assert proxy.ask("DELETE", f"/{API}/containers/{container}?force=1").status == 204


def test_a_stale_scan_is_refused_when_its_age_passes_the_limit(stage: Stage, host: Host, tmp_path: Path) -> None:
    host.add()
    clock = Clock.at(tmp_path / "offset")
    with host.proxy("{max_age: 48h, fail_on: {severity: high}}", clock=clock) as proxy:
        assert create(stage, proxy, {}).status == 201
        proxy.witness.forget()
        clock.move(days=2.5)
        refused(proxy, create(stage, proxy, {}), "pytrust scan run", "policy.yaml:")
        proxy.reload(host.policy("{fail_on: {severity: high}}"))
        assert create(stage, proxy, {}).status == 201
        proxy.witness.forget()
        clock.move(days=4)
        refused(proxy, create(stage, proxy, {}), "scans of", "ended")


@pytest.mark.parametrize("restarted", [False, True])
def test_an_older_scan_that_is_put_back_is_refused(stage: Stage, host: Host, restarted: bool) -> None:
    host.add(age=timedelta(hours=2))
    files = [file for file in (host.home / "store").iterdir() if file.is_file()]
    assert files
    kept = {file: file.read_bytes() for file in files}
    host.add(FLAW, age=timedelta(hours=1))
    with host.proxy() as proxy:
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0001")
        if not restarted:
            _put_back(host, kept)
            refused(proxy, create(stage, proxy, {}))
    if restarted:
        _put_back(host, kept)
        with host.proxy() as proxy:
            refused(proxy, create(stage, proxy, {}))


def _put_back(host: Host, kept: dict[Path, bytes]) -> None:
    for file in (host.home / "store").iterdir():
        if file.is_file():
            file.unlink()
    for file, data in kept.items():
        file.write_bytes(data)


def test_of_an_index_the_platform_that_the_engine_holds_counts(stage: Stage, host: Host) -> None:
    """A scan of another platform is none of this one; and each is signed for its own manifest."""
    image = f"{stage.good}:multi"
    digests = push_index(stage.registry, "stage/good", "multi", stage.digests["good:1"])
    stage.pytrust("sign", image, home=host.home)
    report = write_report(host.folder / "multi.json", stage.docker, host.image, [FLAW], age=timedelta(hours=2))
    said = stage.pytrust("scan", "add", image, str(report), *asserted(), home=host.home)
    assert f"@{digests['linux/amd64']} (linux/amd64): 1 critical" in said
    with host.proxy() as proxy:
        stage.client(proxy).run("pull", image)
        proxy.witness.forget()
        refused(proxy, proxy.create(image, User="1000:1000"), "CVE-2026-0001", "stage/good:multi")
        stage.pytrust("scan", "remove", image, home=host.home)
        trivy = install(host.folder, Behaviour())
        words = ("--trivy", str(trivy), "--platform", "linux/arm64")
        stage.pytrust("scan", "run", image, *words, home=host.home)
        refused(proxy, proxy.create(image, User="1000:1000"), "what is scanned is linux/arm64", "--platform")
        said = stage.pytrust("scan", "run", image, "--trivy", str(trivy), home=host.home)
        assert said.count("signed by scanner") == 2
        assert proxy.create(image, User="1000:1000").status == 201


def test_without_the_store_what_was_seen_counts(stage: Stage, host: Host) -> None:
    host.add(FLAW)
    with host.proxy() as proxy:
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0001")
        for file in list((host.home / "store").iterdir()):
            if file.is_file():
                file.unlink()
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0001")


def test_the_decision_is_in_the_journal_and_can_be_made_again(stage: Stage, host: Host) -> None:
    host.add(FLAW)
    with host.proxy() as proxy:
        refused(proxy, create(stage, proxy, {}), "CVE-2026-0001")
    shown = stage.pytrust("log", "--denied", home=host.home)
    assert "CVE-2026-0001" in shown
    number = shown.splitlines()[-1].split()[0]
    explained = stage.pytrust("policy", "explain", number, home=host.home)
    assert "scan of" in explained
    assert "CVE-2026-0001" in explained
    assert stage.attempt("log", "--verify", home=host.home).returncode == 0
