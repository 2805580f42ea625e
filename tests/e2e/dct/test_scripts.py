"""The same script with stock clients on the real server and on ours: the same is said, and the same goes over the wire."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable

import pytest
from tests.e2e.dct import scripts_docker, scripts_fault, scripts_notary
from tests.e2e.dct.account import difference
from tests.e2e.dct.intended import as_real, levelled
from tests.e2e.dct.stage import Parts, Play, Stage

from pytrust.trust.formats.notary.envelope import read_envelope, write_envelope

Script = Callable[[Play], None]
Told = Callable[[Script], list[str]]
NAMED = operator.attrgetter("__name__")
NOTARY = [scripts_notary.life, scripts_notary.rotation, scripts_notary.delegation, scripts_notary.hashes]
NOTARY += [scripts_fault.away, scripts_fault.tampering, scripts_fault.feed, scripts_fault.refusals]
DOCKER = [scripts_docker.pushing, scripts_docker.building, scripts_docker.signing, scripts_docker.signers]
DOCKER += [scripts_docker.cut_off, scripts_docker.adopted, scripts_docker.returning]


@pytest.fixture(scope="session")
def told(real: Stage) -> Told:
    """What the real server says, asked once."""
    return functools.cache(functools.partial(account, real))


@pytest.mark.parametrize("script", NOTARY, ids=NAMED)
@pytest.mark.parametrize("where", ["ours", "ours_many"])
def test_notary(told: Told, script: Script, where: str, request: pytest.FixtureRequest) -> None:
    compare(account(request.getfixturevalue(where), script), told(script))


@pytest.mark.parametrize("script", DOCKER, ids=NAMED)
def test_docker(real: Stage, ours: Stage, parts: Parts, script: Script) -> None:
    compare(account(ours, script, parts), account(real, script, parts))


@pytest.mark.parametrize("script", [scripts_notary.closed, scripts_docker.logged_in], ids=NAMED)
def test_tokens(real_closed: Stage, ours_closed: Stage, parts: Parts, script: Script) -> None:
    compare(account(ours_closed, script, parts), account(real_closed, script, parts))


@pytest.mark.parametrize("script", [scripts_notary.closed, scripts_docker.logged_in], ids=NAMED)
def test_tokens_of_our_own(ours_own: Stage, parts: Parts, script: Script) -> None:
    """The real server cannot, so that only how each command ends is the same; which is what the script expects."""
    assert account(ours_own, script, parts)


def compare(ours: list[str], real: list[str]) -> None:
    """Both accounts are the same but for what is intended."""
    if found := difference(as_real(ours), levelled(real)):
        pytest.fail(found, pytrace=False)


def account(stage: Stage, script: Script, parts: Parts | None = None) -> list[str]:
    """What a script tells of a stage; each file that passed is written by us as it was."""
    play = Play.begin(stage, script.__name__, parts)
    script(play)
    for role, data in play.served():
        assert write_envelope(read_envelope(role, data)) == data
    return play.lines
