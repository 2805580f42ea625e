"""The agent as real processes: opened once for all, killed, asked by other users, and by systemd's rules."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.rig.needs import need
from tests.rig.processes import Running, environment, running
from tests.rig.terminal import typed

from pytrust.trust.canonical import encode_json
from pytrust.trust.vault.agent.client import AgentVault
from pytrust.trust.vault.header import open_slot, read_header
from pytrust.trust.vault.master import Purpose
from pytrust.trust.vault.slots import unlock_key

PYTRUST = str(Path(sys.executable).with_name("pytrust"))
CANARY = b"canary-7c1f-never-seen"
WORDS = "correct horse battery staple"
UID, GID, GROUP = 4711, 4712, 4713
SHARED = "vault agent --share"

GUEST = """
import os, sys
import pytrust.cli.root, pytrust.cli.vault, pytrust.cli.secret, pytrust.cli.secret_read, pytrust.cli.secret_write
import pytrust.cli.vault_agent, pytrust.cli.vault_told, pytrust.trust.vault.agent.client, pytrust.trust.vault.desk
import pytrust.trust.vault.agent.hygiene, pytrust.trust.vault.agent.notify, pytrust.trust.vault.agent.held
import pytrust.trust.vault.agent.server, pytrust.trust.vault.slots.kinds
uid, gid, groups, *words = sys.argv[1:]
os.setgroups([int(group) for group in groups.split(",") if group])
os.setresgid(int(gid), int(gid), int(gid))
os.setresuid(int(uid), int(uid), int(uid))
sys.exit(pytrust.cli.root.run(words))
"""


@dataclass
class Scene:
    """A home with a vault, an unlock key in a file, and every command that was run."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    def env(self, **more: str) -> dict[str, str]:
        return environment(
            {"PYTRUST_HOME": str(self.home), "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", **more}
        )

    def run(self, *words: str, stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [PYTRUST, *words],
            input=stdin,
            env=self.env(**more),
            capture_output=True,
            timeout=60,
            start_new_session=True,
        )

    def must(self, *words: str, stdin: bytes = b"", **more: str) -> bytes:
        done = self.run(*words, stdin=stdin, **more)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def unlock(self) -> None:
        self.must("--unlock-file", str(self.key), "vault", "unlock")

    def put(self, name: str, value: bytes, *words: str) -> None:
        self.must("secret", "put", name, *words, stdin=value)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("vault", "status", "--json").stdout)
        return found

    def pid(self) -> int:
        """Of the agent."""
        pid = self.status()["agent"]["pid"]
        assert isinstance(pid, int)
        return pid

    def guest(
        self, *words: str, uid: int = UID, groups: str = "", stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """The command as another user runs it."""
        command = [sys.executable, "-c", GUEST, str(uid), str(GID), groups, "--home", str(self.home), *words]
        return subprocess.run(
            command, input=stdin, env=self.env(), capture_output=True, timeout=60, start_new_session=True
        )

    def agent(self, *before: str, words: str = "vault agent", **more: str) -> Any:
        return running(
            [PYTRUST, *before, *words.split()],
            log=self.folder / "agent.log",
            ready=lambda: (
                (self.home / "vault.sock").exists() and b"vault is" in (self.folder / "agent.log").read_bytes()
            ),
            env=self.env(**more),
        )


@pytest.fixture
def scene() -> Iterator[Scene]:
    need("" if os.geteuid() == 0 else "other users are played by root")
    with tempfile.TemporaryDirectory(prefix="vault-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        made = Scene(folder)
        made.must("vault", "init", "--unlock-key-only", "--unlock-key-file", str(made.key))
        yield made
        standing = AgentVault(made.home / "vault.sock").status()
        if standing is not None:
            kill(standing.pid)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def until(holds: Any, within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_once_for_everything(scene: Scene) -> None:
    locked = scene.run("secret", "get", "web")
    assert (locked.returncode, locked.stdout) == (4, b"")
    assert (
        locked.stderr == b"error: the vault is locked, and there is no terminal to ask at\nhint: pytrust vault unlock\n"
    )
    scene.unlock()
    scene.put("web", CANARY)
    assert scene.must("secret", "get", "web") == CANARY
    assert scene.must("secret", "get", "--version", "1", "web") == CANARY
    assert scene.must("vault", "unlock") == b"the vault is open already\n"
    pid = scene.pid()
    assert scene.must("vault", "lock") == b"the vault is locked\n"
    assert scene.status()["agent"] is None
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert scene.must("vault", "lock") == b"the vault is locked already\n"
    assert scene.run("secret", "get", "web").returncode == 4
    assert [path.name for path in scene.home.iterdir() if path.name.startswith("vault.sock")] == ["vault.sock.lock"]


def test_every_read_is_in_the_audit_also_those_by_the_short_way(scene: Scene) -> None:
    scene.unlock()
    scene.put("web", CANARY)
    scene.must("secret", "get", "web")
    scene.must("secret", "get", "--version", "1", "web")
    assert scene.run("secret", "get", "absent").returncode == 1
    reads = json.loads(scene.must("secret", "audit", "--json"))
    assert {read["caller"] for read in reads} == {"uid:0"}
    assert [read["name"] for read in reads][:2] == ["web", "web"]
    assert {read["name"] for read in reads[2:]} == {"absent"}


def test_a_passphrase_at_a_terminal(scene: Scene) -> None:
    words = scene.folder / "words"
    words.touch(0o600)
    words.write_text(f"{WORDS}\n")
    scene.must("--unlock-file", str(scene.key), "--passphrase-file", str(words), "vault", "slot", "add", "passphrase")
    code, screen = typed([PYTRUST, "vault", "unlock"], [("of the vault: ", "a wrong one, surely")], env=scene.env())
    assert (code, "error: that does not open the vault" in screen) == (4, True)
    assert scene.status()["agent"] is None
    code, screen = typed([PYTRUST, "vault", "unlock", "--idle", "5"], [("of the vault: ", WORDS)], env=scene.env())
    assert code == 0
    assert "until nobody used it for 5 minutes" in screen
    assert WORDS not in screen
    assert scene.status()["agent"]["idle_seconds"] == 300


def test_kill_9(scene: Scene) -> None:
    scene.unlock()
    scene.put("web", CANARY)
    kill(scene.pid())
    assert (scene.home / "vault.sock").exists()
    assert scene.status()["agent"] is None
    assert scene.run("secret", "get", "web").returncode == 4
    scene.unlock()
    assert scene.must("secret", "get", "web") == CANARY


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_orderly_end(scene: Scene, number: signal.Signals) -> None:
    with scene.agent("--unlock-file", str(scene.key)) as agent:
        assert scene.status()["open"]
        os.kill(agent.pid, number)
        assert agent.process.wait(10) == 0
        assert agent.tail().splitlines() == ["the vault is open"]
    assert not (scene.home / "vault.sock").exists()


def test_an_agent_waits_and_says_so(scene: Scene) -> None:
    with scene.agent() as agent:
        assert scene.status()["open"] is False
        state = scene.run("vault", "status")
        assert state.returncode == 1
        assert state.stdout.startswith(
            f"locked: agent {agent.pid} waits; open it with: pytrust vault unlock\n".encode()
        )
        scene.unlock()
        assert scene.status()["open"]
        scene.must("vault", "lock")
        assert agent.alive  # this one was started to stay
        until(lambda: agent.tail().endswith("unlock\n"))
        assert agent.tail().splitlines() == [
            "the vault is locked: pytrust vault unlock",
            "the vault is open",
            "the vault is locked: pytrust vault unlock",
        ]
        again = scene.run("vault", "agent")
        assert (again.returncode, again.stderr.splitlines()[0]) == (
            4,
            f"error: an agent listens at {scene.home}/vault.sock already".encode(),
        )


def test_a_credential_of_systemd_and_its_notice(scene: Scene) -> None:
    credentials = scene.folder / "credentials"
    credentials.mkdir()
    (credentials / "pytrust.unlock-key").write_bytes(scene.key.read_bytes())
    (credentials / "pytrust.unlock-key").chmod(0o400)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(scene.folder / "notify"))
        notices.settimeout(10)
        more = {"CREDENTIALS_DIRECTORY": str(credentials), "NOTIFY_SOCKET": str(scene.folder / "notify")}
        with scene.agent(**more):
            assert notices.recv(1000) == b"READY=1\nSTATUS=the vault is open"
            assert scene.status()["open"]


def test_a_credential_that_is_wrong_is_told_at_once(scene: Scene) -> None:
    (scene.folder / "pytrust.unlock-key").write_bytes(scene.key.read_bytes()[:-5] + b"AAAA\n")
    (scene.folder / "pytrust.unlock-key").chmod(0o400)
    done = scene.run("vault", "agent", CREDENTIALS_DIRECTORY=str(scene.folder))
    assert done.returncode == 2
    assert b"checksum" in done.stderr
    assert not (scene.home / "vault.sock").exists()


def test_idle(scene: Scene) -> None:
    """A minute is the least; the clock is not ours to move, so the agent is asked how long it will wait."""
    with scene.agent("--unlock-file", str(scene.key), words="vault agent --idle 1"):
        assert scene.status()["agent"]["idle_seconds"] == 60
    assert scene.run("vault", "agent", "--idle", "0").returncode == 2


def test_other_users_without_share(scene: Scene) -> None:
    scene.home.chmod(0o711)
    scene.unlock()
    scene.put("web", CANARY, "--reader", f"uid:{UID}")
    for words in (("secret", "get", "web"), ("vault", "lock"), ("secret", "ls")):
        done = scene.guest(*words)
        assert (done.returncode, done.stdout) == (1, b""), (words, done)
        assert b"is not for this user" in done.stderr
    assert scene.status()["open"]


def test_other_users_with_share(scene: Scene) -> None:
    scene.home.chmod(0o711)
    with scene.agent("--unlock-file", str(scene.key), words=SHARED):
        scene.put("mine", CANARY, "--reader", f"uid:{UID}")
        scene.put("ours", CANARY, "--reader", f"gid:{GROUP}")
        scene.put("theirs", CANARY, "--reader", "uid:1")
        assert scene.guest("secret", "get", "mine").stdout == CANARY
        assert scene.guest("secret", "get", "ours", groups=f"1,{GROUP}").stdout == CANARY
        not_his = scene.guest("secret", "get", "theirs")
        absent = scene.guest("secret", "get", "absent")
        assert (not_his.returncode, not_his.stderr) == (1, absent.stderr.replace(b"absent", b"theirs"))
        assert scene.guest("secret", "get", "ours").stderr == absent.stderr.replace(b"absent", b"ours")
        assert scene.guest("secret", "get", "mine", uid=UID + 1).returncode == 1
        for words in (("secret", "ls"), ("secret", "rm", "mine", "--yes"), ("vault", "lock"), ("secret", "audit")):
            assert scene.guest(*words).returncode not in {0, 2}, words
        put = scene.guest("secret", "put", "mine", stdin=b"replaced")
        assert (put.returncode, b"only the owner" in put.stderr) == (1, True)
        assert scene.must("secret", "get", "mine") == CANARY
        assert scene.status()["open"]
        callers = {read["caller"] for read in json.loads(scene.must("secret", "audit", "--json"))}
        assert callers == {"uid:0", f"uid:{UID}", f"uid:{UID + 1}"}
        scene.must("vault", "lock")
        locked = scene.guest("secret", "get", "mine")
        assert (locked.returncode, b"is another user's, and no agent holds it open" in locked.stderr) == (4, True)


def test_a_stranger_who_listens_gets_no_key(scene: Scene) -> None:
    """Even in a home that he could write to: who listens is what counts."""
    code = """
import os, socket, sys
os.setresuid(4711, 4711, 4711)
sock = socket.socket(socket.AF_UNIX)
sock.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
sock.listen()
print("ready", flush=True)
while True:
    there, _ = sock.accept()
    print(there.recv(1000), flush=True)
    there.close()
"""
    scene.home.chmod(0o777)
    log = scene.folder / "stranger.log"
    command = [sys.executable, "-c", code, str(scene.home / "vault.sock")]
    with running(command, log=log, ready=lambda: b"ready" in log.read_bytes()):
        scene.home.chmod(0o700)
        for words in (("vault", "unlock"), ("secret", "put", "web"), ("secret", "get", "web"), ("vault", "status")):
            done = scene.run("--unlock-file", str(scene.key), *words, stdin=CANARY)
            assert done.returncode == 4, done
            assert b"user 4711 listens at" in done.stderr
        assert set(log.read_bytes().splitlines()) == {b"ready", b"b''"}
    (scene.home / "vault.sock").unlink()


def test_the_agent_of_an_ordinary_user(scene: Scene) -> None:
    """Root may ask it, another user may not, and the system lets it harden itself as far as it does for anybody."""
    for path in (scene.home, *scene.home.rglob("*"), scene.key, scene.folder / "home.anchor"):
        os.chown(path, UID, GID)
    for path in (scene.folder / "home.anchor").iterdir():
        os.chown(path, UID, GID)
    scene.home.chmod(0o711)
    words = ["--home", str(scene.home), "--unlock-file", str(scene.key), "vault", "agent", "--share"]
    command = [sys.executable, "-c", GUEST, str(UID), str(GID), "", *words]
    log = scene.folder / "agent.log"
    with running(command, log=log, ready=lambda: b"vault is open" in log.read_bytes(), env=scene.env()) as agent:
        assert scene.guest("secret", "put", "web", "--reader", f"uid:{UID + 1}", stdin=CANARY).returncode == 0
        assert scene.guest("secret", "get", "web").stdout == CANARY
        assert scene.must("secret", "get", "web") == CANARY
        assert scene.guest("secret", "get", "web", uid=UID + 1).stdout == CANARY
        assert scene.guest("secret", "get", "web", uid=UID + 2).returncode == 1
        assert Path(f"/proc/{agent.pid}/environ").stat().st_uid == 0  # not its own: no debugger of the user's
        assert Path(f"/proc/{agent.pid}/status").read_text().count("\nUid:\t4711\t4711\t4711\t4711\n") == 1


def test_a_hundred_processes(scene: Scene) -> None:
    scene.unlock()
    scene.put("web", CANARY)
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: scene.must("secret", "get", "web"), range(100))) == {CANARY}


def test_a_client_that_hangs_keeps_nobody_waiting(scene: Scene) -> None:
    scene.unlock()
    scene.put("web", CANARY)
    hanging = [socket.socket(socket.AF_UNIX) for _ in range(50)]
    for sock in hanging:
        sock.connect(str(scene.home / "vault.sock"))
        sock.sendall(b"\x00\x00\x00")
    begun = time.monotonic()
    assert scene.must("secret", "get", "web") == CANARY
    assert time.monotonic() - begun < 5
    for sock in hanging:
        sock.close()


def test_new_keys_reach_the_agent_and_no_other(scene: Scene) -> None:
    scene.unlock()
    scene.put("web", CANARY)
    pid = scene.pid()
    scene.must("--unlock-file", str(scene.key), "vault", "rekey")
    assert scene.must("secret", "get", "web") == CANARY
    assert scene.pid() == pid
    assert scene.status()["epoch"] == 2


def test_a_stopped_client_of_a_vault_that_was_rekeyed_while_it_was_locked(scene: Scene) -> None:
    with scene.agent():
        scene.must("--unlock-file", str(scene.key), "vault", "rekey")
        assert not scene.status()["open"]  # whoever locked it meant it
        scene.unlock()
        assert scene.status()["open"]


def test_the_status_of_an_older_epoch_that_claims_to_be_newer(scene: Scene) -> None:
    header = scene.home / "vault" / "vault.json"
    line, mac, _ = header.read_bytes().split(b"\n")
    header.write_bytes(encode_json({**json.loads(line), "epoch": 0, "generation": 9}) + b"\n" + mac + b"\n")
    assert scene.run("vault", "status").returncode == 4


@pytest.mark.parametrize("as_json", [False, True])
def test_the_status_of_a_header_that_somebody_wrote(scene: Scene, as_json: bool) -> None:
    """Nothing in it is authenticated yet: a time without a calendar, and words that a terminal would obey."""
    header = scene.home / "vault" / "vault.json"
    line, mac, _ = header.read_bytes().split(b"\n")
    found = json.loads(line)
    found["created"] = found["slots"][0]["created"] = 2**52
    found["slots"][0]["label"] = found["slots"][0]["kind"] = "\x1b[2Jx"
    header.write_bytes(encode_json(found) + b"\n" + mac + b"\n")
    done = scene.run("vault", "status", *(["--json"] if as_json else []))
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"9999-12-31" in done.stdout
    assert b"\x1b" not in done.stdout


def test_rolled_back(scene: Scene) -> None:
    before = (scene.home / "vault" / "vault.json").read_bytes()
    scene.unlock()
    scene.put("web", CANARY)
    scene.must("vault", "lock")
    (scene.home / "vault" / "vault.json").write_bytes(before)
    status = scene.run("vault", "status")
    assert status.returncode == 4
    assert b"the vault on the disk is older than what this host has seen" in status.stdout
    refused = scene.run("--unlock-file", str(scene.key), "vault", "unlock")
    assert refused.returncode == 4
    assert scene.status()["agent"] is None
    scene.must("--unlock-file", str(scene.key), "vault", "unlock", "--accept")
    assert scene.status()["anchor"] == {"generation": scene.status()["generation"], "state": "good"}


def test_neither_key_nor_value_shows_in_any_process(scene: Scene) -> None:
    key = scene.key.read_bytes().strip()
    scene.must("--unlock-file", str(scene.key), "vault", "unlock", SOME_PASSWORD="hunter2-in-the-shell")
    scene.put("web", CANARY)
    agent = Path(f"/proc/{scene.pid()}")
    shown = (agent / "environ").read_bytes() + (agent / "cmdline").read_bytes() + (agent / "maps").read_bytes()
    for secret in (key, CANARY, b"hunter2"):
        assert secret not in shown
    assert b"PYTRUST" not in (agent / "environ").read_bytes()
    links = {link.name: str(link.readlink()) for link in (agent / "fd").iterdir()}
    assert {links[str(stream)] for stream in range(3)} == {"/dev/null"}
    assert str(scene.key) not in links.values()
    limits = (agent / "limits").read_text()
    assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4:6] == ["0", "0"]
    status = (agent / "status").read_text()
    assert int(next(line for line in status.splitlines() if line.startswith("VmLck")).split()[1]) > 0
    assert (agent / "environ").stat().st_uid == 0
    assert (agent / "stat").read_text().rpartition(")")[2].split()[4] == "0"  # no terminal


def test_an_agent_writes_nothing_of_a_secret(scene: Scene) -> None:
    with scene.agent("--unlock-file", str(scene.key)) as agent:
        scene.put("web", CANARY)
        scene.must("secret", "get", "web")
        scene.run("secret", "get", "nothing")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(scene.home / "vault.sock"))
            sock.sendall(b"\x00\x00\x00\x20" + CANARY + b"x" * 30)
            sock.recv(1000)
        assert_nowhere(scene, agent)


def assert_nowhere(scene: Scene, agent: Running) -> None:
    assert CANARY.decode() not in agent.tail()
    for path in scene.folder.rglob("*"):
        if path.is_file():
            assert CANARY not in path.read_bytes(), path


def in_memory(pid: int, needles: dict[str, bytes]) -> set[str]:
    """Which of ``needles`` lie in the memory of a process, as root sees it."""
    found = set()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            with suppress(OSError, OverflowError, ValueError):  # the kernel's own pages
                memory.seek(start)
                data = memory.read(end - start)
                found |= {name for name, needle in needles.items() if needle in data}
    return found


@pytest.mark.parametrize("by", ["lock", "idle"])
def test_a_locked_agent_has_nothing_in_its_memory(scene: Scene, by: str) -> None:
    header = read_header(scene.home / "vault")
    seed = unlock_key.parse(scene.key.read_bytes())
    master = open_slot(header, header.slots[0], seed)
    purposes: tuple[Purpose, ...] = ("header", "manifest", "audit", "wrap")
    needles: dict[str, bytes] = {
        "value": CANARY,
        "unlock key": scene.key.read_bytes().strip(),
        "seed": seed,
        "master key": master.bytes(),
    }
    needles.update((purpose, master.derive(purpose, header.store, header.epoch)) for purpose in purposes)
    with scene.agent("--unlock-file", str(scene.key)) as agent:
        scene.put("web", CANARY)
        assert scene.must("secret", "get", "web") == CANARY
        assert {"master key", "wrap", "value"} <= in_memory(agent.pid, needles)
        if by == "lock":
            scene.must("vault", "lock")
        else:
            AgentVault(scene.home / "vault.sock").unlock(master.bytes(), idle=1)
        until(lambda: not scene.status()["open"])
        assert agent.alive
        assert scene.pid() == agent.pid
        assert in_memory(agent.pid, needles) == set()
        assert Path(f"/proc/{agent.pid}/limits").read_text().split("Max core file size")[1].split()[:2] == ["0", "0"]
        assert scene.run("vault", "agent").returncode == 4  # it is still the only one
        scene.unlock()
        assert scene.must("secret", "get", "web") == CANARY
        assert scene.pid() == agent.pid


def test_there_is_always_somebody_who_listens_while_it_forgets(scene: Scene) -> None:
    with scene.agent("--unlock-file", str(scene.key), words="vault agent --share --idle 7"):
        for _ in range(5):
            scene.must("vault", "lock")
            standing = AgentVault(scene.home / "vault.sock").status()
            assert standing is not None
            assert (standing.open, standing.shared, standing.idle) == (False, True, 420)
            scene.unlock()
            assert scene.status()["open"]


def test_the_time_in_which_the_host_sleeps_counts_as_idle() -> None:
    """The clock goes on while the host is suspended: seen in a time namespace in which it is somewhere else."""
    code = "import time; from pytrust.cli.vault_agent import steady; print(steady() - time.monotonic())"
    command = ["unshare", "--time", "--boottime", "1000000", "--fork", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=True)
    assert float(done.stdout) > 900_000


@pytest.mark.parametrize("words", ["vault verify", "vault unlock", "secret ls", "vault slot add unlock-key"])
def test_a_command_that_unlocks_the_vault_leaves_no_core_file(scene: Scene, words: str) -> None:
    """Nor is it read by a debugger of the same user; what it starts is not kept from either."""
    code = """
import ctypes, resource, sys
from pytrust.cli.root import run
before = resource.getrlimit(resource.RLIMIT_CORE)
assert run(sys.argv[1:]) == 0
print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE) == before)
"""
    command = [sys.executable, "-c", code, "--unlock-file", str(scene.key), *words.split()]
    done = subprocess.run(command, env=scene.env(), capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.stdout.splitlines()[-1] == b"dumpable 0 True", done.stderr
