"""What is signed of scans, read back from a real store, of images in a real registry."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.proxy import Stage
from tests.rig.registry import Registry
from tests.rig.reports import Flaw, asserted, write_report

_POLICY = """\
version: 1
images:
  - match: '**/quiet'
  - match: '**'
    scan: {{max_age: 7d, fail_on: {{severity: high, fix: available}}{more}}}
exceptions:
  - {{id: CVE-2026-0009, reason: not reachable, owner: alice, expires: 2999-12-31}}
"""
HIGH = Flaw("CVE-2026-0001", "HIGH")
LOW = Flaw("CVE-2026-0002", "LOW", "bash")
NEW = Flaw("CVE-2026-0003", "CRITICAL", "zlib", fixed="")


@pytest.fixture(scope="module")
def shop(engine: PrivateEngine, registry: Registry, docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Three signed tags of two names: ``web:v1`` has a high finding, ``web:v2`` a low one, ``quiet:v1`` no scan."""
    folder = tmp_path_factory.mktemp("scan-shop")
    stage = Stage(folder, engine, registry, Docker(engine.host, folder / "config"))
    stage.pytrust("init", "--signer", "alice")
    for name in ("web:v1", "web:v2", "quiet:v1"):
        image = f"{registry.host}/scans/{name}"
        docker.make_image(image, content=name)
        stage.digests[name] = docker.push(image)
        stage.pytrust("sign", image)
    _scan(stage, "web:v1", [HIGH, LOW])
    _scan(stage, "web:v2", [LOW], age=timedelta(days=5))
    _write_policy(stage)
    return stage


def _name(stage: Stage, name: str) -> str:
    return f"{stage.registry.host}/scans/{name}"


def _scan(stage: Stage, name: str, flaws: list[Flaw], age: timedelta = timedelta()) -> Path:
    file = stage.folder / f"{name.replace(':', '-')}.json"
    report = write_report(file, stage.docker, _name(stage, name), flaws, age=age)
    stage.pytrust("scan", "add", _name(stage, name), str(report), *asserted(age))
    return report


def _write_policy(stage: Stage, more: str = "") -> None:
    (stage.home / "policy.yaml").write_text(_POLICY.format(more=more))


def _status(stage: Stage, *words: str, code: int) -> dict[str, dict[str, Any]]:
    done = stage.attempt("scan", "status", "--json", *words)
    assert done.returncode == code, done.stderr
    rows = json.loads(done.stdout)["images"]
    return {f"{row['collection'].rpartition('/')[2]}:{row['tag']}": row for row in rows}


def test_every_signed_image_with_what_becomes_of_it(shop: Stage) -> None:
    rows = _status(shop, code=1)
    assert rows.keys() == {"web:v1", "web:v2", "quiet:v1"}
    assert (rows["web:v1"]["verdict"], rows["web:v2"]["verdict"]) == ("denied", "allowed")
    assert "CVE-2026-0001" in rows["web:v1"]["why"]
    assert rows["quiet:v1"]["verdict"] == "not judged"
    assert rows["quiet:v1"]["scan"] is None
    assert rows["web:v1"]["digest"] == shop.digests["web:v1"]
    assert rows["web:v1"]["scan"]["found"] == {"critical": 0, "high": 1, "medium": 0, "low": 1, "unknown": 0}
    assert rows["web:v2"]["denied_from"] is not None


def test_the_table_says_the_same(shop: Stage) -> None:
    done = shop.attempt("scan", "status")
    assert done.returncode == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "IMAGE PLATFORM SCANNED DATABASE FOUND VERDICT"
    assert any("web:v1 linux/" in line and "1 high, 1 low denied" in line for line in lines)
    assert any("quiet:v1 never not judged" in line for line in lines)
    assert any("web:v2" in line and "in " in line and "UTC" in line for line in lines)


def test_a_new_policy_and_one_name(shop: Stage) -> None:
    _write_policy(shop, ", max_database_age: 1d")
    try:
        rows = _status(shop, _name(shop, "web"), code=1)
        assert [row["verdict"] for row in rows.values()] == ["denied", "denied"]
        (shop.home / "policy.yaml").unlink()
        rows = _status(shop, code=0)
        assert {row["verdict"] for row in rows.values()} == {"not judged"}
    finally:
        _write_policy(shop)


def test_what_cannot_be_looked_at_is_told(shop: Stage) -> None:
    done = shop.attempt("scan", "status", _name(shop, "nothing"))
    assert done.returncode == 1
    assert _name(shop, "nothing") in done.stderr
    assert shop.attempt("scan", "status", "--within", "soon").returncode == 2


def test_nothing_ends_within_an_hour(shop: Stage) -> None:
    rows = _status(shop, "--within", "1h", code=1)
    assert rows["web:v2"]["denied_from"] is None


def test_a_scan_without_a_tag_is_told(shop: Stage, tmp_path: Path) -> None:
    image = _name(shop, "gone:v1")
    shop.docker.make_image(image, content="gone")
    digest = shop.docker.push(image)
    shop.pytrust("sign", image)
    _scan(shop, "gone:v1", [LOW])
    shop.docker.make_image(image, content="other")
    shop.docker.push(image)
    shop.pytrust("sign", image)
    done = shop.attempt("scan", "status", _name(shop, "gone"), "--json")
    document = json.loads(done.stdout)
    assert document["untagged"] == [{"collection": _name(shop, "gone"), "digest": digest}]
    assert [row["verdict"] for row in document["images"]] == ["denied"]
    assert "no signed scan" in document["images"][0]["why"]


def test_an_image_is_shown_as_it_is_signed(shop: Stage) -> None:
    shown = shop.pytrust("scan", "show", _name(shop, "web:v1"))
    for word in ("CVE-2026-0001", "passed: 1 low", shop.digests["web:v1"], "scanner"):
        assert word in shown
    assert "a flaw" not in shown
    report = shop.folder / "web-v1.json"
    html = shop.pytrust("scan", "show", _name(shop, "web:v1"), "--report", str(report), "--format", "html")
    assert "openssl: a flaw" in html
    assert "https://avd.aquasec.com/nvd/cve-2026-0001" in html
    other = shop.attempt("scan", "show", _name(shop, "web:v1"), "--report", str(shop.folder / "web-v2.json"))
    assert (other.returncode, "is not the report that was signed" in other.stderr) == (13, True)
    none = shop.attempt("scan", "show", _name(shop, "quiet:v1"))
    assert (none.returncode, "has no signed scan" in none.stderr) == (1, True)
    wrong = shop.attempt("scan", "show", _name(shop, "web:v1"), "--platform", "plan9/mips")
    assert (wrong.returncode, "there are those of linux/" in wrong.stderr) == (1, True)


def test_two_images_and_an_image_with_a_report(shop: Stage, tmp_path: Path) -> None:
    worse = shop.attempt("scan", "diff", _name(shop, "web:v2"), _name(shop, "web:v1"))
    assert (worse.returncode, "CVE-2026-0001" in worse.stdout) == (1, True)
    better = shop.attempt("scan", "diff", _name(shop, "web:v1"), _name(shop, "web:v2"))
    assert (better.returncode, "CVE-2026-0001" in better.stdout) == (0, True)
    report = write_report(tmp_path / "r.json", shop.docker, _name(shop, "web:v2"), [LOW, NEW])
    mixed = shop.attempt("scan", "diff", _name(shop, "web:v2"), str(report))
    assert (mixed.returncode, "CVE-2026-0003" in mixed.stdout) == (1, True)
