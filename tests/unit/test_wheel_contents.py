"""The wheel holds the source modules, its own description, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = ("trust", "scanner", "policy", "cli")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Built like a user's installer does: from the sdist. Without isolation: the build backend is a test tool."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the sources are not here: the installed wheel is being tested")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def source_files() -> list[str]:
    files = [path for root in ROOTS for path in (ROOT / root / "pytrust").rglob("*") if path.is_file()]
    shipped = [path for path in files if "__pycache__" not in path.parts]
    return sorted(str(path.relative_to(ROOT / path.relative_to(ROOT).parts[0])) for path in shipped)


def test_the_wheel_is_the_sources(names: list[str]) -> None:
    assert sorted(name for name in names if ".dist-info/" not in name) == source_files()


def test_every_name_lies_below_pytrust(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    (info,) = tops - {"pytrust"}
    assert info.startswith("pytrust-")
    assert info.endswith(".dist-info")
    assert "pytrust/__init__.py" not in names


def test_nothing_is_twice(names: list[str]) -> None:
    assert len(names) == len(set(names))


def test_the_license_and_the_command_are_there(names: list[str]) -> None:
    ends = {name.partition(".dist-info/")[2] for name in names if ".dist-info/" in name}
    assert ends == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
