"""The refusal that an engine's settings contradict what is asked for."""

from __future__ import annotations

from pytrust.trust.errors import Unsound


class Conflicting(Unsound):
    """Settings of this host's engine that cannot be joined with ours; nothing was changed."""

    code = "conflicting-settings"
