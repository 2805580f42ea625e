"""``pytrust scan check``, ``show`` and ``diff`` on files: what is said, and with which exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.shared_data import shared_data

from pytrust.cli import scan_status
from pytrust.cli.scan_check import check
from pytrust.cli.scan_diff import diff
from pytrust.cli.scan_show import show
from pytrust.cli.workspace import Workspace
from pytrust.scanner.errors import BadReport
from pytrust.trust.errors import ExitCode, NotSetUp, UsageError

DIGEST = f"sha256:{'a' * 64}"
OPENSSL = {
    "VulnerabilityID": "CVE-2026-0001",
    "PkgName": "openssl",
    "InstalledVersion": "1.0",
    "FixedVersion": "1.1",
    "Status": "fixed",
    "Severity": "HIGH",
    "Title": "openssl: a flaw",
    "PrimaryURL": "https://example.org/CVE-2026-0001",
    "PkgIdentifier": {"PURL": "pkg:deb/debian/openssl@1.0"},
}
BASH = {**OPENSSL, "VulnerabilityID": "CVE-2026-0002", "PkgName": "bash", "Severity": "MEDIUM", "FixedVersion": ""}
POLICY = """\
version: 1
images:
  - match: registry.example.com/foo/*
    scan: {fail_on: {severity: high}}
  - match: registry.example.com/fresh/*
    scan: {max_age: 1d, fail_on: {severity: critical}}
  - match: registry.example.com/plain/*
"""


def report(*flaws: dict[str, Any], name: str = "registry.example.com/foo/web", **more: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": 2,
        "CreatedAt": "2026-01-02T03:04:05Z",
        "ArtifactName": f"{name}:v1",
        "ArtifactType": "container_image",
        "Metadata": {"RepoTags": [f"{name}:v1"], "RepoDigests": [f"{name}@{DIGEST}"], "ImageID": f"sha256:{'b' * 64}"},
        "Results": [{"Target": "web (debian)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": list(flaws)}],
        **more,
    }


@pytest.fixture
def put(tmp_path: Path) -> Any:
    def write(name: str, document: object) -> str:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    return write


@pytest.fixture
def policy(put: Any) -> str:
    return str(put("policy.yaml", POLICY))


def attempt(tmp_path: Path, command: click.Command, *words: str, stdin: str | None = None) -> Result:
    workspace = Workspace(tmp_path / "no-home", None, None)
    return CliRunner().invoke(command, words, standalone_mode=False, obj=workspace, input=stdin)


def run(tmp_path: Path, command: click.Command, *words: str, stdin: str | None = None) -> Result:
    done = attempt(tmp_path, command, *words, stdin=stdin)
    if done.exception:
        raise done.exception
    return done


def document(done: Result) -> Any:
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["critical"], ExitCode.YES),
        (["high"], ExitCode.NO),
        (["medium"], ExitCode.NO),
        (["high", "--fixable"], ExitCode.NO),
    ],
)
def test_a_floor_needs_no_home(put: Any, tmp_path: Path, words: list[str], code: ExitCode) -> None:
    done = run(tmp_path, check, put("r.json", report(OPENSSL, BASH)), "--fail-on", *words, "--json")
    assert done.return_value == code
    assert {line["id"] for line in document(done)["lines"]} == {"CVE-2026-0001", "CVE-2026-0002"}


def test_only_what_has_a_fix(put: Any, tmp_path: Path) -> None:
    file = put("r.json", report(BASH))
    assert run(tmp_path, check, file, "--fail-on", "medium").return_value == ExitCode.NO
    assert run(tmp_path, check, file, "--fail-on", "medium", "--fixable").return_value == ExitCode.YES


def test_the_policy_of_the_name_in_the_report(put: Any, tmp_path: Path, policy: str) -> None:
    file = put("r.json", report(OPENSSL))
    done = run(tmp_path, check, file, "--policy", policy)
    assert done.return_value == ExitCode.NO
    assert "policy.yaml:" in done.stdout
    allowed = run(tmp_path, check, file, "--policy", policy, "--image", "registry.example.com/plain/web")
    assert allowed.return_value == ExitCode.YES
    assert "asks for no scan" in allowed.stdout
    assert "the report names registry.example.com/foo/web" in allowed.stdout


def test_a_name_that_no_rule_allows(put: Any, tmp_path: Path, policy: str) -> None:
    done = run(tmp_path, check, put("r.json", report(name="docker.io/evil/web")), "--policy", policy)
    assert done.return_value == ExitCode.NO
    assert "no rule of the policy allows this image" in done.stdout


def test_age_alone_has_its_own_code(put: Any, tmp_path: Path, policy: str) -> None:
    words = ("--policy", policy, "--image", "registry.example.com/fresh/web")
    assert run(tmp_path, check, put("r.json", report(OPENSSL)), *words).return_value == ExitCode.STALE_SCAN
    worse = put("w.json", report({**OPENSSL, "Severity": "CRITICAL"}))
    assert run(tmp_path, check, worse, *words).return_value == ExitCode.NO


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--fixable"],
        ["--fail-on", "high", "--policy", "POLICY"],
        ["--policy", "POLICY", "--image", "not a name"],
    ],
)
def test_words_that_do_not_fit(put: Any, tmp_path: Path, policy: str, words: list[str]) -> None:
    given = [policy if word == "POLICY" else word for word in words]
    done = attempt(tmp_path, check, put("r.json", report()), *given)
    assert isinstance(done.exception, UsageError), done.exception


def test_the_age_of_the_database_by_the_operators_word(put: Any, tmp_path: Path) -> None:
    rules = "version: 1\nimages:\n  - match: '**'\n    scan: {max_database_age: 3d, fail_on: {severity: critical}}\n"
    words = (put("r.json", report()), "--policy", put("rules.yaml", rules))
    unknown = run(tmp_path, check, *words)
    assert unknown.return_value == ExitCode.STALE_SCAN
    assert "--db-updated" in unknown.stdout
    assert run(tmp_path, check, *words, "--db-updated", "2026-01-01").return_value == ExitCode.STALE_SCAN
    fresh = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    assert run(tmp_path, check, *words, "--db-updated", fresh).return_value == ExitCode.YES
    for text in ("yesterday", "9999-12-31T23:59-05:00"):
        with pytest.raises(UsageError, match="is no time"):
            run(tmp_path, check, *words, "--db-updated", text)


def test_a_report_without_a_name_needs_one(put: Any, tmp_path: Path, policy: str) -> None:
    file = put("r.json", report(Metadata={}))
    done = attempt(tmp_path, check, file, "--policy", policy)
    assert isinstance(done.exception, UsageError)
    assert "--image" in done.exception.hint
    assert run(tmp_path, check, file, "--fail-on", "low").return_value == ExitCode.YES


def test_a_report_of_two_names_needs_one(put: Any, tmp_path: Path, policy: str) -> None:
    tags = ["registry.example.com/foo/web:v1", "registry.example.com/plain/web:v1"]
    done = attempt(tmp_path, check, put("r.json", report(Metadata={"RepoTags": tags})), "--policy", policy)
    assert isinstance(done.exception, UsageError)
    assert "does not name one image" in str(done.exception)


@pytest.mark.parametrize("data", ["", "{}", "[]", '{"SchemaVersion": 2, "ArtifactName": "x"', "null"])
def test_no_report(put: Any, tmp_path: Path, data: str) -> None:
    done = attempt(tmp_path, check, put("r.json", data), "--fail-on", "low")
    assert isinstance(done.exception, BadReport)
    assert done.exception.exit_code == ExitCode.BAD_REPORT


def test_a_legacy_report_of_nothing_is_read_and_denied(put: Any, tmp_path: Path) -> None:
    done = run(tmp_path, check, put("r.json", "[]"), "--fail-on", "low", "--legacy")
    assert done.return_value == ExitCode.NO
    assert "recognised nothing" in done.stdout


def test_a_missing_file(tmp_path: Path) -> None:
    done = attempt(tmp_path, check, str(tmp_path / "none.json"), "--fail-on", "low")
    assert isinstance(done.exception, UsageError)
    assert "cannot be read" in str(done.exception)


def test_from_stdin(tmp_path: Path) -> None:
    done = run(tmp_path, check, "-", "--fail-on", "high", stdin=json.dumps(report(OPENSSL)))
    assert done.return_value == ExitCode.NO


def test_a_baseline_lets_pass_what_was_there(put: Any, tmp_path: Path) -> None:
    old = put("old.json", report(OPENSSL))
    words = ("--fail-on", "medium", "--baseline", old)
    same = run(tmp_path, check, put("same.json", report({**OPENSSL, "InstalledVersion": "1.0.1"})), *words)
    assert same.return_value == ExitCode.YES
    more = run(tmp_path, check, put("more.json", report(OPENSSL, BASH)), *words, "--json")
    assert more.return_value == ExitCode.NO
    marks = {line["id"]: line["mark"] for line in document(more)["lines"]}
    assert marks == {"CVE-2026-0001": "pass", "CVE-2026-0002": "fail"}
    worse = run(tmp_path, check, put("worse.json", report({**OPENSSL, "Severity": "CRITICAL"})), *words)
    assert worse.return_value == ExitCode.NO
    twice = put("twice.json", report(OPENSSL, OPENSSL))
    assert run(tmp_path, check, twice, *words).return_value == ExitCode.NO


def test_a_baseline_of_one_artefact_lets_pass_no_other(put: Any, tmp_path: Path) -> None:
    old = put("old.json", report(OPENSSL))
    both = put("both.json", cluster(resource("web", OPENSSL), resource("api", OPENSSL)))
    assert run(tmp_path, check, both, "--fail-on", "high", "--baseline", old).return_value == ExitCode.NO
    assert run(tmp_path, check, both, "--fail-on", "high", "--baseline", both).return_value == ExitCode.YES


def test_unsigned_vex_counts_here_and_says_so(put: Any, tmp_path: Path) -> None:
    vex = put(
        "vex.json",
        {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://example.com/1",
            "author": "alice",
            "timestamp": "2026-01-02T03:04:05Z",
            "version": 1,
            "statements": [
                {
                    "vulnerability": {"name": "CVE-2026-0001"},
                    "products": [
                        {"@id": f"pkg:oci/web@sha256%3A{'a' * 64}?repository_url=registry.example.com/foo/web"}
                    ],
                    "status": "not_affected",
                    "justification": "vulnerable_code_not_present",
                }
            ],
        },
    )
    file = put("r.json", report(OPENSSL))
    assert run(tmp_path, check, file, "--fail-on", "high").return_value == ExitCode.NO
    done = run(tmp_path, check, file, "--fail-on", "high", "--vex", vex)
    assert done.return_value == ExitCode.YES
    assert "is unsigned: it counts for this check, and on no host" in done.stdout
    other = put("other.json", report(OPENSSL, name="registry.example.com/foo/api"))
    apart = run(tmp_path, check, other, "--fail-on", "high", "--vex", vex)
    assert apart.return_value == ExitCode.NO
    assert "says nothing of this image" in apart.stdout
    with pytest.raises(UsageError, match="no VEX document"):
        run(tmp_path, check, file, "--fail-on", "high", "--vex", file)


def cluster(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"ClusterName": "kind", "Resources": list(resources)}


def resource(name: str, *flaws: dict[str, Any], **more: Any) -> dict[str, Any]:
    whole = report(*flaws, name=f"registry.example.com/foo/{name}")
    return {
        "Namespace": "shop",
        "Kind": "Deployment",
        "Name": name,
        "Metadata": [whole["Metadata"]],
        "Results": whole["Results"],
        **more,
    }


def test_of_a_cluster_the_worst_decides(put: Any, tmp_path: Path, policy: str) -> None:
    fine = put("fine.json", cluster(resource("web", BASH), resource("api")))
    assert run(tmp_path, check, fine, "--policy", policy).return_value == ExitCode.YES
    bad = put("bad.json", cluster(resource("web"), resource("api", OPENSSL)))
    done = run(tmp_path, check, bad, "--policy", policy)
    assert done.return_value == ExitCode.NO
    assert "CVE-2026-0001" in done.stdout
    assert "api" in done.stdout
    broken = put("broken.json", cluster(resource("web"), resource("api", Error="timeout")))
    failed = run(tmp_path, check, broken, "--fail-on", "high")
    assert failed.return_value == ExitCode.NO
    assert "was not scanned: timeout" in failed.stdout


def test_a_file_is_shown_and_judged_by_nothing(put: Any, tmp_path: Path) -> None:
    done = run(tmp_path, show, put("r.json", report(OPENSSL)), "--json")
    assert done.return_value == ExitCode.YES
    line = document(done)["lines"][0]
    assert (line["id"], line["mark"], line["title"]) == ("CVE-2026-0001", "note", "openssl: a flaw")


def test_a_file_has_no_platform_to_choose(put: Any, tmp_path: Path) -> None:
    done = attempt(tmp_path, show, put("r.json", report()), "--platform", "linux/amd64")
    assert isinstance(done.exception, UsageError)


def test_an_image_needs_a_home(tmp_path: Path) -> None:
    done = attempt(tmp_path, show, "registry.example.com/foo/web:v1")
    assert isinstance(done.exception, NotSetUp)


def test_what_is_between_two_files(put: Any, tmp_path: Path) -> None:
    old, new = put("old.json", report(OPENSSL)), put("new.json", report(BASH))
    done = run(tmp_path, diff, old, new, "--json")
    assert done.return_value == ExitCode.NO
    lines = {line["id"]: (line["mark"], line["why"]) for line in document(done)["lines"]}
    assert lines == {"CVE-2026-0002": ("fail", "new"), "CVE-2026-0001": ("note", "gone")}
    assert run(tmp_path, diff, old, old).return_value == ExitCode.YES
    assert run(tmp_path, diff, old, put("none.json", report())).return_value == ExitCode.YES


def test_what_is_only_worse_is_a_no(put: Any, tmp_path: Path) -> None:
    old, new = put("old.json", report(BASH)), put("new.json", report({**BASH, "Severity": "HIGH"}))
    assert run(tmp_path, diff, old, new).return_value == ExitCode.NO
    assert run(tmp_path, diff, new, old).return_value == ExitCode.YES


def test_one_artefact_of_a_cluster_is_not_another(put: Any, tmp_path: Path) -> None:
    old = put("old.json", cluster(resource("web", OPENSSL), resource("api")))
    new = put("new.json", cluster(resource("web"), resource("api", OPENSSL)))
    done = run(tmp_path, diff, old, new, "--json")
    assert done.return_value == ExitCode.NO
    assert sorted(line["why"] for line in document(done)["lines"]) == ["gone", "new"]


@pytest.mark.parametrize(
    ("file", "floor", "code"),
    [
        ("alpine-39.json", "critical", ExitCode.NO),
        ("ubuntu-1804.json", "high", ExitCode.YES),
        ("ubuntu-1804.json", "medium", ExitCode.NO),
        ("dockerfile.json", "high", ExitCode.NO),
        ("secrets.json", "critical", ExitCode.NO),
        ("license-cyclonedx.json", "high", ExitCode.YES),
        ("alpine-310-v1array-v0.18.3.json", "medium", ExitCode.NO),
        ("no-vulns-v2.json", "low", ExitCode.YES),
    ],
)
def test_real_reports(tmp_path: Path, file: str, floor: str, code: ExitCode) -> None:
    path = shared_data("trivy") / file
    assert run(tmp_path, check, str(path), "--fail-on", floor).return_value == code


def test_real_reports_hold_what_is_shown(tmp_path: Path) -> None:
    path = shared_data("trivy") / "alpine-39.json"
    raw = json.loads(path.read_text())
    wanted = sorted(one["VulnerabilityID"] for result in raw["Results"] for one in result.get("Vulnerabilities", ()))
    shown = document(run(tmp_path, show, str(path), "--json"))["lines"]
    assert sorted(line["id"] for line in shown) == wanted


_HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\u202e\r\n"


@pytest.mark.parametrize("form", ["table", "markdown", "html", "sarif", "junit", "github", "json"])
def test_hostile_texts_move_no_terminal(put: Any, tmp_path: Path, form: str) -> None:
    flaw = {**OPENSSL, "Title": _HOSTILE, "PkgName": f"openssl{_HOSTILE}", "VulnerabilityID": f"CVE-1{_HOSTILE}"}
    whole = report(flaw, ArtifactName=_HOSTILE, Metadata={})
    whole["Results"][0]["Target"] = _HOSTILE
    for command, words in ((check, ("--fail-on", "low")), (show, ())):
        done = run(tmp_path, command, put("r.json", whole), *words, "--format", form)
        assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)
    between = run(tmp_path, diff, put("none.json", report()), put("r.json", whole), "--format", form)
    assert not {"\x1b", "\x07", "\u202e"} & set(between.stdout)


def test_hostile_reasons_of_a_cluster_are_one_line(put: Any, tmp_path: Path) -> None:
    broken = put("broken.json", cluster(resource("web", Error=f"no{_HOSTILE}")))
    done = run(tmp_path, check, broken, "--fail-on", "high")
    assert done.return_value == ExitCode.NO
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_lists_are_looked_up(put: Any, tmp_path: Path) -> None:
    rules = "version: 1\nimages:\n  - match: '**'\n    scan: {fail_on: [%s]}\n"
    file = put("r.json", report(BASH))
    epss = put("epss.csv", "#model_version:v1,score_date:2026-01-02\ncve,epss,percentile\nCVE-2026-0002,0.5,0.9\n")
    entry = {"cveID": "CVE-2026-0002", "knownRansomwareCampaignUse": "Known"}
    kev = put("kev.json", {"catalogVersion": "1", "dateReleased": "2026-01-02T00:00:00Z", "vulnerabilities": [entry]})
    for rule, words in (("{epss: 0.25}", ("--epss", epss)), ("{kev: true}", ("--kev", kev))):
        policy = put("rules.yaml", rules % rule)
        without = run(tmp_path, check, file, "--policy", policy, "--json")
        assert without.return_value == ExitCode.NO
        assert [line["mark"] for line in document(without)["lines"]] == ["pass"]
        with_list = run(tmp_path, check, file, "--policy", policy, *words, "--json")
        assert [line["mark"] for line in document(with_list)["lines"]] == ["fail"]
    assert "known to be exploited, also by ransomware" in document(with_list)["lines"][0]["why"]


def test_a_host_without_a_store_knows_what_it_saw_and_what_is_named_in_full() -> None:
    caches = [SimpleNamespace(names=lambda seen=seen: seen) for seen in (["docker.io/a/seen"], ["docker.io/a/old"])]
    pins = [SimpleNamespace(match="registry.example.com/b/pinned"), SimpleNamespace(match="docker.io/a/*")]
    rules = [SimpleNamespace(match="registry.example.com/b/ruled"), SimpleNamespace(match="**")]
    workspace = SimpleNamespace(
        store_path=None, settings=SimpleNamespace(pins=pins), cache=caches[0], notary_cache=caches[1]
    )
    known = scan_status._known(workspace, SimpleNamespace(images=rules))  # type: ignore[arg-type]
    assert known == [
        "docker.io/a/old",
        "docker.io/a/seen",
        "registry.example.com/b/pinned",
        "registry.example.com/b/ruled",
    ]
