"""``pytrust ca``: the table of its commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "init": ("ca_init", "make an authority: a root, a CA for servers and a CA for clients"),
        "server": ("ca_issue", "a certificate for an engine, or a proxy, in a folder that dockerd takes"),
        "client": ("ca_issue", "a certificate for somebody who may use an engine, in a folder that docker takes"),
        "list": ("ca_read:list_issued", "what was issued, to whom, until when"),
        "show": ("ca_read", "one certificate, all of it"),
        "renew": ("ca_renew", "issue again before the end: one, or all that are due"),
        "timer": ("ca_renew", "print the systemd units that renew what is due"),
        "revoke": ("ca_revoke", "withdraw a certificate, so that proxies and plugins refuse it at once"),
        "crl": ("ca_revoke", "the list of withdrawn client certificates"),
        "rotate": ("ca_rotate", "replace the client CA, the server CA or the root, with overlap"),
        "token": ("ca_enrol", "let one host ask for its own certificate"),
        "serve": ("ca_enrol", "answer such requests"),
        "request": ("ca_request", "ask for a certificate with a token; the key never leaves this host"),
        "agent": ("ca_request", "keep enrolled certificates fresh, and revocation lists on the hosts of engines"),
        "root": ("ca_root", "take the root key off this host, and back"),
        "lint": ("ca_doctor", "what is wrong with certificates in a file, a folder or at host:port"),
        "doctor": ("ca_doctor", "why TLS to an engine does not work, in one line"),
        "log": ("ca_log", "everything the authority did, and whether its journal is whole"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
TLS for this host's engine in one command:
  pytrust ca init --engine
\b
the same, one by one:
  pytrust ca init
  pytrust ca server
  pytrust ca client alice
  pytrust ca list""",
)
def ca() -> None:
    """A certificate authority for Docker engines: TLS on port 2376, renewed, rotated, and revoked for real.

    It lives in the folder ca of the home, and needs no pytrust init.
    """
