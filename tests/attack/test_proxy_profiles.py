"""A signed profile on a real engine: what containers get, and what clients try to get beyond it.

The profile of ``good:1`` is Docker's own default without ``mkdir``, so that its effect can be seen from inside; and
with ``socket`` open, whose conditions there do not do what they say (``profile lint``: the kernel reads 32 bits).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace
from tests.attack.cell import Config, act, create, inspected, ran
from tests.rig.processes import RigError
from tests.rig.proxy import API, Proxy, Stage

from pytrust.policy.profiles.document import encode_profile, profile_digest
from pytrust.policy.profiles.model import Condition, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Capability, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text

_MKDIR: Final = frozenset({Syscall("mkdir"), Syscall("mkdirat")})
_TRY: Final = ["sh", "-c", "mkdir /tmp-made 2>&1; mkdir /tmp/made 2>&1; (echo > /written) 2>&1; cat /proc/self/status"]
_LIFTED: Final = """  allow:
    - {rule: privileged}
    - {rule: seccomp}
    - {rule: capability}
    - {rule: new-privileges}
    - {rule: apparmor}
    - {rule: pid-mode}
"""


def _without(calls: frozenset[Syscall]) -> Seccomp:
    def kept(rule: Rule) -> Rule | None:
        names = tuple(name for name in rule.names if name not in calls)
        args = () if "socket" in names else rule.args
        return replace(rule, names=names, args=args) if names else None

    default = docker_default()
    return replace(default, rules=tuple(rule for rule in map(kept, default.rules) if rule))


PROFILE: Final = Profile(
    name="stage/good",
    seccomp=_without(_MKDIR),
    capabilities=(Capability("CHOWN"), Capability("SETUID")),
    read_only=True,
)


class Host:
    """A home in which the profile is attached, and a proxy with it."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.home, self._folder = stage, folder / "home", folder
        shutil.copytree(stage.home, self.home)

    def attach(self, profile: Profile, image: str = "") -> None:
        path = self._folder / "profile.json"
        path.write_bytes(encode_profile(profile))
        self.stage.pytrust("profile", "attach", image or f"{self.stage.good}:1", str(path), home=self.home)

    def detach(self) -> None:
        self.stage.pytrust("profile", "detach", f"{self.stage.good}:1", home=self.home)

    def policy(self, need: str = "required", more: str = _LIFTED) -> str:
        return self.stage.policy(more=more).replace("  - match: '**'", f"  - match: '**'\n    profile: {need}")


@pytest.fixture(scope="module")
def host(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Host:
    found = Host(stage, tmp_path_factory.mktemp("profiled"))
    found.attach(PROFILE)
    return found


@pytest.fixture(scope="module")
def proxy(stage: Stage, host: Host) -> Iterator[Proxy]:
    with stage.proxy(host.policy(), home=host.home) as found:
        yield found


def status(lines: list[str], field: str) -> str:
    return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


def test_a_container_runs_under_it(stage: Stage, proxy: Proxy) -> None:
    reply = create(stage, proxy, {"User": "0", "Cmd": _TRY})
    assert reply.status == 201, reply
    lines = ran(stage, proxy, reply.json["Id"])
    assert sum("mkdir" in line and "Operation not permitted" in line for line in lines) == 2
    assert any("/written" in line and "Read-only" in line for line in lines)
    assert status(lines, "NoNewPrivs") == "1"
    assert status(lines, "Seccomp") == "2"
    assert int(status(lines, "CapEff"), 16) == (1 << 0) | (1 << 7)
    shown = inspected(stage, reply.json["Id"])["HostConfig"]
    assert (shown["CapDrop"], shown["CapAdd"], shown["ReadonlyRootfs"]) == (["ALL"], ["CHOWN", "SETUID"], True)


def test_the_docker_client_notices_nothing_else(stage: Stage, proxy: Proxy) -> None:
    done = stage.client(proxy).attempt("run", "--rm", f"{stage.good}:1", "sh", "-c", "mkdir /a; cat /content")
    assert b"Operation not permitted" in done.stderr
    assert done.stdout.strip() == b"good:1"


NARROW: Final = docker_text(_without(_MKDIR | {Syscall("personality"), Syscall("chmod")}))
_WITHOUT_CHOWN: Final = Rule(
    names=tuple(sorted(_MKDIR)), action=Action.ALLOW, excludes=Condition(caps=(Capability("CHOWN"),))
)
CONDITIONAL: Final = docker_text(replace(PROFILE.seccomp, rules=(*PROFILE.seccomp.rules, _WITHOUT_CHOWN)))
WIDER: list[tuple[Config, str]] = [
    ({"HostConfig": {"SecurityOpt": [f"seccomp={CONDITIONAL}"], "CapDrop": ["chown"]}}, "mkdir"),
    ({"HostConfig": {"SecurityOpt": [f"seccomp={CONDITIONAL}"], "CapDrop": ["ALL"]}}, "mkdir"),
    ({"HostConfig": {"Privileged": True}}, "--privileged gives everything"),
    ({"HostConfig": {"SecurityOpt": ["seccomp=unconfined"]}}, "seccomp=unconfined lets every call through"),
    ({"HostConfig": {"SecurityOpt": ["seccomp:unconfined"]}}, "seccomp=unconfined lets every call through"),
    ({"HostConfig": {"SecurityOpt": [f"seccomp={docker_text(docker_default())}"]}}, "mkdir"),
    ({"HostConfig": {"SecurityOpt": [f"seccomp={NARROW}", f"seccomp={docker_text(docker_default())}"]}}, "mkdir"),
    ({"HostConfig": {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']}}, "the seccomp file lets through"),
    ({"HostConfig": {"SecurityOpt": ['seccomp={"defaultaction":"SCMP_ACT_ALLOW"}']}}, "the seccomp file lets through"),
    ({"HostConfig": {"SecurityOpt": ["seccomp={}"]}}, "the seccomp file lets through"),
    ({"HostConfig": {"SecurityOpt": ["no-new-privileges=false"]}}, "no-new-privileges=false"),
    ({"HostConfig": {"CapAdd": ["SYS_ADMIN"]}}, "--cap-add SYS_ADMIN"),
    ({"HostConfig": {"CapAdd": ["cap_sys_admin"]}}, "--cap-add SYS_ADMIN"),
    ({"HostConfig": {"CapAdd": ["ALL"], "CapDrop": ["ALL"]}}, "--cap-add ALL"),
    ({"HostConfig": {"CapAdd": ["KILL"]}}, "--cap-add KILL"),
]


@pytest.mark.parametrize(("config", "words"), WIDER)
def test_nothing_wider_reaches_the_engine(stage: Stage, proxy: Proxy, config: Config, words: str) -> None:
    proxy.witness.forget()
    reply = create(stage, proxy, config)
    assert (reply.status, proxy.witness.acted()) == (403, [])
    assert words in reply.message
    assert "profile required" in reply.message
    assert "(hint: " in reply.message


def test_a_narrower_file_is_used(stage: Stage, proxy: Proxy) -> None:
    config = {
        "Cmd": ["sh", "-c", "chmod 600 /content 2>&1; true"],
        "HostConfig": {"SecurityOpt": [f"seccomp={NARROW}"]},
    }
    reply = create(stage, proxy, {"User": "0", **config})
    assert reply.status == 201, reply
    shown = inspected(stage, reply.json["Id"])["HostConfig"]["SecurityOpt"]
    assert f"seccomp={NARROW}" in shown
    assert "no-new-privileges" in shown


def test_one_under_which_the_engine_would_hang_does_not_reach_it(stage: Stage, proxy: Proxy) -> None:
    proxy.witness.forget()
    reply = create(stage, proxy, {"HostConfig": {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ERRNO"}']}})
    assert (reply.status, proxy.witness.acted()) == (403, [])
    assert "without which the engine's runtime hangs" in reply.message


def test_a_process_in_it_is_not_privileged(stage: Stage, proxy: Proxy) -> None:
    container = create(stage, proxy, {"Cmd": ["sleep", "100"]}).json["Id"]
    assert act(proxy, container).status == 204
    try:
        reply = proxy.ask("POST", f"/{API}/containers/{container}/exec", {"Cmd": ["id"], "Privileged": True})
        assert reply.status == 403
        assert "no process of theirs is privileged" in reply.message
        made = proxy.ask(
            "POST", f"/{API}/containers/{container}/exec", {"Cmd": ["mkdir", "/tmp"], "AttachStderr": True}
        )
        assert made.status == 201
        stage.direct("POST", f"/exec/{made.json['Id']}/start", {"Detach": False})
        assert stage.direct("GET", f"/exec/{made.json['Id']}/json").json["ExitCode"] == 1
    finally:
        stage.direct("POST", f"/containers/{container}/kill")


def test_the_image_of_another_signature_has_no_profile(stage: Stage, host: Host) -> None:
    with stage.proxy(host.policy("optional")) as elsewhere:  # the stage's own home, where nothing is attached
        shown = inspected(stage, create(stage, elsewhere, {}).json["Id"])["HostConfig"]
        assert not any(option.startswith("seccomp") for option in shown["SecurityOpt"] or ())
        elsewhere.reload(host.policy("required"))
        reply = create(stage, elsewhere, {})
        assert reply.status == 403
        assert "has no signed profile" in reply.message


@pytest.fixture
def turning(stage: Stage, tmp_path: Path) -> Iterator[tuple[Host, Proxy]]:
    changed = Host(stage, tmp_path)
    changed.attach(PROFILE)
    with stage.proxy(changed.policy("required"), home=changed.home) as found:
        yield changed, found


def test_the_profile_of_the_moment_decides_at_every_start(stage: Stage, turning: tuple[Host, Proxy]) -> None:
    host, proxy = turning
    container = create(stage, proxy, {"Cmd": ["true"]}).json["Id"]
    assert act(proxy, container).status == 204
    host.attach(replace(PROFILE, capabilities=(*PROFILE.capabilities, Capability("KILL"))))  # a wider one
    assert act(proxy, container).status in {204, 304}
    host.attach(replace(PROFILE, capabilities=()))
    reply = act(proxy, container)
    assert reply.status == 403
    assert "lets through the capability CHOWN" in reply.message
    fresh = create(stage, proxy, {"Cmd": ["true"]})
    assert fresh.status == 201
    assert inspected(stage, fresh.json["Id"])["HostConfig"]["CapAdd"] in ([], None)
    host.detach()
    assert "has no signed profile" in act(proxy, fresh.json["Id"]).message
    proxy.reload(host.policy("optional"))
    assert act(proxy, fresh.json["Id"]).status == 204


def test_its_user_is_that_of_every_process(stage: Stage, turning: tuple[Host, Proxy]) -> None:
    host, proxy = turning
    host.attach(replace(PROFILE, user="1000:1000"))
    assert "the group 0 is one more" in create(stage, proxy, {"HostConfig": {"GroupAdd": ["0"]}}).message
    container = create(stage, proxy, {"User": "", "Cmd": ["sleep", "100"]}).json["Id"]
    assert act(proxy, container).status == 204
    try:
        for user in ("0", "+0", "1000", "1000:0", ":1000"):
            reply = proxy.ask("POST", f"/{API}/containers/{container}/exec", {"Cmd": ["id"], "User": user})
            assert reply.status == 403, user
            assert "their user is 1000:1000" in reply.message
        asked = {"Cmd": ["id"], "User": "1000:1000", "AttachStdout": True}
        made = proxy.ask("POST", f"/{API}/containers/{container}/exec", asked)
        assert made.status == 201
        printed = stage.direct("POST", f"/exec/{made.json['Id']}/start", {"Detach": False}).body
        assert b"uid=1000 gid=1000 groups=1000" in printed
    finally:
        stage.direct("POST", f"/containers/{container}/kill")


@pytest.mark.parametrize("change", [{"user": ":0"}, {"user": "+0"}, {"capabilities": (Capability("ALL"),)}])
def test_what_has_two_readings_is_not_signed(stage: Stage, host: Host, change: dict[str, Any]) -> None:
    with pytest.raises(RigError, match="exit 1: error: .*(no capability|names the user)"):
        host.attach(replace(PROFILE, **change))


def test_the_journal_says_by_which_profile(stage: Stage, host: Host, proxy: Proxy) -> None:
    create(stage, proxy, {})
    digest = profile_digest(encode_profile(PROFILE))
    entries: list[dict[str, Any]] = json.loads(stage.pytrust("log", "--json", home=host.home))
    newest = max(entry["seq"] for entry in entries)
    explained = stage.pytrust("policy", "explain", str(newest), home=host.home)
    assert f"confined by the signed profile {digest}, capabilities CHOWN, SETUID" in explained
