"""A profile as the part of a compose file that confines one service (compose specification, ``services``). Pure.

Compose puts variables in place of what follows a dollar sign, so that one is written twice.
"""

from __future__ import annotations

from pytrust.policy.profiles.export.yaml_text import Plain, yaml_text
from pytrust.policy.profiles.model import Profile


def compose_text(profile: Profile, service: str, seccomp_file: str, apparmor: str) -> str:
    """The service's settings; ``seccomp_file`` is found from the folder of the compose file."""
    options = [f"seccomp={_dollars(seccomp_file)}"]
    options += [f"apparmor={_dollars(apparmor)}"] if apparmor else []
    options += ["no-new-privileges:true"] if profile.no_new_privileges else []
    settings: dict[str, Plain] = {"security_opt": options, "cap_drop": ["ALL"]}
    if profile.capabilities:
        settings["cap_add"] = list(profile.capabilities)
    if profile.read_only:
        settings["read_only"] = True
    if profile.user:
        settings["user"] = _dollars(profile.user)
    return yaml_text({"services": {service: settings}})


def _dollars(text: str) -> str:
    return text.replace("$", "$$")
