"""Signing and verifying: start-up, one look-up, many tags, many collections, many names."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.fakes.registry import FakeRegistry, oci_manifest
from tests.rig.registry import private_registry, push_image

from bench.harness import alternate, command, installed, report
from pytrust.cli.workspace import Workspace
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.source import StoreSource
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.collection.model import Target
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName, Digest, ImageRef
from pytrust.trust.registry import Anonymous, Registry
from pytrust.trust.store.sqlite import SqliteReader

_PASSPHRASE: Final = "a passphrase for benchmarks"
_MANY_TAGS: Final = 1000
_MANY_COLLECTIONS: Final = 20_000
_LATENCY: Final = 0.02


def version() -> None:
    """``pytrust --version`` beside an empty Python."""
    ours, peer = alternate(
        command([installed("pytrust"), "--version"], {}), command([installed("python"), "-c", "pass"], {}), rounds=31
    )
    report("cli.version", "ms", ours * 1e3, 0.4, peer=peer * 1e3, peer_name="python -c pass", ratio=peer / ours)


def verify() -> None:
    """``pytrust verify`` of one tag: warm cache, embedded store, the stock registry on loopback."""
    with _home() as (home, _), private_registry(home.parent / "registry") as registry:
        name = push_image(registry, "foo/web", "v1")
        environment = {"PYTRUST_HOME": str(home), "PYTRUST_PASSPHRASE": _PASSPHRASE, "HOME": str(home)}
        command([installed("pytrust"), "sign", name], environment)()
        (ours,) = alternate(command([installed("pytrust"), "verify", name], environment), rounds=31)
    report("cli.verify", "ms", ours * 1e3, 150, ratio=0.150 / ours)


def bulk() -> None:
    """A thousand tags of one repository in one publish; the registry's answers are measured apart and subtracted."""
    with _home() as (home, registry):
        names = _push(registry, "foo/web", [f"t{number}" for number in range(_MANY_TAGS)])
        listed = home / "names.txt"
        listed.write_text("\n".join(names))
        environment = {"PYTRUST_HOME": str(home), "PYTRUST_PASSPHRASE": _PASSPHRASE, "HOME": str(home)}
        client = Registry(Anonymous())
        refs = [ImageRef.parse(name) for name in names]
        whole, answers = alternate(
            command([installed("pytrust"), "sign", "--from-file", listed], environment),
            lambda: client.resolve_all(refs, Deadline(60)),
            rounds=5,
        )
    ours = whole - answers
    report("sign.bulk", "s", ours, 1.5, ratio=1.5 / ours)


def scale() -> None:
    """One look-up in process, with 10 and with 20,000 other collections in the store; 100 tags each."""
    with _signed_store(10) as few, _signed_store(_MANY_COLLECTIONS) as many:
        small, large, again = alternate(_fresh(few), _fresh(many), _lasting(many), rounds=101)
    report("verify.scale", "ms", large * 1e3, 0.833, peer=small * 1e3, peer_name="10 collections", ratio=small / large)
    report("verify.in_process", "ms", again * 1e3, 5, ratio=0.005 / again)


def resolve() -> None:
    """A hundred names against a registry with 20 ms latency: at once, beside one after another."""
    with FakeRegistry() as registry:
        refs = [ImageRef.parse(name) for name in _push(registry, "foo/web", [f"t{number}" for number in range(100)])]
        registry.latency = _LATENCY
        client = Registry(Anonymous())
        ours, peer = alternate(
            lambda: client.resolve_all(refs, Deadline(60)),
            lambda: [client.resolve(ref, Deadline(60)) for ref in refs],
            rounds=3,
        )
    report("registry.resolve", "s", ours, 8, peer=peer, peer_name="one after another", ratio=peer / ours)


BENCHES: Final = {
    "cli.version": version,
    "cli.verify": verify,
    "sign.bulk": bulk,
    "verify.scale": scale,
    "registry.resolve": resolve,
}


@contextmanager
def _home() -> Iterator[tuple[Path, FakeRegistry]]:
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as folder, FakeRegistry() as registry:
        home = Path(folder) / "home"
        environment = {"PYTRUST_HOME": str(home), "PYTRUST_PASSPHRASE": _PASSPHRASE}
        command([installed("pytrust"), "init", "--signer", "alice"], environment)()
        yield home, registry


def _push(registry: FakeRegistry, repository: str, tags: list[str]) -> list[str]:
    for tag in tags:
        registry.put(repository, tag, oci_manifest(tag))
    return [f"{registry.host}/{repository}:{tag}" for tag in tags]


@contextmanager
def _signed_store(others: int) -> Iterator[Workspace]:
    """A home whose store holds ``foo/web`` with 100 tags, and its rows again under ``others`` other names."""
    with tempfile.TemporaryDirectory(prefix="pytrust-bench-") as folder:
        home = Path(folder) / "home"
        environment = {"PYTRUST_HOME": str(home), "PYTRUST_PASSPHRASE": _PASSPHRASE}
        command([installed("pytrust"), "init", "--signer", "alice"], environment)()
        passphrase = Path(folder) / "passphrase"
        passphrase.touch(0o600)
        passphrase.write_text(_PASSPHRASE)
        workspace = Workspace(home, passphrase, None)
        targets = [Target(f"v{number}", Digest(f"{number:064x}"), 500) for number in range(100)]
        owner = workspace.owner(lambda _: None)
        owner.sign(CollectionName("docker.io/foo/web"), targets, workspace.signers(()))
        _multiply(home / "store" / "store.db", others)
        yield workspace


def _multiply(store: Path, times: int) -> None:
    connection = sqlite3.connect(store)
    for table, columns in (
        ("files", "format, role, version, expires, published, sha256, data"),
        ("current", "format, role, version, expires"),
    ):
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
            f"INSERT INTO {table} (collection, {columns}) "
            f"SELECT 'docker.io/other/image' || i, {columns} FROM {table}, n"
        )
    connection.commit()
    connection.close()


def _fresh(workspace: Workspace) -> Callable[[], object]:
    """A look-up by a client that has seen nothing in this process: everything is verified anew."""
    ref = ImageRef.parse("foo/web:v7")
    return lambda: _client(workspace).verify([ref])


def _lasting(workspace: Workspace) -> Callable[[], object]:
    """A look-up by a client that lives on, as in a proxy."""
    ref, client = ImageRef.parse("foo/web:v7"), _client(workspace)
    return lambda: client.verify([ref])


def _client(workspace: Workspace) -> TrustClient:
    path = workspace.store_path
    assert path is not None
    reader = SqliteReader(path)
    return TrustClient(
        StoreSource(reader), Cache(workspace.home.cache), workspace.settings.pins, now=lambda: datetime.now(UTC)
    )
