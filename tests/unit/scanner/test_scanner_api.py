"""``pytrust.scanner`` as a library by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
