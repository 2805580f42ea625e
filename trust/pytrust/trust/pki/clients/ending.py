"""What an operator is told before clients are refused because a list or a CA has come to its end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from pytrust.trust.pki.clients.cas import ClientCa
from pytrust.trust.pki.finding import Finding, Severity

LIST_WARNED: Final = timedelta(days=10)  # before its end; ten days after the authority should have renewed it
CA_WARNED: Final = timedelta(days=60)  # before its end; a rotation takes as long as the clients' certificates live


def endings(cas: Iterable[ClientCa], now: datetime) -> Iterator[Finding]:
    """A warning for each list and CA that ends soon, an error where it has ended."""
    for ca in cas:
        if ca.revoked is not None and ca.revoked.next_update - now < LIST_WARNED:
            text, hint = f"the list of {ca.name}", "renew it (pytrust ca crl), and let a timer do so: pytrust ca timer"
            yield _ending("crl.pem", text, ca.revoked.next_update, now, hint)
        if (end := ca.certificate.not_valid_after_utc) - now < CA_WARNED:
            yield _ending("ca.pem", ca.name, end, now, "replace it: pytrust ca rotate client-ca")


def _ending(thing: str, what: str, end: datetime, now: datetime, hint: str) -> Finding:
    over = end <= now
    how = "ended on" if over else "ends on"
    return Finding(
        code="over" if over else "ends-soon",
        severity=Severity.ERROR if over else Severity.WARNING,
        thing=thing,
        text=f"{what} {how} {end:%Y-%m-%d %H:%M UTC}; its clients are refused {'now' if over else 'then'}",
        hint=hint,
    )
