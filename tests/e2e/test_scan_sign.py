"""Reports become signed scans of images in a real registry; those of other images, and old ones, do not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.trivy import Behaviour, calls, install
from tests.rig.clock import Clock, missing
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.proxy import Stage
from tests.rig.registry import Registry
from tests.rig.reports import Flaw, asserted, write_report

FLAW = Flaw("CVE-2026-0001")
FOUND = {
    "VulnerabilityID": "CVE-2026-0001",
    "PkgName": "openssl",
    "InstalledVersion": "3.0.1-1",
    "FixedVersion": "3.0.2-1",
    "Severity": "CRITICAL",
}


@pytest.fixture(scope="module")
def base(engine: PrivateEngine, registry: Registry, docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("scan-sign")
    stage = Stage(folder, engine, registry, Docker(engine.host, folder / "config"))
    stage.pytrust("init", "--signer", "alice")
    for name in ("web:v1", "web:v2", "other:v1"):
        image = f"{registry.host}/sign/{name}"
        docker.make_image(image, content=name)
        stage.digests[name] = docker.push(image)
    for name in ("web:v1", "web:v2", "other:v1"):
        stage.pytrust("sign", f"{registry.host}/sign/{name}")
    return stage


class Desk:
    """A home of its own for a test, and images that are signed there."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.folder, self.home = stage, folder, folder / "home"
        shutil.copytree(stage.home, self.home)

    def image(self, name: str = "web:v1") -> str:
        return f"{self.stage.registry.host}/sign/{name}"

    def report(self, *flaws: Flaw, name: str = "web:v1", age: timedelta = timedelta(), **changes: Any) -> str:
        path = write_report(self.folder / "report.json", self.stage.docker, self.image(name), flaws, age=age)
        if changes:
            report = json.loads(path.read_text())
            for key, value in changes.items():
                inner = report["Metadata"] if key in {"ImageID", "DiffIDs", "RepoDigests"} else report
                inner.pop(key, None)
                if value is not None:
                    inner[key] = value
            path.write_text(json.dumps(report))
        return str(path)

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        done = self.stage.attempt("scan", *words, home=self.home, env=env)
        return done.returncode, done.stdout + done.stderr

    def shown(self, name: str = "web:v1") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.stage.pytrust("scan", "show", self.image(name), "--json", home=self.home)
        )
        return found


@pytest.fixture
def desk(base: Stage, tmp_path: Path) -> Desk:
    return Desk(base, tmp_path)


def test_a_report_is_signed_by_a_key_of_its_own(desk: Desk) -> None:
    code, said = desk.run("add", desk.image(), desk.report(FLAW), *asserted())
    assert code == 0, said
    assert "making the key scanner, which signs scans, and nothing else" in said
    digest = desk.stage.digests["web:v1"]
    assert f"@{digest} (linux/amd64): 1 critical, signed by scanner (scans 1 of 1), expires " in said
    assert re.search(r"\n  scanned: \d.* UTC, .* ago; database: .* UTC, 2 h ago; \d{3} bytes\n", said), said
    assert [line["id"] for line in desk.shown()["lines"]] == ["CVE-2026-0001"]
    inspected = json.loads(desk.stage.pytrust("inspect", "--json", desk.image("web"), home=desk.home))
    assert {tag["tag"]: tag["scans"] for tag in inspected["tags"]} == {"v1": 1, "v2": 0}
    code, said = desk.run("remove", desk.image())
    assert (code, "has no scan any more" in said) == (0, True), said
    code, said = desk.run("remove", desk.image())
    assert (code, "has no signed scan" in said) == (1, True), said


def test_the_scanner_s_key_releases_nothing(desk: Desk) -> None:
    desk.run("add", desk.image(), desk.report(), *asserted())
    done = desk.stage.attempt("sign", "--signer", "scanner", desk.image("web:v2"), home=desk.home)
    assert done.returncode != 0


REFUSED: list[tuple[dict[str, Any], list[str], int, str]] = [
    ({"SchemaVersion": 3}, [], 11, "SchemaVersion"),
    ({"bomFormat": "CycloneDX"}, [], 11, "CycloneDX"),
    ({"ImageID": f"sha256:{'0' * 64}"}, [], 13, "what is signed is"),
    ({"ImageID": "sha256:00"}, [], 13, "no image id"),
    ({"ImageID": None}, [], 13, "no image id"),
    ({"DiffIDs": [f"sha256:{'0' * 64}"]}, [], 13, "other layers"),
    ({"CreatedAt": "2999-01-01T00:00:00Z"}, [], 12, "from the future"),
    ({"CreatedAt": None}, [], 11, "when the scan was made"),
    ({}, ["--scanned-at", "2999-01-01"], 12, "not later"),
    ({}, ["--db-updated", "2999-01-01"], 12, "from the future"),
    ({}, ["--db-updated", "yesterday"], 2, "is no time"),
    ({}, ["--scanners", "vuln,everything"], 2, "none of trivy's scanners"),
    ({}, ["--severities", "bad"], 2, "is no severity"),
    ({}, ["--epss", "/proc/none/x"], 2, "cannot be read"),
    ({"ImageID": None}, ["--assert-image", "--platform", "linux/s390x"], 13, "is for linux/amd64"),
    ({}, ["--platform", "linux/s390x"], 13, "for linux/amd64, and not of that for linux/s390x"),
]


@pytest.mark.parametrize(("changes", "words", "code", "words_said"), REFUSED)
def test_what_is_not_signed(desk: Desk, changes: dict[str, Any], words: list[str], code: int, words_said: str) -> None:
    got, said = desk.run("add", desk.image(), desk.report(FLAW, **changes), *words)
    assert (got, words_said in said) == (code, True), said
    assert said.count("\n") <= 3, said
    inspected = json.loads(desk.stage.pytrust("inspect", "--json", desk.image("web"), home=desk.home))
    assert not any(tag["scans"] for tag in inspected["tags"])


def test_a_report_of_another_image_or_of_an_unsigned_one(desk: Desk) -> None:
    code, said = desk.run("add", desk.image("web:v2"), desk.report(FLAW), *asserted())
    assert (code, "what is signed is" in said) == (13, True), said
    digest = desk.stage.digests["other:v1"]
    names = [f"{desk.image('web')}@{digest}"]
    code, said = desk.run("add", desk.image(), desk.report(RepoDigests=names), *asserted())
    assert (code, digest in said) == (13, True), said
    code, said = desk.run("add", desk.image("web:v3"), desk.report(), *asserted())
    assert (code, "is not signed" in said, "pytrust sign" in said) == (1, True, True), said


def test_an_older_scan_does_not_take_the_place_of_a_newer_one(desk: Desk) -> None:
    assert desk.run("add", desk.image(), desk.report(FLAW, age=timedelta(hours=1)), *asserted())[0] == 0
    code, said = desk.run("add", desk.image(), desk.report(age=timedelta(hours=2)), *asserted())
    assert (code, "a later scan" in said, "scan remove" in said) == (1, True, True), said
    assert desk.run("add", desk.image(), desk.report(age=timedelta(minutes=5)), *asserted())[0] == 0
    assert desk.shown()["lines"] == []


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_what_was_signed_counts_for_who_signs_though_its_time_is_over(desk: Desk, tmp_path: Path) -> None:
    """Else whoever lets the role end could go back to an older scan, and begin every grace anew."""
    assert desk.run("add", desk.image(), desk.report(FLAW, age=timedelta(hours=1)), *asserted())[0] == 0
    clock = Clock.at(tmp_path / "offset")
    clock.move(days=4)
    report, words = desk.report(age=timedelta(hours=2)), ("scan", "add", desk.image())
    done = desk.stage.attempt(*words, report, *asserted(), home=desk.home, env=clock.environment)
    assert (done.returncode, "a later scan" in done.stderr) == (1, True), done


def test_what_was_seen_before_stays_dated(desk: Desk) -> None:
    old = timedelta(days=20)
    assert desk.run("add", desk.image(), desk.report(FLAW, age=old), *asserted(old))[0] == 0
    assert desk.run("add", desk.image(), desk.report(FLAW, Flaw("CVE-2026-0002")), *asserted())[0] == 0
    why = {line["id"]: line["why"] for line in desk.shown()["lines"]}
    assert why["CVE-2026-0001"].split("first seen ")[1] < why["CVE-2026-0002"].split("first seen ")[1]


def test_whose_word_it_is_is_signed(desk: Desk) -> None:
    code, said = desk.run("add", desk.image(), desk.report(FLAW, ImageID=None), "--assert-image")
    assert (code, "max_age will refuse" in said) == (0, True), said
    remarks = " ".join(remark["text"] for remark in desk.shown()["remarks"])
    assert "word" in remarks or "bound" in remarks or "operator" in remarks, remarks


def test_from_standard_input(desk: Desk) -> None:
    report = Path(desk.report(FLAW)).read_bytes()
    import subprocess

    done = subprocess.run(
        [str(_pytrust()), "scan", "add", desk.image(), "-", *asserted()],
        input=report,
        env={
            "PYTRUST_HOME": str(desk.home),
            "PYTRUST_PASSPHRASE": "a passphrase for the stage",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def _pytrust() -> Path:
    from tests.rig.proxy import installed

    return installed()


# -- scan run -----------------------------------------------------------------------------------------------------------


def test_trivy_looks_at_the_signed_digest(desk: Desk) -> None:
    trivy = install(desk.folder, Behaviour(flaws=[FOUND]))
    code, said = desk.run("run", desk.image(), desk.image("web:v2"), "--trivy", str(trivy))
    assert code == 0, said
    assert said.count("1 critical, signed by scanner") == 2
    asked = [call for call in calls(trivy) if call[0] == "image"]
    digests = {call[-1].rpartition("@")[2] for call in asked}
    assert digests == {desk.stage.digests["web:v1"], desk.stage.digests["web:v2"]}
    assert all("--severity=UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL" in call for call in asked)
    shown = desk.shown()
    assert shown["lines"][0]["id"] == "CVE-2026-0001"
    facts = {fact["name"]: fact["text"] for fact in shown["facts"]}
    assert "vulnerabilit" in facts["looked for"]
    assert "secret" in facts["looked for"]
    assert "2026-11-30" in facts["database"]


def test_an_undated_report_is_of_now_and_files_beside_us_change_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    (desk.folder / ".trivyignore").write_text("CVE-2026-0001\n")
    (desk.folder / ".trivy/modules").mkdir(parents=True)
    (desk.folder / ".trivy/modules/remover.wasm").touch()
    trivy = install(desk.folder, Behaviour(flaws=[FOUND], dated=False))
    env = {"TRIVY_SEVERITY": "LOW", "HOME": str(desk.folder)}
    code, said = desk.run("run", desk.image(), "--trivy", str(trivy), env=env)
    assert (code, "1 critical" in said) == (0, True), said


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("fails", 3, "failed with exit code 1: 2026-11-30T06:00:00Z?FATAL?image scan error"),
        ("garbage", 11, "report of"),
        ("nothing", 11, "wrote no report"),
        ("other", 13, "what is signed is"),
        ("floods", 0, "1 critical"),  # it comes to an end, and its report counts
    ],
)
def test_a_scanner_that_misbehaves(desk: Desk, how: str, code: int, words: str) -> None:
    trivy = install(desk.folder, Behaviour(how=how, flaws=[FOUND]))
    got, said = desk.run("run", desk.image(), "--trivy", str(trivy))
    assert "\x1b" not in said
    assert (got, words in said) == (code, True), said


def test_no_scanner(desk: Desk) -> None:
    code, said = desk.run("run", desk.image(), "--trivy", "/proc/none/trivy")
    assert (code, "cannot be run" in said) == (1, True), said
    code, said = desk.run("run", desk.image(), "--trivy", "/bin/true")
    assert (code, "does not say its version" in said) == (4, True), said
    trivy = install(desk.folder, Behaviour())
    code, said = desk.run("run", desk.image(), "--trivy", str(trivy), "--platform", "linux/arm64")
    assert (code, "is for linux/amd64" in said) == (13, True), said


def test_the_role_is_signed_again_without_a_scan(desk: Desk) -> None:
    desk.run("add", desk.image(), desk.report(FLAW), *asserted())
    said = desk.stage.pytrust(
        "repo", "renew", desk.image("web"), "--role", "scans", "--signer", "scanner", home=desk.home
    )
    assert "scans" in said
    assert [line["id"] for line in desk.shown()["lines"]] == ["CVE-2026-0001"]


def test_vex_is_signed_by_others_and_counts_where_it_is_believed(desk: Desk) -> None:
    desk.run("add", desk.image(), desk.report(FLAW, Flaw("CVE-2026-0002")), *asserted())
    digest = desk.stage.digests["web:v1"]
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "alice",
        "timestamp": "2026-11-01T00:00:00Z",
        "statements": [
            {
                "vulnerability": {"name": "CVE-2026-0001"},
                "products": [{"@id": f"{desk.image('web')}@{digest}"}],
                "status": "not_affected",
                "justification": "vulnerable_code_not_in_execute_path",
            }
        ],
    }
    path = desk.folder / "vex.json"
    path.write_text(json.dumps(document))
    (desk.home / "policy.yaml").write_text("version: 1\nimages: [{match: '**', scan: {fail_on: {severity: low}}}]\n")
    (desk.home / "policy.yaml").chmod(0o600)
    marks = {line["id"]: line["mark"] for line in desk.shown()["lines"]}
    assert marks == {"CVE-2026-0001": "fail", "CVE-2026-0002": "fail"}
    code, said = desk.run("vex", "attach", desk.image(), str(path))
    assert (code, "has 1 claim, signed by alice" in said) == (0, True), said
    marks = {line["id"]: line["mark"] for line in desk.shown()["lines"]}
    assert marks == {"CVE-2026-0001": "not-affected", "CVE-2026-0002": "fail"}
    assert "vulnerable_code_not_in_execute_path" in desk.run("vex", "show", desk.image())[1]
    code, said = desk.run("vex", "attach", desk.image(), str(path), "--as", "scanner", "--may", "alice")
    assert code != 0, said
    code, said = desk.run("vex", "attach", desk.image("web:v2"), str(path))
    assert (code, "says nothing of" in said) == (2, True), said
    assert desk.run("vex", "detach", desk.image())[0] == 0
    code, said = desk.run("vex", "detach", desk.image())
    assert (code, "has no VEX" in said) == (1, True), said
