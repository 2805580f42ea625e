"""The keys that a trust server needs at hand, all the time: made where there are none, and taken out of the vault."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.cli.serve_backend import make_state

if TYPE_CHECKING:
    from pytrust.cli.workspace import Workspace
    from pytrust.trust.keys.pocket import KeyFile, Pocket
    from pytrust.trust.server.auth import AuthSettings


def take_keys(workspace: Workspace, auth: AuthSettings) -> Pocket:
    """What of the keys lies in the vault; waits until it is open, if any does or has to go there.

    Raises:
        PytrustError: a key cannot be made, or had.
    """
    from pytrust.cli.vault_room import try_vaulted, wait_for_vault
    from pytrust.trust.keys.pocket import Pocket, referred
    from pytrust.trust.vault.agent.hygiene import harden

    online, token = workspace.home.online, token_key(auth)
    files = partial(key_files, online, token)
    lacking = workspace.key_vault is not None and _is_lacking(online, token)
    if lacking or referred(files()):
        workspace.vaulted = wait_for_vault(workspace, voice.note)
    make_state(online, token, workspace.key_vault)
    pocket = Pocket(files, partial(try_vaulted, workspace))
    if referred(files()):
        harden()
        pocket.fill(workspace.vaulted)
    return pocket


def token_key(auth: AuthSettings) -> Path | None:
    """The file of the key that signs tokens, if the server gives any."""
    from pytrust.trust.server.auth import HtpasswdAuth

    return auth.key if isinstance(auth, HtpasswdAuth) else None


def key_files(online: Path, token: Path | None) -> list[KeyFile]:
    """Every file of a server that holds a key or refers to one."""
    from pytrust.trust.keys.online import online_files
    from pytrust.trust.keys.sealing import SEAL_FILE

    files: list[KeyFile] = [(path, "online") for path in (*online_files(online), online / SEAL_FILE) if path.exists()]
    return [*files, (token, "server")] if token and token.exists() else files


def _is_lacking(online: Path, token: Path | None) -> bool:
    from pytrust.trust.keys.sealing import SEAL_FILE

    needed = [online / "timestamp.pem", online / SEAL_FILE, *([token] if token else [])]
    return not all(path.exists() for path in needed)
