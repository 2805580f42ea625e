"""What a server process opens: a store, and the keys that sign what it makes.

Functions of this module are called in processes that are started anew, with what they are given here and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytrust.trust.keys.pocket import Pocket
    from pytrust.trust.keys.vaulted_keys import Opening
    from pytrust.trust.server.backend import Backend


def make_state(online: Path, token: Path | None, vault: Opening | None) -> None:
    """Make the keys of a server that has none, with the folders that lead to them; where there is a vault, in it."""
    from pytrust.trust.files import PRIVATE_FOLDER
    from pytrust.trust.keys.online import create_online_keys
    from pytrust.trust.keys.sealing import make_seal
    from pytrust.trust.server.auth.signing_key import signing_key

    for folder in (online.parent.parent, online.parent, online):
        folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    if not (online / "timestamp.pem").exists():
        create_online_keys(online, vault)
    make_seal(online, vault)
    if token is not None:
        signing_key(token, vault)


@contextmanager
def open_backend(store: str, online: Path, vault: Pocket) -> Iterator[Backend]:
    """The trust service upon the store at an address; raises ``PytrustError``."""
    if not vault.is_empty:
        from pytrust.trust.vault.agent.hygiene import harden

        harden()  # no core file of a process that holds keys, and no swap
    from pytrust.trust.keys.online import load_online_keys
    from pytrust.trust.keys.sealing import load_sealer
    from pytrust.trust.keys.signers import block_sdks

    block_sdks()
    from pytrust.trust.server.service import TrustService
    from pytrust.trust.store.open import open_store

    found = open_store(store)
    try:
        yield TrustService(found, load_online_keys(online, vault), load_sealer(online, vault), now=_now)
    finally:
        found.close()


def _now() -> datetime:
    return datetime.now(UTC)
