"""The demo is the acceptance test of the main job: every check of it, on real parts."""

from __future__ import annotations

import pytest
from tests.rig import clock, demo, dockerd, images, registry
from tests.rig.needs import need


def test_every_check_of_the_demo_passes(capfd: pytest.CaptureFixture[str]) -> None:
    need(dockerd.missing() or registry.missing() or images.missing() or clock.missing())
    assert demo.main() == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == f"demo: {demo.COUNT} of {demo.COUNT} checks passed"
    assert sum(line.startswith("ok ") for line in lines) == demo.COUNT
