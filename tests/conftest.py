"""For all tests: the repository root is importable, SIGTERM ends the session cleanly, CI skips no end-to-end test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1]))

_E2E = ("tests/e2e/", "tests/attack/")
_skipped: list[str] = []

settings.register_profile("busy", settings(deadline=None))  # nothing is wrong with a machine that does other work, too
settings.load_profile("busy")


@pytest.fixture(scope="session", autouse=True)
def _ending() -> Iterator[None]:
    from tests.rig.processes import ending_on_sigterm

    with ending_on_sigterm():
        yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what was skipped; an expected failure is reported as skipped, too, but did run."""
    if report.skipped and not hasattr(report, "wasxfail") and report.nodeid.startswith(_E2E):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note modules that skip themselves."""
    if report.skipped and report.nodeid.startswith(_E2E):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped end-to-end test is a failure."""
    if _is_failure() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so."""
    if _is_failure():
        terminalreporter.write_line(f"error: in CI nothing may be skipped: {', '.join(_skipped)}", red=True)


def _is_failure() -> bool:
    return bool(_skipped) and os.environ.get("CI") == "true"
