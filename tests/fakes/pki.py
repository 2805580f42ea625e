"""Small authorities of every kind of key, what they issue, and names of every shape to issue for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import strategies as st

from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.pki.mint.build import SigningCa, Stamp, make_client, make_client_ca, make_root, make_server_ca
from pytrust.trust.pki.mint.constraints import Permitted
from pytrust.trust.pki.mint.profile import CertPublicKey, check_public_key
from pytrust.trust.pki.model import CertKeyKind, Issued, Kind, Serial
from pytrust.trust.pki.names import CaName, ClientName, ServerNames

NOW = datetime.now(UTC).replace(microsecond=0)
"""The real time: openssl reads a clock of its own."""
KINDS: list[CertKeyKind] = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096"]
NAME = CaName("Acme Widgets")
ANYTHING = Permitted()


@cache
def _made(who: str, kind: CertKeyKind) -> PrivateKey:
    return generate(kind)


def key(who: str, kind: CertKeyKind = "ecdsa-p256") -> PrivateKey:
    """One key a name and kind, the same all session long."""
    return _made(who, kind)


def public(who: str, kind: CertKeyKind = "ecdsa-p256") -> CertPublicKey:
    """Its public half."""
    return check_public_key(key(who, kind).public_key())


def stamp(now: datetime = NOW) -> Stamp:
    """A serial of its own, at ``now``."""
    return Stamp(Serial(x509.random_serial_number()), now)


@dataclass(frozen=True)
class Authorities:
    """A root and what it certified."""

    root: SigningCa
    server: SigningCa
    client: SigningCa


@cache
def authorities(
    kind: CertKeyKind = "ecdsa-p256",
    permitted: Permitted = ANYTHING,
    now: datetime = NOW,
    generation: int = 1,
) -> Authorities:
    """A whole authority whose keys are all of one kind."""
    root_key, server_key, client_key = (key(f"{who} {generation}", kind) for who in ("root", "server CA", "client CA"))
    root = SigningCa(make_root(NAME, generation, root_key, stamp(now)), root_key)
    server_public, client_public = check_public_key(server_key.public_key()), check_public_key(client_key.public_key())
    server = make_server_ca(root, generation, server_public, stamp(now), permitted)
    client = make_client_ca(root, generation, client_public, stamp(now))
    return Authorities(root, SigningCa(server, server_key), SigningCa(client, client_key))


def issued(holder: EllipticCurvePrivateKey, serial: int, kind: Kind = Kind.CLIENT) -> Issued:
    """A record of alice's certificate, as an index has it, good from an hour before ``NOW`` to a day after."""
    made = make_client(
        authorities().client, ClientName("alice"), holder.public_key(), Stamp(Serial(serial), NOW), timedelta(days=1)
    )
    return Issued(
        serial=Serial(serial),
        kind=kind,
        holder="alice",
        generation=1,
        der=made.public_bytes(Encoding.DER),
        not_before=made.not_valid_before_utc,
        not_after=made.not_valid_after_utc,
        renew_at=NOW,
    )


_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
_IDN = st.sampled_from(["bücher", "例え", "пример", "παράδειγμα", "straße"])
_HOST = st.lists(_LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))
_LONG = st.just(".".join(["x" * 63] * 3 + ["y" * 53, "example"]))
_SIXTY_FOUR = st.just("h" * 56 + ".example")
SERVER_NAME = st.one_of(
    _HOST,
    _HOST.map("*.{}".format),
    _HOST.map("_{}".format),
    _IDN.map("{}.example".format),
    _LONG,
    _SIXTY_FOUR,
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
SERVER_NAMES = st.lists(SERVER_NAME, min_size=1, max_size=6).map(ServerNames.parse)
CLIENT_NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", fullmatch=True).map(ClientName)
