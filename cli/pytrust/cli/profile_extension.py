"""What is kept of denials, and what is to be let through: read from the words of ``pytrust profile extend``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytrust.cli import voice
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import Refused, UsageError

if TYPE_CHECKING:
    from pytrust.policy.observe.denials_extension import Opening
    from pytrust.policy.observe.denials_model import Denial
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Capability


ANY: Final = "*"
"""Stands for every container."""


def denials_path(workspace: Workspace) -> Path:
    """Where denials are kept."""
    return workspace.home.proxy / "denials.db"


def is_of(denial: Denial, container: str | None) -> bool:
    """Whether it happened to a container: by name, image or the beginning of its id; None is any."""
    return container is None or container in {denial.name, denial.image} or denial.container.startswith(container)


def wanted_openings(
    workspace: Workspace, profile: Profile, from_denied: str | None, since: str | None, calls: Sequence[str]
) -> tuple[Opening, ...]:
    """What was refused, where that is asked for, and the ``calls`` that are named.

    Raises:
        UsageError: there is no such call.
        Refused: nothing was refused.
    """
    from pytrust.cli.logview import parse_since
    from pytrust.policy.observe.denials_extension import openings, parse_opening, strangers, wanted_capabilities
    from pytrust.policy.observe.denials_store import read_denials

    given = tuple(map(parse_opening, calls))
    if from_denied is None:
        return given
    begin = 0.0 if since is None else parse_since(since, workspace.now()).timestamp()
    container = None if from_denied == ANY else from_denied
    found = [denial for denial in read_denials(denials_path(workspace), begin) if is_of(denial, container)]
    if not found and not given:
        raise Refused("nothing was refused, as far as anybody watched", hint="see: pytrust profile denied")
    foreign = strangers(profile, found)
    for arch in foreign:
        voice.note(f"warning: programs of {arch} were ended, and no extension lets them run: record with them")
    for capability in wanted_capabilities(found):
        voice.note(
            f"note: calls failed, perhaps for want of the capability {capability}: --capability {capability} adds it"
        )
    return (*openings(denial for denial in found if denial.arch not in foreign), *given)


def tell_difference(old: Profile, new: Profile) -> None:
    """What is open that was not, and what else is not the same."""
    from pytrust.cli.profile_host import this_host
    from pytrust.policy.profiles.compare.diff import diff
    from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES

    difference = diff(old, new, this_host())
    for change in difference.widened:
        voice.note(f"+ {change}")
    for change in (*difference.narrowed, *difference.errno_changed):
        voice.note(f"~ {change}")
    for name in sorted(set(new.capabilities) - set(old.capabilities) - DEFAULT_CAPABILITIES):
        voice.note(f"warning: docker gives no container the capability {name} by itself")


def warn(profile: Profile, wanted: Sequence[Opening]) -> None:
    """What is dangerous in it, what docker would refuse, and what will fail all the same."""
    from pytrust.policy.observe.denials_extension import capabilities_for, dangers_of, shut_by_docker

    for opening in wanted:
        if opening.call == "clone3":
            voice.note("note: clone3 is answered with ENOSYS, so that the program takes clone")
            continue
        for danger in dangers_of(opening):
            voice.note(f"warning: {opening.call} is dangerous: {danger}")
        if shut_by_docker(opening.call):
            voice.note(f"warning: {opening.call} is refused by docker's own profile, too")
        needs = capabilities_for(opening.call)
        if needs and not set(needs) & set(profile.capabilities):
            voice.note(f"note: {opening.call} goes on failing without one of these capabilities: {', '.join(needs)}")


def parse_capabilities(names: Sequence[str]) -> tuple[Capability, ...]:
    """With or without ``CAP_``; raises ``UsageError`` for what is none."""
    from pytrust.policy.profiles.names import CAPABILITIES, Capability

    found = tuple(Capability(name.upper().removeprefix("CAP_")) for name in names)
    for name in found:
        if name not in CAPABILITIES:
            raise UsageError(f"{name[:60]!r} is no capability", hint="such as CHOWN; see capabilities(7)")
    return found
