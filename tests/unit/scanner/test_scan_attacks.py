"""What somebody tries who would rather have a scan say less: programs, lists, VEX of other things, odd clocks."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.scanner.scan_cases import NAME, SCAN

from pytrust.cli.scan_file import parse_moment
from pytrust.cli.scan_signing import earlier_scans
from pytrust.scanner import program, purls
from pytrust.scanner.errors import BadReport
from pytrust.scanner.feeds import read_epss, read_exploited
from pytrust.scanner.gate import patterns
from pytrust.scanner.gate.patterns import fits_name, fits_path
from pytrust.scanner.limits import CACHED_MAX_CHARS
from pytrust.scanner.purls import fits
from pytrust.scanner.scan import Database
from pytrust.scanner.statement import decode_scan, encode_scan
from pytrust.scanner.trivy.read import read_report
from pytrust.scanner.vex.read import claims_for, read_vex
from pytrust.trust.errors import BadContent, TooSlow, UsageError

VERSION = """[ "$1" = version ] && { echo '{"Version":"1"}'; exit; }\n"""
OTHER = "pkg:oci/other@sha256:" + "99" * 32


def script(folder: Path, *lines: str) -> Path:
    """An executable that says its version as trivy does, and then does ``lines``."""
    path = folder / "trivy"
    path.write_text(f"#!/bin/sh\n{VERSION}" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def gone(file: Path, tries: int = 100) -> bool:
    """Whether the process whose id is in the file has ended, or does within a twentieth of a second for each try."""
    for _ in range(tries):
        try:
            state = Path(f"/proc/{file.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_program_is_run_from_where_it_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to this folder, and not to the one that it runs in; and never what PATH has by that name."""
    script(tmp_path, "echo {} > report.json")
    (tmp_path / "path").mkdir()
    script(tmp_path / "path", "exit 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:{os.environ['PATH']}")
    found = program.find_trivy(Path("trivy"))
    assert found.path == tmp_path / "trivy"
    assert program.scan_image(found, ["image"]) == b"{}\n"


@pytest.mark.parametrize("leaves", ["sleep 600", "setsid sleep 600"])
def test_what_a_program_leaves_behind_holds_nobody_up(
    tmp_path: Path, leaves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_LAST_WORDS", 0.2)
    file = tmp_path / "pid"
    trivy = program.find_trivy(script(tmp_path, f"{leaves} &", f"echo $! > {file}", "echo {} > report.json"))
    try:
        assert program.scan_image(trivy, ["image"]) == b"{}\n"
        assert leaves.startswith("setsid") or gone(file)
    finally:
        if not gone(file, 1):
            os.kill(int(file.read_text()), signal.SIGKILL)


def test_a_program_that_is_interrupted_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    trivy = program.find_trivy(script(tmp_path, f"echo $$ > {file}", "exec sleep 600"))

    def interrupt() -> None:
        while not (file.exists() and file.read_text().strip()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        program.scan_image(trivy, ["image"])
    thread.join()
    assert gone(file)


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SCAN_TIMEOUT", 0.5)
    file = tmp_path / "pid"
    trivy = program.find_trivy(script(tmp_path, "sleep 600 &", f"echo $! > {file}", "wait"))
    with pytest.raises(TooSlow, match=r"0\.5 s"):
        program.scan_image(trivy, ["image"])
    assert gone(file)


@pytest.mark.parametrize("line", ["mkfifo report.json", "ln -s /dev/zero report.json", "mkdir report.json", ":"])
def test_a_report_is_a_file(tmp_path: Path, line: str) -> None:
    trivy = program.find_trivy(script(tmp_path, line))
    with pytest.raises(BadReport):
        program.scan_image(trivy, ["image"])


def test_settings_of_the_environment_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVY_IGNOREFILE", "/tmp/none")
    monkeypatch.setenv("TRIVY_SEVERITY", "LOW")
    monkeypatch.setenv("TRIVY_CACHE_DIR", "/cache")
    trivy = program.find_trivy(script(tmp_path, "env | grep ^TRIVY_ > report.json"))
    assert program.scan_image(trivy, ["image"]) == b"TRIVY_CACHE_DIR=/cache\n"


def test_a_list_that_goes_on_after_its_end_is_none() -> None:
    """Most readers would see the second part; who stops at the first knows less, and finds less."""
    first = b"#model_version:v1,score_date:2026-12-01T00:00:00Z\ncve,epss,percentile\nCVE-2026-0001,0.5,0.5\n"
    assert read_epss(gzip.compress(first), what="e").chances == {"CVE-2026-0001": 50_000}
    with pytest.raises(UsageError, match="more follows"):
        read_epss(gzip.compress(first) + gzip.compress(b"CVE-2026-0002,0.9,0.9\n"), what="e")


@pytest.mark.parametrize(
    "name", ["CVE-2026-0001 ", "cve-2026-0001", "", "\u0421VE-2026-0001", "CVE-\uff12026-0001", "\x1b[2J"]
)
def test_an_exploited_vulnerability_under_another_spelling_is_none_that_fits_nothing(name: str) -> None:
    entries = [{"cveID": "CVE-2026-0002"}, {"cveID": name}]
    document = {"catalogVersion": "1", "dateReleased": "2026-12-01T00:00:00Z", "vulnerabilities": entries}
    with pytest.raises(UsageError) as error:
        read_exploited(json.dumps(document).encode(), what="kev.json")
    assert str(error.value).isprintable()


def openvex(product: Any, **changes: Any) -> bytes:
    statement = {
        "vulnerability": {"name": "CVE-2026-0001"},
        "products": [product],
        "status": "not_affected",
        "justification": "component_not_present",
        "timestamp": "2026-12-01T00:00:00Z",
    }
    document = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "a", "statements": [statement | changes]}
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("purl", "is_it"),
    [
        ("pkg:docker/foo/web", True),
        ("pkg:docker/evil/web", False),
        ("pkg:docker/web", False),  # docker.io/library/web
        ("pkg:docker/foo/web?repository_url=registry.example.com", False),
        ("pkg:docker/foo/web?repository_url=docker.io", True),
        ("pkg:oci/web?repository_url=docker.io/foo/web", True),
        ("pkg:oci/web?repository_url=docker.io/evil/web", False),
        ("pkg:oci/web?arch=amd64", True),
        ("pkg:oci/web?arch=arm64", False),
        (OTHER, False),
    ],
)
def test_vex_of_another_image_says_nothing_of_this_one(purl: str, is_it: bool) -> None:
    document = read_vex(openvex({"@id": purl}), what="v")
    assert NAME == "docker.io/foo/web"
    if is_it:
        assert claims_for(document, SCAN.subject).claims
    else:
        with pytest.raises(UsageError, match="says nothing of"):
            claims_for(document, SCAN.subject)


def cyclonedx(link: str, serial: str | None) -> bytes:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {"component": {"bom-ref": "image", "purl": f"pkg:oci/web@{SCAN.subject.digest}"}},
        "vulnerabilities": [
            {
                "id": "CVE-2026-0001",
                "analysis": {"state": "not_affected", "detail": "it is not there"},
                "affects": [{"ref": link}],
            }
        ],
    }
    return json.dumps(document | ({"serialNumber": f"urn:uuid:{serial}"} if serial else {})).encode()


OWN, ELSE = "3e671687-395b-41f5-a30f-a58921a69b79", "11111111-395b-41f5-a30f-a58921a69b79"


@pytest.mark.parametrize(
    ("link", "serial", "is_it"),
    [
        ("image", None, True),
        (f"urn:cdx:{OWN}/1#image", OWN, True),
        (f"urn:cdx:{ELSE}/1#image", OWN, False),
        (f"urn:cdx:{ELSE}/1#image", None, False),
    ],
)
def test_a_link_into_another_bill_of_materials_is_not_read_in_this_one(
    link: str, serial: str | None, is_it: bool
) -> None:
    document = read_vex(cyclonedx(link, serial), what="v")
    if is_it:
        assert claims_for(document, SCAN.subject).claims
    else:
        with pytest.raises(UsageError, match="says nothing of"):
            claims_for(document, SCAN.subject)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_that_utc_does_not_have(at: str) -> None:
    with pytest.raises(UsageError):
        read_vex(openvex({"@id": str(SCAN.subject.digest)}, timestamp=at), what="v")
    with pytest.raises(UsageError):
        parse_moment(at)


def test_moments_of_people_are_utc_unless_they_say_otherwise() -> None:
    assert parse_moment("2026-11-30T06:00") == datetime(2026, 11, 30, 6, tzinfo=UTC)
    assert parse_moment("2026-11-30T06:00+02:00") == datetime(2026, 11, 30, 4, tzinfo=UTC)
    assert parse_moment("2026-11-30T06:00+02:00").utcoffset() == timedelta()


@pytest.mark.parametrize("number", [-1, 2**31, 10**300, 1e300, True])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_what_cannot_be_read_again_is_not_signed(tmp_path: Path, number: float, at: str) -> None:
    """A statement that nobody can read denies its image, and stands in the way of the next."""
    database = {"Version": number, "UpdatedAt": at}
    report = {
        "SchemaVersion": 2,
        "CreatedAt": "2026-12-01T00:00:00Z",
        "ArtifactName": "x",
        "Results": [{"Target": "x", "Class": "os-pkgs", "Type": "debian"}],
        "Trivy": {"Version": "0.74.0", "Server": {"VulnerabilityDB": database}},
    }
    scan = replace(SCAN, database=read_report(json.dumps(report).encode()).database)
    assert decode_scan(encode_scan(scan), "it") == scan
    path = tmp_path / "trivy"
    said = json.dumps({"Version": "1", "VulnerabilityDB": {"Version": int(number), "UpdatedAt": at}})
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    found = program.find_trivy(path)
    assert found.database_at is None
    database_of = replace(SCAN, database=Database(version=found.database_version))
    assert decode_scan(encode_scan(database_of), "it") == database_of


def test_a_signed_scan_that_cannot_be_read_says_how_to_be_rid_of_it() -> None:
    """Scanning again is no way out: every new scan is dated by those that there are."""
    said = {SCAN.subject.digest: SimpleNamespace(content=b"{}")}
    workspace: Any = SimpleNamespace(owner=lambda _: SimpleNamespace(said=lambda *_: said))
    with pytest.raises(BadContent) as error:
        earlier_scans(workspace, NAME)
    assert error.value.hint == f"withdraw it: pytrust scan remove {NAME}@{SCAN.subject.digest}"


def test_long_texts_of_hostile_images_are_not_remembered() -> None:
    """65,536 paths of 8 kB, a hundred from each scan, would fill the memory of a proxy for as long as it lives."""
    for long in (False, True):
        text = f"{time.monotonic_ns()}/" + "x" * (CACHED_MAX_CHARS if long else 10)
        before = [cache.cache_info().currsize for cache in (patterns._name, patterns._path, purls._read)]
        assert fits_name("*x", text)
        assert fits_path("*/x*", text)
        assert fits(f"pkg:deb/{text}@1", f"pkg:deb/{text}")
        after = [cache.cache_info().currsize for cache in (patterns._name, patterns._path, purls._read)]
        assert (before == after) is long
