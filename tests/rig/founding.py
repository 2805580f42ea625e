"""Authorities whose passphrase costs nothing to try: each command that opens a key is quicker by half a second.

Everything after the founding is done by the real command. ``pytrust ca init`` itself is tested where it is the matter.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pytrust.trust.names import RoleName
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.names import parse_ca_name


def found(home: Path, passphrase: str, name: str = "test") -> None:
    """What ``pytrust ca init --name NAME`` leaves in ``home``."""

    def word(_: RoleName) -> bytes:
        return passphrase.encode()

    plan = Plan(name=parse_ca_name(name))
    Authority.create(home / "ca", plan, word, word, lambda: datetime.now(UTC), rounds=1).close()
