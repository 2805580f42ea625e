"""The systemd units that renew certificates (systemd.service(5), systemd.timer(5), systemd.exec(5)). Pure.

The passphrase is a credential of the service: systemd reads the file as root and shows it to this one service on a
memory file system (systemd 247 or later), so that it is in neither unit, argument nor environment. Where the vault has
the keys there is none: the service comes after the agent, and does nothing while the vault is locked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_CREDENTIAL: Final = "passphrase"

_SERVICE: Final = """\
# /etc/systemd/system/pytrust-ca.service
[Unit]
Description=Renew certificates of pytrust ca that are due
After=network-online.target{after}
Wants=network-online.target{after}

[Service]
Type=oneshot
Environment={home}
{credential}ExecStart={program}{option} ca renew --all-due
UMask=0077
NoNewPrivileges=yes
ProtectSystem=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
"""
_TIMER: Final = """\
# /etc/systemd/system/pytrust-ca.timer
[Unit]
Description=Look every hour for certificates of pytrust ca that are due

[Timer]
OnCalendar=hourly
RandomizedDelaySec=55min
Persistent=yes

[Install]
WantedBy=timers.target
"""


def renewal_units(program: Path, home: Path, passphrase: Path | None) -> str:
    """The service and the timer, each below a comment that names its file.

    ``passphrase`` is a file of root's; None: the vault has the keys.
    """
    service = _SERVICE.format(
        after="" if passphrase else " pytrust-vault.service",
        program=_quoted(_plain(str(program)).replace("$", "$$")),
        home=_quoted(_plain(f"PYTRUST_HOME={home}")),
        credential=f"LoadCredential={_CREDENTIAL}:{_plain(str(passphrase))}\n" if passphrase else "",
        option=f" --passphrase-file ${{CREDENTIALS_DIRECTORY}}/{_CREDENTIAL}" if passphrase else "",
    )
    return f"{service}\n{_TIMER}"


def _plain(text: str) -> str:
    """Without a meaning for systemd: ``%`` begins a specifier in every setting."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if set(text) & set(" \t\"'\\;") else text
