"""Profiles that the product recorded on an engine, enforced by a kernel with AppArmor.

Images are run and recorded on a real engine of this host; their containers then run under the AppArmor part of what was
proposed, started by runc in a machine of their own. What they are asked there is more than what was recorded.
"""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.rig import dockerd, images, programs, vm
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.root_files import USERS
from tests.rig.vm import Ended, Step, shell

from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe.image_command import ImageCommands
from pytrust.policy.observe.laboratory import EngineLaboratory
from pytrust.policy.observe.notify import NotifyRecorder
from pytrust.policy.observe.recorder import Choice
from pytrust.policy.observe.session import Subject, record
from pytrust.policy.observe.trial import Confinement
from pytrust.policy.profiles.apparmor.load import LOAD
from pytrust.policy.profiles.apparmor.text import apparmor_text
from pytrust.policy.profiles.model import Profile
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES
from pytrust.policy.profiles.propose import Wanted, propose

HELD = tuple(sorted(DEFAULT_CAPABILITIES))


class Asked(NamedTuple):
    """A line of shell for each program, PORT in it, and words of the answer in their order."""

    script: str
    answers: Sequence[str]


def wired(*lines: str, end: str = "\\r\\n") -> str:
    """Lines to a server, with time to answer before the next."""
    said = "; ".join(f"printf '%s{end}' {shlex.quote(line)}; sleep 0.4" for line in lines)
    return f"({said}) | timeout 20 nc 127.0.0.1 PORT"


ASKED = {
    "redis": Asked(
        wired("SET a b", "GET a", "BGSAVE", "CONFIG SET appendonly yes", "INFO persistence", "QUIT"),
        ("+OK", "b", "+Background saving started", "+OK", "rdb_last_bgsave_status:ok", "aof_last_bgrewrite_status:ok"),
    ),
    "nginx": Asked(
        "wget -q -O - http://127.0.0.1:PORT/; wget -q -O - http://127.0.0.1:PORT/big | wc -c; "
        "wget -q -O /dev/null http://127.0.0.1:PORT/none || echo none; runc kill nginx HUP; sleep 0.5; "
        "wget -q -O - http://127.0.0.1:PORT/folder/",
        ("a page", "1048576", "none", "a page"),
    ),
    "memcached": Asked(
        wired("set a 0 0 1", "x", "get a", "stats", "quit"), ("STORED", "VALUE a 0 1", "x", "END", "STAT pid")
    ),
    "httpd": Asked(
        "wget -q -O - http://127.0.0.1:PORT/; wget -q -O - --post-data name http://127.0.0.1:PORT/cgi-bin/hello; "
        "wget -q -O - --post-data again http://127.0.0.1:PORT/cgi-bin/hello",
        ("a page", "hello name", "hello again"),
    ),
    "postgres": Asked(
        "runc exec postgres psql -h 127.0.0.1 -p PORT -U postgres postgres -c 'create table t as select 1 n; checkpoint'",
        ("CHECKPOINT",),
    ),
    "static-go": Asked(wired("file", "work", "nonsense", end="\\n"), ("first", "no")),
}
USER = {"postgres": "postgres", "redis": "app", "static-go": "app"}


DONE_WITHOUT = {"postgres": "/pg_internal.init."}  # a cache, made under the number of a process and then renamed
PORT = re.compile(rb'\b127\.0\.0\.1(?::|", )(\d{4,5})\b|^(\d{4,5})$', re.MULTILINE)


class Recorded(NamedTuple):
    """``tree`` is the image's file system, as an archive."""

    profile: Profile
    command: tuple[str, ...]
    tree: bytes

    @property
    def port(self) -> str:
        """Of the server: a word of its command, or somewhere in its files."""
        found = PORT.search("\n".join(self.command).encode()) or PORT.search(self.tree)
        assert found is not None
        return (found[1] or found[2]).decode()


class Machine(NamedTuple):
    places: Mapping[str, int]
    results: Mapping[int, Ended]

    def said(self, name: str) -> str:
        return self.results[self.places[name]].output


def recorded(engine: PrivateEngine, name: str) -> Recorded:
    address, docker = parse_host(engine.host), Docker(engine.host, engine.folder / "client")
    laboratory, commands = EngineLaboratory(address), ImageCommands(address)
    program = programs.make_program(name, docker, laboratory.containers)
    subject = Subject(program.image, program.options, Confinement(capabilities=HELD), program.record)
    choice = Choice(NotifyRecorder(commands.command))  # the one that tells files
    session = record(laboratory, choice, subject, progress=lambda _: None)
    command = json.loads(docker.run("image", "inspect", "--format", "{{json .Config.Cmd}}", program.image))
    tree = docker.attempt("export", docker.run("create", program.image)).stdout
    return Recorded(propose(program.image, session.seen, Wanted(capabilities=HELD)), tuple(command), tree)


class Plan:
    """Steps by name, and the files that they need."""

    def __init__(self) -> None:
        self.files = vm.machine_files()
        self.files.program("runc")
        self.steps: list[Step] = []
        self.places: dict[str, int] = {}

    def add(self, name: str, step: Step) -> int:
        self.places[name] = len(self.steps)
        self.steps.append(step)
        return self.places[name]

    def run(self, name: str, what: Recorded) -> None:
        """Load, start, ask, attack and stop."""
        profile, user = f"pytrust-{name}", USERS[USER.get(name, "root")]
        self.files.file(f"profiles/{name}", apparmor_text(what.profile, profile).encode())
        self.files.file(f"b/{name}/config.json", vm.container(what.command, profile, (user, user), HELD))
        self.files.folder(f"b/{name}/rootfs")
        words = ("apparmor_parser", "--config-file", "/dev/null", *LOAD)
        self.add(f"load {name}", Step(words, stdin=f"/profiles/{name}"))
        place = self.add(name, Step(("runc", "run", "--bundle", f"/b/{name}", name), service=True))
        wait = vm.until_listening(int(what.port))
        script = ASKED[name].script.replace("PORT", what.port)
        self.add(f"ask {name}", shell(f"{wait}; {script} 2>&1; echo; cat /run/step.{place}"))
        pid = f"$(runc ps --format json {name} | tr -dc '0-9,' | cut -d , -f 1)"
        self.add(f"label {name}", shell(f"cat /proc/{pid}/attr/current"))
        over = f"for i in $(seq 60); do runc state {name} >/dev/null 2>&1 || break; sleep 0.3; done"
        self.add(f"stop {name}", shell(f"runc kill {name} TERM; {over}; runc state {name} 2>&1"))
        self.add(f"denied {name}", shell(f"dmesg | grep 'DENIED.*{profile}' | sed 's/.*operation=//' | sort -u"))


@pytest.fixture(scope="module")
def machine() -> Machine:
    need(vm.missing() or dockerd.missing() or images.missing() or programs.missing())
    plan, trees = Plan(), dict[str, bytes]()
    plan.add("control groups", shell("mkdir -p /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"))
    with tempfile.TemporaryDirectory(prefix="vm-") as folder, private_engine(Path(folder) / "e") as engine:
        for name in ASKED:
            what = recorded(engine, name)
            plan.run(name, what)
            trees[f"b/{name}/rootfs"] = what.tree
    return Machine(plan.places, vm.boot(plan.files, plan.steps, trees))


@pytest.mark.parametrize("name", ASKED)
def test_a_recorded_program_works_under_its_profile(machine: Machine, name: str) -> None:
    said, at = machine.said(f"ask {name}"), 0
    for word in ASKED[name].answers:
        at = said.find(word, at) + 1
        assert at, (word, said, machine.said(f"denied {name}"))
    assert machine.said(f"label {name}").strip() == f"pytrust-{name} (enforce)"
    assert "does not exist" in machine.said(f"stop {name}"), machine.said(f"denied {name}")


@pytest.mark.parametrize("name", ASKED)
def test_nothing_that_it_tried_was_refused(machine: Machine, name: str) -> None:
    lines = machine.said(f"denied {name}").splitlines()
    assert [line for line in lines if DONE_WITHOUT.get(name, "\n") not in line] == []
