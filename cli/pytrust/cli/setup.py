"""``pytrust init``, ``join`` and ``completion``: getting started."""

from __future__ import annotations

import getpass
import os
import re
import shutil
from typing import Final

import click

from pytrust.cli import voice
from pytrust.cli.home import Home
from pytrust.cli.settings import DEFAULT_URL, check_url, render_settings
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import parse_signer
from pytrust.trust.errors import UsageError
from pytrust.trust.files import PRIVATE_FOLDER, check_owned, sync_folder, write_atomic
from pytrust.trust.names import RoleName, parse_key_id

_TENANTS: Final = frozenset(
    {"ca", "authz-plugin", "store", "serve.toml", "token-key.pem", "vault", "vault.sock", "vault.sock.lock"}
)
"""Rooms of a home that need none of its keys: an authority, a plugin, a trust server, the vault.

A store that is there stays.
"""


@click.command(epilog="example: pytrust init --signer alice")
@click.option("--signer", metavar="NAME", help="What to call your signing key (default: your login name).")
@click.pass_obj
def init(workspace: Workspace, signer: str | None) -> None:
    """Make a home: a root key, an owner's key, a signing key, an empty store, and a pin for the root key.

    The keys are encrypted under passphrases that you choose; where the home has a vault, they go there. Keep a copy of
    the home: who loses the root key cannot replace any other.
    """
    name = parse_signer(signer or login_name())
    with _NewHome(workspace.home) as draft:
        root = _make_keys(draft, workspace, name)
        if not (workspace.home.path / "store").exists():
            _make_store(draft, workspace)
        write_atomic(draft.config, render_settings(DEFAULT_URL, name, [root], 1).encode())
    voice.say(f"created {workspace.home.path}")
    voice.say(f"root key sha256:{root}")
    voice.say(f"signer   {name}")
    voice.note("hint: sign a tag with: pytrust sign [HOST/]NAME:TAG")


@click.command(epilog="example: pytrust join https://trust.example.com --root sha256:3f9a...")
@click.argument("url")
@click.option(
    "--root", "roots", multiple=True, required=True, metavar="KEY", help="A root key id to trust (repeatable)."
)
@click.option(
    "--threshold", type=click.IntRange(min=1), default=1, metavar="N", help="How many of them must have signed."
)
@click.pass_obj
def join(workspace: Workspace, url: str, roots: tuple[str, ...], threshold: int) -> None:
    """Trust what is published at URL, as far as the given root keys vouch for it.

    Get the key id from the publisher by a way you trust: `pytrust key list` shows it there.
    """
    check_url(url, "the url")
    keys = list(dict.fromkeys(map(parse_key_id, roots)))
    if threshold > len(keys):
        raise UsageError(f"{threshold} of {voice.plural(len(keys), 'root key')} cannot sign", hint="give more --root")
    with _NewHome(workspace.home) as draft:
        draft.keys.mkdir(PRIVATE_FOLDER)
        write_atomic(draft.config, render_settings(url, None, list(keys), threshold).encode())
    voice.say(f"created {workspace.home.path}: trusting {url} by {voice.plural(len(keys), 'root key')}")


@click.command(epilog="""example: pytrust completion bash > /etc/bash_completion.d/pytrust""")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of your shell."""
    from click.shell_completion import get_completion_class

    from pytrust.cli.root import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"there is no completion for {shell}")
    voice.write(kind(cli, {}, "pytrust", "_PYTRUST_COMPLETE").source().encode())


class _NewHome:
    """A home in the making: it takes its name when the block ends well, whole, and leaves nothing otherwise.

    What needs no signing keys may have lived there before (``_TENANTS``). Then ``config.toml``, without which there is
    no home, comes last.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.path
        self._draft = Home(home.path.with_name(f".{home.path.name}.{os.getpid()}.new"))

    def __enter__(self) -> Home:
        if self._found() - _TENANTS:
            raise UsageError(f"{self._path} exists already", hint="use it as it is, or choose another with --home DIR")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._draft.path.mkdir(PRIVATE_FOLDER)
        return self._draft

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            shutil.rmtree(self._draft.path)
        elif self._found():
            self._move_in()
        else:
            self._draft.path.replace(self._path)
        sync_folder(self._path.parent)

    def _found(self) -> set[str]:
        return {path.name for path in self._path.iterdir()} if self._path.exists() else set()

    def _move_in(self) -> None:
        check_owned(self._path)
        for path in sorted(self._draft.path.iterdir(), key=lambda path: path == self._draft.config):
            if path.name in _TENANTS & self._found():
                shutil.rmtree(path)
                continue
            path.replace(self._path / path.name)
            sync_folder(self._path)
        self._draft.path.rmdir()


def _make_keys(home: Home, workspace: Workspace, signer: RoleName) -> str:
    from pytrust.trust.keys.keyring import Keyring
    from pytrust.trust.keys.private import generate

    home.keys.mkdir(PRIVATE_FOLDER)
    keyring = Keyring(home.keys, vault=workspace.key_vault)
    entries = {}
    for name in (RoleName("root"), RoleName("targets"), signer):
        entries[name] = keyring.add(name, generate("ecdsa-p256"), workspace.passphrases.new)
    return entries[RoleName("root")].public.id


def _make_store(home: Home, workspace: Workspace) -> None:
    from pytrust.trust.keys.online import create_online_keys
    from pytrust.trust.store.sqlite import SqliteStore

    home.online.mkdir(PRIVATE_FOLDER, parents=True)
    home.online.parent.chmod(PRIVATE_FOLDER)
    create_online_keys(home.online, workspace.key_vault)
    SqliteStore(home.online.parent / "store.db").close()


def login_name() -> str:
    """What to call whoever runs this; ``owner`` for root, and for an account without a name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        return "owner"
    name = re.sub(r"[^a-z0-9_-]", "-", user.lower()).strip("-_")
    return "owner" if name in {"", "root"} else name
