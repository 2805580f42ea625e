"""A proxy before a real engine and a real registry, whose trust server is in anybody's hands.

front = Front(stage, folder)
ware = front.ware()                 # a name of its own, with a collection of its own
ware.sign("v1")                     # pushed, and released
ware.believe("v1")                  # the engine is asked for the signed digest, and for nothing else
ware.web.forge("releases", ...)
ware.refuse("v2", "not signed")     # the engine is asked for nothing
"""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from tests.attack.scene import write_home
from tests.fakes.repository import FakeCollection, FakeRepository, MetadataServer, new_key
from tests.rig.proxy import API, Proxy, Reply, Stage

from pytrust.trust.keys.signers import Signer
from pytrust.trust.pins import Pin

RULE: Final = "[images ** (policy.yaml:3)]"
"""How a refusal names the one rule on images of ``Stage.policy``."""

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_numbers = itertools.count()


class Front:
    """A host that pins ``key``; ``proxy`` runs with its home, and stands for everything that it decides.

    Attributes:
        server: what it asks for metadata, which comes from ``repository``.
        key: the one pinned root key; every ``ware()`` has it.
    """

    def __init__(
        self, stage: Stage, folder: Path, env: Mapping[str, str] | None = None, engine: Path | None = None
    ) -> None:
        self.stage, self.home, self.key = stage, folder / "home", new_key()
        self.repository = FakeRepository()
        self._env, self._engine = env, engine
        self._held, self._running = ExitStack(), ExitStack()
        self.server = MetadataServer(self.repository)
        self.proxy: Proxy

    def __enter__(self) -> Self:
        self._held.enter_context(self.server)
        write_home(self.home, self.server.url, [Pin("**", frozenset({self.key.public.id}), 1)])
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self._held.close()

    def restart(self, *, kill: bool = False) -> None:
        """End the proxy, at once if it is to be killed, and start it anew with the same home."""
        if kill:
            self.proxy.daemon.process.kill()
            self.proxy.daemon.process.wait()
        self._running.close()
        self._start()

    def ware(
        self, name: str = "", *, people: Sequence[str] = ("alice",), threshold: int = 1, root: Sequence[Signer] = ()
    ) -> Ware:
        """An image name that nobody has pushed or signed anything under; a new one, if none is given."""
        name = name or f"{self.stage.registry.host}/ware/n{next(_numbers)}"
        web = FakeCollection(name, people=people, threshold=threshold, keys={"root": root or [self.key]})
        self.repository.add(web)
        return Ware(self, web)

    def _start(self) -> None:
        proxy = self.stage.proxy(self.stage.policy(), home=self.home, env=self._env, engine=self._engine)
        self.proxy = self._running.enter_context(proxy)


@dataclass
class Ware:
    """One image name. ``contents`` are those of the stage: ``good:1``, ``good:2``, ``evil:1``."""

    front: Front
    web: FakeCollection
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.web.name)

    @property
    def cache(self) -> Path:
        """The file in which the host remembers what it verified."""
        return self.front.home / "cache" / f"{self.name.replace('/', '+')}.json"

    def push(self, tag: str, content: str = "good:1") -> tuple[str, int]:
        """Let the registry's ``tag`` be the image ``content``; gives its digest and size."""
        repository = self.name.partition("/")[2]
        size = copy_image(self.front.stage, content, repository, tag)
        return self.front.stage.digests[content], size

    def sign(self, tag: str, content: str = "good:1") -> None:
        """Push it, and release it."""
        digest, size = self.push(tag, content)
        self.digests[tag] = digest
        self.web.release(tag, digest, size)

    def pull(self, tag: str) -> Reply:
        """``tag`` may be a digest."""
        return self.front.proxy.ask("POST", f"/{API}/images/create?fromImage={self.name}&tag={tag}")

    def create(self, tag: str, name: str = "") -> Reply:
        """A container called ``name``."""
        return self.front.proxy.create(f"{self.name}:{tag}", name)

    def believe(self, *tags: str) -> None:
        """Each is pulled: by the digest that was signed last, and gets its tag."""
        for tag in tags:
            witness = self.front.proxy.witness
            witness.forget()
            reply = self.pull(tag)
            assert reply.status == 200, reply
            assert b'"error' not in reply.body, reply
            pulled, tagged = (str(request) for request in witness.acted())
            digest = self.digests[tag]
            assert pulled == f"POST /{API}/images/create?fromImage={self.name}&tag={digest}"
            assert tagged == f"POST /{API}/images/{self.name}@{digest}/tag?repo={self.name}&tag={tag}"

    def refuse(self, tag: str, *words: str, learns: bool = False) -> str:
        """It is neither pulled nor run; the message names it, has all ``words``, a rule and a way out. Gives it.

        What the host remembers stays as it is, byte for byte; where the metadata is good, the host ``learns`` it.
        """
        before = self._remembered()
        self.front.proxy.witness.forget()
        message = refused(self.front.proxy, self.pull(tag), self.name, *words)
        assert refused(self.front.proxy, self.create(tag), self.name, *words) == message
        assert learns or self._remembered() == before
        return message

    def _remembered(self) -> bytes:
        return self.cache.read_bytes() if self.cache.is_file() else b""


def refused(proxy: Proxy, reply: Reply, *words: str, rule: str = RULE) -> str:
    """The engine was asked to do nothing, and the message has all it needs; gives it."""
    acted = proxy.witness.acted()
    proxy.witness.forget()
    assert reply.status == 403, reply
    assert acted == [], acted
    for word in (*words, rule, "(hint: "):
        assert word in reply.message, reply.message
    assert reply.message.startswith("pytrust: ")
    assert "\n" not in reply.message
    return reply.message


def copy_image(stage: Stage, content: str, repository: str, tag: str) -> int:
    """Give an image of the stage one more name in its registry, without an engine; gives the size of its manifest."""
    name, _, _ = content.partition(":")
    source = f"stage/{name}"
    manifest = _call(stage, "GET", f"/v2/{source}/manifests/{stage.digests[content]}")
    for digest in _blobs(manifest):
        _call(stage, "POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from={quote(source, safe='')}")
    _call(stage, "PUT", f"/v2/{repository}/manifests/{tag}", manifest)
    return len(manifest)


def _blobs(manifest: bytes) -> list[str]:
    found = json.loads(manifest)
    return [found["config"]["digest"], *(layer["digest"] for layer in found["layers"])]


def _call(stage: Stage, method: str, path: str, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection(stage.registry.host, timeout=10)
    try:
        connection.request(method, path, body, {"Accept": _MANIFEST, "Content-Type": _MANIFEST})
        answer = connection.getresponse()
        assert answer.status in {200, 201}, answer.status
        return answer.read()
    finally:
        connection.close()
