"""Generated AppArmor profiles, enforced by a real kernel: what they allow works, and everything else fails.

One boot of one machine for all of it. What redis and nginx need is recorded on this host, and their profiles made of
that; paths are the same in the machine.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.rig import vm
from tests.rig.needs import need
from tests.rig.ports import free_port
from tests.rig.processes import environment, find
from tests.rig.root_files import RootFiles
from tests.rig.traced import files_of
from tests.rig.vm import Ended, Step, shell

from pytrust.policy.profiles.apparmor.load import LOAD
from pytrust.policy.profiles.apparmor.paths import literal
from pytrust.policy.profiles.apparmor.simulate import allows
from pytrust.policy.profiles.apparmor.text import apparmor_text
from pytrust.policy.profiles.files_seen import apparmor_part
from pytrust.policy.profiles.model import AppArmor, FileRule, NetworkRule, Profile, Seccomp
from pytrust.policy.profiles.names import Action, Capability, Syscall
from pytrust.policy.profiles.seen import Argument, Seen

ATTEMPTS = "/usr/bin/attempts"
SOURCE = Path(__file__).parents[1] / "rig/program_sources/attempts.c"
TCP = (NetworkRule(family="inet", kind="stream"),)

# What is asked about files: rules of every kind, beside and within each other, and names that mean something to a
# shell, to a pattern or to the parser.
RULES = (
    FileRule(path="/box/read/*", modes="r"),
    FileRule(path="/box/read/deep/**", modes="rm"),
    FileRule(path="/box/log/*.log", modes="a"),
    FileRule(path="/box/data/**", modes="rwk"),
    FileRule(path="/box/data/x?z", modes="m"),
    FileRule(path="/box/own/**", modes="rw", owner=True),
    FileRule(path="/box/{one,two/three}/[a-c]*", modes="r"),
    FileRule(path="/box/not/[^a]b", modes="rw"),
    FileRule(path="/box/run/yes", modes="r", transition="ix"),
    FileRule(path="/box/run/only", transition="ix"),
    FileRule(path="/box/lock/**", modes="rk"),
    FileRule(path="/box/", modes="r"),
    FileRule(path=literal(b"/box/odd/a*b"), modes="r"),
    FileRule(path=literal(b"/box/odd/new\nline"), modes="r"),
    FileRule(path=literal(b'/box/odd/q"uote, capability, '), modes="r"),
    FileRule(path=literal(b"/box/odd/{a,b}"), modes="w"),
    FileRule(path=literal(b"/box/odd/[ab]"), modes="r"),
    FileRule(path=literal(b"/box/odd/@{HOME}"), modes="r"),
    FileRule(path=literal(b"/box/odd/back\\slash"), modes="rw"),
    FileRule(path=literal(b"/box/odd/\xff\xfe"), modes="r"),
    FileRule(path="/box/odd/\u00e9", modes="r"),
    FileRule(path="/proc/**", modes="rw"),
    FileRule(path="/sys/**", modes="rw"),
)
FILES = (
    b"/box/read/a",
    b"/box/read/deep/a",
    b"/box/read/deep/er/a",
    b"/box/reader",
    b"/box/log/a.log",
    b"/box/log/a.txt",
    b"/box/data/a",
    b"/box/data/xyz",
    b"/box/data/xyyz",
    b"/box/own/mine",
    b"/box/own/theirs",
    b"/box/one/a",
    b"/box/one/d",
    b"/box/two/a",
    b"/box/two/three/c",
    b"/box/not/ab",
    b"/box/not/bb",
    b"/box/not/bbb",
    b"/box/run/yes",
    b"/box/run/only",
    b"/box/run/no",
    b"/box/lock/a",
    b"/box/odd/a*b",
    b"/box/odd/axb",
    b"/box/odd/new\nline",
    b"/box/odd/new",
    b'/box/odd/q"uote, capability, ',
    b'/box/odd/q"',
    b"/box/odd/{a,b}",
    b"/box/odd/a",
    b"/box/odd/b",
    b"/box/odd/[ab]",
    b"/box/odd/@{HOME}",
    b"/box/odd/root",
    b"/box/odd/back\\slash",
    b"/box/odd/backslash",
    b"/box/odd/\xff\xfe",
    b"/box/odd/\xc3\xa9",
    b"/box/odd/\xc3",
)
OF_KERNEL = (
    b"/proc/sysrq-trigger",
    b"/proc/sys/kernel/domainname",
    b"/proc/kcore",
    b"/proc/meminfo",
    b"/proc/self/oom_score_adj",
    b"/proc/self/comm",
    b"/sys/kernel/security/lsm",
    b"/sys/kernel/profiling",
    b"/sys/power/state",
)
OPENS = {"m": "rm", "k": "rk"}  # attempts.c opens these for reading first


def asked(paths: Sequence[bytes], letters: str) -> list[tuple[bytes, str]]:
    return [(path, letter) for path in paths for letter in letters]


QUESTIONS = [
    *asked(FILES, "rwamkx"),
    *asked((b"/box/", b"/box/read/", b"/sys/fs/cgroup/"), "r"),
    *asked(OF_KERNEL, "rw"),
]

# What is tried besides files, in this order; a word is what the profile that allows more should answer.
REST = {
    "tcp": ("s 2 1", "-"),
    "udp": ("s 2 2", "EACCES"),
    "tcp over v6": ("s 10 1", "EACCES"),
    "unix": ("s 1 1", "EACCES"),
    "netlink": ("s 16 3", "EACCES"),
    "packet": ("s 17 3", "EACCES"),
    "chroot": ("h", "-"),
    "mount": ("M", "EACCES"),
    "unmount": ("U", "EACCES"),
    "trace a child": ("T", "-"),
    "terminate a child": ("G", "-"),
    "trace another": ("t PID", "EACCES"),
    "terminate another": ("g PID", "EACCES"),
    "make a file": (f"c {b'/box/new/a'.hex()}", "-"),
    "link it": (f"l {b'/box/new/a'.hex()} {b'/box/new/b'.hex()}", "-"),
    "link into it": (f"l {b'/box/reader'.hex()} {b'/box/new/c'.hex()}", "EACCES"),
    "rename it": (f"n {b'/box/new/b'.hex()} {b'/box/new/c'.hex()}", "-"),
    "execute it": (f"x {b'/box/new/c'.hex()}", "EACCES"),
    "execute from memory": (f"E {ATTEMPTS.encode().hex()}", "EACCES"),
    "append to what is not there": (f"C {b'/box/appended'.hex()}", "EACCES"),
    "rename what may only be written": (f"n {b'/box/written'.hex()} {b'/box/new/e'.hex()}", "EACCES"),
    "make a folder": (f"d {b'/box/new/d'.hex()}", "-"),
    "remove a file": (f"u {b'/box/new/a'.hex()}", "-"),
    "remove another": (f"u {b'/box/reader'.hex()}", "EACCES"),
}
TALK = {
    "redis": ("+OK", "value", "+Background saving started", "rdb_last_bgsave_status:ok", "rdb_saves:1"),
    "nginx": ("a page", "404 Not Found"),
}
ALWAYS = {"trace a child", "terminate a child"}  # a profile with nothing in it allows these
NEW = (
    FileRule(path="/box/new/**", modes="rwl"),
    FileRule(path="/box/appended", modes="a"),
    FileRule(path="/box/written", modes="w"),
    FileRule(path=ATTEMPTS, modes="r"),
)
MORE = Profile(
    seccomp=Seccomp(default=Action.ERRNO),
    capabilities=tuple(map(Capability, ("SYS_CHROOT", "SYS_ADMIN", "SYS_PTRACE", "NET_RAW"))),
    apparmor=AppArmor(networks=TCP, files=NEW),
)


def profile(part: AppArmor, *capabilities: str) -> Profile:
    names = tuple(map(Capability, capabilities))
    return Profile(seccomp=Seccomp(default=Action.ERRNO), capabilities=names, apparmor=part)


class Plan:
    """The steps of the boot, each with a name."""

    def __init__(self, program: Path) -> None:
        self.files = vm.machine_files()
        self.files.copy(program, ATTEMPTS)
        self.program = program.read_bytes()
        self.steps: list[Step] = []
        self.places: dict[str, int] = {}

    def add(self, name: str, step: Step) -> str:
        """Add a step; returns how its process is known to later ones."""
        self.places[name] = len(self.steps)
        self.steps.append(step)
        return f"$(cat /run/pid.{self.places[name]})"

    def load(self, name: str, what: Profile) -> None:
        self.files.file(f"profiles/{name}", apparmor_text(what, name).encode())
        words = ("apparmor_parser", "--config-file", "/dev/null", *LOAD)
        self.add(f"load {name}", Step(words, stdin=f"/profiles/{name}"))

    def attempt(self, name: str, profile: str, lines: Sequence[str], process: str = "0") -> None:
        """What attempts.c is to try; ``PID`` in a line is a process."""
        place = f"/attempts/{len(self.steps)}"
        self.files.file(place.lstrip("/"), "".join(f"{line}\n" for line in lines).encode())
        self.add(f"lines of {name}", shell(f"sed s/PID/{process}/ {place} >/run/lines"))
        self.add(name, Step((ATTEMPTS,), profile, stdin="/run/lines"))


class Machine(NamedTuple):
    places: Mapping[str, int]
    results: Mapping[int, Ended]

    def ended(self, name: str) -> Ended:
        return self.results[self.places[name]]

    def attempted(self, name: str) -> list[str]:
        """A dash where it worked, else the name of the error."""
        words = self.ended(name).output.split()
        return ["-" if word == "ok" else errno.errorcode[int(word)] for word in words]


class Service(NamedTuple):
    """A server of this host; ``work`` is done while it is recorded, ``talk`` in the machine."""

    name: str
    command: tuple[str, ...]
    port: int
    folder: Path
    capabilities: tuple[str, ...]
    work: Callable[[], None]
    talk: str


def said(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def redis(folder: Path) -> Service:
    port = free_port()
    words = b"SET key value\r\nGET key\r\nBGSAVE\r\nINFO\r\n"
    command = (str(find("redis-server")), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder))

    def work() -> None:
        said(port, words)
        end = time.monotonic() + 10
        while not (folder / "dump.rdb").exists() and time.monotonic() < end:
            time.sleep(0.05)

    wire = f"timeout 20 nc 127.0.0.1 {port}"
    talk = f"printf 'SET key value\\r\\nGET key\\r\\nBGSAVE\\r\\nQUIT\\r\\n' | {wire}"
    info = f"printf 'INFO persistence\\r\\nQUIT\\r\\n' | {wire} >/run/info"
    saved = f"for i in $(seq 60); do {info}; grep -q rdb_saves:1 /run/info && break; sleep 0.5; done; cat /run/info"
    return Service("redis", command, port, folder, (), work, f"{talk}; {saved}")


def nginx(folder: Path) -> Service:
    port = free_port()
    (folder / "page.html").write_text("a page")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"user www-data; worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}} http {{ {temporary} access_log {folder}/access.log; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    command = (str(find("nginx")), "-c", f"{folder}/nginx.conf")
    capabilities = ("CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID", "KILL")

    def work() -> None:
        assert b"a page" in said(port, b"GET /page.html HTTP/1.0\r\n\r\n")
        assert b"404" in said(port, b"GET /none HTTP/1.0\r\n\r\n")

    talk = f"wget -q -O - http://127.0.0.1:{port}/page.html; wget -q -O - http://127.0.0.1:{port}/none"
    return Service("nginx", command, port, folder, capabilities, work, talk)


def record(service: Service) -> AppArmor:
    log = service.folder / "log"
    files = files_of(list(service.command), log, lambda: listens(service.port), service.work)
    sockets = frozenset(Argument(Syscall("socket"), values) for values in ((2, 1), (1, 1)))
    kept = {path: letters for path, letters in files.items() if path != str(log)}
    part = apparmor_part(Seen(method="strace", calls={}, files=kept, arguments=sockets))
    assert part is not None
    return part


def into(files: RootFiles, service: Service) -> None:
    """The server, its folder as it was before it ran, and what it reads."""
    files.program(Path(service.command[0]).name)
    for folder in ("var/lib", "var/lib/nginx", "var/log/nginx", "usr/share", "usr/share/nginx"):
        files.folder(folder)
    for name in ("", "page.html", "nginx.conf"):
        place = service.folder / name
        if name and place.exists():
            files.copy(place, place)
        elif not name:
            files.file(str(place / ".keep").lstrip("/"), b"")


def plan_files(plan: Plan) -> None:
    for path in FILES:
        owner = "app" if path.endswith(b"theirs") else "root"
        name = path.decode(errors="surrogateescape").lstrip("/")
        plan.files.file(name, plan.program if b"/run/" in path else b"x", 0o777, owner)
    plan.load("pytrust-files", profile(AppArmor(files=RULES)))
    lines = [f"{letter} {path.hex()}" for path, letter in QUESTIONS]
    plan.attempt("files, free", "", lines)
    plan.attempt("files", "pytrust-files", lines)


def plan_rest(plan: Plan) -> None:
    plan.load("pytrust-least", profile(AppArmor()))
    plan.load("pytrust-more", MORE)
    for folder in ("mnt", "mounted", "box/new"):
        plan.files.folder(folder)
    plan.files.file("box/written", b"")
    plan.add("mounted", shell("mount -t tmpfs none /mounted"))
    victim = plan.add("victim", Step(("/usr/bin/busybox", "sleep", "1000"), service=True))
    for name in ("pytrust-least", "pytrust-more"):
        plan.attempt(name, name, [line for line, _ in REST.values()], victim)
        plan.add(f"rm {name}", shell("rm -rf /box/new/*"))
    plan.add("victim lives", shell(f"kill -0 {victim}"))


def until(true: str) -> str:
    """A line for the shell that waits, some twenty seconds at most."""
    return f"for i in $(seq 60); do {true} && break; sleep 0.3; done"


def plan_stopping(plan: Plan) -> None:
    confined = plan.add("confined", Step(("/usr/bin/busybox", "sleep", "1000"), "pytrust-least", service=True))
    label = f"/proc/{confined}/attr/current"
    plan.add("label", shell(f"{until(f'grep -q pytrust {label}')}; cat {label}"))
    plan.add("stop", shell(f"kill -TERM {confined}; {until(f'! kill -0 {confined} 2>/dev/null')}; kill -0 {confined}"))
    guarded = "printf %s 'exec pytrust-least' >/proc/self/attr/exec; exec busybox cat /box/reader"
    plan.add("no new privileges", Step(("/usr/bin/busybox", "setpriv", "--nnp", "sh", "-c", guarded)))
    plan.add("no such profile", Step((ATTEMPTS, "0"), "pytrust-none"))


def plan_container(plan: Plan) -> None:
    """A real runtime starts a container under a profile, as an engine would have it done."""
    script = "trap 'exit 7' TERM; cat /etc/passwd; cat /etc/group; echo x >/tmp/x; while :; do sleep 0.2; done"
    plan.files.program("runc")
    command = ("/usr/bin/busybox", "sh", "-c", script)
    plan.files.file("container/config.json", vm.container(command, "pytrust-container"))
    for folder in ("proc", "dev", "sys", "tmp"):
        plan.files.folder(f"container/rootfs/{folder}")
    plan.files.copy(Path(str(find("busybox"))), "container/rootfs/usr/bin/busybox")
    for name in ("cat", "sleep"):
        plan.files.link(f"container/rootfs/usr/bin/{name}", "busybox")
    for name in ("passwd", "group"):
        plan.files.file(f"container/rootfs/etc/{name}", f"the {name} file\n".encode())
    rules = (FileRule(path="/usr/bin/busybox", transition="ix"), FileRule(path="/etc/passwd", modes="r"))
    plan.load("pytrust-container", profile(AppArmor(files=rules)))
    plan.add("control groups", shell("mkdir -p /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"))
    plan.add("container", Step(("runc", "run", "--bundle", "/container", "one"), service=True))
    log = f"/run/step.{plan.places['container']}"
    plan.add("container says", shell(f"{until(f'grep -q /tmp/x {log}')}; cat {log}"))
    plan.add(
        "container label", shell("cat /proc/$(runc ps --format json one | tr -dc '0-9,' | cut -d , -f 1)/attr/current")
    )
    for name in ("passwd", "group"):
        plan.add(f"exec {name}", Step(("runc", "exec", "one", "/usr/bin/busybox", "cat", f"/etc/{name}")))
    plan.add("container stops", shell(f"runc kill one TERM; {until('! runc state one')}"))


def plan_service(plan: Plan, service: Service, part: AppArmor) -> None:
    name = f"pytrust-{service.name}"
    into(plan.files, service)
    plan.load(name, profile(part, *service.capabilities))
    server = plan.add(service.name, Step(service.command, name, service=True))
    plan.add(
        f"{service.name} talks",
        shell(f"{vm.until_listening(service.port)}; {service.talk}"),
    )
    plan.add(f"{service.name} label", shell(f"cat /proc/{server}/attr/current"))
    lines = [f"r {b'/box/reader'.hex()}", f"w {b'/etc/passwd'.hex()}", f"x {ATTEMPTS.encode().hex()}", "s 2 2", "h"]
    plan.attempt(f"{service.name} attacked", name, lines)
    log = f"/run/step.{plan.places[service.name]}"
    stop = f"kill -TERM {server}; {until(f'! kill -0 {server}')}"
    plan.add(f"{service.name} stops", shell(f"{stop}; cat {log}; dmesg | grep DENIED.*{name}"))


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    lacking = [name for name in ("musl-gcc", "runc", "strace", "redis-server", "nginx") if find(name) is None]
    need(vm.missing() or (f"{' '.join(lacking)} not installed: scripts/install-packages" if lacking else ""))
    with tempfile.TemporaryDirectory(prefix="vm-") as folder:
        made = Path(folder) / "attempts"
        words = ["musl-gcc", "-static", "-O1", "-o", str(made), str(SOURCE)]
        subprocess.run(words, check=True, env=environment(), capture_output=True)
        yield made


@pytest.fixture(scope="module")
def machine(program: Path) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="vm-service-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        plan = Plan(program)
        plan_files(plan)
        plan_rest(plan)
        plan_stopping(plan)
        for make in (redis, nginx):
            (folder / make.__name__).mkdir()
            service = make(folder / make.__name__)
            plan_service(plan, service, record(service))
        plan_container(plan)
        yield Machine(plan.places, vm.boot(plan.files, plan.steps))


def test_the_kernel_enforces_every_rule_of_every_profile(machine: Machine) -> None:
    """But for what it does not tell apart: without fine rules for unix sockets, theirs are taken as rules for sockets."""
    loads = [name for name in machine.places if name.startswith("load ")]
    assert len(loads) == 6
    for name in loads:
        ended = machine.ended(name)
        assert ended.status == 0, ended.output
        assert [
            line for line in ended.output.splitlines() if line and "downgrading extended network unix" not in line
        ] == []


def test_files_are_opened_as_the_rules_say_and_not_otherwise(machine: Machine) -> None:
    part = AppArmor(files=RULES)
    free, confined = machine.attempted("files, free"), machine.attempted("files")
    for (path, letter), without, answer in zip(QUESTIONS, free, confined, strict=True):
        may = allows(
            part, path.replace(b"/self/", b"/1/"), OPENS.get(letter, letter), owner=not path.endswith(b"theirs")
        )
        assert answer == (without if may else "EACCES"), (path, letter)
    assert confined.count("EACCES") > len(QUESTIONS) / 2
    assert confined.count("-") > len(QUESTIONS) / 8


def test_what_a_profile_allows_besides_files_works_and_the_rest_fails(machine: Machine) -> None:
    assert machine.attempted("pytrust-more") == [wanted for _, wanted in REST.values()]
    least = dict(zip(REST, machine.attempted("pytrust-least"), strict=True))
    assert {name for name, answer in least.items() if answer == "-"} == ALWAYS
    assert machine.ended("victim lives").status == 0


def test_the_engine_can_stop_what_is_confined(machine: Machine) -> None:
    assert machine.ended("label").output.strip() == "pytrust-least (enforce)"
    assert machine.ended("stop").status == 1
    assert "No such process" in machine.ended("stop").output


def test_a_profile_holds_with_no_new_privileges_and_one_that_is_not_loaded_starts_nothing(machine: Machine) -> None:
    assert "can't open '/box/reader': Permission denied" in machine.ended("no new privileges").output
    assert machine.ended("no such profile").status == vm.NO_PROFILE


@pytest.mark.parametrize("name", ["redis", "nginx"])
def test_a_server_works_under_the_profile_that_was_made_of_a_recording(machine: Machine, name: str) -> None:
    talked = machine.ended(f"{name} talks").output
    stopped = machine.ended(f"{name} stops").output
    assert [wanted for wanted in TALK[name] if wanted not in talked] == [], talked + stopped
    assert machine.ended(f"{name} label").output.strip() == f"pytrust-{name} (enforce)"
    assert machine.attempted(f"{name} attacked") == ["EACCES", "EACCES", "EACCES", "EACCES", "EPERM"]
    assert "No such process" in stopped, "it did not stop in time"


def test_a_runtime_starts_a_container_under_a_profile_and_stops_it(machine: Machine) -> None:
    assert machine.ended("container label").output.strip() == "pytrust-container (enforce)"
    assert machine.ended("container says").output.splitlines() == [
        "the passwd file",
        "cat: can't open '/etc/group': Permission denied",
        "sh: can't create /tmp/x: Permission denied",
    ]
    assert machine.ended("exec passwd") == Ended(0, "the passwd file\n")
    assert machine.ended("exec group") == Ended(1, "cat: can't open '/etc/group': Permission denied\n")
    assert "does not exist" in machine.ended("container stops").output
