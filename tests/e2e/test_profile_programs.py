"""Real programs recorded, confined, and put to more work than was recorded: nine images from Debian's packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from tests.rig import dockerd, images, programs
from tests.rig.dockerd import private_engine
from tests.rig.needs import need
from tests.rig.program_profiles import Bench, Made

from pytrust.policy.profiles.lint.audit import audit
from pytrust.policy.profiles.model import Why
from pytrust.policy.profiles.names import Action
from pytrust.policy.profiles.siblings import siblings

CAPABILITIES: Final = {"nginx": {"CHOWN", "SETGID", "SETUID"}, "memcached": {"SETGID", "SETUID"}}
BY_EXEC: Final = {  # what only programs did that were brought in by exec, which the second recorder does not see
    "nginx": {"kill"},
    "redis": {"connect", "poll", "recvfrom", "sendto"},
    "postgres": {"connect", "getsockopt", "ioctl", "poll", "sendto", "recvfrom"},
    "httpd": {"exit", "getdents64", "ioctl"},
    "python": {"getcwd"},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    need(dockerd.missing() or images.missing() or programs.missing())
    with private_engine(tmp_path_factory.mktemp("programs") / "e") as engine:
        yield Bench(engine)


@pytest.mark.parametrize("name", programs.NAMES)
def test_recorded_confined_and_put_to_more_work(bench: Bench, name: str) -> None:
    program = programs.make_program(name, bench.docker, bench.laboratory.containers)
    made = bench.record(program)
    check_records(made, name)
    check_openings(made, program.most)
    check_capabilities(made, CAPABILITIES.get(name, set()))
    proof = bench.prove(program, made)
    assert proof.good, "\n".join(f"{check.name}: {check.good}: {check.note}" for check in proof.checks)
    assert [check.name for check in proof.checks if check.good is not True] == []


def check_records(made: Made, name: str) -> None:
    assert [seen.method for seen in made.session.seen] == ["audit", "notify"]
    assert [seen.lost for seen in made.session.seen] == [0, 0]
    assert set(made.session.differ) <= BY_EXEC.get(name, set())


def check_openings(made: Made, most: int) -> None:
    seen = frozenset(call for one in made.session.seen for call in one.names)
    evidence = {line.subject: line.why for line in made.applied.evidence if line.subject.startswith("syscall:")}
    for call in made.open:
        why = evidence.get(f"syscall:{call}", Why.RECORDED if call in seen else None)
        assert why in {Why.RECORDED, Why.SIBLING, Why.FLOOR}, f"{call} is open for no reason"
    unexcused = [one.subject for one in audit(made.applied, made.host) if not one.excused]
    assert unexcused == [], "dangerous, and nobody saw that it is needed"
    assert made.open - seen <= siblings(seen).keys() | {line[8:] for line, why in evidence.items() if why is Why.FLOOR}
    clone = [rule for rule in made.applied.seccomp.rules if "clone" in rule.names]
    assert all(rule.args for rule in clone), "clone makes namespaces"
    sockets = [rule for rule in made.applied.seccomp.rules if "socket" in rule.names and rule.action is Action.ALLOW]
    assert all(rule.args for rule in sockets), "sockets of every family are open"
    assert len(made.open) <= most


def check_capabilities(made: Made, needed: set[str]) -> None:
    assert set(made.capabilities.needed) == needed
    assert {name for name, proof in made.capabilities.proofs if proof} == needed
    assert made.capabilities.trials <= 18
