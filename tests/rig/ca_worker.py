"""A process that does one thing with an authority, as the command would: ``ca_worker.py FOLDER WORD...``.

With keys that are cheap to open and a umask that would let everybody read what is not made private by itself.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytrust.trust.names import RoleName
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.ca_keys import CaKeys
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.model import Kind, Reason
from pytrust.trust.pki.names import ServerNames, parse_ca_name, parse_client_name


def passphrase(_: RoleName) -> bytes:
    return b"a passphrase for tests"


def now() -> datetime:
    return datetime.now(UTC)


def main(folder: Path, verb: str, *names: str) -> None:
    """Do it."""
    if verb == "create":
        Authority.create(folder, Plan(name=parse_ca_name("tests")), passphrase, passphrase, now, rounds=1).close()
        return
    keys = CaKeys(folder / "keys", passphrase, rounds=1)
    with closing(Authority(folder, passphrase, now, keys=keys)) as authority:
        change(authority, verb, *names)


def change(authority: Authority, verb: str, *names: str) -> None:
    match verb:
        case "server":
            authority.issue_server(ServerNames.parse(list(names)))
        case "client":
            authority.issue_client(parse_client_name(names[0]), lifetime=timedelta(days=1))
        case "clients":
            authority.issue_clients([parse_client_name(name) for name in names])
        case "renew":
            authority.renew(authority.index.find(names[0]))
        case "revoke":
            authority.revoke(authority.index.find(names[0]), Reason.KEY_COMPROMISE)
        case "add":
            authority.add_generation(Kind.CLIENT_CA, passphrase)
        case "promote":
            authority.promote(Kind.CLIENT_CA, 2)
        case "retire":
            authority.retire_generation(Kind.CLIENT_CA, 1)
        case _:
            raise SystemExit(f"what is {verb}?")


if __name__ == "__main__":
    os.umask(0)
    main(Path(sys.argv[1]), *sys.argv[2:])
