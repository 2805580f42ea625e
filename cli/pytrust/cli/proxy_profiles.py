"""What a proxy does for signed profiles besides deciding: loads their AppArmor part, and watches what is refused.

Refusals are watched from the first container on that a profile confines; a host without profiles has no such thread.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.trust.errors import PytrustError

if TYPE_CHECKING:
    from pathlib import Path

    from pytrust.policy.engine.address import EngineAddress
    from pytrust.policy.observe.denials import DenialWatch
    from pytrust.policy.observe.denials_model import Denial
    from pytrust.policy.profiles.model import Profile


def load_apparmor(profile: Profile, name: str) -> None:
    """Load the AppArmor part into this host's kernel; raises what ``apparmor.load.load`` does."""
    from pytrust.policy.profiles.apparmor.load import host_abi, load
    from pytrust.policy.profiles.apparmor.text import apparmor_text

    for line in load(apparmor_text(profile, name, abi=host_abi()), name):
        voice.try_note(f"warning: {name}: {line}")


class Refusals:
    """Tells of calls that containers of ``address`` are refused, and keeps them at ``path``."""

    def __init__(self, address: EngineAddress, path: Path) -> None:
        self._address, self._path = address, path
        self._lock = Lock()
        self._tried = False
        self._watch: DenialWatch | None = None

    def begin(self) -> None:
        """Watch from now on; where that is not possible, say so once."""
        with self._lock:
            if self._tried:
                return
            self._tried = True
            try:
                self._watch = self._opened()
                self._watch.start()
            except PytrustError as error:
                voice.try_note(f"warning: what profiles refuse is not seen: {error}")

    def end(self) -> None:
        """Keep what was seen, and stop."""
        if self._watch is not None:
            self._watch.stop()

    def _opened(self) -> DenialWatch:
        from pytrust.policy.observe.denials import DenialWatch, open_sources
        from pytrust.policy.observe.denials_engine import EngineContainers
        from pytrust.policy.observe.denials_store import DenialStore

        sources = open_sources(calls=False, say=_warn)
        return DenialWatch(sources, EngineContainers(self._address).find, DenialStore(self._path), _tell, _warn)


def _tell(denial: Denial) -> None:
    from pytrust.policy.observe.denials_words import sentence

    voice.try_note(f"{sentence(denial)} (hint: pytrust profile extend PROFILE --from-denied {denial.name})")


def _warn(text: str) -> None:
    voice.try_note(f"warning: {text}")
