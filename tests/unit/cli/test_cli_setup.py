"""A home may begin with a trust server: what that made is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytrust.cli.root import run
from pytrust.cli.serve_backend import make_state
from pytrust.trust.store.sqlite import SqliteStore


def test_signing_can_begin_where_a_trust_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTRUST_PASSPHRASE", "correct horse")
    home = tmp_path / "home"
    make_state(home / "store" / "online", None, None)
    SqliteStore(home / "store" / "store.db").close()
    kept = {path.name: path.read_bytes() for path in (home / "store" / "online").iterdir()}
    assert run(["--home", str(home), "init", "--signer", "alice"]) == 0
    assert {path.name: path.read_bytes() for path in (home / "store" / "online").iterdir()} == kept
    assert {path.name for path in home.iterdir()} == {"config.toml", "keys", "store"}
    monkeypatch.setenv("PYTRUST_PASSPHRASE", "correct horse")
    assert run(["--home", str(home), "init"]) == 2
    assert "exists already" in capsys.readouterr().err
