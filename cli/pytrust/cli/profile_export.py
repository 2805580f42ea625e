"""``pytrust profile export``: a profile in the words of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_host import this_host
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Syscall
    from pytrust.policy.profiles.seccomp.resolve import Host

_OLDEST: Final = "20.10"
_SERVICE: Final = re.compile(r"[a-zA-Z0-9._-]{1,63}")


class _Asked(NamedTuple):
    """``seccomp`` is where the seccomp file lies for whoever reads this, ``name`` that of the AppArmor profile."""

    profile: Profile
    host: Host
    floor: frozenset[Syscall]
    seccomp: str
    name: str
    service: str


@click.command(
    epilog="""\b
examples:
  pytrust profile export web.json --as docker -o seccomp.json
  pytrust profile export web.json --as apparmor -o /etc/apparmor.d/pytrust-web --name pytrust-web
  pytrust profile export web.json --as flags --seccomp seccomp.json
  pytrust profile export web.json --as compose --service web
  pytrust profile export web.json --as oci -o /var/lib/kubelet/seccomp/web.json
  pytrust profile export web.json --as kubernetes --seccomp web.json
\b
seccomp files carry what the runtime itself needs; --runc says which, and by default
they suit every version. a node of kubernetes reads the form of OCI."""
)
@click.argument("profile")
@click.option(
    "--as",
    "form",
    required=True,
    type=click.Choice(["docker", "oci", "apparmor", "flags", "compose", "kubernetes"]),
    help="In whose words.",
)
@click.option("-o", "--output", default="-", metavar="FILE", help="Where it goes [default: stdout].")
@click.option("--engine", default=_OLDEST, show_default=True, metavar="VERSION", help="docker: the engine it is for.")
@click.option("--runc", default="", metavar="VERSION", help="docker, oci: the runtime it is for [default: any].")
@click.option("--arch", default="", metavar="ARCH", help="oci: the architecture, as Go calls it [default: this one].")
@click.option("--name", default="", metavar="NAME", help="Of the AppArmor profile [default: by its content].")
@click.option(
    "--seccomp", default="seccomp.json", show_default=True, metavar="PATH", help="Where the seccomp file lies."
)
@click.option("--service", default="app", show_default=True, metavar="NAME", help="compose: the service.")
@click.pass_obj
def export(
    workspace: Workspace,
    profile: str,
    form: str,
    output: str,
    engine: str,
    runc: str,
    arch: str,
    name: str,
    seccomp: str,
    service: str,
) -> int:
    """Write PROFILE as a file, or as flags, that others understand.

    What an engine before 23 drops from a seccomp file is left out and told; where that would let more through, there
    is no file.
    """
    found = read_profile(profile)
    text = _FORMS[form](
        _asked(workspace, found, engine, runc, arch)._replace(
            name=_apparmor_name(found, name), seccomp=seccomp, service=_checked_service(service)
        )
    )
    _write(text, output)
    return ExitCode.YES


def _asked(workspace: Workspace, profile: Profile, engine: str, runc: str, arch: str) -> _Asked:
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.floor_file import FILE, read_floors

    host = this_host(arch, engine)._replace(capabilities=frozenset(profile.capabilities))
    needed = floor(runc, profile.no_new_privileges, read_floors(workspace.home.path / FILE))
    return _Asked(profile, host, needed, "", "", "")


def _apparmor_name(profile: Profile, given: str) -> str:
    """Empty where the profile has no such part."""
    from pytrust.policy.profiles.apparmor.names import check_name, profile_name
    from pytrust.policy.profiles.document import encode_profile, profile_digest

    if profile.apparmor is None:
        return ""
    return check_name(given) if given else profile_name(profile_digest(encode_profile(profile)))


def _checked_service(name: str) -> str:
    if not _SERVICE.fullmatch(name):
        raise UsageError(f"{name[:60]!r} is no name of a service", hint="letters, digits, dots, dashes, underscores")
    return name


def _docker(asked: _Asked) -> str:
    from pytrust.policy.profiles.export.seccomp_file import docker_file, for_engine

    found = for_engine(asked.profile, asked.host, asked.floor)
    for loss in found.losses:
        voice.note(f"note: {loss}")
    _tell_privileges(asked.profile)
    return docker_file(found.seccomp)


def _oci(asked: _Asked) -> str:
    from pytrust.policy.profiles.export.seccomp_file import oci_file
    from pytrust.policy.profiles.names import Generation

    return oci_file(asked.profile, asked.host._replace(generation=Generation.FROM_23), asked.floor)


def _apparmor(asked: _Asked) -> str:
    from pytrust.policy.profiles.apparmor.text import apparmor_text

    if not asked.name:
        raise Refused("the profile has no part for AppArmor", hint="record one: pytrust profile record --help")
    return apparmor_text(asked.profile, asked.name)


def _flags(asked: _Asked) -> str:
    from pytrust.policy.profiles.export.options import flags_text

    _tell_files(asked, "docker")
    return flags_text(asked.profile, asked.seccomp, asked.name)


def _compose(asked: _Asked) -> str:
    from pytrust.policy.profiles.export.compose import compose_text

    _tell_files(asked, "docker")
    return compose_text(asked.profile, asked.service, asked.seccomp, asked.name)


def _kubernetes(asked: _Asked) -> str:
    from pytrust.policy.profiles.export.kubernetes import kubernetes_text

    _tell_files(asked, "oci")
    return kubernetes_text(asked.profile, asked.seccomp, asked.name)


_FORMS: Final[Mapping[str, Callable[[_Asked], str]]] = {
    "docker": _docker,
    "oci": _oci,
    "apparmor": _apparmor,
    "flags": _flags,
    "compose": _compose,
    "kubernetes": _kubernetes,
}


def _tell_files(asked: _Asked, form: str) -> None:
    """What else has to be there for it to work."""
    voice.note(f"it names {asked.seccomp}: pytrust profile export PROFILE --as {form} -o {asked.seccomp}")
    if asked.name:
        voice.note(f"it names the AppArmor profile {asked.name}, which has to be loaded: --as apparmor")


def _tell_privileges(profile: Profile) -> None:
    """The runtime needs more calls without it, which a file for it does not carry."""
    if profile.no_new_privileges:
        voice.note("no container starts under it without: --security-opt no-new-privileges")


def _write(text: str, place: str) -> None:
    from pytrust.trust.files import PUBLIC, write_atomic

    if place == "-":
        voice.write(text.encode())
        return
    try:
        write_atomic(Path(place), text.encode(), mode=PUBLIC)
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {(error.strerror or str(error)).lower()}") from error
