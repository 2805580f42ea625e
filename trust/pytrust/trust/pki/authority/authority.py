"""The authority of one host: issues, renews, withdraws, and keeps every folder it wrote as it should be now.

    <folder>/ca.db                 what was issued, to whom, and the journal of it (index.py)
    <folder>/keys/<kind>-gN.key    CA keys, sealed or in the vault (keyring.py)
    <folder>/servers/<name>/       folders that are handed out (folder.py), where no other place was asked for
    <folder>/clients/<name>/

Every change holds one lock. A certificate is recorded before its file is there, and a private key lies in the folder
before the record, so that kill -9 loses neither: the next run puts the folder in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pytrust.trust.errors import NotFound
from pytrust.trust.files import check_owned
from pytrust.trust.keys.keyring import Passphrase
from pytrust.trust.keys.private import KDF_ROUNDS
from pytrust.trust.keys.vaulted_keys import Opening
from pytrust.trust.pki.authority import batch, founding, issuing, lists
from pytrust.trust.pki.authority.ca_keys import FOLDER, CaKeys
from pytrust.trust.pki.authority.delivery import settle
from pytrust.trust.pki.authority.index import FILE, Index
from pytrust.trust.pki.authority.making import Wish
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.authority.premises import Premises
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.signing import sign
from pytrust.trust.pki.authority.succession import Succession
from pytrust.trust.pki.mint.profile import CertPublicKey
from pytrust.trust.pki.model import CertKeyKind, Issued, Kind, Reason
from pytrust.trust.pki.names import CaName, ClientName, ServerNames


class Authority(Succession):
    """An authority that exists.

    Reading needs no passphrase: it is asked for when the first certificate or list is signed, at most once a key.

    Args:
        folder: ``<PYTRUST_HOME>/ca``.
        passphrase: opens CA keys; names are ``root-g1``, ``server-ca-g1``, ``client-ca-g1``.
        now: the clock, aware.
        keys: those of the folder, where they were opened before, or some lie in the vault.

    Raises:
        NotSetUp: there is no authority in the folder.
        BadPermissions: others could have written it.
    """

    @classmethod
    def create(  # noqa: PLR0913 - each is a word of its own
        cls,
        folder: Path,
        plan: Plan,
        passphrase: Passphrase,
        new_passphrase: Passphrase,
        now: Callable[[], datetime],
        *,
        rounds: int = KDF_ROUNDS,
        vault: Opening | None = None,
    ) -> Self:
        """Make an authority: three keys, three certificates, an empty list; whole or not at all.

        Args:
            folder: made with mode 0700, its parent too where it is missing.
            plan: see there.
            passphrase: as for ``Authority``, for later.
            new_passphrase: what the new keys are sealed under, by key name.
            now: the clock.
            rounds: price of a guess at the passphrase, see ``Keyring``.
            vault: where the new keys go, see ``Keyring``; then no passphrase is asked for.

        Raises:
            UsageError: there is one already, or something else lies there.
        """
        keys = CaKeys(folder / FOLDER, passphrase, rounds=rounds, vault=vault)
        founding.found(folder, plan, keys, new_passphrase, now)
        return cls(folder, passphrase, now, keys=keys)

    def __init__(
        self, folder: Path, passphrase: Passphrase, now: Callable[[], datetime], *, keys: CaKeys | None = None
    ) -> None:
        records = Records(folder / FILE)
        check_owned(folder, forbidden=0o077)
        index = Index(folder, records)
        keys = keys or CaKeys(folder / FOLDER, passphrase)
        super().__init__(Premises(folder, records, index, keys, now), index)

    @property
    def name(self) -> CaName:
        """What it calls itself."""
        return self.index.name

    def close(self) -> None:
        """Let go of the index."""
        self.index.close()

    def open_issuing(self) -> None:
        """Ask for the passphrases of both CAs that issue now, so that nobody is asked for them later."""
        for kind in (Kind.SERVER, Kind.CLIENT):
            self._premises.signing(self._premises.issuer(kind))

    def verify(self) -> int:
        """See ``Index.verify``."""
        return self.index.verify()

    def issue_server(
        self,
        names: ServerNames,
        *,
        folder: Path | None = None,
        lifetime: timedelta | None = None,
        key_kind: CertKeyKind = "ecdsa-p256",
        endpoint: str = "",
    ) -> Issued:
        """Make a key and a certificate for an engine, and write its folder.

        Args:
            names: what clients dial; the first is the name it is listed under.
            folder: where the files go; default ``servers/<first name>`` (``index.holder(...)`` tells).
            lifetime: default ``SERVER_LIFETIME``; at most ``LEAF_LIFETIME_MAX``, and never beyond its CA's end.
            key_kind: of the new key.
            endpoint: ``host:port`` where it can be asked what it serves, for rotation; may be set later by
                ``set_endpoint``.

        Raises:
            UsageError: the name has a certificate that counts (renew or revoke it), the folder belongs to another
                name, or the lifetime is out of bounds.
            BadPermissions: the folder is a symbolic link, another user's, or open to others.
        """
        return issuing.issue(self._premises, Wish(names, lifetime), folder, key_kind, endpoint)

    def issue_client(
        self,
        name: ClientName,
        *,
        folder: Path | None = None,
        lifetime: timedelta | None = None,
        key_kind: CertKeyKind = "ecdsa-p256",
    ) -> Issued:
        """Make a key and a certificate for a client, and write its folder; see ``issue_server``."""
        return issuing.issue(self._premises, Wish(name, lifetime), folder, key_kind)

    def issue_clients(
        self,
        names: Sequence[ClientName],
        *,
        lifetime: timedelta | None = None,
        key_kind: CertKeyKind = "ecdsa-p256",
    ) -> list[Issued]:
        """As ``issue_client`` for many, each in its default folder.

        Written in batches, each recorded whole. A name that has a certificate keeps it, so that the same call goes on
        where kill -9 ended it; gives one certificate for each name, in their order.
        """
        return batch.issue_many(self._premises, names, lifetime, key_kind)

    def sign_client(
        self,
        name: ClientName,
        public_key: CertPublicKey,
        *,
        lifetime: timedelta | None = None,
        replaces: Issued | None = None,
    ) -> Issued:
        """A certificate for a key that stays elsewhere (enrolment).

        Args:
            name: who it is for; the caller has made sure that they may.
            public_key: already checked for possession (CSR).
            lifetime: default ``CLIENT_LIFETIME``.
            replaces: the certificate that its holder has proved to hold, when it renews. Without it, a name that has
                a certificate which counts, for another key, is refused.

        Raises:
            Refused: the name is taken.
        """
        return sign(self._premises, Wish(name, lifetime), public_key, replaces)

    def sign_server(
        self,
        names: ServerNames,
        public_key: CertPublicKey,
        *,
        lifetime: timedelta | None = None,
        replaces: Issued | None = None,
    ) -> Issued:
        """See ``sign_client``."""
        return sign(self._premises, Wish(names, lifetime), public_key, replaces)

    def renew(self, issued: Issued, *, new_key: bool = True) -> Issued:
        """A new certificate with the same names and the same span, in the same folder; the old one is left to expire.

        A no longer newest one is taken for the newest of its holder.

        Raises:
            Refused: it was revoked.
            UsageError: its key lies elsewhere (it was enrolled), or it is a CA's.
        """
        return issuing.renew(self._premises, issued, new_key=new_key)

    def revoke(self, issued: Issued, reason: Reason) -> None:
        """Withdraw one certificate; see ``revoke_all``."""
        self.revoke_all([issued], reason)

    def revoke_all(self, several: Iterable[Issued], reason: Reason) -> None:
        """Withdraw certificates: recorded, on a new list, and in every server folder; again: only the folders.

        To lock somebody out takes ``revoke_holder``: a renewed certificate's forerunner counts until its end.

        Raises:
            UsageError: one is a CA's.
            Unsound: recorded, but the list did not reach every folder; the sentence names them.
        """
        lists.revoke(self._premises, several, reason)

    def revoke_holder(self, newest: Issued, reason: Reason) -> list[Issued]:
        """Withdraw all that the holder of ``newest`` has by the time that it is done, and give it.

        Whoever renews meanwhile gets nothing that stays. Raises as ``revoke_all``.
        """
        return lists.revoke_holder(self._premises, newest, reason)

    def refresh_crl(self, *, force: bool = False) -> bool:
        """Sign new lists of all client CAs that count, where their time is short (or ``force``); whether it did."""
        return lists.refresh(self._premises, force=force)

    def rewrite_folders(self) -> list[Path]:
        """Put every folder that is behind in order: CA certificates, chains, lists, unfinished certificates.

        Gives the folders that were written; raises ``Unsound`` (after all others were) for those that could not be.
        """
        with self._premises.locked():
            return settle(self._premises)

    def set_endpoint(self, server: str, endpoint: str) -> None:
        """Remember where a server can be asked what it serves: ``host:port``; empty forgets it. Raises ``NotFound``."""
        if (holder := self.index.holder(Kind.SERVER, server)) is None:
            raise NotFound(f"there is no server {server}", hint="see: pytrust ca list")
        if holder.endpoint == endpoint:
            return
        with self._premises.locked(), self._premises.change() as change:
            change.endpoint(Kind.SERVER, server, endpoint)
