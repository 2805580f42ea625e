"""``pytrust profile record``: watch a container work, and write down the least that it needs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.profile_files import STDIN, read_profile, write_profile
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytrust.policy.observe.capabilities import MinimalCaps
    from pytrust.policy.observe.laboratory import EngineLaboratory
    from pytrust.policy.observe.recorder import Choice
    from pytrust.policy.observe.session import Session, Subject
    from pytrust.policy.observe.trial import EngineKind, Live, RunOptions
    from pytrust.policy.profiles.model import Evidence, Profile, Recording
    from pytrust.policy.profiles.names import Capability

_POLL: Final = 0.2  # seconds
_WORKLOAD_MAX: Final = 500  # characters of a workload, in a profile
_ROOT: Final = frozenset({"", "0", "root"})


class _Made(NamedTuple):
    profile: Profile
    session: Session
    capabilities: MinimalCaps | None
    engine: EngineKind


@click.command(
    context_settings={"allow_interspersed_args": True},
    epilog="""\b
examples:
  sudo pytrust profile record foo/web:v2 -o web.json -p 8080:80 -- ./workload.sh
  sudo pytrust profile record redis:7 -o redis.json --network host -- redis-benchmark -n 1000 -q
  sudo pytrust profile record foo/web:v2 -o web.json --compose compose.yaml -- ./workload.sh
  sudo pytrust profile record foo/web:v2 -o web.json --merge old.json -- ./reload.sh
\b
the workload runs on this host, without a shell; PYTRUST_CONTAINER is the container's id,
for docker exec and the like. It is run once for the calls, once for their arguments and
files, and a few times to find the capabilities. Without a workload, what the container
does until Ctrl-C is recorded once, and Docker's limits stand for what is not known then.""",
)
@click.argument("image")
@click.argument("workload", nargs=-1, type=click.UNPROCESSED, metavar="[-- WORKLOAD [ARGUMENT]...]")
@click.option("-o", "--output", default=STDIN, metavar="FILE", help="Where the profile goes [default: stdout].")
@click.option("--merge", "old", metavar="OLD", help="Let through what this profile does, too.")
@click.option("-p", "--publish", multiple=True, metavar="[IP:][PORT:]PORT", help="As with docker run; repeatable.")
@click.option("-v", "--volume", "mounts", multiple=True, metavar="/HOST:/PATH[:ro]", help="As with docker run.")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="As with docker run.")
@click.option("--tmpfs", multiple=True, metavar="/PATH[:OPTIONS]", help="As with docker run.")
@click.option("--network", default="", metavar="NETWORK", help="As with docker run.")
@click.option("--user", default="", metavar="UID[:GID]", help="As with docker run.")
@click.option("--read-only", is_flag=True, help="As with docker run.")
@click.option("--cap-add", multiple=True, metavar="CAPABILITY", help="Try it with this one, too; repeatable.")
@click.option("--entrypoint", multiple=True, metavar="WORD", help="In place of the image's; repeatable.")
@click.option("--command", multiple=True, metavar="WORD", help="In place of the image's; repeatable.")
@click.option("--compose", metavar="FILE", help="Run it as the service of this compose file that has IMAGE.")
@click.option("--new-privileges", is_flag=True, help="It runs setuid programs: do without no-new-privileges.")
@click.option("--other-builds", is_flag=True, help="Also what other builds of its libraries call instead.")
@click.option("--max-lost", default=0, metavar="NUMBER", type=click.IntRange(0), help="Of records [default: 0].")
@click.pass_obj
def record(
    workspace: Workspace,
    image: str,
    workload: tuple[str, ...],
    output: str,
    old: str | None,
    publish: tuple[str, ...],
    mounts: tuple[str, ...],
    environment: tuple[str, ...],
    tmpfs: tuple[str, ...],
    network: str,
    user: str,
    read_only: bool,
    cap_add: tuple[str, ...],
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
    compose: str | None,
    new_privileges: bool,
    other_builds: bool,
    max_lost: int,
) -> int:
    """Run IMAGE in a container of its own while WORKLOAD works with it, and write the least profile for it.

    Nothing is added to the container's rights for that. Fails when the workload fails, and when records were lost.
    """
    from pytrust.policy.observe.session import Subject
    from pytrust.policy.observe.trial import Confinement, RunOptions
    from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES

    before = read_profile(old) if old else None
    given = RunOptions(entrypoint, command, environment, mounts, tmpfs, publish, network, user)
    options = _composed(compose, image, given) if compose else given
    held = tuple(sorted(DEFAULT_CAPABILITIES | set(map(_capability, cap_add))))
    confinement = Confinement(capabilities=held, no_new_privileges=not new_privileges, read_only=read_only)
    run = _workload(workload)
    made = _record(workspace, Subject(image, options, confinement, run), workload, max_lost, other_builds)
    profile = _merged(before, made.profile) if before else made.profile
    write_profile(profile, output)
    _tell(made, profile, output)
    return ExitCode.YES


def _record(
    workspace: Workspace, subject: Subject, workload: tuple[str, ...], max_lost: int, other_builds: bool
) -> _Made:
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
    return _Made(profile, session, found, engine)


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
            workload=" ".join(workload)[:_WORKLOAD_MAX],
            engine=engine.version,
            runc=engine.runc,
            kernel=engine.kernel,
            at=int(workspace.now().timestamp()),
        )
        for seen in session.seen
    )


def _workload(words: tuple[str, ...]) -> Callable[[Live], int]:
    from pytrust.policy.observe.workload import command

    return command(words, os.environ) if words else _by_hand


def _by_hand(live: Live) -> int:
    """Somebody works with the container until Ctrl-C, or until it ends."""
    voice.note(f"container {live.container[:12]} runs: work with it, then press Ctrl-C")
    try:
        with voice.working("recording"):
            while live.pid and _alive(live.pid):
                time.sleep(_POLL)
    except KeyboardInterrupt:
        voice.note("")
    return 0


def _alive(pid: int) -> bool:
    from pathlib import Path

    return Path(f"/proc/{pid}").exists()


def _capability(name: str) -> Capability:
    from pytrust.policy.profiles.names import CAPABILITIES, Capability

    found = Capability(name.upper().removeprefix("CAP_"))
    if found not in CAPABILITIES:
        raise UsageError(f"{name[:60]!r} is no capability", hint="see capabilities(7)")
    return found


def _composed(path: str, image: str, given: RunOptions) -> RunOptions:
    """The options of a compose file's service, where none are given here."""
    from pytrust.policy.observe.compose import options_of

    found = options_of(path, image)
    return type(found)(*(here or there for here, there in zip(given, found, strict=True)))


def _merged(old: Profile, new: Profile) -> Profile:
    from msgspec.structs import replace

    from pytrust.cli.profile_host import this_host
    from pytrust.policy.profiles.compare.combine import merge

    found = merge(old, new, this_host())
    for line in found.inexact:
        voice.note(f"note: {line}")
    return replace(found.profile, name=new.name)


def _tell(made: _Made, profile: Profile, output: str) -> None:
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


def _capabilities(made: _Made, profile: Profile) -> str:
    names = " ".join(profile.capabilities) or "none"
    trials = f"proven in {voice.plural(made.capabilities.trials, 'trial')}" if made.capabilities else "not proven"
    return f"capabilities: {names} ({trials})"


def _size(made: _Made, profile: Profile) -> str:
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.propose import with_floor

    runc = made.engine.runc
    whole = with_floor(profile, floor(runc, profile.no_new_privileges))
    return f"open: {_open(profile)} calls, {_open(whole)} with the floor of runc {runc or '(unknown)'}"


def _open(profile: Profile) -> int:
    from pytrust.policy.profiles.floor import LETS_THROUGH

    return len({name for rule in profile.seccomp.rules if rule.action in LETS_THROUGH for name in rule.names})
