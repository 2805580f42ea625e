"""``make demo``: the main job on real parts, one line for each thing shown.

A private Docker engine and registry are started on loopback, used through the ``pytrust`` and ``docker`` commands as an
operator would, and ended whatever happens. An engine that runs on this machine already is left alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.rig import (
    clock,
    demo_profile,
    demo_proxy,
    demo_scan,
    demo_tls,
    demo_trust,
    demo_vault,
    docker_trust,
    dockerd,
)
from tests.rig.demo_proxy import Guarded, expect
from tests.rig.demo_tls import Exposed
from tests.rig.demo_trust import Served
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.processes import RigError, ending_on_sigterm, environment
from tests.rig.registry import Registry, missing, private_registry

_PASSPHRASE: Final = "a passphrase for the demo"
_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one ``pytrust`` command did."""

    code: int
    output: str
    complaint: str


@dataclass(slots=True)
class Stage:
    """The parts, and the ``pytrust`` command working on them with a home of its own."""

    folder: Path
    engine: PrivateEngine
    registry: Registry
    docker: Docker
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """The image that the demo is about, without tag."""
        return f"{self.registry.host}/foo/web"

    @property
    def home(self) -> Path:
        """``PYTRUST_HOME``."""
        return self.folder / "home"

    def pytrust(self, *words: str) -> Result:
        """Run the installed command."""
        settings = {
            "PYTRUST_HOME": str(self.home),
            "PYTRUST_PASSPHRASE": _PASSPHRASE,
            "DOCKER_HOST": self.engine.host,
            "DOCKER_CONFIG": str(self.docker.config),
            "HOME": str(self.folder),
        }
        command = [str(Path(sys.executable).with_name("pytrust")), *words]
        done = subprocess.run(
            command,
            env=environment(settings),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def must(self, *words: str) -> str:
        """Run a command that has to answer yes; gives its output."""
        result = self.pytrust(*words)
        expect(result.code == 0, f"pytrust {' '.join(words)}: exit {result.code}: {result.complaint}{result.output}")
        return result.output

    def refused(self, code: str, *words: str) -> dict[str, Any]:
        """Run a ``--json`` command that has to say no for the reason ``code``; gives the error."""
        result = self.pytrust(*words, "--json")
        answer = json.loads(result.output)[0]
        error: dict[str, Any] = answer.get("error", {})
        expect(result.code == 1 and error.get("code") == code, f"pytrust {' '.join(words)}: {result}")
        return error


Check = Callable[[Stage], None]


def verifies(stage: Stage) -> None:
    """The signed tag verifies: digest and signer are named."""
    stage.must("init", "--signer", "alice")
    stage.must("sign", f"{stage.image}:v2")
    answer = stage.must("verify", f"{stage.image}:v2")
    expect(stage.digests["v2"] in answer and "signed by alice" in answer, answer)


def unsigned(stage: Stage) -> None:
    """A tag that nobody signed is refused."""
    error = stage.refused("unsigned", "verify", f"{stage.image}:v1")
    expect(f"{stage.image}:v1" in error["message"] and bool(error["hint"]), str(error))


def moved(stage: Stage) -> None:
    """A tag that was moved in the registry is refused, and both digests are named."""
    stage.docker.make_image(f"{stage.image}:v2", content="something else")
    other = stage.docker.push(f"{stage.image}:v2")
    error = stage.refused("digest-mismatch", "verify", f"{stage.image}:v2")
    expect(other in error["message"] and stage.digests["v2"] in error["message"], str(error))
    stage.docker.run("image", "rm", f"{stage.image}:v2")


def pulls(stage: Stage) -> None:
    """``pytrust pull`` brings exactly the signed digest, under its tag, though the registry's tag was moved."""
    stage.must("pull", f"{stage.image}:v2")
    held = json.loads(stage.docker.run("image", "inspect", f"{stage.image}:v2"))[0]
    expect(f"{stage.image}@{stage.digests['v2']}" in held["RepoDigests"], str(held["RepoDigests"]))
    stage.docker.push(f"{stage.image}:v2")
    stage.must("verify", f"{stage.image}:v2")


def rolled_back(stage: Stage) -> None:
    """Old metadata, put back in place of newer, is refused."""
    store = stage.home / "store"
    shutil.copytree(store, stage.folder / "old-store")
    stage.must("sign", f"{stage.image}:v1")
    stage.must("verify", f"{stage.image}:v1")
    store.rename(stage.folder / "new-store")
    shutil.copytree(stage.folder / "old-store", store)
    stage.refused("rollback", "verify", f"{stage.image}:v2")
    shutil.rmtree(store)
    (stage.folder / "new-store").rename(store)
    stage.must("verify", f"{stage.image}:v1", f"{stage.image}:v2")


def revoked(stage: Stage) -> None:
    """A revoked tag is refused."""
    stage.must("revoke", f"{stage.image}:v2")
    stage.refused("unsigned", "verify", f"{stage.image}:v2")


def threshold(stage: Stage) -> None:
    """Where two of three signers must agree, one is refused and two are accepted."""
    stage.must("key", "generate", "bob", "carol")
    stage.must("signer", "add", "bob", stage.image)
    proposed = stage.pytrust("signer", "add", "carol", stage.image, "--threshold", "2", "--by", "alice", "--by", "bob")
    expect(proposed.code == 0, f"{proposed}")
    result = stage.pytrust("sign", "--signer", "alice", f"{stage.image}:v2")
    expect(result.code == 1 and "bob, carol" in result.output, f"{result}")
    stage.refused("unsigned", "verify", f"{stage.image}:v2")
    stage.must("approve", stage.image, "--signer", "carol", "--yes")
    answer = stage.must("verify", f"{stage.image}:v2")
    expect("signed by alice, carol (releases 2 of 3)" in answer, answer)


_FIRST: Final[tuple[tuple[str, Check], ...]] = (
    ("the signed tag verifies: digest and signer are named", verifies),
    ("an unsigned tag is refused", unsigned),
    ("a tag that was moved in the registry is refused, both digests named", moved),
    ("pytrust pull brings exactly the signed digest under its tag", pulls),
)
_BEHIND_THE_PROXY: Final[tuple[tuple[str, Callable[[Guarded], None]], ...]] = (
    ("docker run of the signed tag works behind the proxy; the engine is asked for the digest", demo_proxy.runs_signed),
    ("docker run of an unsigned tag is refused with a reason", demo_proxy.refuses_unsigned),
    ("an image retagged as the signed name does not run", demo_proxy.refuses_retagged),
    ("content to which a tag was moved in the registry does not run", demo_proxy.refuses_moved),
    ("the signed digest runs; another digest and an unsigned image id do not", demo_proxy.judges_digests),
    ("--privileged, -v /:/host, --pid=host and seccomp=unconfined are refused by rule", demo_proxy.isolates),
    ("a secret reaches a container of its image, in memory alone, and is gone when that stops", demo_vault.delivers),
    ("another image's secret is refused, and every secret while the vault is locked", demo_vault.withholds),
    ("a vault that was put back from yesterday is refused", demo_vault.notices_old_vault),
)
_WITH_PROFILE: Final[tuple[tuple[str, demo_profile.Check], ...]] = (
    ("an image is watched at work, and the least profile for it is proven", demo_profile.records),
    ("once it is signed, it confines the image: what was recorded works, mkdir does not", demo_profile.applies),
    ("--privileged, --cap-add and seccomp=unconfined beyond the profile are refused", demo_profile.bounds),
)
_WITH_SCANS: Final[tuple[tuple[str, demo_scan.Check], ...]] = (
    ("an image that is not scanned, and one with a hole that could be mended, are refused", demo_scan.refuses),
    ("an exception with an owner and an end counts; so does a newer scan", demo_scan.excuses),
    ("pytrust scan status and pytrust audit tell what is signed, scanned and denied", demo_scan.tells),
)
_LAST_BEHIND_THE_PROXY: Final[tuple[tuple[str, Callable[[Guarded], None]], ...]] = (
    ("without the trust store, known data serves until it expires, then nothing runs", demo_proxy.outlives_store),
    ("pytrust log tells the story, and proves that nobody touched it", demo_proxy.logs),
)
_LAST: Final[tuple[tuple[str, Check], ...]] = (
    ("old metadata, put back, is refused", rolled_back),
    ("a revoked tag is refused", revoked),
    ("two of three signers are accepted, one is refused", threshold),
)
_WITH_TLS: Final[tuple[tuple[str, Callable[[Exposed], None]], ...]] = (
    ("a client with a certificate of pytrust ca runs the signed tag over TLS", demo_tls.runs_over_tls),
    ("without a certificate nobody comes in, and pytrust ca doctor says why", demo_tls.keeps_strangers_out),
    ("a revoked client is refused at once, its stream is cut, others go on", demo_tls.revokes),
)
_WITH_DOCKER: Final[tuple[tuple[str, Callable[[Served], None]], ...]] = (
    ("stock docker with content trust signs through pytrust serve", demo_trust.signs_with_docker),
    ("what docker signed verifies and runs behind the proxy, once its root key is pinned", demo_trust.believes_docker),
    ("what pytrust signed, stock docker pulls by its digest; an unsigned tag it refuses", demo_trust.pulls_with_docker),
    ("a tag that pytrust revokes is gone for stock docker", demo_trust.agree_on_revocation),
)
_REVOKED: Final = "after pytrust revoke, a stopped container no longer starts"
COUNT: Final = (
    len(_FIRST)
    + len(_BEHIND_THE_PROXY)
    + len(_WITH_PROFILE)
    + len(_WITH_SCANS)
    + 1
    + len(_LAST_BEHIND_THE_PROXY)
    + len(_LAST)
    + len(_WITH_TLS)
    + len(_WITH_DOCKER)
)


def main() -> int:
    """Show everything; exit 0 only if all of it held."""
    if reason := dockerd.missing() or missing() or docker_trust.missing() or clock.missing():
        sys.stderr.write(f"error: the demo cannot run here: {reason}\n")
        return 1
    started = time.monotonic()
    with ending_on_sigterm(), _stage() as stage:
        shown = sum(_show(text, partial(check, stage)) for text, check in _FIRST)
        shown += _show_proxy(stage)
        shown += sum(_show(text, partial(check, stage)) for text, check in _LAST)
        shown += _show_tls(stage)
        shown += _show_trust(stage)
    sys.stdout.write(f"took {time.monotonic() - started:.0f} s\n")
    sys.stdout.write(f"demo: {shown} of {COUNT} checks passed\n")
    return 0 if shown == COUNT else 1


def _show_proxy(stage: Stage) -> int:
    try:
        with demo_proxy.guard(
            stage.folder, stage.engine.socket, stage.registry, stage.docker, stage.home, stage.image
        ) as host:
            shown = sum(_show(text, partial(check, host)) for text, check in _BEHIND_THE_PROXY)
            shown += sum(_show(text, partial(check, stage, host)) for text, check in _WITH_PROFILE)
            shown += sum(_show(text, partial(check, stage, host)) for text, check in _WITH_SCANS)
            revoke, sign = partial(stage.must, "revoke"), partial(stage.must, "sign")
            shown += _show(_REVOKED, partial(demo_proxy.stays_stopped, host, revoke, sign))
            return shown + sum(_show(text, partial(check, host)) for text, check in _LAST_BEHIND_THE_PROXY)
    except (RigError, AssertionError) as error:
        sys.stdout.write(f"failed the proxy does not start: {error}\n")
        return 0


def _show_tls(stage: Stage) -> int:
    try:
        with demo_tls.expose(
            stage.folder, stage.home, stage.engine.socket, stage.docker, stage.image, _PASSPHRASE
        ) as host:
            return sum(_show(text, partial(check, host)) for text, check in _WITH_TLS)
    except (RigError, AssertionError) as error:
        sys.stdout.write(f"failed the proxy does not start with TLS: {error}\n")
        return 0


def _show_trust(stage: Stage) -> int:
    parts = (stage.folder, stage.home, stage.engine.socket, stage.docker, stage.registry, _PASSPHRASE)
    try:
        with demo_trust.serve(*parts) as host:
            return sum(_show(text, partial(check, host)) for text, check in _WITH_DOCKER)
    except (RigError, AssertionError) as error:
        sys.stdout.write(f"failed the trust server does not start: {error}\n")
        return 0


@contextmanager
def _stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="pytrust-demo-") as name:
        folder = Path(name)
        with (
            private_engine(folder / "engine", sees=folder / "seen") as engine,
            private_registry(folder / "registry") as registry,
        ):
            docker = Docker(engine.host, folder / "docker")
            stage = Stage(folder, engine, registry, docker)
            for tag in ("v1", "v2"):
                docker.make_image(f"{stage.image}:{tag}", content=tag)
                stage.digests[tag] = docker.push(f"{stage.image}:{tag}")
            yield stage


def _show(text: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except (RigError, AssertionError, subprocess.TimeoutExpired, ValueError, LookupError) as error:
        sys.stdout.write(f"failed {text}: {error}\n")
        return False
    sys.stdout.write(f"ok {text}\n")
    sys.stdout.flush()
    return True


if __name__ == "__main__":
    sys.exit(main())
