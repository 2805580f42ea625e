"""``pytrust profile verify``: prove a profile: simulated, compared with the kernel, run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import read_profile
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode

if TYPE_CHECKING:
    from pytrust.policy.observe.proof import Proof
    from pytrust.policy.observe.prove import Task
    from pytrust.policy.observe.trial import EngineKind, RunOptions
    from pytrust.policy.profiles.model import Profile

_SAID: Final = {True: "yes", False: "no", None: "not known"}
_RUNS_MAX: Final = 1000


@click.command(
    context_settings={"allow_interspersed_args": True},
    epilog="""\b
examples:
  sudo pytrust profile verify web.json foo/web:v2 -p 8080:80 -- ./acceptance.sh
  sudo pytrust profile verify redis.json redis:7 --network host --runs 20 -- ./acceptance.sh
  sudo pytrust profile verify seccomp.json foo/web:v2 --as-is -- ./acceptance.sh
\b
the workload runs on this host, without a shell; PYTRUST_CONTAINER is the container's id,
for docker exec and the like. It should do more than the one that was recorded.
\b
exit codes: 0 proven; 1 something is wrong; 3 the engine could not be asked""",
)
@click.argument("profile")
@click.argument("image")
@click.argument("workload", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- WORKLOAD [ARGUMENT]...")
@click.option("--runs", default=1, type=click.IntRange(1, _RUNS_MAX), metavar="NUMBER", help="So often [default: 1].")
@click.option("--as-is", is_flag=True, help="Without the runtime's floor, which pytrust joins when it applies one.")
@click.option("-p", "--publish", multiple=True, metavar="[IP:][PORT:]PORT", help="As with docker run; repeatable.")
@click.option("-v", "--volume", "mounts", multiple=True, metavar="/HOST:/PATH[:ro]", help="As with docker run.")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="As with docker run.")
@click.option("--tmpfs", multiple=True, metavar="/PATH[:OPTIONS]", help="As with docker run.")
@click.option("--network", default="", metavar="NETWORK", help="As with docker run.")
@click.option("--user", default="", metavar="UID[:GID]", help="As with docker run.")
@click.option("--entrypoint", multiple=True, metavar="WORD", help="In place of the image's; repeatable.")
@click.option("--command", multiple=True, metavar="WORD", help="In place of the image's; repeatable.")
@click.option("--compose", metavar="FILE", help="Run it as the service of this compose file that has IMAGE.")
@json_option
@click.pass_obj
def verify(
    workspace: Workspace,
    profile: str,
    image: str,
    workload: tuple[str, ...],
    runs: int,
    as_is: bool,
    publish: tuple[str, ...],
    mounts: tuple[str, ...],
    environment: tuple[str, ...],
    tmpfs: tuple[str, ...],
    network: str,
    user: str,
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
    compose: str | None,
    as_json: bool,
) -> int:
    """Prove that IMAGE gets through WORKLOAD under PROFILE, and that the profile means what it says.

    What would hang the engine is found before it is asked. Calls that the profile would refuse are found even where
    the program does without them: once, the workload runs with nothing refused and everything noted.
    """
    from pytrust.policy.observe.prove import Task
    from pytrust.policy.observe.trial import RunOptions
    from pytrust.policy.observe.workload import Command

    found = read_profile(profile)
    given = RunOptions(entrypoint, command, environment, mounts, tmpfs, publish, network, user)
    options = _composed(compose, image, given) if compose else given
    kind, proof = _prove(workspace, found, Task(image, options, Command(workload, os.environ), runs, as_is))
    voice.say_json(_document(image, kind, proof)) if as_json else _say(image, kind, proof)
    return ExitCode.YES if proof.good else ExitCode.NO


def _prove(workspace: Workspace, profile: Profile, task: Task) -> tuple[EngineKind, Proof]:
    from pytrust.policy.observe.audit import AuditRecorder
    from pytrust.policy.observe.laboratory import EngineLaboratory
    from pytrust.policy.observe.prove import Means
    from pytrust.policy.observe.prove import verify as proven
    from pytrust.policy.profiles.floor_file import FILE, read_floors

    laboratory = EngineLaboratory(workspace.engine.address)
    measured = read_floors(workspace.home.path / FILE)
    return laboratory.engine(), proven(profile, Means(laboratory, AuditRecorder, measured), task, voice.note)


def _composed(path: str, image: str, given: RunOptions) -> RunOptions:
    """The options of a compose file's service, where none are given here."""
    from pytrust.policy.observe.compose import service_of
    from pytrust.policy.observe.trial import RunOptions

    service = service_of(path, image)
    for note in service.notes:
        voice.note(f"note: {note}")
    return RunOptions._make(here or there for here, there in zip(given, service.options, strict=True))


def _say(image: str, kind: EngineKind, proof: Proof) -> None:
    rows = [(check.name, _SAID[check.good], f"{check.seconds:.2f} s", check.note) for check in proof.checks]
    voice.table(("CHECK", "GOOD", "TIME", ""), rows)
    answer = "proven" if proof.good else "not proven"
    voice.say(f"{image}: {answer} on engine {kind.version}, runc {kind.runc or '(unknown)'}, kernel {kind.kernel}")
    if any(check.name == "refused" and check.good is False for check in proof.checks):
        voice.note("hint: record what the workload does, too: pytrust profile record IMAGE --merge PROFILE -- WORKLOAD")


def _document(image: str, kind: EngineKind, proof: Proof) -> dict[str, Any]:
    return {
        "image": image,
        "proven": proof.good,
        "engine": kind._asdict(),
        "checks": [check._asdict() for check in proof.checks],
    }
