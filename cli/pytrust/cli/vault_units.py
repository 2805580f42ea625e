"""``pytrust vault units``: the systemd unit of the agent (systemd.service(5), systemd.exec(5)). No key is in it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

import click

from pytrust.cli import voice
from pytrust.cli.vault_given import CREDENTIAL
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode

_SERVICE: Final = """\
# /etc/systemd/system/pytrust-vault.service
[Unit]
Description=Hold the vault of pytrust open
After=local-fs.target

[Service]
Type=notify
Environment={home}
ExecStart={program} vault agent
# Without one of these the agent waits, locked, for: pytrust vault unlock
#   systemd-creds encrypt --name={credential} KEYFILE /etc/credstore.encrypted/{credential}
#LoadCredentialEncrypted={credential}
#LoadCredential={credential}:/path/to/a/file/with/an/unlock-key
Restart=on-failure
RestartSec=1
# A key that does not open the vault is not tried again: tokens count.
RestartPreventExitStatus=2 4
UMask=0077
LimitCORE=0
LimitMEMLOCK=infinity
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_IPC_LOCK
ProtectSystem=strict
ReadWritePaths={paths}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


@click.command(
    epilog="""\b
example:
  pytrust vault units > /etc/systemd/system/pytrust-vault.service
  systemctl daemon-reload && systemctl enable --now pytrust-vault"""
)
@click.pass_obj
def units(workspace: Workspace) -> int:
    """Print the systemd unit of the agent, for root's vault.

    It is notified when the agent listens, so that units ordered after it find the socket.
    """
    program = Path(shutil.which("pytrust") or sys.argv[0]).absolute()
    voice.write(agent_unit(program, workspace.home.path.absolute(), workspace.home.anchor.absolute()).encode())
    return ExitCode.YES


def agent_unit(program: Path, home: Path, anchor: Path) -> str:
    """The unit, below a comment that names its file."""
    return _SERVICE.format(
        program=_quoted(_plain(str(program)).replace("$", "$$")),
        home=_quoted(_plain(f"PYTRUST_HOME={home}")),
        paths=f"{_quoted(_plain(str(home)))} {_quoted(_plain(f'-{anchor}'))}",
        credential=CREDENTIAL,
    )


def _plain(text: str) -> str:
    """Without a meaning for systemd: ``%`` begins a specifier in every setting."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if set(text) & set(" \t\"'\\;") else text
