"""In CI a skipped end-to-end test fails the session; elsewhere it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SKIPS = {
    "a test": "import pytest\ndef test_a():\n    pytest.skip('no part')\n",
    "a module": "import pytest\npytest.skip('no part', allow_module_level=True)\n",
    "a need": "from tests.rig.needs import need\ndef test_a():\n    need('no part')\n",
}
RUNS = {
    "a test that passes": "def test_a():\n    pass\n",
    "an expected failure": "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert False\n",
    "nothing missing": "from tests.rig.needs import need\ndef test_a():\n    need('')\n",
}


def session(folder: Path, text: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "tests" / "e2e").mkdir(parents=True)
    shutil.copy(TESTS / "conftest.py", folder / "tests")
    shutil.copytree(TESTS / "rig", folder / "tests" / "rig")
    (folder / "tests" / "e2e" / "test_a.py").write_text(text + "def test_b():\n    pass\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "CI": ci}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS)
def test_a_skip_is_a_failure_in_ci(tmp_path: Path, text: str) -> None:
    done = session(tmp_path, text, ci="true")
    assert done.returncode != 0
    assert "in CI nothing may be skipped" in done.stdout


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS)
def test_a_skip_is_no_failure_elsewhere(tmp_path: Path, text: str) -> None:
    done = session(tmp_path, text, ci="")
    assert "nothing may be skipped" not in done.stdout
    assert done.returncode in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


@pytest.mark.parametrize("text", RUNS.values(), ids=RUNS)
def test_what_runs_is_no_failure_in_ci(tmp_path: Path, text: str) -> None:
    done = session(tmp_path, text, ci="true")
    assert done.returncode == 0, done.stdout
