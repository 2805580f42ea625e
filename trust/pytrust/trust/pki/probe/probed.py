"""What was seen at a host and port: TCP, TLS, certificates, and the engine's answer to ``GET /_ping``. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Reach(StrEnum):
    """How far a TCP connection got."""

    OPEN = "open"
    UNKNOWN_HOST = "unknown-host"
    REFUSED = "refused"
    NO_ROUTE = "no-route"
    TIMED_OUT = "timed-out"


class TlsVersion(StrEnum):
    """Versions that are tried apart."""

    TLS_1_0 = "1.0"
    TLS_1_1 = "1.1"
    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


class Demand(StrEnum):
    """What a server wants of its clients."""

    NONE = "none"
    ASKED = "asked"
    """It asks for a certificate, and goes on without one."""
    INSISTED = "insisted"
    UNKNOWN = "unknown"
    """No connection got far enough to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A client certificate (PEM, may be followed by its chain) and its key (PEM, not encrypted) to knock with."""

    cert_pem: bytes
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to ``GET /_ping``.

    ``api_version`` is empty where it is no engine that answers; ``message`` is what the engine says of an error, cut
    to a line.
    """

    status: int
    date: datetime | None
    api_version: str
    message: str = ""


class Ending(StrEnum):
    """How a talk ended."""

    ANSWERED = "answered"
    ALERT = "alert"
    """The server said no in TLS."""
    CLOSED = "closed"
    SILENT = "silent"
    """Nothing came for as long as we waited."""
    GARBLED = "garbled"
    """What came is not TLS, or not HTTP, or too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One TLS connection, up to the answer to ``GET /_ping`` or to where it broke off.

    ``version`` is the one agreed on, None where it did not get that far; ``chain`` is what the server sent, DER, leaf
    first; ``asked``: it asked for a client certificate; ``accepted`` are the DER names of the CAs whose clients it
    says it takes, ``accepted_labels`` what people call them, in the same order; ``broke`` is why there is no answer, in
    OpenSSL's words such as ``tlsv1 alert unknown ca``.
    """

    ending: Ending
    version: TlsVersion | None = None
    chain: tuple[bytes, ...] = ()
    asked: bool = False
    accepted: tuple[bytes, ...] = ()
    accepted_labels: tuple[str, ...] = ()
    answer: Answer | None = None
    broke: str = ""

    @property
    def admitted(self) -> bool:
        """Whether the engine answered as it does to a client that it takes."""
        return self.answer is not None and self.answer.status == _OK

    @property
    def turned_away(self) -> bool:
        """Whether the server asked for a certificate, and ended the talk over the one it got, or over none."""
        return self.asked and self.ending in {Ending.ALERT, Ending.CLOSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether OpenSSL takes the served chain under the given CA at this moment, and whether it is for the dialled name.

    ``text`` is empty when it does.
    """

    good: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """All that was seen.

    ``at`` is our clock when it was asked; ``reach_text`` the system's reason where ``reach`` is not open; ``plain``
    the answer to a plain HTTP request, tried where TLS got none; ``versions`` those that the server takes;
    ``anonymous`` and ``ours`` the talk without and with a client certificate (None: not tried); ``verdict`` is None
    where no CA was given or no certificate served.
    """

    host: str
    port: int
    server_name: str
    at: datetime
    reach: Reach
    reach_text: str = ""
    plain: Answer | None = None
    versions: tuple[TlsVersion, ...] = ()
    anonymous: Talk | None = None
    ours: Talk | None = None
    verdict: Verdict | None = None

    @property
    def thing(self) -> str:
        """``host:port``, as findings name it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def talks(self) -> tuple[Talk, ...]:
        """Those that were tried."""
        return tuple(talk for talk in (self.anonymous, self.ours) if talk is not None)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What the server sent, DER, leaf first; empty where it sent nothing."""
        return next((talk.chain for talk in self.talks if talk.chain), ())

    @property
    def accepted(self) -> tuple[bytes, ...]:
        """DER names of the CAs whose clients the server says it takes; empty where it does not say."""
        return next((talk.accepted for talk in self.talks if talk.accepted), ())

    @property
    def demand(self) -> Demand:
        """What the server wants of its clients, judged from the talk without a certificate."""
        talk = self.anonymous
        if talk is None or talk.version is None or talk.ending in {Ending.SILENT, Ending.GARBLED}:
            return Demand.UNKNOWN
        if talk.turned_away:
            return Demand.INSISTED
        return Demand.ASKED if talk.asked else Demand.NONE

    @property
    def admitted(self) -> bool:
        """Whether the engine answered us with our certificate."""
        return self.ours is not None and self.ours.admitted


_OK = 200
