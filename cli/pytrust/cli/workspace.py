"""Everything a command works with, opened when first used.

This is the edge where the environment, the clock and the files of ``PYTRUST_HOME`` enter; below it, values are passed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.cli.home import Home, default_home, docker_config
from pytrust.cli.settings import Settings, parse_settings
from pytrust.trust.errors import NotSetUp, UsageError
from pytrust.trust.files import check_owned, read_bounded
from pytrust.trust.limits import ISSUER_FILE_MAX_BYTES
from pytrust.trust.names import Format, RoleName

if TYPE_CHECKING:
    from pytrust.cli.key_vault import KeyVault
    from pytrust.cli.passphrase import Passphrases
    from pytrust.policy.core.rules import Policy
    from pytrust.policy.engine.client import Engine
    from pytrust.policy.trust_facts import TrustFacts
    from pytrust.trust.client.cache import Cache
    from pytrust.trust.client.lookup import Client
    from pytrust.trust.client.source import Source
    from pytrust.trust.keys.keyring import Keyring
    from pytrust.trust.keys.online import OnlineKeys
    from pytrust.trust.pins import Pin
    from pytrust.trust.pki.authority.authority import Authority
    from pytrust.trust.publish.owner import Owner
    from pytrust.trust.publish.publisher import Publisher
    from pytrust.trust.registry import DockerCredentials, Registry
    from pytrust.trust.store.sqlite import SqliteReader, SqliteStore
    from pytrust.trust.vault.asking import Vaulted

_SECRET_VARIABLES = (
    "PYTRUST_PASSPHRASE",
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
)
_CONFIG_MAX_BYTES = 1024 * 1024


class Workspace:
    """One invocation of the command."""

    def __init__(
        self,
        home: Path | None,
        passphrase_file: Path | None,
        passphrase_fd: int | None,
        unlock_file: Path | None = None,
        unlock_fd: int | None = None,
    ) -> None:
        self.home = Home(home or default_home())
        self._passphrase_source = (passphrase_file, passphrase_fd)
        self._unlock_source = (unlock_file, unlock_fd)
        self._secrets = {name: value for name in _SECRET_VARIABLES if (value := os.environ.pop(name, None))}

    @cached_property
    def passphrases(self) -> Passphrases:
        """What opens keys."""
        from pytrust.cli.passphrase import Passphrases

        return Passphrases(*self._passphrase_source, self._secrets)

    @cached_property
    def unlock_given(self) -> bytes | None:
        """What --unlock-file or --unlock-fd, or systemd, gives to open the vault with; None where nothing does."""
        from pytrust.cli.vault_given import read_given

        return read_given(*self._unlock_source, os.environ.get("CREDENTIALS_DIRECTORY"))

    @cached_property
    def vaulted(self) -> Vaulted:
        """The vault, open: see ``vault_room.open_vaulted``."""
        from pytrust.cli.vault_room import open_vaulted

        return open_vaulted(self)

    @staticmethod
    def now() -> datetime:
        """The clock."""
        return datetime.now(UTC)

    @cached_property
    def settings(self) -> Settings:
        """The settings; raises ``NotSetUp`` where there is no home."""
        if not self.home.config.exists():
            raise NotSetUp(f"{self.home.path} is not a pytrust home", hint="create one with: pytrust init")
        check_owned(self.home.path)
        check_owned(self.home.config)
        text = read_bounded(self.home.config, _CONFIG_MAX_BYTES).decode("utf-8", "replace")
        return parse_settings(text, os.environ, str(self.home.config), self._read_beside)

    def _read_beside(self, name: str) -> bytes:
        """A file that the settings name; raises ``UsageError`` where it cannot be read."""
        file = self.home.path / name
        try:
            check_owned(file)
            return read_bounded(file, ISSUER_FILE_MAX_BYTES)
        except (NotSetUp, OSError) as error:
            raise UsageError(f"{self.home.config} names {file}, which cannot be read", hint="put it there") from error

    def load_policy(self, path: Path | None = None) -> Policy:
        """The policy of this home, or of the file at ``path``; read anew at every call.

        Raises:
            NotSetUp: there is no such file.
            BadPermissions: others could have written it.
            UsageError: it is no policy.
        """
        from pytrust.policy.document import parse_policy

        file = path or self.home.policy
        return parse_policy(self.read_policy(file), what=str(file))

    @staticmethod
    def read_policy(file: Path) -> bytes:
        """The bytes of a policy file that nobody else could have written; raises what ``load_policy`` does."""
        if not file.exists():
            raise NotSetUp(f"{file} does not exist", hint="create a policy with: pytrust policy init")
        check_owned(file.parent)
        check_owned(file)
        return read_bounded(file, _CONFIG_MAX_BYTES)

    @cached_property
    def keyring(self) -> Keyring:
        """The key ring."""
        from pytrust.trust.keys.keyring import Keyring

        return Keyring(self.home.keys, vault=self.key_vault)

    @cached_property
    def key_vault(self) -> KeyVault | None:
        """Where private keys lie, if this home has a vault; see ``key_vault.KeyVault``."""
        from pytrust.cli.key_vault import find_key_vault

        return find_key_vault(self)

    @cached_property
    def cache(self) -> Cache:
        """What this host has verified."""
        from pytrust.trust.client.cache import Cache

        return Cache(self.home.cache)

    @cached_property
    def notary_cache(self) -> Cache:
        """The same, of what docker's and notary's clients signed."""
        from pytrust.trust.client.cache import Cache

        return Cache(self.home.cache / "notary")

    @cached_property
    def authority(self) -> Authority:
        """The certificate authority; raises ``NotSetUp`` where there is none."""
        from pytrust.trust.pki.authority.authority import Authority
        from pytrust.trust.pki.authority.ca_keys import FOLDER, CaKeys

        keys = CaKeys(self.home.ca / FOLDER, self.passphrases, vault=self.key_vault)
        return Authority(self.home.ca, self.passphrases, self.now, keys=keys)

    @property
    def store_path(self) -> Path | None:
        """The SQLite file of an embedded store, or None where trust data comes from a server."""
        url = self.settings.url
        if not url.startswith("sqlite:"):
            return None
        return self.home.path / url.removeprefix("sqlite:///")

    def client(self, *, offline: bool = False) -> Client:
        """Look-ups, in either format, at whichever server a pin names."""
        from pytrust.trust.client.either import EitherClient

        source = None if offline else self.source
        return EitherClient(source, self.cache, self.settings.pins, now=self.now, elsewhere=self.trust_server)

    @cached_property
    def trust_facts(self) -> TrustFacts:
        """Look-ups for decisions; the root keys that a policy names come before the pins."""
        from pytrust.policy.store_file import StoreFile
        from pytrust.policy.trust_facts import TrustFacts

        if self.store_path is None:
            return TrustFacts(self.source, self.cache, self.settings.pins, now=self.now, elsewhere=self.trust_server)
        store = StoreFile(self.store_path)
        return TrustFacts(
            store,
            self.cache,
            self.settings.pins,
            now=self.now,
            generation=store.generation,
            elsewhere=self.trust_server,
        )

    @cached_property
    def reader(self) -> SqliteReader:
        """The embedded store, read-only."""
        from pytrust.trust.store.sqlite import SqliteReader

        return SqliteReader(self._embedded())

    @cached_property
    def store(self) -> SqliteStore:
        """The embedded store, for writing."""
        from pytrust.trust.store.sqlite import SqliteStore

        return SqliteStore(self._embedded())

    @cached_property
    def online(self) -> OnlineKeys:
        """The store's online keys."""
        from pytrust.trust.keys.online import load_online_keys

        return load_online_keys(self.home.online, self.key_vault)

    @cached_property
    def publisher(self) -> Publisher:
        """Publishing to the embedded store; whatever expires soon is renewed first."""
        from pytrust.cli.ownership import open_online

        open_online(self)
        for name, error in self.quiet_publisher.refresh_due():
            if error is not None:
                voice.note(f"warning: the timestamp of {name} could not be renewed: {error}")
        return self.quiet_publisher

    @cached_property
    def quiet_publisher(self) -> Publisher:
        """The same, leaving timestamps alone: for commands that only look."""
        from pytrust.cli.ownership import make_publisher

        return make_publisher(self, self.settings.pins)

    def owner(
        self, tell: Callable[[str], None], forms: Sequence[Format] = tuple(Format), pins: Sequence[Pin] = ()
    ) -> Owner:
        """Signing with the keys of this home; ``forms`` are the formats of new collections, ``pins`` come first."""
        from pytrust.cli.ownership import local_owner, remote_owner

        if self.store_path is None:
            return remote_owner(self, tell, forms)
        return local_owner(self, tell, forms, pins)

    @cached_property
    def credentials(self) -> DockerCredentials:
        """Registry logins, as docker keeps them."""
        from pytrust.trust.registry import DockerCredentials

        return DockerCredentials(docker_config())

    @cached_property
    def registry(self) -> Registry:
        """Registries."""
        from pytrust.trust.registry import Registry

        return Registry(self.credentials, insecure=self.settings.insecure)

    @cached_property
    def engine(self) -> Engine:
        """The Docker Engine that the docker command would talk to."""
        from pytrust.policy.engine.address import resolve
        from pytrust.policy.engine.client import Engine

        return Engine(
            resolve(
                docker_config(),
                host=os.environ.get("DOCKER_HOST"),
                cert_path=os.environ.get("DOCKER_CERT_PATH"),
                tls_verify=os.environ.get("DOCKER_TLS_VERIFY"),
            )
        )

    def signers(self, names: tuple[str, ...]) -> list[RoleName]:
        """The signers named, or the default one."""
        from pytrust.trust.collection.model import parse_signer

        if names:
            return [parse_signer(name) for name in dict.fromkeys(names)]
        if self.settings.signer is None:
            raise UsageError("who signs?", hint=f"give --signer NAME, or set trust.signer in {self.home.config}")
        return [self.settings.signer]

    def _embedded(self) -> Path:
        path = self.store_path
        if path is None:
            raise UsageError(
                f"trust data comes from {self.settings.url}; this command needs the store itself",
                hint="run it on the host that holds the store",
            )
        return path

    @cached_property
    def source(self) -> Source:
        """Where this host looks up, unless a pin says otherwise."""
        from pytrust.trust.client.source import StoreSource

        if self.store_path is not None:
            return StoreSource(self.reader)
        return self.trust_server(self.settings.url)

    def trust_server(self, url: str) -> Source:
        """The trust server at ``url``; docker's logins and certificates count for it, as they do for docker."""
        from pytrust.trust.client.source import HttpSource
        from pytrust.trust.registry.session import Session

        session = Session(self.credentials, frozenset(), docker_config() / "tls", server=url)
        return HttpSource(url, session.http(), session)
