"""The units that renew: the passphrase is in neither of them, and a fleet does not come at once."""

from __future__ import annotations

import re
from pathlib import Path

from pytrust.cli.ca_units import renewal_units

PASSPHRASE = Path("/etc/pytrust/ca-passphrase")


def units(text: str) -> dict[str, str]:
    """The files by name, as the comment above each tells."""
    parts = re.split(r"^# /etc/systemd/system/(\S+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def setting(unit: str, key: str) -> str:
    return next(line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}="))


def test_the_passphrase_comes_as_a_credential() -> None:
    service = units(renewal_units(Path("/usr/bin/pytrust"), Path("/srv/home"), PASSPHRASE))["pytrust-ca.service"]
    assert setting(service, "LoadCredential") == f"passphrase:{PASSPHRASE}"
    assert setting(service, "ExecStart") == (
        "/usr/bin/pytrust --passphrase-file ${CREDENTIALS_DIRECTORY}/passphrase ca renew --all-due"
    )
    assert setting(service, "Environment") == "PYTRUST_HOME=/srv/home"


def test_a_fleet_does_not_come_at_once() -> None:
    timer = units(renewal_units(Path("/usr/bin/pytrust"), Path("/srv/home"), PASSPHRASE))["pytrust-ca.timer"]
    assert setting(timer, "OnCalendar") == "hourly"
    assert setting(timer, "RandomizedDelaySec") == "55min"
    assert setting(timer, "Persistent") == "yes"


def test_what_means_something_to_systemd_is_only_itself() -> None:
    service = units(renewal_units(Path("/opt/$x/py %t"), Path('/srv/a "b" %h\\c'), Path("/etc/50%")))[
        "pytrust-ca.service"
    ]
    assert setting(service, "ExecStart").startswith('"/opt/$$x/py %%t" --passphrase-file')
    assert setting(service, "Environment") == '"PYTRUST_HOME=/srv/a \\"b\\" %%h\\\\c"'
    assert setting(service, "LoadCredential") == "passphrase:/etc/50%%"
