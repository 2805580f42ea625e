"""What an engine is made of, as far as it decides what a profile means there."""

from __future__ import annotations

from pytrust.policy.profiles.model import Part
from pytrust.policy.profiles.names import GoArch


class EngineParts(Part, frozen=True, kw_only=True):
    """Versions as the engine tells them (``GET /version``): ``20.10.24``, ``1.1.5``, ``6.1.0-18-amd64``.

    ``runc`` is empty where another runtime is the default; ``apparmor``: its kernel confines by AppArmor.
    """

    version: str
    runc: str
    kernel: str
    arch: GoArch
    apparmor: bool = False
