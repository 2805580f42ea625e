"""``pytrust profile``: least privilege for images, as a group of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "record": ("profile_record:record", "watch a container work, and write down the least that it needs"),
        "static": ("profile_static:static", "what the programs of an image could call, without running them"),
        "verify": (
            "profile_verify:verify",
            "prove a profile: simulated, compared with the kernel, run",
        ),
        "attach": ("profile_attach:attach", "sign a profile for an image, so that the proxy applies it"),
        "detach": ("profile_attach:detach", "withdraw the profile of an image"),
        "denied": ("profile_denied:denied", "what confined containers were refused while they ran"),
        "extend": ("profile_denied:extend", "the narrowest extension that lets through what was refused"),
        "show": ("profile_show:show", "what is open and why, beside docker's default; also as a page"),
        "explain": ("profile_simulate:explain", "what happens to one system call, and by which rule"),
        "simulate": ("profile_simulate:simulate", "what happens to every system call"),
        "diff": ("profile_compare:diff", "what one profile lets through that another does not"),
        "merge": ("profile_compare:merge", "what either of several profiles lets through"),
        "intersect": ("profile_compare:intersect", "what all of several profiles let through"),
        "lint": ("profile_lint:lint", "what is wrong with a profile, or will not do what it says"),
        "audit": ("profile_lint:audit", "the dangerous calls that are open, with the evidence for each"),
        "export": ("profile_export:export", "as a file of docker, OCI, AppArmor, compose or Kubernetes, or as flags"),
        "import": ("profile_import:import_", "take over a seccomp file of docker, or a file of bane"),
        "floor": ("profile_floor:floor", "measure what this host's runtime needs below every profile"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
examples:
  pytrust profile record foo/web:v2 -o web.json -- ./workload.sh
  pytrust profile verify web.json foo/web:v2 -- ./acceptance.sh
  pytrust profile attach foo/web:v2 web.json
\b
in the policy file, so that foo/web runs no other way:
  images:
    - match: docker.io/foo/web
      profile: required""",
)
def profile() -> None:
    """Seccomp, capabilities and AppArmor as small as an image can do with: recorded, proven, signed, applied."""
