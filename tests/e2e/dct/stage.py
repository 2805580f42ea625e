"""What a script plays on: one trust server behind a recorder, and the parts that both servers share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.dct.account import Plain, told
from tests.rig.docker_trust import DockerTrust
from tests.rig.images import Docker
from tests.rig.notary_client import NotaryClient, Said
from tests.rig.registry import Registry
from tests.rig.tls_recorder import Exchange, Recorder
from tests.rig.token_service import TokenService
from tests.rig.trust_server import TrustServer, connect

USER, ADMIN, PASSWORD = "alice", "root", "a password of the rig"
USERS: Final = {USER: PASSWORD, ADMIN: PASSWORD}
_NUMBER: Final = re.compile(r" \(\d+ of \d+\)")
_FILE: Final = re.compile(r"/_trust/tuf/(?:\d+\.)?([a-z/]+)(?:\.[0-9a-f]{64})?\.json")


@dataclass(frozen=True, slots=True)
class Parts:
    """What is there once: an engine at ``host``, a registry, one that asks for a login, and images by content."""

    host: str
    registry: Registry
    locked: Registry
    digests: dict[str, str]

    def image(self, content: str) -> str:
        """The name in the engine of an image with some content."""
        return f"base/img:{content}"


@dataclass(frozen=True, slots=True)
class Stage:
    """``kind`` is ``real`` or ``ours``: equally long, so that tables have the same columns."""

    kind: str
    server: TrustServer
    recorder: Recorder
    folder: Path
    issuer: TokenService | None = None


@dataclass(slots=True)
class Play:
    """One script on one stage; ``lines`` is its account: what was typed, what was said, what went over the wire."""

    stage: Stage
    folder: Path
    name: str
    plain: Plain
    shared: Parts | None
    lines: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    @classmethod
    def begin(cls, stage: Stage, name: str, shared: Parts | None = None) -> Play:
        """A folder and a collection of its own for the script ``name``."""
        folder = stage.folder / name
        folder.mkdir()
        stage.recorder.take()
        stage.recorder.honest()
        names = {
            str(folder): "FOLDER",
            f"127.0.0.1:{stage.recorder.port}": "SERVER",
            f"/{stage.kind}/": "/KIND/",
            f" {stage.kind}/": " KIND/",
        }
        if stage.issuer:
            names[stage.issuer.url] = "ISSUER"
        if shared:
            names |= {shared.registry.host: "REGISTRY", shared.locked.host: "LOCKED"}
            names |= {digest.removeprefix("sha256:"): f"<{content}>" for content, digest in shared.digests.items()}
        return cls(stage, folder, name, Plain(names), shared)

    @property
    def gun(self) -> str:
        """A collection that only the notary client knows."""
        return f"example.org/{self.stage.kind}/{self.name}"

    @property
    def parts(self) -> Parts:
        assert self.shared is not None
        return self.shared

    def repository(self, name: str = "web", *, locked: bool = False) -> str:
        """The name of an image without a tag, which is that of its collection, too."""
        registry = self.parts.locked if locked else self.parts.registry
        return f"{registry.host}/{self.stage.kind}/{self.name}/{name}"

    def image(self, content: str, name: str) -> str:
        """Give the image with some content a name."""
        Docker(self.parts.host, self.folder / "tagger").tag(self.parts.image(content), name)
        return name

    def notary(
        self, who: str, *words: str, code: int = 0, stdin: str = "", login: tuple[str, str] | None = None
    ) -> str:
        """``notary WORDS`` by somebody, which has to end with ``code``; what it printed."""
        client = NotaryClient(self.folder / who, self.stage.recorder.url, self.stage.server.files.ca, login)
        return self._note(f"{who}$ notary {' '.join(words)}", client.attempt(*words, stdin=stdin), code)

    def docker(
        self, who: str, *words: str, code: int = 0, stdin: str = "", trust: bool = True, ordered: bool = True
    ) -> str:
        """``docker WORDS`` with content trust by somebody, which has to end with ``code``; what it printed.

        Args:
            ordered: false where it goes through tags in any order, so that its lines are sorted.
        """
        client = DockerTrust(Docker(self.parts.host, self.folder / who), self.stage.recorder.url)
        env = {} if trust else {"DOCKER_CONTENT_TRUST": "0"}
        return self._note(
            f"{who}$ docker {' '.join(words)}", client.attempt(*words, stdin=stdin, env=env), code, ordered
        )

    def ask(
        self, method: str, target: str, body: bytes = b"", kind: str = "application/octet-stream", what: str = ""
    ) -> bytes:
        """One request that no stock client makes, ``what`` says why; the answer."""
        connection = connect(self.stage.recorder.port, self.stage.server.files)
        try:
            connection.request(method, target, body, {"Content-Type": kind} if body else {})
            answer = connection.getresponse().read()
        finally:
            connection.close()
        self._pass(f"{what}> ")
        return answer

    def say(self, line: str) -> None:
        """Add to the account."""
        self.lines.append(self.plain.text(line))

    def served(self) -> Iterator[tuple[str, bytes]]:
        """Role and text of each file that the server gave and nobody meddled with."""
        for exchange in self.exchanges:
            found = _FILE.search(exchange.target)
            if found and exchange.answer.status == 200 and exchange.answer.genuine:
                yield found[1], exchange.answer.body

    def _note(self, typed: str, said: Said, code: int, ordered: bool = True) -> str:
        assert said.code == code, f"{typed}\n{said.code}\n{said.out}{said.err}\n{self._pass('  > ')}"
        self.lines.append(self.plain.text(typed))
        lines = [f"  {line}" for line in self.plain.output(said.out + said.err)]
        self.lines += lines if ordered else sorted(_NUMBER.sub("", line) for line in lines)
        self._pass("  > ")
        return said.out

    def _pass(self, mark: str) -> str:
        """Add what went over the wire."""
        passed = self.stage.recorder.take()
        self.exchanges += passed
        lines = [f"{mark}{self.plain.text(told(exchange))}" for exchange in passed]
        if self.stage.issuer:
            lines += [f"{mark}{self.plain.text(asked)}" for asked in self.stage.issuer.take()]
        self.lines += lines
        return "\n".join(lines)
