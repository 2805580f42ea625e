"""Where things lie: the folder of one user's or one host's trust, and docker's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from pytrust.trust.files import PRIVATE_FOLDER, check_owned, sync_folder


class Home(NamedTuple):
    """The folder of one user's or one host's trust: ``PYTRUST_HOME``."""

    path: Path

    @property
    def config(self) -> Path:
        """Settings and pins."""
        return self.path / "config.toml"

    @property
    def keys(self) -> Path:
        """The key ring."""
        return self.path / "keys"

    @property
    def online(self) -> Path:
        """The store's online keys."""
        return self.path / "store" / "online"

    @property
    def cache(self) -> Path:
        """What was verified."""
        return self.path / "cache"

    @property
    def policy(self) -> Path:
        """What may run."""
        return self.path / "policy.yaml"

    @property
    def proxy(self) -> Path:
        """What the proxy remembers."""
        return self.path / "proxy"

    @property
    def journal(self) -> Path:
        """What the proxy decided."""
        return self.proxy / "journal"

    @property
    def authz_plugin(self) -> Path:
        """What the authorization plugin remembers."""
        return self.path / "authz-plugin"

    @property
    def ca(self) -> Path:
        """The certificate authority."""
        return self.path / "ca"

    @property
    def vault(self) -> Path:
        """Secrets."""
        return self.path / "vault"

    @property
    def anchor(self) -> Path:
        """How far the vault has come: beside the home, so that who puts back an old home does not put this back."""
        return self.path.with_name(f"{self.path.name}.anchor")

    @property
    def agent(self) -> Path:
        """The socket of the process that holds the vault open."""
        return self.path / "vault.sock"


def default_home() -> Path:
    """``PYTRUST_HOME``, else ``/var/lib/pytrust`` for root, else ``$XDG_DATA_HOME/pytrust``."""
    if given := os.environ.get("PYTRUST_HOME"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/pytrust")
    return Path(os.environ.get("XDG_DATA_HOME") or _user_home() / ".local" / "share") / "pytrust"


def make_home(home: Home) -> None:
    """See that its folder is there, and ours alone; raises ``BadPermissions``."""
    if not home.path.exists():
        home.path.parent.mkdir(parents=True, exist_ok=True)
        home.path.mkdir(PRIVATE_FOLDER)
        sync_folder(home.path.parent)
    check_owned(home.path)


def docker_config() -> Path:
    """``DOCKER_CONFIG``, else ``~/.docker``."""
    return Path(os.environ.get("DOCKER_CONFIG") or _user_home() / ".docker")


def _user_home() -> Path:
    """The user's home; without one, as in many containers, a place where nothing is."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")
