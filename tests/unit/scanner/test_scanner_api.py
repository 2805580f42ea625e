"""``pytrust.scanner`` as a library by itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.vectors.trivy import make

from pytrust import scanner


def test_every_name_is_there() -> None:
    assert sorted(scanner._HOMES) == sorted(scanner.__all__) == sorted(dir(scanner))
    for name in scanner.__all__:
        assert getattr(scanner, name).__name__ == name


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'read'"):
        _ = scanner.read


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import pytrust.scanner", {"msgspec", "json", "packageurl"}),
        ("from pytrust.scanner import read_report", {"packageurl", "jinja2", "click", "cryptography", "socket"}),
    ],
)
def test_an_import_brings_nothing_heavy(code: str, absent: set[str]) -> None:
    words = [sys.executable, "-I", "-c", f"{code}; import sys; print(*sys.modules)"]
    loaded = set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    bare = set(subprocess.run([*words[:3], "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True).stdout.split())  # fmt: skip
    assert not absent & (loaded - bare)


def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/scan-reports.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "report.json").write_text(make.texts()["0.74-object.json"], encoding="utf-8")
    words = [sys.executable, "-c", example]
    out = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert out == [
        "foo/web:v2 2026-08-21 10:00:00.123456+00:00 ['custom', 'os-pkgs']",
        "Counter({'high': 1})",
        "CVE-2019-0001 openssl 1.1.1c-r0 -> 1.1.1d-r0",
        "openssl: a title",
    ]
    (tmp_path / "report.json").write_text("[]", encoding="utf-8")
    failed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert failed.stderr.startswith("report.json: it is an empty array (Trivy before 0.20 wrote this")
