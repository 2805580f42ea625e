"""A profile as the ``securityContext`` of a Kubernetes container (API reference, ``core/v1`` SecurityContext). Pure.

A node reads the seccomp file from its kubelet's folder, in the form of OCI and not in that of Docker. The runtime
gives users by number alone. ``allowPrivilegeEscalation: false`` is no-new-privileges; the API refuses it beside
``SYS_ADMIN``.
"""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.profiles.export.yaml_text import Plain, yaml_text
from pytrust.policy.profiles.model import Profile
from pytrust.policy.profiles.names import Capability
from pytrust.trust.errors import UsageError

_USER: Final = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")
_ID_MAX: Final = 2**31 - 1  # what the API takes
_ADMIN: Final = Capability("SYS_ADMIN")


def kubernetes_text(profile: Profile, seccomp_file: str, apparmor: str) -> str:
    """The settings of one container; ``seccomp_file`` is relative to the kubelet's folder of seccomp files.

    Raises:
        UsageError: Kubernetes has no words for it.
    """
    if seccomp_file.startswith("/") or ".." in seccomp_file.split("/"):
        raise UsageError(
            f"{seccomp_file}: Kubernetes takes the path of a seccomp file below the kubelet's own folder",
            hint="name it as it lies in /var/lib/kubelet/seccomp: --seccomp profiles/web.json",
        )
    context: dict[str, Plain] = {"allowPrivilegeEscalation": _escalation(profile)}
    added: dict[str, Plain] = {"add": list(profile.capabilities)} if profile.capabilities else {}
    context["capabilities"] = {"drop": ["ALL"], **added}
    context["privileged"] = False
    context["readOnlyRootFilesystem"] = profile.read_only
    context |= _user(profile.user)
    context["seccompProfile"] = {"type": "Localhost", "localhostProfile": seccomp_file}
    if apparmor:
        context["appArmorProfile"] = {"type": "Localhost", "localhostProfile": apparmor}
    return yaml_text({"securityContext": context})


def _escalation(profile: Profile) -> bool:
    if profile.no_new_privileges and _ADMIN in profile.capabilities:
        raise UsageError(
            "Kubernetes takes no-new-privileges for no container that has the capability SYS_ADMIN",
            hint="take one of the two out of the profile",
        )
    return not profile.no_new_privileges


def _user(user: str) -> dict[str, Plain]:
    if not user:
        return {}
    found = _USER.fullmatch(user)
    if found is None or max(int(found[1]), int(found[2] or 0)) > _ID_MAX:
        raise UsageError(f"Kubernetes knows users by their numbers, and not as {user[:100]!r}", hint="write UID[:GID]")
    uid: dict[str, Plain] = {"runAsUser": int(found[1]), "runAsNonRoot": int(found[1]) != 0}
    return uid | ({"runAsGroup": int(found[2])} if found[2] else {})
