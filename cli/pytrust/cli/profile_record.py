"""``pytrust profile record``: watch a container work, and write down the least that it needs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.profile_files import STDIN, check_place, read_profile, write_profile
from pytrust.cli.profile_recording import make, tell
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytrust.policy.observe.trial import Live, RunOptions
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Capability

_POLL: Final = 0.2  # seconds


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

    check_place(output)
    before = read_profile(old) if old else None
    given = RunOptions(entrypoint, command, environment, mounts, tmpfs, publish, network, user)
    options = _composed(compose, image, given) if compose else given
    held = tuple(sorted(DEFAULT_CAPABILITIES | set(map(_capability, cap_add))))
    confinement = Confinement(capabilities=held, no_new_privileges=not new_privileges, read_only=read_only)
    run = _workload(workload)
    made = make(workspace, Subject(image, options, confinement, run), workload, max_lost, other_builds)
    profile = _merged(before, made.profile) if before else made.profile
    write_profile(profile, output)
    tell(made, profile, output)
    return ExitCode.YES


def _workload(words: tuple[str, ...]) -> Callable[[Live], int]:
    from pytrust.policy.observe.workload import Command

    return Command(words, os.environ) if words else _by_hand


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
    return Path(f"/proc/{pid}").exists()


def _capability(name: str) -> Capability:
    from pytrust.policy.profiles.names import CAPABILITIES, Capability

    found = Capability(name.upper().removeprefix("CAP_"))
    if found not in CAPABILITIES:
        raise UsageError(f"{name[:60]!r} is no capability", hint="see capabilities(7)")
    return found


def _composed(path: str, image: str, given: RunOptions) -> RunOptions:
    """The options of a compose file's service, where none are given here."""
    from pytrust.policy.observe.compose import service_of

    service = service_of(path, image)
    for line in service.notes:
        voice.note(f"note: {line}")
    return given._replace(
        **{name: value for name, value in service.options._asdict().items() if not _is_set(given, name)}
    )


def _is_set(options: RunOptions, name: str) -> bool:
    return bool(getattr(options, name))


def _merged(old: Profile, new: Profile) -> Profile:
    from msgspec.structs import replace

    from pytrust.cli.profile_host import this_host
    from pytrust.policy.profiles.compare.combine import merge

    found = merge(old, new, this_host())
    for line in found.inexact:
        voice.note(f"note: {line}")
    return replace(found.profile, name=new.name)
