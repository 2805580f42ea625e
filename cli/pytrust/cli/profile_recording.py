"""What ``pytrust profile record`` does and says: an image recorded, its capabilities found, a profile proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytrust.cli import voice
from pytrust.cli.profile_files import STDIN

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.policy.observe.capabilities import MinimalCaps
    from pytrust.policy.observe.laboratory import EngineLaboratory
    from pytrust.policy.observe.recorder import Choice
    from pytrust.policy.observe.session import Session, Subject
    from pytrust.policy.observe.trial import EngineKind
    from pytrust.policy.profiles.model import Evidence, Profile, Recording
    from pytrust.policy.profiles.names import Capability

_WORKLOAD_MAX: Final = 500  # characters of a workload, in a profile
_ROOT: Final = frozenset({"", "0", "root"})


class Made(NamedTuple):
    """A profile, and where it comes from; ``capabilities`` is None where they were not looked for."""

    profile: Profile
    session: Session
    capabilities: MinimalCaps | None
    engine: EngineKind


def make(workspace: Workspace, subject: Subject, workload: tuple[str, ...], max_lost: int, other_builds: bool) -> Made:
    """Record ``subject``; ``workload`` are the words of its workload, none where somebody works with it by hand."""
    from pytrust.policy.observe.image_command import ImageCommands
    from pytrust.policy.observe.laboratory import EngineLaboratory
    from pytrust.policy.observe.recorder import choose, recorders
    from pytrust.policy.observe.session import record as record_session
    from pytrust.policy.profiles.propose import Wanted, propose

    address = workspace.engine.address
    laboratory, images = EngineLaboratory(address), ImageCommands(address)
    engine, identity = laboratory.engine(), images.identity(subject.image)
    choice = choose(recorders(images.command), no_new_privileges=subject.confinement.no_new_privileges)
    for reason in choice.why:
        voice.note(f"note: not recorded by {reason}")
    session = record_session(
        laboratory, choice if workload else _once(choice), subject, max_lost=max_lost, progress=voice.note
    )
    found = _minimal(laboratory, subject, session) if workload else None
    user = subject.options.user or images.user_of(subject.image)
    profile = propose(
        subject.image,
        session.seen,
        Wanted(
            no_new_privileges=subject.confinement.no_new_privileges,
            read_only=subject.confinement.read_only,
            user=subject.options.user,
            capabilities=found.needed if found else _unproven(user, subject.confinement.capabilities or ()),
            other_builds=other_builds,
        ),
        recordings=_recordings(session, engine, identity, workload, workspace),
        evidence=_proofs(found),
    )
    return Made(profile, session, found, engine)


def _once(choice: Choice) -> Choice:
    """Nobody works with a container by hand twice in the same way."""
    return choice._replace(second=None)


def _minimal(laboratory: EngineLaboratory, subject: Subject, session: Session) -> MinimalCaps:
    from pytrust.policy.observe.candidates import candidates
    from pytrust.policy.observe.capabilities import minimal

    held = frozenset(subject.confinement.capabilities or ())
    possible = [name for name in candidates(session.seen[0].names) if name in held]
    return minimal(
        laboratory,
        subject.image,
        subject.options,
        subject.confinement,
        possible,
        subject.workload,
        lambda line: voice.note(f"running it {line}"),
    )


def _unproven(user: str, held: tuple[Capability, ...]) -> tuple[Capability, ...]:
    """Whoever is not root holds none."""
    return held if user.partition(":")[0] in _ROOT else ()


def _proofs(found: MinimalCaps | None) -> tuple[Evidence, ...]:
    from pytrust.policy.profiles.model import Evidence, Why

    return tuple(
        Evidence(subject=f"capability:{name}", why=Why.PROVEN, note=proof[:_WORKLOAD_MAX])
        for name, proof in (found.proofs if found else ())
    )


def _recordings(
    session: Session, engine: EngineKind, identity: str, workload: tuple[str, ...], workspace: Workspace
) -> tuple[Recording, ...]:
    from pytrust.policy.profiles.model import Recording

    return tuple(
        Recording(
            method=seen.method,
            records=seen.records,
            lost=seen.lost,
            image=identity,
            workload=workload[0][:_WORKLOAD_MAX] if workload else "",  # what follows may be a password
            engine=engine.version,
            runc=engine.runc,
            kernel=engine.kernel,
            at=int(workspace.now().timestamp()),
        )
        for seen in session.seen
    )


def tell(made: Made, profile: Profile, output: str) -> None:
    """What was found, on stdout where the profile is in a file."""
    say = voice.note if output == STDIN else voice.say
    for seen in made.session.seen:
        say(f"{seen.method}: {voice.plural(seen.records, 'record')}, {seen.lost} lost, {len(seen.names)} calls")
        for arch, number in sorted(seen.unnamed):
            voice.note(f"warning: call {number} of {arch} has no name here, and stays closed")
    if made.session.differ:
        say(f"seen by one recorder only, and let through: {' '.join(made.session.differ)}")
    say(_capabilities(made, profile))
    say(_size(made, profile))
    if output != STDIN:
        voice.say(f"{output} written, unsigned")
        voice.note(f"next: pytrust profile verify {output} {profile.name} -- ACCEPTANCE")


def _capabilities(made: Made, profile: Profile) -> str:
    names = " ".join(profile.capabilities) or "none"
    trials = f"proven in {voice.plural(made.capabilities.trials, 'trial')}" if made.capabilities else "not proven"
    return f"capabilities: {names} ({trials})"


def _size(made: Made, profile: Profile) -> str:
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.propose import with_floor

    runc = made.engine.runc
    whole = with_floor(profile, floor(runc, profile.no_new_privileges))
    return f"open: {_open(profile)} calls, {_open(whole)} with the floor of runc {runc or '(unknown)'}"


def _open(profile: Profile) -> int:
    from pytrust.policy.profiles.floor import LETS_THROUGH

    return len({name for rule in profile.seccomp.rules if rule.action in LETS_THROUGH for name in rule.names})
