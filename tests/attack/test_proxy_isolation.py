"""What may a container have of its host? Cases 48 to 85 of the adversarial cases, at two levels of isolation.

What is refused says so, and never reaches the engine. What is let through is looked at in the engine afterwards: in
what it shows of the container, and from inside of the container. Cases 65 to 70 go on in ``test_proxy_storage``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from tests.attack.cell import LEVELS, NOT_ROOT, Config, act, create, inspected, made, ran, rule_of
from tests.attack.front import refused
from tests.rig.proxy import API, Proxy, Stage


class Row(NamedTuple):
    """``config`` is what is asked for besides the image; ``rule`` and ``words`` are what the refusal has to name."""

    config: Config
    rule: str
    words: tuple[str, ...]


def row(case: str, config: Config, rule: str, *words: str) -> Any:
    return pytest.param(Row(config, rule, words), id=case)


def host(case: str, config: Config, rule: str, *words: str) -> Any:
    return row(case, {"HostConfig": config}, rule, *words)


def mount(case: str, config: Config, rule: str, *words: str) -> Any:
    return host(case, {"Mounts": [{"Target": "/x", **config}]}, rule, *words)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, level: str) -> Proxy:
    """The shared proxy of that level, with a witness that has seen nothing yet."""
    found: Proxy = request.getfixturevalue(level)
    found.witness.forget()
    return found


# -- refused at both levels -------------------------------------------------------------------------------------------

REFUSED = [
    host("48-privileged", {"Privileged": True}, "privileged", "--privileged"),
    host("48-beside-a-benign-rest", {"Memory": 2**26, "Privileged": True, "CapDrop": ["ALL"]}, "privileged"),
    host("56-seccomp=", {"SecurityOpt": ["seccomp=unconfined"]}, "seccomp", "unconfined"),
    host("56-seccomp:", {"SecurityOpt": ["seccomp:unconfined"]}, "seccomp", "unconfined"),
    host("56-seccomp-last-wins", {"SecurityOpt": ["seccomp=builtin", "seccomp=unconfined"]}, "seccomp", "unconfined"),
    host("56-apparmor:", {"SecurityOpt": ["apparmor:unconfined"]}, "apparmor", "unconfined"),
    host("56-apparmor-of-the-host", {"SecurityOpt": ["apparmor=weak"]}, "apparmor", "weak"),
    host("56-disable", {"SecurityOpt": ["disable"]}, "selinux", "disable"),
    host("56-label:disable", {"SecurityOpt": ["label:disable"]}, "selinux", "disable"),
    host("56-label=type", {"SecurityOpt": ["label=type:spc_t"]}, "selinux", "spc_t"),
    host("56-label-behind-a-good-one", {"SecurityOpt": ["label=type:container_t", "label=disable"]}, "selinux"),
    host("56-writable-cgroups", {"SecurityOpt": ["writable-cgroups"]}, "security-option", "writable-cgroups"),
    host("56-writable-cgroups=", {"SecurityOpt": ["writable-cgroups=true"]}, "security-option", "writable-cgroups"),
    host("56-systempaths", {"SecurityOpt": ["systempaths=unconfined"]}, "system-paths"),
    host("56-unknown", {"SecurityOpt": ["frobnicate=1"]}, "security-option", "frobnicate"),
    host("57-=false", {"SecurityOpt": ["no-new-privileges", "no-new-privileges=false"]}, "new-privileges"),
    host("57-:0", {"SecurityOpt": ["no-new-privileges:0"]}, "new-privileges"),
    host("57-=F", {"SecurityOpt": ["no-new-privileges=F"]}, "new-privileges"),
    host("58-seccomp-inline", {"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']}, "seccomp", "custom"),
    host("58-seccomp-file", {"SecurityOpt": ["seccomp=/etc/profile.json"]}, "seccomp", "custom"),
    host("60-masked", {"MaskedPaths": []}, "system-paths", "masked"),
    host("60-readonly", {"ReadonlyPaths": []}, "system-paths", "readonly"),
    host("60-masked-some", {"MaskedPaths": ["/proc/kcore"]}, "system-paths", "masked"),
    host("61-sys_admin", {"CapAdd": ["sys_admin"]}, "capability", "SYS_ADMIN"),
    host("61-CAP_SYS_ADMIN", {"CapAdd": ["CAP_SYS_ADMIN"]}, "capability", "SYS_ADMIN"),
    host("61-all", {"CapAdd": ["all"]}, "capability", "ALL"),
    host("61-All", {"CapAdd": ["All"]}, "capability", "ALL"),
    host("61-behind-a-good-one", {"CapAdd": ["NET_BIND_SERVICE", "cap_net_raw"]}, "capability", "NET_RAW"),
    host("63-pid", {"PidMode": "host"}, "pid-mode", "host"),
    host("63-pid-container", {"PidMode": "container:x"}, "pid-mode", "container:x"),
    host("63-ipc", {"IpcMode": "host"}, "ipc-mode", "host"),
    host("63-ipc-shareable", {"IpcMode": "shareable"}, "ipc-mode", "shareable"),
    host("63-ipc-container", {"IpcMode": "container:x"}, "ipc-mode", "container:x"),
    host("63-network", {"NetworkMode": "host"}, "network-mode", "host"),
    host("63-network-container", {"NetworkMode": "container:x"}, "network-mode", "container:x"),
    host("63-uts", {"UTSMode": "host"}, "uts-mode", "host"),
    host("63-userns", {"UsernsMode": "host"}, "userns-mode", "host"),
    host("63-cgroupns", {"CgroupnsMode": "host"}, "cgroupns-mode", "host"),
    row("64", {"NetworkingConfig": {"EndpointsConfig": {"host": {}}}}, "network-mode", "host"),
    row("64-null", {"NetworkingConfig": {"EndpointsConfig": {"host": None}}}, "network-mode", "host"),
    row(
        "64-endpoint-sysctl",
        {"NetworkingConfig": {"EndpointsConfig": {"n": {"DriverOpts": {"com.docker.network.endpoint.sysctls": "x"}}}}},
        "endpoint-option",
        "com.docker.network.endpoint.sysctls",
    ),
    host("65-root", {"Binds": ["/:/h"]}, "bind", "the host path / "),
    host("65-dotdot", {"Binds": ["/../:/h"]}, "bind", "the host path / "),
    host("65-doubled", {"Binds": ["//:/h"]}, "bind", "the host path / "),
    host("65-proc", {"Binds": ["/proc/self/root:/h"]}, "bind", "/proc/self/root"),
    host("65-through", {"Binds": ["/allowed/../etc:/h:ro"]}, "bind", "the host path /etc "),
    host("66-socket", {"Binds": ["/var/run/docker.sock:/s"]}, "bind", "/var/run/docker.sock"),
    mount("66-mount", {"Type": "bind", "Source": "/var/run/docker.sock"}, "bind", "/var/run/docker.sock"),
    mount("68-o=bind", {"Type": "volume", "Source": "v", "VolumeOptions": {"DriverConfig": {
        "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}}, "volume-option", "device=/"),
    mount("68-block-device", {"Type": "volume", "VolumeOptions": {"DriverConfig": {
        "Options": {"type": "ext4", "device": "/dev/sda1"}}}}, "volume-option", "device=/dev/sda1"),
    mount("68-overlay", {"Type": "volume", "VolumeOptions": {"DriverConfig": {
        "Options": {"type": "overlay", "o": "lowerdir=/,upperdir=/tmp/u,workdir=/tmp/w", "device": "overlay"}}}},
        "volume-option", "type=overlay"),
    mount("68-driver", {"Type": "volume", "VolumeOptions": {"DriverConfig": {"Name": "nfs"}}}, "volume-driver", "nfs"),
    host("68-driver-of-all", {"VolumeDriver": "nfs", "Binds": ["v:/x"]}, "volume-driver", "nfs"),
    mount("68-cluster", {"Type": "cluster", "Source": "v"}, "mount-type", "cluster"),
    mount("68-other-case", {"Type": "Bind", "Source": "/"}, "mount-type", "Bind"),
    host("71", {"VolumesFrom": ["foreign"]}, "volumes-from", "foreign"),
    host("71-read-only", {"VolumesFrom": ["foreign:ro"]}, "volumes-from", "foreign"),
    mount("72-rshared", {"Type": "bind", "Source": "/x", "BindOptions": {"Propagation": "rshared"}}, "bind-option"),
    host("72-shared", {"Binds": ["v:/x:shared"]}, "bind-option", "shared"),
    host("72-z", {"Binds": ["v:/x:z"]}, "bind-option", "the mount option z"),
    host("72-Z", {"Binds": ["v:/x:ro,Z"]}, "bind-option", "the mount option Z"),
    host("73-device", {"Devices": [{"PathOnHost": "/dev/kvm", "PathInContainer": "/dev/kvm"}]}, "device", "/dev/kvm"),
    host("73-rule", {"DeviceCgroupRules": ["a *:* rwm"]}, "device-rule", "a *:* rwm"),
    host("73-cdi", {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["vendor.com/x=all"]}]}, "device-request", "cdi"),
    host("73-gpus", {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]}, "device-request", "gpu"),
    host("74-bind-in-disguise", {"Tmpfs": {"/x": "bind"}}, "bind-option", "bind"),
    host("75-core_pattern", {"Sysctls": {"kernel.core_pattern": "|/x"}}, "sysctl", "kernel.core_pattern"),
    host("75-with-a-slash", {"Sysctls": {"net/ipv4/ip_forward": "1"}}, "sysctl", "net/ipv4/ip_forward"),
    host("75-net-of-the-host", {"NetworkMode": "host", "Sysctls": {"net.ipv4.tcp_syncookies": "0"}}, "network-mode"),
    host("78-runtime", {"Runtime": "runsc"}, "runtime", "runsc"),
    host("78-shim", {"Runtime": "io.containerd.runc.v1"}, "runtime", "io.containerd.runc.v1"),
    host("79", {"Annotations": {"run.oci.handler": "wasm"}}, "annotation", "run.oci.handler"),
    host("80", {"LogConfig": {"Type": "syslog", "Config": {"syslog-address": "tcp://192.0.2.1"}}}, "log-driver", "syslog"),
    host("80-default", {"LogConfig": {"Config": {"syslog-address": "tcp://192.0.2.1"}}}, "log-driver", "default"),
    row("82-label", {"Labels": {"io.pytrust.image": "forged"}}, "label", "io.pytrust.image"),
    row("82-guarded", {"Labels": {"io.pytrust.guarded": "true"}}, "label", "io.pytrust.guarded"),
    mount("82-of-a-volume", {"Type": "volume", "VolumeOptions": {"Labels": {"io.pytrust.x": ""}}}, "label", "io.pytrust.x"),
    row("86-workdir", {"WorkingDir": "/proc/self/fd/8"}, "working-dir", "/proc/self/fd/8"),
    row("86-workdir-relative", {"WorkingDir": "x/../proc/./self/fd/8"}, "working-dir", "/proc/self/fd/8"),
    host("cgroup-parent", {"CgroupParent": "/system.slice"}, "cgroup-parent", "/system.slice"),
    host("cgroup", {"Cgroup": "container:x"}, "cgroup-parent", "container:x"),
    host("oom", {"OomKillDisable": True}, "oom", "kill-disabled"),
    host("oom-score", {"OomScoreAdj": -999}, "oom", "-999"),
    host("realtime", {"CpuRealtimeRuntime": 950000}, "cpu-realtime", "CpuRealtimeRuntime"),
    host("ulimit", {"Ulimits": [{"Name": "rtprio", "Soft": 99, "Hard": 99}]}, "ulimit", "rtprio=99:99"),
    host("storage", {"StorageOpt": {"dm.basesize": "1T"}}, "storage-option", "dm.basesize"),
    host("windows", {"Isolation": "process"}, "windows", "Isolation"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_every_level(stage: Stage, proxy: Proxy, level: str, case: Row) -> None:
    refused(proxy, create(stage, proxy, case.config), *case.words, rule=rule_of(level, case.rule))


def test_every_reason_is_told(stage: Stage, baseline: Proxy) -> None:
    baseline.witness.forget()
    reply = create(stage, baseline, {"HostConfig": {"Privileged": True, "PidMode": "host", "Binds": ["/:/h"]}})
    message = refused(baseline, reply, rule=rule_of("baseline", "privileged"))
    for name in ("pid-mode", "bind", "writable-bind"):
        assert rule_of("baseline", name) in message


# -- refused at restricted, let through at baseline -------------------------------------------------------------------

RESTRICTED = [
    row("84-root", {"User": "0"}, "user", "the user 0 "),
    row("84-no-user", {"User": ""}, "user", "the image runs as user 0"),
    row("84-by-name", {"User": "root"}, "user", "root"),
    row("84-by-another-number", {"User": "+00:1000"}, "user", "the user 0 "),
    row("84-a-group-alone", {"User": ":1000"}, "user", "the user 0 "),
    row("84-a-colon-alone", {"User": ":"}, "user", "the user 0 "),
    row("84-root-group", {"User": "1000:0"}, "group", "the group 0 "),
    host("84-added-group", {"GroupAdd": ["docker"]}, "group", "docker"),
    host("61-default-capability", {"CapAdd": ["CHOWN"]}, "capability", "CHOWN"),
    host("76-pids", {"PidsLimit": 513}, "pids", "513"),
    host("76-memory", {"Memory": 2**31 + 1}, "memory", str(2**31 + 1)),
    host("76-swap", {"Memory": 2**26, "MemorySwap": -1}, "swap", "unlimited"),
    host("76-swap-without-end", {"Memory": 2**26, "MemorySwap": 2**50}, "swap", str(2**50)),
    host("80-none", {"LogConfig": {"Type": "none"}}, "log-driver", "none"),
    host("85-restart", {"RestartPolicy": {"Name": "always"}}, "restart", "always"),
    host("85-restart-for-ever", {"RestartPolicy": {"Name": "on-failure"}}, "restart", "on-failure:0"),
    host("port", {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}, "port", ":8080"),
    host("port-mapped", {"PortBindings": {"80/tcp": [{"HostIp": "::ffff:0.0.0.0", "HostPort": "8080"}]}}, "port"),
    host("port-of-root", {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]}}, "port"),
    host("publish-all", {"PublishAllPorts": True}, "publish-all"),
    host("shm", {"ShmSize": 2**40}, "shm-size", str(2**40)),
    host("ulimit", {"Ulimits": [{"Name": "nproc", "Soft": -1, "Hard": -1}]}, "ulimit", "nproc=-1:-1"),
]


@pytest.mark.parametrize("case", RESTRICTED)
def test_refused_at_restricted_alone(stage: Stage, baseline: Proxy, restricted: Proxy, case: Row) -> None:
    restricted.witness.forget()
    reply = create(stage, restricted, case.config)
    refused(restricted, reply, *case.words, rule=rule_of("restricted", case.rule))
    made(stage, create(stage, baseline, case.config))


def test_the_user_of_the_image_is_not_that_of_a_group_alone(stage: Stage) -> None:
    """84: an image with a user of its own; the engine runs ``:1000`` as root all the same."""
    name = f"{stage.registry.host}/stage/polite:1"
    with stage.proxy(stage.policy("restricted")) as proxy:
        stage.docker.run("container", "create", "--name", "polite", "--user", "1000", f"{stage.good}:1")
        stage.docker.run("commit", "polite", name)
        stage.docker.push(name)
        stage.pytrust("sign", name, home=proxy.home)
        assert proxy.create(name).status == 201
        proxy.witness.forget()
        refused(proxy, proxy.create(name, User=":1000"), "the user 0 ", rule=rule_of("restricted", "user"))


# -- bodies with two meanings -----------------------------------------------------------------------------------------

OPEN = '"Privileged":true'
TWICE = "twice"  # the complaint about a key
UNKNOWN = "unknown field"
MALFORMED = [
    pytest.param(f'{{IMAGE,{OPEN}}}', "Privileged", id="49"),
    pytest.param('{IMAGE,"Binds":["/:/h"]}', "Binds", id="49-binds"),
    pytest.param('{IMAGE,"Privileged":true,"HostConfig":null}', "Privileged", id="49-null"),
    pytest.param(f'{{IMAGE,"hostconfig":{{{OPEN}}}}}', "hostconfig", id="50"),
    pytest.param(f'{{IMAGE,"HOSTCONFIG":{{{OPEN}}}}}', "HOSTCONFIG", id="50-upper"),
    pytest.param(f'{{IMAGE,"Ho\\u017ftConfig":{{{OPEN}}}}}', UNKNOWN, id="50-long-s"),
    pytest.param(f'{{IMAGE,"Ho\u017ftConfig":{{{OPEN}}}}}', UNKNOWN, id="50-long-s-plain"),
    pytest.param('{IMAGE,"HostConfig":{"Networ\\u212aMode":"host"}}', UNKNOWN, id="50-kelvin"),
    pytest.param('{IMAGE,"HostConfig":{"Bind\\u017f":["/:/h"]}}', UNKNOWN, id="50-binds"),
    pytest.param(f'{{IMAGE,"HostConfig":{{{OPEN}}},"HostConfig":{{"Memory":0}}}}', TWICE, id="51"),
    pytest.param(f'{{IMAGE,"HostConfig":{{{OPEN}}},"Host\\u0043onfig":{{}}}}', TWICE, id="51-escaped"),
    pytest.param(f'{{IMAGE,"HostConfig":{{{OPEN},"Privileged":false}}}}', TWICE, id="51-inside"),
    pytest.param('{"Image":"EVIL",IMAGE}', TWICE, id="52"),
    pytest.param('{IMAGE,"image":"EVIL"}', "image", id="52-folded"),
    pytest.param(
        '{IMAGE,"HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}],"Mounts":[{"Target":"/x"}]}}',
        TWICE,
        id="53",
    ),
    pytest.param('{IMAGE,"HostConfig":{"Mounts":[{"Target":"/x"}]}}', "type", id="53-no-type"),
    pytest.param('{IMAGE,"HostConfig":{"Mounts":[null]}}', "Mounts", id="53-null"),
    pytest.param('{IMAGE,"HostConfig":{"Privileged":"true"}}', "Privileged", id="55"),
    pytest.param('{IMAGE,"HostConfig":{"Privileged":1}}', "Privileged", id="55-one"),
    pytest.param('{IMAGE,"HostConfig":{"Privileged":[]}}', "Privileged", id="55-list"),
    pytest.param('{IMAGE,"HostConfig":{"SecurityOpt":["no-new-privileges=yes"]}}', "neither true nor false", id="57"),
    pytest.param('{IMAGE,"HostConfig":{"SecurityOpt":["seccomp"]}}', "no value", id="57-no-value"),
    pytest.param('{IMAGE,"HostConfig":{"Capabilities":["SYS_ADMIN"]}}', "Capabilities", id="62"),
    pytest.param('{IMAGE,"HostConfig":{"PidMode":"container:"}}', "container", id="63-nobody"),
    pytest.param('{IMAGE,"HostConfig":{"Binds":["etc/passwd:/h"]}}', "absolute path", id="65-relative"),
    pytest.param('{IMAGE,"HostConfig":{"Binds":["..:/h"]}}', "absolute path", id="65-dots"),
    pytest.param('{IMAGE,"HostConfig":{"Binds":["/a:/b:ro:rw"]}}', "SOURCE:TARGET", id="65-four-parts"),
    pytest.param('{IMAGE,"HostConfig":{"Binds":["/a\\u0000b:/h"]}}', "NUL", id="65-nul"),
    pytest.param(
        '{IMAGE,"HostConfig":{"Mounts":[{"Type":"bind","source":"/","Target":"/h"}]}}', "source", id="67"
    ),
    pytest.param(
        '{IMAGE,"HostConfig":{"Mounts":[{"Type":"bind","Source":"etc","Target":"/h"}]}}', "absolute", id="67-relative"
    ),
    pytest.param(
        '{IMAGE,"HostConfig":{"Mounts":[{"Type":"volume","Source":"/etc","Target":"/h"}]}}', "volume", id="68-path"
    ),
    pytest.param('{IMAGE,"HostConfig":{"PidsLimit":1e3}}', "1e3", id="77"),
    pytest.param('{IMAGE,"HostConfig":{"PidsLimit":100.0}}', "100.0 is not an integer", id="77-float"),
    pytest.param('{IMAGE,"HostConfig":{"Memory":99999999999999999999}}', "too large", id="77-beyond-64-bits"),
    pytest.param('{IMAGE,"Foo":1}', "Foo", id="83"),
    pytest.param('{IMAGE,"HostConfig":{"Foo":1}}', "Foo", id="83-host"),
    pytest.param('{IMAGE,"HostConfig":{"LogConfig":{"Foo":1}}}', "Foo", id="83-deeper"),
    pytest.param('{IMAGE,"NetworkingConfig":{"EndpointsConfig":{"n":{"Foo":1}}}}', "Foo", id="83-endpoint"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "word"), MALFORMED)
def test_no_single_meaning(stage: Stage, baseline: Proxy, body: str, word: str) -> None:
    baseline.witness.forget()
    text = body.replace("IMAGE", f'"Image":"{stage.good}:1"').replace("EVIL", f"{stage.evil}:1")
    reply = baseline.ask("POST", f"/{API}/containers/create", text.encode())
    assert reply.status == 400, reply
    assert word in reply.message
    assert baseline.witness.seen() == []


def test_a_key_that_is_written_with_escapes(stage: Stage, baseline: Proxy) -> None:
    """54."""
    baseline.witness.forget()
    body = f'{{"Image":"{stage.good}:1","\\u0048ostConfig":{{"\\u0050rivileged":true}}}}'
    reply = baseline.ask("POST", f"/{API}/containers/create", body.encode())
    refused(baseline, reply, rule=rule_of("baseline", "privileged"))


# -- let through, with what was left open written in ------------------------------------------------------------------

ALWAYS: Final[Config] = {
    "Privileged": False, "PidsLimit": 512, "IpcMode": "private", "CgroupnsMode": "private", "PidMode": "", "UTSMode": "",
    "UsernsMode": "", "CapAdd": None, "Devices": None, "Binds": None, "NetworkMode": "default",
}  # fmt: skip
BY_LEVEL: Final[dict[str, Config]] = {
    "baseline": {"CapDrop": None, "SecurityOpt": None, "Memory": 0},
    "restricted": {"CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "Memory": 2 * 1024**3},
}
NOTHING_ASKED = [
    pytest.param({}, id="nothing"),
    pytest.param({"HostConfig": None}, id="null"),
    pytest.param({"HostConfig": {}}, id="empty"),
    pytest.param({"HostConfig": {"MaskedPaths": None, "ReadonlyPaths": None}}, id="60-null"),
    pytest.param({"HostConfig": {"PidsLimit": None, "Memory": None}}, id="76-null"),
    pytest.param({"HostConfig": {"PidsLimit": 0, "Memory": 0}}, id="76-zero"),
    pytest.param({"HostConfig": {"PidsLimit": -1}}, id="76-unlimited"),
    pytest.param({"HostConfig": {"IpcMode": "", "CgroupnsMode": "", "NetworkMode": ""}}, id="81-empty"),
    pytest.param({"HostConfig": {"SecurityOpt": [], "CapAdd": [], "CapDrop": []}}, id="empty-lists"),
]  # fmt: skip


@pytest.mark.parametrize("config", NOTHING_ASKED)
def test_what_was_left_open(stage: Stage, proxy: Proxy, level: str, config: Config) -> None:
    if level == "restricted" and (config.get("HostConfig") or {}).get("CapDrop") == []:
        config = {"HostConfig": {"CapDrop": ["NET_RAW"]}}
    shown = made(stage, create(stage, proxy, config))
    wanted = {**ALWAYS, **BY_LEVEL[level]}
    assert {key: shown["HostConfig"][key] or None for key in wanted} == {
        key: value or None for key, value in wanted.items()
    }
    assert "/proc/kcore" in shown["HostConfig"]["MaskedPaths"]
    assert "/proc/sys" in shown["HostConfig"]["ReadonlyPaths"]


@pytest.mark.parametrize("version", ["1.24", "1.39", "1.40", "1.41"])
def test_no_old_version_chooses_weaker_defaults(stage: Stage, proxy: Proxy, version: str) -> None:
    """81: before 1.40 an empty IpcMode is shareable, before 1.41 an empty CgroupnsMode is the host's."""
    body = {"Image": f"{stage.good}:1", "User": NOT_ROOT, "HostConfig": {"IpcMode": "", "PidsLimit": 0}}
    shown = made(stage, proxy.ask("POST", f"/v{version}/containers/create", body))["HostConfig"]
    (sent,) = proxy.witness.acted()
    assert sent.target == f"/v{version}/containers/create"
    assert (sent.json["HostConfig"]["IpcMode"], sent.json["HostConfig"]["CgroupnsMode"]) == ("private", "private")
    assert (shown["IpcMode"], shown["CgroupnsMode"], shown["PidsLimit"]) == ("private", "private", 512)


KEPT = [
    pytest.param({"PidsLimit": 100}, id="76-pids"),
    pytest.param({"Memory": 2**26, "MemorySwap": 2**26}, id="76-memory"),
    pytest.param({"CapAdd": ["CAP_NET_BIND_SERVICE"]}, id="61-capability"),
    pytest.param({"IpcMode": "none"}, id="63-ipc"),
    pytest.param({"NetworkMode": "none"}, id="63-network"),
    pytest.param({"Sysctls": {"net.ipv4.tcp_syncookies": "1"}}, id="75"),
    pytest.param({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}}, id="85-restart"),
    pytest.param({"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}}, id="80-json-file"),
    pytest.param({"Binds": ["data:/data:ro"]}, id="70-volume"),
    pytest.param({"ReadonlyRootfs": True}, id="read-only"),
]  # fmt: skip


@pytest.mark.parametrize("config", KEPT)
def test_what_was_asked_for_within_bounds_is_kept(stage: Stage, proxy: Proxy, config: Config) -> None:
    shown = made(stage, create(stage, proxy, {"HostConfig": config}))["HostConfig"]
    assert {key: shown[key] for key in config} == config


def test_security_options_are_sent_in_one_spelling(stage: Stage, proxy: Proxy) -> None:
    """57, 59: what stands twice, or with a colon, has one meaning only after the last is taken."""
    options = ["no-new-privileges:0", "label:type:container_t", "no-new-privileges:TRUE"]
    shown = made(stage, create(stage, proxy, {"HostConfig": {"SecurityOpt": options}}))
    assert shown["HostConfig"]["SecurityOpt"] == ["label=type:container_t", "no-new-privileges"]


def test_builtin_seccomp_is_sent_as_it_is(stage: Stage, proxy: Proxy) -> None:
    """59: the engine's default profile, whatever its operator has set; engines before 23 do not know the word."""
    reply = create(stage, proxy, {"HostConfig": {"SecurityOpt": ["seccomp=builtin"]}})
    assert "seccomp=builtin" in made(stage, reply)["HostConfig"]["SecurityOpt"]


def test_flags_of_tmpfs(stage: Stage, proxy: Proxy) -> None:
    """74: flags that would let a program there gain something are replaced, in both grammars."""
    mounts = [{"Type": "tmpfs", "Target": "/y", "TmpfsOptions": {"SizeBytes": 65536, "Options": [["exec"], ["suid"]]}}]
    config = {"HostConfig": {"Tmpfs": {"/x": "rw,exec,suid,dev,size=64k"}, "Mounts": mounts}}
    shown = made(stage, create(stage, proxy, {**config, "Cmd": ["cat", "/proc/mounts"]}))
    (sent,) = proxy.witness.acted()
    assert shown["HostConfig"]["Tmpfs"] == {"/x": "rw,size=64k,noexec,nosuid,nodev"}
    assert sent.json["HostConfig"]["Mounts"][0]["TmpfsOptions"]["Options"] == []
    flags = {line.split()[1]: set(line.split()[3].split(",")) for line in ran(stage, proxy, shown["Id"])}
    assert flags["/x"] >= {"noexec", "nosuid", "nodev"}
    assert flags["/y"] >= {"noexec", "nosuid", "nodev"}


def test_from_inside(stage: Stage, proxy: Proxy, level: str) -> None:
    """What the kernel says of a process in such a container."""
    container = made(stage, create(stage, proxy, {"Cmd": ["cat", "/proc/self/status"]}))["Id"]
    status = dict(re.split(r":\s*", line, maxsplit=1) for line in ran(stage, proxy, container))
    assert status["Seccomp"] == "2"
    assert status["Uid"].split() == ["1000"] * 4
    assert int(status["CapEff"], 16) == 0
    assert (int(status["CapBnd"], 16) == 0) == (level == "restricted")
    assert not int(status["CapBnd"], 16) >> 21 & 1  # CAP_SYS_ADMIN
    assert status["NoNewPrivs"] == ("1" if level == "restricted" else "0")


@pytest.mark.parametrize("short", [64, 12, 4])
@pytest.mark.parametrize("way", ["NetworkMode", "EndpointsConfig"])
def test_the_network_of_the_host_by_its_id(stage: Stage, baseline: Proxy, way: str, short: int) -> None:
    """63, 64: an id is taken for any other network; whatever the engine makes of it, it is not the host's own."""
    host_network = stage.direct("GET", "/networks/host").json["Id"][:short]
    config: Config = (
        {"HostConfig": {way: host_network}} if way == "NetworkMode" else {"NetworkingConfig": {way: {host_network: {}}}}
    )
    reply = create(stage, baseline, {**config, "Cmd": ["sleep", "60"]})
    if reply.status == 403:
        return
    container = made(stage, reply)["Id"]
    if act(baseline, container).status == 204:
        pid = inspected(stage, container)["State"]["Pid"]
        assert Path(f"/proc/{pid}/ns/net").readlink() != Path(f"/proc/{stage.engine.daemon.pid}/ns/net").readlink()
    stage.direct("DELETE", f"/containers/{container}?force=1")


# -- the stock client -------------------------------------------------------------------------------------------------

FLAGS = [
    pytest.param("--privileged", "privileged", id="48"),
    pytest.param("--security-opt=systempaths=unconfined", "system-paths", id="60"),
    pytest.param("--security-opt=seccomp=unconfined", "seccomp", id="56"),
    pytest.param("--cap-add=all", "capability", id="61"),
    pytest.param("--pid=host", "pid-mode", id="63"),
    pytest.param("--network=host", "network-mode", id="63-network"),
    pytest.param("--volume=/:/h", "bind", id="65"),
    pytest.param("--mount=type=volume,dst=/x,volume-opt=type=none,volume-opt=device=/", "volume-option", id="68"),
    pytest.param("--device=/dev/null", "device", id="73"),
    pytest.param("--gpus=all", "device-request", id="73-gpus"),
]  # fmt: skip


@pytest.mark.parametrize(("flag", "rule"), FLAGS)
def test_flags_of_docker_run(stage: Stage, baseline: Proxy, flag: str, rule: str) -> None:
    baseline.witness.forget()
    done = stage.client(baseline).attempt("run", "--rm", flag, f"{stage.good}:1", "true")
    said = done.stderr.decode()
    assert done.returncode == 125, said
    assert rule_of("baseline", rule) in said
    assert "(hint: drop " in said or "(hint: use a named volume " in said
    assert baseline.witness.acted() == []
