"""Programs of ``programs`` recorded, and what comes of it: the way that ``pytrust profile record`` goes."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.programs import Program

from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.candidates import candidates
from pytrust.policy.observe.capabilities import MinimalCaps, minimal
from pytrust.policy.observe.image_command import ImageCommands
from pytrust.policy.observe.laboratory import EngineLaboratory
from pytrust.policy.observe.proof import Proof
from pytrust.policy.observe.prove import Means, Task, verify
from pytrust.policy.observe.recorder import choose, recorders
from pytrust.policy.observe.session import Session, Subject, record
from pytrust.policy.observe.trial import Confinement
from pytrust.policy.profiles.floor import LETS_THROUGH, floor
from pytrust.policy.profiles.model import Evidence, Profile, Why
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, GoArch, Syscall
from pytrust.policy.profiles.propose import Wanted, propose, with_floor
from pytrust.policy.profiles.seccomp.generation import generation_of
from pytrust.policy.profiles.seccomp.resolve import Host, kernel_of

_HELD: Final = tuple(sorted(DEFAULT_CAPABILITIES))


class Made(NamedTuple):
    """``applied`` is the profile as an engine gets it, with the runtime's floor; ``host`` is what it means it for."""

    session: Session
    capabilities: MinimalCaps
    profile: Profile
    applied: Profile
    host: Host

    @property
    def open(self) -> frozenset[Syscall]:
        """The calls that are let through, whatever their arguments have to be."""
        rules = self.applied.seccomp.rules
        return frozenset(name for rule in rules if rule.action in LETS_THROUGH for name in rule.names)


class Bench:
    """One engine, and what is done with programs on it."""

    def __init__(self, engine: PrivateEngine) -> None:
        address = parse_host(engine.host)
        self.docker = Docker(engine.host, engine.folder / "client")
        self.laboratory = EngineLaboratory(address)
        self._images = ImageCommands(address)

    def record(self, program: Program) -> Made:
        """Record it, find its capabilities, and propose a profile with no-new-privileges."""
        choice = choose(recorders(self._images.command), no_new_privileges=True)
        subject = Subject(program.image, program.options, Confinement(capabilities=_HELD), program.record)
        session = record(self.laboratory, choice, subject, progress=_silently)
        possible = [name for name in candidates(session.seen[0].names) if name in DEFAULT_CAPABILITIES]
        found = minimal(self.laboratory, *subject[:3], possible, subject.workload, _silently)
        profile = propose(
            program.image,
            session.seen,
            Wanted(capabilities=found.needed),
            evidence=[Evidence(subject=f"capability:{name}", why=Why.PROVEN, note=note) for name, note in found.proofs],
        )
        kind = self.laboratory.engine()
        held, generation = frozenset(found.needed), generation_of(kind.version)
        host = Host(GoArch(kind.arch), kernel_of(kind.kernel), held, generation)
        return Made(session, found, profile, with_floor(profile, floor(kind.runc, no_new_privileges=True)), host)

    def prove(self, program: Program, made: Made, runs: int = 1) -> Proof:
        """With the acceptance workload."""
        means = Means(self.laboratory, AuditRecorder, {})
        return verify(made.profile, means, Task(program.image, program.options, program.accept, runs), _silently)


def _silently(line: str) -> None:
    return None
