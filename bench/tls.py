"""A list of 100,000 revoked certificates, swapped under a proxy's clients."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.serialization import Encoding
from tests.rig.proxy import PASSPHRASE
from tests.rig.tls import Authority, Caller, context

from bench.harness import report
from bench.proxy import bench_stage
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.names import RoleName
from pytrust.trust.pki.folder import CRL, publish, read
from pytrust.trust.pki.mint.build import SigningCa
from pytrust.trust.pki.mint.crl import make_crl
from pytrust.trust.pki.model import Reason, Revocation, Serial

_ENTRIES: Final = 100_000
_CALLERS: Final = 100
_PAUSE: Final = 0.05  # seconds between two requests of each
_GOAL: Final = 2.0  # seconds


class _Traffic:
    """Clients that call all the time on connections of their own, and count what goes wrong."""

    def __init__(self, port: int, folder: Path) -> None:
        self.answers, self.failures, self._over = 0, 0, threading.Event()
        tls = context(folder)
        self._threads = [threading.Thread(target=self._call, args=(Caller(port, tls),)) for _ in range(_CALLERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self, caller: Caller) -> None:
        while not self._over.wait(_PAUSE):
            try:
                good = caller.ask().status == 200
            except OSError:
                good = False
            self.answers += good
            self.failures += not good
            if not good:
                return


def crl_swap() -> None:
    """From the new file to the first refusal of one of the 100,000, while 100 others call."""
    with bench_stage() as stage:
        home = stage.folder / "ca-home"
        shutil.copytree(stage.home, home)
        authority = Authority.make(stage, home)
        alice, mallory = authority.client("alice"), authority.client("mallory")
        with stage.proxy(home=home, tls=authority.server, witnessed=False) as proxy:
            victim = Caller(proxy.tls_port, context(mallory))
            files = {**read(authority.server), CRL: _list(authority, _serial(mallory))}
            with _Traffic(proxy.tls_port, alice) as traffic:
                time.sleep(1.0)
                started = time.perf_counter()
                publish(authority.server, files)
                while victim.ask().status == 200:
                    time.sleep(0.01)
                took = time.perf_counter() - started
                time.sleep(1.0)
            if traffic.failures or not traffic.answers:
                raise SystemExit(f"{traffic.failures} calls failed, {traffic.answers} went well")
    report("crl.swap", "s", took, _GOAL, ratio=_GOAL / took)


def _serial(folder: Path) -> Serial:
    """Of the certificate in a client's folder."""
    from cryptography import x509

    return Serial(x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).serial_number)


def _list(authority: Authority, last: Serial) -> bytes:
    from cryptography import x509

    issuer = x509.load_pem_x509_certificate((authority.server / "ca.pem").read_bytes())
    key = Keyring(authority.home / "ca" / "keys").open(RoleName("client-ca-g1"), lambda _: PASSPHRASE.encode())
    now = datetime.now(UTC)
    serials = [*(Serial(secrets.randbits(159)) for _ in range(_ENTRIES - 1)), last]
    revoked = dict.fromkeys(serials, Revocation(now, Reason.KEY_COMPROMISE))
    return make_crl(SigningCa(issuer, key), revoked, number=int(now.timestamp()) + 1, now=now).public_bytes(
        Encoding.PEM
    )


BENCHES: Final = {"crl.swap": crl_swap}
