"""The keys of the CAs themselves: in the vault, sealed in ``ca/keys``, or in an HSM or KMS.

Each is opened at most once a process.
"""

from __future__ import annotations

from pathlib import Path

from pytrust.trust.errors import NoSuchKey, Refused, UsageError
from pytrust.trust.keys.keyring import KeyEntry, Keyring, Passphrase
from pytrust.trust.keys.private import KDF_ROUNDS, PrivateKey, seal
from pytrust.trust.keys.vaulted_keys import Opening, there
from pytrust.trust.names import RoleName
from pytrust.trust.pki.authority.plan import Elsewhere
from pytrust.trust.pki.model import CaKind, Kind

FOLDER = "keys"


def key_name(kind: CaKind, generation: int) -> RoleName:
    """What a CA key is called, such as ``client-ca-g1``."""
    return RoleName(f"{kind}-g{generation}")


class CaKeys:
    """The key ring of an authority.

    Args:
        folder: ``<PYTRUST_HOME>/ca/keys``.
        passphrase: opens keys, by name.
        rounds: see ``Keyring``.
        vault: see ``Keyring``.
    """

    def __init__(
        self, folder: Path, passphrase: Passphrase, *, rounds: int = KDF_ROUNDS, vault: Opening | None = None
    ) -> None:
        self._ring = Keyring(folder, rounds=rounds, vault=vault, place="ca")
        self._passphrase, self._rounds, self._vault = passphrase, rounds, vault
        self._open: dict[RoleName, PrivateKey] = {}

    def key(self, kind: CaKind, generation: int) -> PrivateKey:
        """A key that can sign.

        Raises:
            Refused: it is not here (the root's may lie in a safe).
            WrongPassphrase: it stays closed.
        """
        name = key_name(kind, generation)
        if name not in self._open:
            self._open[name] = self._opened(name, kind)
        return self._open[name]

    def exportable(self, kind: CaKind, generation: int) -> PrivateKey:
        """A key with its secret; raises ``UsageError`` for one in an HSM or KMS, besides what ``key`` raises."""
        key = self.key(kind, generation)
        if self._ring.entry(key_name(kind, generation)).outside:
            raise UsageError(f"the key {key_name(kind, generation)} lives outside", hint="it stays where it is")
        return key

    def sealed(self, key: PrivateKey, passphrase: bytes) -> bytes:
        """A key as the ring keeps it."""
        return seal(key, passphrase, rounds=self._rounds)

    def is_open(self, kind: CaKind, generation: int) -> bool:
        """Whether it can sign without anybody being asked."""
        return key_name(kind, generation) in self._open

    def here(self, kind: CaKind, generation: int) -> bool:
        """Whether the ring has the key, or knows where it lives."""
        try:
            self._ring.entry(key_name(kind, generation))
        except NoSuchKey:
            return False
        return True

    def add(self, kind: CaKind, generation: int, key: PrivateKey, passphrase: Passphrase) -> None:
        """Keep a key; see ``Keyring.add``."""
        name = key_name(kind, generation)
        self._ring.add(name, key, passphrase)
        self._open[name] = key

    def refer(self, kind: CaKind, generation: int, elsewhere: Elsewhere) -> None:
        """Keep where a key lives; raises ``UsageError`` for what is no key URI."""
        self._ring.add_uri(key_name(kind, generation), elsewhere.public, elsewhere.uri)

    def moved(self, folder: Path) -> CaKeys:
        """The same keys in another folder; what is opened in one is open in both."""
        moved = CaKeys(folder, self._passphrase, rounds=self._rounds, vault=self._vault)
        moved._open = self._open
        return moved

    def reach(self, kind: CaKind, generation: int) -> None:
        """Open the vault, if a key that is here lies in it, so that ``remove`` can follow; raises what opening does."""
        if self.in_vault(kind, generation):
            there(self._vault, f"the key {key_name(kind, generation)}")()

    def remove(self, kind: CaKind, generation: int) -> None:
        """Delete a key here, if it is here."""
        name = key_name(kind, generation)
        self._open.pop(name, None)
        try:
            self._ring.remove(name)
        except NoSuchKey:
            return

    def passphrase(self, kind: CaKind, generation: int) -> bytes:
        """What opens a key."""
        return self._passphrase(key_name(kind, generation))

    def in_vault(self, kind: CaKind, generation: int) -> bool:
        """Whether a key that is here has no passphrase, since the vault has it."""
        return self._ring.entry(key_name(kind, generation)).in_vault

    def _opened(self, name: RoleName, kind: CaKind) -> PrivateKey:
        try:
            entry = self._ring.entry(name)
        except NoSuchKey as error:
            hint = "fetch it: pytrust ca root import FILE" if kind == Kind.ROOT else "restore ca/keys from a backup"
            raise Refused(f"the key {name} of this authority is not here", hint=hint) from error
        if entry.outside:
            return self._remote(entry)
        return self._ring.open(name, self._passphrase)

    def _remote(self, entry: KeyEntry) -> PrivateKey:
        from pytrust.trust.keys.signers import allow_sdks, open_signer
        from pytrust.trust.pki.mint.remote import remote_key

        allow_sdks()
        return remote_key(open_signer(self._ring, entry, self._passphrase), f"the key {entry.name}")
