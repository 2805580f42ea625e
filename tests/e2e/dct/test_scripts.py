"""The same script with stock clients on the real server and on ours: the same is said, and the same goes over the wire."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.e2e.dct import scripts_docker, scripts_fault, scripts_notary
from tests.e2e.dct.stage import Parts, Play, Stage

from pytrust.trust.formats.notary.envelope import read_envelope, write_envelope

Script = Callable[[Play], None]
NOTARY = [scripts_notary.life, scripts_notary.rotation, scripts_notary.delegation, scripts_notary.hashes]
NOTARY += [scripts_fault.away, scripts_fault.tampering, scripts_fault.feed, scripts_fault.refusals]
DOCKER = [scripts_docker.pushing, scripts_docker.building, scripts_docker.signing, scripts_docker.signers]


@pytest.mark.parametrize("script", NOTARY, ids=lambda script: script.__name__)
def test_notary(real: Stage, ours: Stage, script: Script) -> None:
    assert account(ours, script) == account(real, script)


@pytest.mark.parametrize("script", DOCKER, ids=lambda script: script.__name__)
def test_docker(real: Stage, ours: Stage, parts: Parts, script: Script) -> None:
    assert account(ours, script, parts) == account(real, script, parts)


def account(stage: Stage, script: Script, parts: Parts | None = None) -> list[str]:
    """What a script tells of a stage; each file that passed is written by us as it was."""
    play = Play.begin(stage, script.__name__, parts)
    script(play)
    for role, data in play.served():
        assert write_envelope(read_envelope(role, data)) == data
    return play.lines
