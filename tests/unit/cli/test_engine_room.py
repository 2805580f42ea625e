"""What a proxy is made of."""

from __future__ import annotations

from pathlib import Path

from pytrust.cli.engine_room import Setting, guarded_places
from pytrust.cli.workspace import Workspace
from pytrust.policy.core.rules import Policy
from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.proxy.listeners import ListenAddress


def _no_policy() -> Policy:
    raise AssertionError("it is not read")


def test_what_no_container_may_mount(tmp_path: Path) -> None:
    """The anchor lies beside the home; and the secrets of other homes where every proxy has them by default."""
    home, listen, engine = tmp_path / "home", tmp_path / "p.sock", EngineAddress(socket=tmp_path / "d.sock")
    addresses = [ListenAddress(EngineAddress(socket=listen)), ListenAddress(EngineAddress(host="127.0.0.1", port=1))]
    setting = Setting(addresses, tmp_path / "tls", engine, home / "policy.yaml", _no_policy, tmp_path / "secrets")
    assert set(guarded_places(Workspace(home, None, None), setting)) == {
        home,
        tmp_path / "home.anchor",
        listen,
        tmp_path / "d.sock",
        tmp_path / "tls",
        tmp_path / "secrets",
        Path("/run/pytrust/secrets"),
    }
