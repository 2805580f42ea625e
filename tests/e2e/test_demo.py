"""The demo is the acceptance test of the main job: every check of it, on real parts."""

from __future__ import annotations

import pytest
from tests.rig import demo, dockerd, images, registry
from tests.rig.needs import need


def test_every_check_of_the_demo_passes(capfd: pytest.CaptureFixture[str]) -> None:
    need(dockerd.missing() or registry.missing() or images.missing())
    assert demo.main() == 0
    lines = capfd.readouterr().out.splitlines()
    count = len(demo.CHECKS)
    assert lines[-1] == f"demo: {count} of {count} checks passed"
    assert [line for line in lines if line.startswith("ok ")] == [f"ok {text}" for text, _ in demo.CHECKS]
