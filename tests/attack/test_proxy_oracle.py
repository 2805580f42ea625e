"""Whatever bodies the proxy lets through, the engine has to show a container within its level.

The bodies are generated; what is right is said here once more, in the engine's own words and by a look at the container
that it made, without any of the proxy's own tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attack.cell import LEVELS, Config, create, inspected
from tests.rig.proxy import Proxy, Stage

_EXAMPLES: Final = 600  # for each level; 20 ms each
_LET_IN: Final = 100  # of them, at the least: a proxy that refuses all would pass

_NAMESPACES = ["", "private", "none", "host", "shareable", "container:x"]
_POOLS: Final[dict[str, list[Any]]] = {
    "Privileged": [False, None, True],
    "CapAdd": [[], ["NET_BIND_SERVICE"], ["CHOWN"], ["cap_kill"], ["NET_RAW"], ["sys_admin"], ["All"], ["CAP_CAP_KILL"]],
    "CapDrop": [[], ["ALL"], ["chown"]],
    "SecurityOpt": [[], ["no-new-privileges"], ["label:type:container_t"], ["no-new-privileges:f", "no-new-privileges"],
                    ["no-new-privileges:f"], ["seccomp=unconfined"], ["apparmor:unconfined"], ["disable"], ["seccomp:{}"]],
    "MaskedPaths": [None, [], ["/proc/kcore"]],
    "ReadonlyPaths": [None, [], ["/proc/sys"]],
    "PidMode": ["", "host", "container:x"],
    "IpcMode": _NAMESPACES,
    "UTSMode": ["", "host"],
    "UsernsMode": ["", "host"],
    "CgroupnsMode": ["", "private", "host"],
    "NetworkMode": ["", "default", "none", "bridge", "host", "container:x"],
    "Binds": [[], ["plain:/p"], ["/new"], ["plain:/p:ro,nocopy"], ["backed:/b"], ["/etc:/h:ro"], ["plain:/p:z"]],
    "Mounts": [[], [{"Type": "tmpfs", "Target": "/t"}], [{"Type": "volume", "Source": "plain", "Target": "/v"}],
               [{"Type": "volume", "Target": "/w"}], [{"Type": "volume", "Source": "backed", "Target": "/b2"}],
               [{"Type": "bind", "Source": "/etc", "Target": "/m"}],
               [{"Type": "volume", "Target": "/o", "VolumeOptions": {"DriverConfig": {"Options": {"device": "/"}}}}]],
    "Tmpfs": [{}, {"/q": ""}, {"/q": "exec,suid,dev"}, {"/q": "size=1m,exec"}, {"/q": "rbind"}],
    "Devices": [[], [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "rwm"}]],
    "DeviceCgroupRules": [[], ["a *:* rwm"]],
    "DeviceRequests": [[], [{"Driver": "cdi"}], [{"Capabilities": [["gpu"]]}]],
    "CgroupParent": ["", "/", "/x"],
    "Cgroup": ["", "host"],
    "Runtime": ["", "runc", "io.containerd.runc.v2"],
    "Sysctls": [{}, {"net.ipv4.tcp_syncookies": "1"}, {"kernel.shm_rmid_forced": "1"}, {"kernel.core_pattern": "x"}],
    "Ulimits": [[], [{"Name": "nofile", "Soft": 64, "Hard": 64}], [{"Name": "nice", "Soft": 1, "Hard": 1}]],
    "PidsLimit": [None, 0, -1, 7, 10**6],
    "Memory": [0, 2**26, 2**40],
    "MemorySwap": [0, 2**27, -1, 2**50],
    "ShmSize": [0, 2**20, 2**40],
    "OomKillDisable": [None, False, True],
    "OomScoreAdj": [0, 100, -100],
    "VolumesFrom": [None, [], ["x"]],
    "VolumeDriver": ["", "local", "nfs"],
    "GroupAdd": [[], ["audio"], ["1000"], ["0"]],
    "RestartPolicy": [{}, {"Name": "on-failure", "MaximumRetryCount": 3}, {"Name": "always"}],
    "LogConfig": [{}, {"Type": "json-file", "Config": {"max-size": "1m"}}, {"Type": "none"}, {"Type": "syslog"}],
    "PublishAllPorts": [False, True],
    "ReadonlyRootfs": [False, True],
    "AutoRemove": [False, True],
}  # fmt: skip
"""Values that ask for nothing or little come first; hypothesis simplifies towards them."""

_CAPABILITIES: Final = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_OPTIONS: Final = {"no-new-privileges", "label=type:container_t"}
_HARMLESS_SYSCTLS: Final = {"net.ipv4.tcp_syncookies", "kernel.shm_rmid_forced"}
_SAFE_TMPFS: Final = {"noexec", "nosuid", "nodev"}
_EMPTY: Final = (
    "Privileged", "PidMode", "UTSMode", "UsernsMode", "Cgroup", "CgroupParent", "Devices", "DeviceCgroupRules",
    "DeviceRequests", "VolumesFrom", "OomKillDisable", "CpuRealtimePeriod", "CpuRealtimeRuntime", "Isolation",
)  # fmt: skip


@st.composite
def host_configs(draw: st.DrawFn) -> Config:
    """Up to three fields of any value, and some that ask for little."""
    names = draw(st.lists(st.sampled_from(sorted(_POOLS)), max_size=7, unique=True))
    return {
        name: draw(st.sampled_from(_POOLS[name] if place < 3 else _POOLS[name][:2])) for place, name in enumerate(names)
    }


@pytest.fixture(scope="module")
def _backed(stage: Stage) -> Iterator[None]:
    """A volume that is a folder of the host; its operator made it, past the proxy."""
    options = {"type": "none", "o": "bind", "device": "/"}
    assert stage.direct("POST", "/volumes/create", {"Name": "backed", "DriverOpts": options}).status == 201
    yield
    stage.direct("DELETE", "/volumes/backed?force=1")


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, level: str) -> Proxy:
    found: Proxy = request.getfixturevalue(level)
    return found


@pytest.mark.usefixtures("_backed")
def test_every_value_alone(stage: Stage, proxy: Proxy, level: str) -> None:
    each = [{name: value} for name, values in _POOLS.items() for value in values]
    assert sum(_stays_within(stage, proxy, level, config) for config in each) > len(_POOLS)


@pytest.mark.usefixtures("_backed")
def test_values_together(stage: Stage, proxy: Proxy, level: str) -> None:
    let_in = 0

    @settings(max_examples=_EXAMPLES, deadline=None)
    @given(config=host_configs())
    def check(config: Config) -> None:
        nonlocal let_in
        let_in += _stays_within(stage, proxy, level, config)

    check()
    assert let_in > _LET_IN


def _stays_within(stage: Stage, proxy: Proxy, level: str, config: Config) -> bool:
    """Whether it was let through; fails where that was wrong."""
    reply = create(stage, proxy, {"HostConfig": config})
    assert "internal error" not in reply.message
    assert "otherwise than was allowed" not in reply.message  # noticed too late, or no difference at all
    if reply.status != 201:
        return False
    container = reply.json["Id"]
    shown = inspected(stage, container)
    stage.direct("DELETE", f"/containers/{container}?force=1&v=1")
    faults = [*_faults(shown), *(_more_faults(shown) if level == "restricted" else ())]
    assert not faults, (config, faults)
    return True


def _faults(shown: Config) -> Iterator[str]:
    """What goes beyond baseline."""
    host = shown["HostConfig"]
    yield from (name for name in _EMPTY if host.get(name))
    fits = {
        "CapAdd": {name.upper().removeprefix("CAP_") for name in host["CapAdd"] or ()} <= _CAPABILITIES,
        "SecurityOpt": set(host["SecurityOpt"] or ()) <= _OPTIONS,
        "MaskedPaths": {"/proc/kcore", "/proc/keys", "/sys/firmware"} <= set(host["MaskedPaths"] or ()),
        "ReadonlyPaths": {"/proc/sys", "/proc/sysrq-trigger"} <= set(host["ReadonlyPaths"] or ()),
        "IpcMode": host["IpcMode"] in {"private", "none"},
        "CgroupnsMode": host["CgroupnsMode"] == "private",
        "NetworkMode": host["NetworkMode"] in {"default", "bridge", "none"},
        "Runtime": host["Runtime"] == "runc",
        "PidsLimit": (host["PidsLimit"] or 0) > 0,
        "OomScoreAdj": host["OomScoreAdj"] >= 0,
        "LogConfig": host["LogConfig"]["Type"] in {"json-file", "none"},
        "Sysctls": (host.get("Sysctls") or {}).keys() <= _HARMLESS_SYSCTLS,
        "Ulimits": {limit["Name"] for limit in host["Ulimits"] or ()} <= {"nofile"},
        "Tmpfs": all(_is_safe(words) for words in (host.get("Tmpfs") or {}).values()),
        "Mounts": all(_is_ordinary(mount) for mount in shown["Mounts"]),
        "User": shown["Config"]["User"] == "1000:1000",
    }  # fmt: skip
    yield from (name for name, fit in fits.items() if not fit)


def _more_faults(shown: Config) -> Iterator[str]:
    """What goes beyond restricted, besides."""
    host = shown["HostConfig"]
    fits = {
        "CapAdd": set(host["CapAdd"] or ()) <= {"NET_BIND_SERVICE"},
        "CapDrop": host["CapDrop"] == ["ALL"],
        "SecurityOpt": "no-new-privileges" in host["SecurityOpt"],
        "Memory": 0 < host["Memory"] <= 2**31,
        "MemorySwap": 0 <= host["MemorySwap"] <= 2**32,
        "ShmSize": host["ShmSize"] <= 2**31,
        "PidsLimit": host["PidsLimit"] <= 512,
        "GroupAdd": "0" not in (host["GroupAdd"] or ()),
        "RestartPolicy": host["RestartPolicy"]["Name"] in {"", "no", "on-failure"},
        "LogConfig": host["LogConfig"]["Type"] == "json-file",
        "PublishAllPorts": not host["PublishAllPorts"],
    }
    yield from (f"{name} (restricted)" for name, fit in fits.items() if not fit)


def _is_safe(words: str) -> bool:
    """The last word on each flag counts."""
    return {"exec", "suid", "dev", "rbind", "bind"}.isdisjoint(words.split(",")) and set(
        words.split(",")
    ) >= _SAFE_TMPFS


def _is_ordinary(mount: Config) -> bool:
    """A tmpfs, or a volume of the local driver that nobody has put anything behind."""
    if mount["Type"] == "tmpfs":
        return True
    return (mount["Type"], mount["Driver"]) == ("volume", "local") and mount["Name"] != "backed"
