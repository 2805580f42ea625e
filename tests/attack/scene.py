"""A host that verifies, the registry and the trust server it asks, and an attacker who holds either."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.registry import FakeRegistry, oci_manifest
from tests.fakes.repository import FakeCollection, FakeRepository, MetadataServer

from pytrust.cli.root import run
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.source import Source
from pytrust.trust.client.trust import TrustClient
from pytrust.trust.pins import Pin

Picture = dict[str, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one ``pytrust verify --json`` said."""

    code: int
    documents: list[dict[str, Any]]
    complaint: str

    @property
    def error(self) -> dict[str, str]:
        """The refusal of the first name; empty where there is none."""
        error: dict[str, str] = self.documents[0].get("error", {}) if self.documents else {}
        return error


@dataclass
class Scene:
    """``home`` pins ``web``'s root keys and asks ``server``; ``registry`` holds ``foo/web:v2``, which is released."""

    home: Path
    registry: FakeRegistry
    repository: FakeRepository
    server: MetadataServer
    web: FakeCollection
    capsys: pytest.CaptureFixture[str]
    manifests: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """The reference that is attacked."""
        return f"{self.web.name}:v2"

    def push(self, tag: str, content: str | None = None) -> str:
        """Put an image into the registry; gives its digest."""
        self.manifests[tag] = oci_manifest(content or tag)
        self.digests[tag] = self.registry.put("foo/web", tag, self.manifests[tag])
        return self.digests[tag]

    def sign(self, tag: str) -> None:
        """Release what the registry holds under ``tag``."""
        self.web.release(tag, self.digests[tag], len(self.manifests[tag]))

    def verify(self, *refs: str, offline: bool = False, home: Path | None = None) -> Answer:
        """Ask the black box."""
        flags = ["--json", *(["--offline"] if offline else [])]
        code = run(["--home", str(home or self.home), "verify", *(refs or (self.image,)), *flags])
        said = self.capsys.readouterr()
        assert "internal" not in said.err, said.err
        assert "Traceback" not in said.err, said.err
        return Answer(code, json.loads(said.out) if said.out else [], said.err)

    def believe(self, *refs: str, offline: bool = False) -> dict[str, Any]:
        """It must say yes; gives the first answer."""
        answer = self.verify(*refs, offline=offline)
        assert answer.code == 0, answer
        assert all(document["ok"] for document in answer.documents)
        return answer.documents[0]

    def refuse(
        self,
        codes: str | Iterable[str],
        exit_code: int = 1,
        *refs: str,
        names: str = "",
        offline: bool = False,
        learns: bool = False,
    ) -> dict[str, str]:
        """It must say no, for one of these reasons, and the home must stay as it is, byte for byte.

        Where the metadata is good and only the answer is no, the host ``learns`` that metadata.
        """
        before = picture(self.home)
        answer = self.verify(*refs, offline=offline)
        assert answer.code == exit_code, answer
        assert answer.error.get("code") in ({codes} if isinstance(codes, str) else set(codes)), answer
        assert not answer.documents[0]["ok"]
        assert names in answer.error["message"]
        assert learns or picture(self.home) == before
        return answer.error

    def client(self, now: Callable[[], datetime], source: Source | None = None) -> TrustClient:
        """A client with the same cache, whose clock moves."""
        return TrustClient(source or self.repository, Cache(self.home / "cache"), [self.web.pin], now=now)

    def another_home(self, name: str) -> Path:
        """A copy of this home as it is now."""
        copy = self.home.with_name(name)
        shutil.copytree(self.home, copy)
        return copy


def picture(home: Path) -> Picture:
    """Every file that is state: name, mode and bytes; lock files hold nothing."""
    return {
        str(path.relative_to(home)): (stat.S_IMODE(path.lstat().st_mode), path.read_bytes())
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def write_home(home: Path, url: str, pins: Iterable[Pin], insecure: Iterable[str] = ()) -> None:
    """A home as ``pytrust join`` makes it, with any pins."""
    home.mkdir(mode=0o700)
    lines = [f'[trust]\nurl = "{url}"\n[registries]\ninsecure = {json.dumps(list(insecure))}\n']
    lines += [
        f'[[pins]]\nmatch = "{pin.match}"\nthreshold = {pin.threshold}\nroot_keys = {json.dumps(sorted(pin.root_keys))}\n'
        for pin in pins
    ]
    config = home / "config.toml"
    config.write_text("".join(lines))
    config.chmod(0o600)


def after(days: float = 0, hours: float = 0) -> Callable[[], datetime]:
    """A clock that stands so much later than now."""
    moment = datetime.now(UTC) + timedelta(days=days, hours=hours)
    return lambda: moment


def cache_file(home: Path) -> Path:
    """The one file of the one collection that is cached."""
    (found,) = (home / "cache").glob("*.json")
    return found
