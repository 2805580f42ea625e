"""The second half of the demo: an engine that runs only what is signed.

A host of its own trusts what the first home publishes (``pytrust join``), runs ``pytrust proxy`` before the engine, and
the stock docker client is pointed at it. A witness between proxy and engine keeps what the engine was asked.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.rig.clock import Clock
from tests.rig.images import Docker
from tests.rig.ports import answers, free_port
from tests.rig.processes import Running, environment, running
from tests.rig.proxy import answers_ping, installed, replace_policy
from tests.rig.recorder import Recorder, recording
from tests.rig.registry import Registry
from tests.rig.terminal import typed

_DAYS_UNTIL_EXPIRY: Final = 15.0  # a timestamp lives 14


@dataclass(frozen=True, slots=True)
class Guarded:
    """A host whose engine is behind the proxy; ``publisher`` serves the trust data it follows."""

    home: Path
    docker: Docker
    direct: Docker
    witness: Recorder
    publisher: Running
    clock: Clock
    image: str
    digests: dict[str, str]
    proxy: Running

    def replace_policy(self, text: str) -> None:
        """Put another policy file in its place, and wait until it holds."""
        replace_policy(self.home, self.proxy.log, text)

    def run(self, *words: str) -> str:
        """``docker run --rm WORDS`` through the proxy, which has to work; gives what it prints."""
        return self.docker.run("run", "--rm", *words)

    def refused(self, *words: str, why: str) -> str:
        """``docker WORDS`` through the proxy, which has to be refused with ``why`` in the message; gives it."""
        done = self.docker.attempt(*words)
        said = (done.stderr + done.stdout).decode(errors="replace")
        expect(done.returncode != 0 and why in said, f"docker {' '.join(words)}: exit {done.returncode}: {said}")
        return said

    def log(self, *words: str) -> str:
        """``pytrust log WORDS`` on this host."""
        return pytrust(self.home, "log", *words)


@contextmanager
def guard(
    folder: Path, engine: Path, registry: Registry, direct: Docker, publisher: Path, image: str
) -> Iterator[Guarded]:
    """Join what ``publisher`` (a home) publishes, and run the proxy before the engine at ``engine``."""
    home, socket, clock = folder / "host", folder / "docker.sock", Clock.at(folder / "clock")
    port = free_port()
    serve: list[str | Path] = [
        installed(),
        "--home",
        publisher,
        "repo",
        "serve-static",
        "--listen",
        f"127.0.0.1:{port}",
    ]
    keys = json.loads(pytrust(publisher, "key", "list", "--json"))
    root = next(key["id"] for key in keys if key["name"] == "root")
    with (
        running(serve, log=folder / "serve.log", ready=lambda: answers(port)) as served,
        recording(folder / "engine.sock", engine) as witness,
    ):
        pytrust(home, "join", f"http://127.0.0.1:{port}", "--root", root)
        pytrust(home, "policy", "init", "--isolation", "baseline")
        command: list[str | Path] = [installed(), "--home", home, "proxy", "--listen", f"unix://{socket}"]
        command += ["--engine", f"unix://{witness.path}", "--secrets", folder / "seen" / "secrets"]
        with running(
            command, log=folder / "proxy.log", ready=lambda: answers_ping(socket), env=clock.environment
        ) as proxy:
            docker = Docker(f"unix://{socket}", direct.config)
            digests = {tag: registry.digest("foo/web", tag) for tag in ("v1", "v2")}
            yield Guarded(home, docker, direct, witness, served, clock, image, digests, proxy)


def pytrust(home: Path, *words: str, passphrase: str = "not asked for") -> str:
    """Run a command that has to work, with a home of its own."""
    done = subprocess.run(
        [installed(), "--home", home, *words],
        env=environment({"HOME": str(home.parent), "PYTRUST_PASSPHRASE": passphrase}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    expect(done.returncode == 0, f"pytrust {' '.join(words)}: exit {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def expect(held: bool, otherwise: str) -> None:
    """A demo stops at what does not hold."""
    if not held:
        raise AssertionError(otherwise)


def runs_signed(host: Guarded) -> None:
    """The signed tag runs, at a terminal too, and the engine was asked for the digest."""
    name, digest = f"{host.image}:v2", host.digests["v2"]
    expect(host.run(name, "cat", "/content") == "v2", "the signed image does not run")
    shell = ["docker", "--host", host.docker.host, "run", "--rm", "-it", name, "sh"]
    lines = [("# ", "echo ty''ped"), ("typed", "exit 7")]
    code, screen = typed(shell, lines, env={"DOCKER_CONFIG": str(host.docker.config)})
    expect(code == 7, f"at a terminal: exit {code}: {screen}")
    asked = [item.json["Image"] for item in host.witness.seen() if "/containers/create" in item.target]
    expect(bool(asked) and set(asked) == {f"{host.image}@{digest}"}, f"the engine was asked for {asked}")
    pulled = [item.target for item in host.witness.seen() if "/images/create" in item.target]
    expect(all("sha256" in target and "v2" not in target for target in pulled), f"the engine pulled {pulled}")
    expect(name in host.docker.run("images", "--format", "{{.Repository}}:{{.Tag}}"), "docker images shows no tag")


def refuses_unsigned(host: Guarded) -> None:
    """An unsigned tag is refused with a readable reason."""
    host.witness.forget()
    said = host.refused("run", "--rm", f"{host.image}:v1", "true", why=f"{host.image}:v1 is not signed")
    expect("hint" in said, said)
    expect(not host.witness.acted(), f"the engine saw {host.witness.acted()}")


def refuses_retagged(host: Guarded) -> None:
    """An image that was retagged locally as the signed name does not run."""
    host.direct.tag(f"{host.image}:v1", f"{host.image}:v2")
    expect(host.run(f"{host.image}:v2", "cat", "/content") == "v2", "the retagged image ran")
    host.refused("tag", f"{host.image}:v1", f"{host.image}:v2", why="")
    host.direct.tag(f"{host.image}@{host.digests['v2']}", f"{host.image}:v2")


def refuses_moved(host: Guarded) -> None:
    """A tag that was moved in the registry does not run: what was signed does."""
    host.direct.tag(f"{host.image}:v1", f"{host.image}:v2")
    host.direct.push(f"{host.image}:v2")
    try:
        host.direct.run("image", "rm", "--force", f"{host.image}:v2", f"{host.image}@{host.digests['v2']}")
        expect(host.run("--pull=always", f"{host.image}:v2", "cat", "/content") == "v2", "the moved tag ran")
    finally:
        host.direct.tag(f"{host.image}@{host.digests['v2']}", f"{host.image}:v2")
        host.direct.push(f"{host.image}:v2")


def judges_digests(host: Guarded) -> None:
    """The signed digest runs; another digest does not, nor an image id of unsigned content."""
    signed, other = (f"{host.image}@{host.digests[tag]}" for tag in ("v2", "v1"))
    expect(host.run(signed, "cat", "/content") == "v2", "the signed digest does not run")
    host.refused("run", "--rm", other, "true", why="is not signed")
    unsigned = host.direct.run("image", "inspect", "--format", "{{.Id}}", f"{host.image}:v1")
    for spelling in (unsigned, unsigned.removeprefix("sha256:")[:12]):
        host.refused("run", "--rm", spelling, "true", why="pytrust:")


def isolates(host: Guarded) -> None:
    """What would open the host is refused, and the rule is named."""
    table = (
        (("--privileged",), "privileged"),
        (("-v", "/:/host"), "bind"),
        (("--pid=host",), "pid-mode"),
        (("--security-opt", "seccomp=unconfined"), "seccomp"),
    )
    for flags, rule in table:
        said = host.refused("run", "--rm", *flags, f"{host.image}:v2", "true", why=rule)
        expect("isolation baseline" in said, said)


def stays_stopped(host: Guarded, revoke: Callable[[str], object], sign: Callable[[str], object]) -> None:
    """After a tag was revoked, its stopped container no longer starts."""
    host.docker.run("create", "--name", "kept", f"{host.image}:v2", "true")
    host.docker.run("start", "--attach", "kept")
    revoke(f"{host.image}:v2")
    try:
        host.refused("start", "kept", why="is not signed")
    finally:
        sign(f"{host.image}:v2")
    host.docker.run("start", "--attach", "kept")


def logs(host: Guarded) -> None:
    """``pytrust log`` tells the story, and ``--verify`` proves that nobody touched it."""
    story = host.log()
    expect(f"{host.image}:v2" in story and "denied" in story and "allowed" in story, story)
    expect("sha256:" in host.log("--verify"), "the head of the journal is not named")


def outlives_store(host: Guarded) -> None:
    """Without the trust store, what is known serves until it expires; then everything is refused."""
    host.publisher.stop()
    expect(host.run(f"{host.image}:v2", "cat", "/content") == "v2", "what is known does not serve")
    host.clock.move(_DAYS_UNTIL_EXPIRY)
    host.refused("run", "--rm", f"{host.image}:v2", "true", why="pytrust:")
