"""The unit of the agent: no key is in it, and it can write nowhere but where the vault is."""

from __future__ import annotations

from pathlib import Path

from pytrust.cli.vault_units import agent_unit

HOME, ANCHOR = Path("/srv/home"), Path("/srv/home.anchor")


def setting(unit: str, key: str) -> str:
    return next(line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}="))


def test_what_it_may() -> None:
    unit = agent_unit(Path("/usr/bin/pytrust"), HOME, ANCHOR)
    assert setting(unit, "Type") == "notify"
    assert setting(unit, "ExecStart") == "/usr/bin/pytrust vault agent"
    assert setting(unit, "Environment") == "PYTRUST_HOME=/srv/home"
    assert setting(unit, "ProtectSystem") == "strict"
    assert setting(unit, "ReadWritePaths") == "/srv/home -/srv/home.anchor"
    assert setting(unit, "LimitCORE") == "0"


def test_a_credential_is_an_offer() -> None:
    lines = agent_unit(Path("/usr/bin/pytrust"), HOME, ANCHOR).splitlines()
    assert not [line for line in lines if line.startswith("LoadCredential")]
    assert "#LoadCredential=pytrust.unlock-key:/path/to/a/file/with/an/unlock-key" in lines
    assert "#LoadCredentialEncrypted=pytrust.unlock-key" in lines


def test_what_means_something_to_systemd_is_only_itself() -> None:
    unit = agent_unit(Path("/opt/$x/py %t"), Path('/srv/a "b" %h\\c'), Path("/srv/a b.anchor"))
    assert setting(unit, "ExecStart") == '"/opt/$$x/py %%t" vault agent'
    assert setting(unit, "Environment") == '"PYTRUST_HOME=/srv/a \\"b\\" %%h\\\\c"'
    assert setting(unit, "ReadWritePaths").endswith(' "-/srv/a b.anchor"')
