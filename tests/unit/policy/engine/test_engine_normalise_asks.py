"""What a body asks for: every departure from the safest default, in one spelling, and no field forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import fields

from pytrust.policy.core.request import Ask
from pytrust.policy.engine import asks, asks_host, asks_mounts, models, models_host
from pytrust.policy.engine.asking import Table
from pytrust.policy.engine.binds import parse_bind
from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Body, Malformed
from pytrust.policy.engine.names import account
from pytrust.policy.engine.paths import clean
from pytrust.policy.engine.securityopt import parse_security_options
from pytrust.policy.engine.shapes import Part

ROOT = {"Image": "foo/web"}


def shown(found: tuple[Ask, ...]) -> list[str]:
    return [f"{ask.field}={ask.value}" for ask in found]


def container(**config: Any) -> list[str]:
    model = decode(Body.CONTAINER, json.dumps(config).encode())
    assert isinstance(model, models.ContainerCreate)
    return shown(asks.container_asks(model))


def host(**config: Any) -> list[str]:
    return container(HostConfig=config)


def mount(**config: Any) -> list[str]:
    return host(Mounts=[{"Target": "/x", **config}])


# -- no field is forgotten --------------------------------------------------------------------------------------------

TABLES: list[tuple[Table, type[Part]]] = [
    (asks.CONTAINER, models.ContainerCreate),
    (asks.UPDATE, models.ContainerUpdate),
    (asks.EXEC, models.ExecCreate),
    (asks.NETWORK, models.NetworkCreate),
    (asks.CONNECT, models.NetworkConnect),
    (asks.VOLUME, models.VolumeCreate),
    (asks.ENDPOINT, models.Endpoint),
    (asks.IPAM, models.Ipam),
    (asks_host.HOST, models_host.HostConfig),
    (asks_host.RESOURCES, models_host.Resources),
    (asks_mounts.MOUNT, models_host.Mount),
    (asks_mounts.BIND_OPTIONS, models_host.BindOptions),
    (asks_mounts.VOLUME_OPTIONS, models_host.VolumeOptions),
    (asks_mounts.DRIVER, models_host.Driver),
]


@pytest.mark.parametrize(("table", "model"), TABLES, ids=[model.__name__ for _, model in TABLES])
def test_every_field_is_asked_for_or_said_to_be_harmless(table: Table, model: type[Part]) -> None:
    names = {field.name for field in fields(model)}
    assert set(table.asks) | table.harmless == names
    assert not set(table.asks) & table.harmless


# -- defaults ask for nothing -----------------------------------------------------------------------------------------

NOTHING: list[dict[str, Any]] = [
    {},
    {"HostConfig": None, "NetworkingConfig": None},
    {"HostConfig": {}, "NetworkingConfig": {}},
    {"User": "", "WorkingDir": "/srv", "Labels": {"a": "b"}, "Env": ["A=secret"]},
    {"HostConfig": {"Privileged": False, "CapAdd": [], "SecurityOpt": [], "Devices": [], "Binds": [], "Mounts": []}},
    {"HostConfig": {"PidsLimit": 0, "Memory": 0, "MemorySwap": 0, "ShmSize": 0, "OomScoreAdj": 0, "NanoCpus": 1}},
    {"HostConfig": {"PidsLimit": -1, "Memory": -1, "ShmSize": -1, "OomScoreAdj": 500, "OomKillDisable": False}},
    {"HostConfig": {"PidMode": "", "IpcMode": "private", "UTSMode": "", "CgroupnsMode": "private"}},
    {"HostConfig": {"IpcMode": "none", "NetworkMode": "default", "Isolation": "default"}},
    {"HostConfig": {"NetworkMode": "none"}, "NetworkingConfig": {"EndpointsConfig": {"back": None}}},
    {"HostConfig": {"MaskedPaths": None, "ReadonlyPaths": None, "RestartPolicy": {"Name": "no"}}},
    {"HostConfig": {"RestartPolicy": {"Name": "", "MaximumRetryCount": 3}, "LogConfig": {"Type": "", "Config": {}}}},
    {"HostConfig": {"LogConfig": {"Config": {"max-size": "1m", "max-file": "3"}}, "PublishAllPorts": False}},
    {"HostConfig": {"SecurityOpt": ["no-new-privileges", "seccomp=", "apparmor=", "label="]}},
    {"HostConfig": {"Tmpfs": {"/x": "rw,exec,size=1m", "/y": ""}, "CapDrop": ["ALL"], "ReadonlyRootfs": True}},
    {"HostConfig": {"Binds": ["/anonymous"], "Mounts": [{"Type": "volume", "Target": "/x"}]}},
    {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x"}], "PortBindings": {"80/tcp": None, "53/udp": []}}},
]


@pytest.mark.parametrize("config", NOTHING)
def test_defaults_ask_for_nothing(config: dict[str, Any]) -> None:
    assert container(**config) == []


# -- one field at a time ----------------------------------------------------------------------------------------------

HOST: list[tuple[dict[str, Any], list[str]]] = [
    ({"Privileged": True}, ["privileged=true"]),
    ({"CapAdd": ["sys_admin", "CAP_SYS_ADMIN", "cap_net_raw", "All"]},
     ["capability=SYS_ADMIN", "capability=NET_RAW", "capability=ALL"]),
    ({"CapAdd": ["\u017fys_admin"]}, ["capability=SYS_ADMIN"]),
    ({"MaskedPaths": []}, ["system-paths=masked"]),
    ({"ReadonlyPaths": ["/proc/bus"]}, ["system-paths=readonly"]),
    ({"PidMode": "host"}, ["pid-mode=host"]),
    ({"PidMode": "container:/web"}, ["pid-mode=container:web"]),
    ({"IpcMode": "shareable"}, ["ipc-mode=shareable"]),
    ({"IpcMode": "container:web"}, ["ipc-mode=container:web"]),
    ({"UTSMode": "host"}, ["uts-mode=host"]),
    ({"UsernsMode": "host"}, ["userns-mode=host"]),
    ({"CgroupnsMode": "host"}, ["cgroupns-mode=host"]),
    ({"NetworkMode": "host"}, ["network-mode=host"]),
    ({"NetworkMode": "container:web"}, ["network-mode=container:web"]),
    ({"CgroupParent": "/other"}, ["cgroup-parent=/other"]),
    ({"Cgroup": "container:x"}, ["cgroup-parent=container:x"]),
    ({"Devices": [{"PathOnHost": "/dev/../dev//sda"}]}, ["device=/dev/sda"]),
    ({"DeviceCgroupRules": ["a *:* rwm"]}, ["device-rule=a *:* rwm"]),
    ({"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["a/b=c"]}]}, ["device-request=cdi"]),
    ({"DeviceRequests": [{"Capabilities": [["gpu", "compute"], ["gpu"]]}, {}]},
     ["device-request=compute,gpu", "device-request=any"]),
    ({"Sysctls": {"kernel.core_pattern": "|/x"}}, ["sysctl=kernel.core_pattern"]),
    ({"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": -1}]}, ["ulimit=nofile=1:-1"]),
    ({"ShmSize": 1}, ["shm-size=1"]),
    ({"StorageOpt": {"size": "1g"}}, ["storage-option=size=1g"]),
    ({"PidsLimit": 1}, ["pids=1"]),
    ({"Memory": 1}, ["memory=1"]),
    ({"MemorySwap": -1}, ["swap=unlimited"]),
    ({"MemorySwap": 5}, ["swap=5"]),
    ({"CpuRealtimeRuntime": 1, "CpuRealtimePeriod": -1},
     ["cpu-realtime=CpuRealtimePeriod", "cpu-realtime=CpuRealtimeRuntime"]),
    ({"OomKillDisable": True, "OomScoreAdj": -1}, ["oom=kill-disabled", "oom=-1"]),
    ({"Runtime": "other"}, ["runtime=other"]),
    ({"Isolation": "process"}, ["windows=Isolation"]),
    ({"Annotations": {"a": "secret"}}, ["annotation=a"]),
    ({"GroupAdd": ["+0", "audio"]}, ["group=0", "group=audio"]),
    ({"VolumeDriver": "nfs"}, ["volume-driver=nfs"]),
    ({"VolumesFrom": ["web:ro,z", "/db"]}, ["volumes-from=web", "bind-option=z", "volumes-from=db"]),
    ({"LogConfig": {"Type": "syslog", "Config": {"syslog-address": "tcp://secret"}}}, ["log-driver=syslog"]),
    ({"LogConfig": {"Config": {"syslog-address": "tcp://x"}}}, ["log-driver=default"]),
    ({"RestartPolicy": {"Name": "always"}}, ["restart=always"]),
    ({"RestartPolicy": {"Name": "on-failure"}}, ["restart=on-failure:0"]),
    ({"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}, ["restart=on-failure:3"]),
    ({"PublishAllPorts": True}, ["publish-all=true"]),
    ({"PortBindings": {"80/tcp": [{}, {"HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "1-2"}]}},
     ["port=:", "port=:8080", "port=127.0.0.1:1-2"]),
    ({"PortBindings": {"80/tcp": [{"HostIp": "0::0:1", "HostPort": "80"}]}}, ["port=[::1]:80"]),
    ({"Tmpfs": {"/x": "rbind,size=1,rshared,exec", "/y": "mode"}},
     ["bind-option=rbind", "bind-option=rshared", "bind-option=mode"]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "expected"), HOST, ids=[str(config)[:50] for config, _ in HOST])
def test_one_field_of_the_host_configuration(config: dict[str, Any], expected: list[str]) -> None:
    assert host(**config) == expected


CONTAINER: list[tuple[dict[str, Any], list[str]]] = [
    ({"User": "root"}, ["user=root"]),
    ({"User": "00:-0"}, ["user=0", "group=0"]),
    ({"User": "+0"}, ["user=0"]),
    ({"User": ":0"}, ["user=0", "group=0"]),
    ({"User": ":1000"}, ["user=0", "group=1000"]),
    ({"User": ":"}, ["user=0"]),
    ({"User": "1000:audio:rest"}, ["user=1000", "group=audio"]),
    ({"User": "\u0660"}, ["user=\u0660"]),
    ({"WorkingDir": "/proc/self/fd/8"}, ["working-dir=/proc/self/fd/8"]),
    ({"WorkingDir": "/srv/..//proc/./1/fd"}, ["working-dir=/proc/1/fd"]),
    ({"WorkingDir": "proc/self/task/1/fd/9/../10"}, ["working-dir=/proc/self/task/1/fd/10"]),
    ({"WorkingDir": "/dev/fd/8"}, ["working-dir=/dev/fd/8"]),
    ({"Labels": {"io.pytrust.image": "x", "io.pytrust": "x"}}, ["label=io.pytrust.image"]),
    ({"NetworkingConfig": {"EndpointsConfig": {"host": {}}}}, ["network-mode=host"]),
    ({"NetworkingConfig": {"EndpointsConfig": {"container:web": None}}}, ["network-mode=container:web"]),
    ({"NetworkingConfig": {"EndpointsConfig": {"back": {"DriverOpts": {"a": "b"}}}}}, ["endpoint-option=a=b"]),
    ({"HostConfig": {"NetworkMode": "host"}, "NetworkingConfig": {"EndpointsConfig": {"host": {}}}},
     ["network-mode=host"]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "expected"), CONTAINER, ids=[str(config)[:50] for config, _ in CONTAINER])
def test_one_field_of_the_container(config: dict[str, Any], expected: list[str]) -> None:
    assert container(**config) == expected


MEANINGLESS: list[dict[str, Any]] = [
    {"PidMode": "container:"},
    {"IpcMode": "container:../x"},
    {"NetworkMode": "container:a b"},
    {"VolumesFrom": [""]},
    {"Devices": [{"PathOnHost": "dev/sda"}]},
    {"Devices": [{}]},
    {"PortBindings": {"80/tcp": [{"HostIp": "nonsense"}]}},
    {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.010"}]}},
    {"PortBindings": {"80/tcp": [{"HostPort": "http"}]}},
    {"PortBindings": {"80/tcp": [{"HostPort": "\u0661"}]}},
    {"Mounts": [{"Target": "/x", "Source": "/"}]},
    {"Mounts": [{"Target": "/x", "Type": "bind"}]},
    {"Mounts": [{"Target": "/x", "Type": "bind", "Source": "srv"}]},
    {"Mounts": [{"Target": "/x", "Type": "bind", "Source": "\\srv"}]},
    {"Mounts": [{"Target": "/x", "Type": "volume", "Source": "/srv"}]},
    {"SecurityOpt": ["no-new-privileges=maybe"]},
    {"SecurityOpt": ["unknown"]},
    {"SecurityOpt": [""]},
]


@pytest.mark.parametrize("config", MEANINGLESS, ids=str)
def test_what_has_no_meaning_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as caught:
        host(**config)
    assert caught.value.status == 400


# -- mounts -----------------------------------------------------------------------------------------------------------

BINDS: list[tuple[str, list[str]]] = [
    ("/:/h", ["bind=/", "writable-bind=/"]),
    ("/../:/h", ["bind=/", "writable-bind=/"]),
    ("//:/h", ["bind=/", "writable-bind=/"]),
    ("/allowed/../etc:/h:ro", ["bind=/etc"]),
    ("/proc/self/root:/h:ro", ["bind=/proc/self/root"]),
    ("/srv/:/h:ro,rprivate,nocopy,cached", ["bind=/srv"]),
    ("/srv:/h:", ["bind=/srv", "writable-bind=/srv"]),
    ("/srv:/h:ro,z", ["bind=/srv", "bind-option=z"]),
    ("/srv:/h:shared,Z", ["bind=/srv", "writable-bind=/srv", "bind-option=shared", "bind-option=Z"]),
    ("/srv:/h:ro,new", ["bind=/srv", "bind-option=new"]),
    ("data:/h", ["volume=data"]),
    ("data:/h:ro", ["volume=data"]),
    ("/h", []),
]


@pytest.mark.parametrize(("text", "expected"), BINDS)
def test_binds(text: str, expected: list[str]) -> None:
    assert host(Binds=[text]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":/h",
        "/srv:",
        "a:b:c:d",
        "/srv:/h:ro:z",
        "../x:/h",
        "./x:/h",
        "x/y:/h",
        "/srv:rw",
        "~:/h",
        "\\x:/h",
        "a b:/h",
    ],
)
def test_binds_without_one_reading(text: str) -> None:
    with pytest.raises(Malformed):
        host(Binds=[text])


MOUNTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"Type": "bind", "Source": "/a/../etc"}, ["bind=/etc", "writable-bind=/etc"]),
    ({"Type": "bind", "Source": "/etc", "ReadOnly": True}, ["bind=/etc"]),
    ({"Type": "bind", "Source": "/etc", "ReadOnly": None}, ["bind=/etc", "writable-bind=/etc"]),
    ({"Type": "bind", "Source": "/e", "ReadOnly": True, "BindOptions": {"Propagation": "rshared"}},
     ["bind=/e", "bind-option=rshared"]),
    ({"Type": "bind", "Source": "/e", "ReadOnly": True, "BindOptions": {"Propagation": "rprivate", "NonRecursive": True}},
     ["bind=/e"]),
    ({"Type": "bind", "Source": "/e", "ReadOnly": True,
      "BindOptions": {"CreateMountpoint": True, "ReadOnlyNonRecursive": True, "ReadOnlyForceRecursive": True}},
     ["bind=/e", "bind-option=CreateMountpoint", "bind-option=ReadOnlyNonRecursive"]),
    ({"Type": "volume", "Source": "data", "VolumeOptions": {"Subpath": "x", "NoCopy": True}}, ["volume=data"]),
    # the value of o may hold a password
    ({"Type": "volume", "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"o": "bind", "device": "/"}}}},
     ["volume-option=o", "volume-option=device=/"]),
    ({"Type": "volume", "VolumeOptions": {"DriverConfig": {"Name": "nfs"}, "Labels": {"io.pytrust.x": ""}}},
     ["label=io.pytrust.x", "volume-driver=nfs"]),
    ({"Type": "tmpfs", "VolumeOptions": {"DriverConfig": {"Options": {"type": "ext4"}}}}, ["volume-option=type=ext4"]),
    ({"Type": "image", "Source": "foo/web"}, []),
    ({"Type": "cluster", "Source": "x"}, ["mount-type=cluster"]),
    ({"Type": "npipe", "Source": "x"}, ["mount-type=npipe"]),
    ({"Type": "Bind", "Source": "/"}, ["mount-type=Bind"]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "expected"), MOUNTS, ids=[str(config)[:70] for config, _ in MOUNTS])
def test_mounts(config: dict[str, Any], expected: list[str]) -> None:
    assert mount(**config) == expected


# -- security options -------------------------------------------------------------------------------------------------

SECURITY: list[tuple[list[str], list[str], list[str]]] = [
    (["seccomp=unconfined"], ["seccomp=unconfined"], ["seccomp=unconfined"]),
    (["seccomp:unconfined"], ["seccomp=unconfined"], ["seccomp=unconfined"]),
    (["apparmor:unconfined"], ["apparmor=unconfined"], ["apparmor=unconfined"]),
    (["disable"], ["selinux=disable"], ["label=disable"]),
    (["label:disable"], ["selinux=disable"], ["label=disable"]),
    (["label=type:x", "label=level:s0"], ["selinux=type:x", "selinux=level:s0"], ["label=type:x", "label=level:s0"]),
    (["writable-cgroups"], ["security-option=writable-cgroups"], ["writable-cgroups=true"]),
    (["writable-cgroups:1"], ["security-option=writable-cgroups"], ["writable-cgroups=1"]),
    (["new=secret"], ["security-option=new"], ["new=secret"]),
    (["SECCOMP=unconfined"], ["security-option=SECCOMP"], ["SECCOMP=unconfined"]),
    (["systempaths=unconfined"], ["system-paths=masked", "system-paths=readonly"], ["systempaths=unconfined"]),
    (["credentialspec=file://x"], ["windows=CredentialSpec"], ["credentialspec=file://x"]),
    (["no-new-privileges"], [], ["no-new-privileges"]),
    (["no-new-privileges", "no-new-privileges=false"], ["new-privileges=allowed"], ["no-new-privileges=false"]),
    (["no-new-privileges:f", "no-new-privileges=T"], [], ["no-new-privileges"]),
    (["no-new-privileges:0"], ["new-privileges=allowed"], ["no-new-privileges=false"]),
    (["seccomp=builtin"], ["seccomp=builtin"], ["seccomp=builtin"]),
    (
        ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
        ["seccomp=custom"],
        ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
    ),
    (["seccomp=unconfined", "seccomp=builtin"], ["seccomp=builtin"], ["seccomp=builtin"]),
    (["seccomp:a=b"], ["security-option=seccomp:a"], ["seccomp:a=b"]),
]


@pytest.mark.parametrize(("options", "expected", "texts"), SECURITY, ids=[str(options) for options, _, _ in SECURITY])
def test_security_options(options: list[str], expected: list[str], texts: list[str]) -> None:
    assert host(SecurityOpt=options) == expected
    assert list(parse_security_options(options).texts()) == texts


@given(st.lists(st.sampled_from([option for options, _, _ in SECURITY for option in options]), max_size=5))
def test_the_canonical_spelling_means_the_same(options: list[str]) -> None:
    once = parse_security_options(options)
    again = parse_security_options(once.texts())
    assert again == once
    assert set(again.asks()) == set(once.asks())


# -- the other bodies -------------------------------------------------------------------------------------------------


def update(**config: Any) -> list[str]:
    model = decode(Body.UPDATE, json.dumps(config).encode())
    assert isinstance(model, models.ContainerUpdate)
    return shown(asks.update_asks(model))


def test_updates() -> None:
    assert update(Memory=0, PidsLimit=-1, RestartPolicy={"Name": ""}) == []
    assert update(Devices=[{"PathOnHost": "/dev/sda"}], RestartPolicy={"Name": "always"}) == [
        "device=/dev/sda", "restart=always",
    ]  # fmt: skip
    assert update(CgroupParent="/x", Memory=5, MemorySwap=-1) == ["memory=5", "swap=unlimited", "cgroup-parent=/x"]


def test_processes_in_a_container() -> None:
    model = decode(Body.EXEC, b'{"Privileged":true,"User":"0","WorkingDir":"/proc/self/fd/8","Env":["A=secret"]}')
    assert isinstance(model, models.ExecCreate)
    assert shown(asks.exec_asks(model)) == ["privileged=true", "user=0", "working-dir=/proc/self/fd/8"]


NETWORKS: list[tuple[dict[str, Any], list[str]]] = [
    ({"Driver": "bridge", "Scope": "local", "IPAM": {"Driver": "default", "Config": [{}]}}, []),
    (
        {"IPAM": {"Config": [{"Subnet": "8.8.8.9/24"}, {"Subnet": "fd00:0::/64"}]}},
        [
            "network-option=subnet=8.8.8.0/24",
            "network-option=subnet=fd00::/64",
        ],
    ),
    ({"Driver": "", "EnableIPv6": True, "Internal": True, "Options": {}, "ConfigFrom": {"Network": ""}}, []),
    ({"Driver": "macvlan", "Options": {"parent": "eth0"}}, ["network-driver=macvlan", "network-option=parent=eth0"]),
    ({"Scope": "swarm", "Ingress": True}, ["network-scope=swarm", "network-scope=ingress"]),
    ({"ConfigOnly": True, "ConfigFrom": {"Network": "x"}}, ["network-scope=config-only", "network-scope=config-from"]),
    ({"IPAM": {"Driver": "x", "Options": {"a": "b"}}}, ["network-option=ipam-driver=x", "network-option=a=b"]),
    ({"Labels": {"io.pytrust.x": ""}}, ["label=io.pytrust.x"]),
]


@pytest.mark.parametrize(("config", "expected"), NETWORKS, ids=str)
def test_networks(config: dict[str, Any], expected: list[str]) -> None:
    model = decode(Body.NETWORK, json.dumps({"Name": "back", **config}).encode())
    assert isinstance(model, models.NetworkCreate)
    assert shown(asks.network_asks(model)) == expected


@pytest.mark.parametrize("pool", [{"Gateway": "8.8.8.8"}, {"IPRange": "8.8.8.0/24"}, {"Subnet": "8.8.8.8/x"}])
def test_addresses_without_a_subnet(pool: dict[str, str]) -> None:
    with pytest.raises(Malformed, match="subnet"):
        asks.network_asks(models.NetworkCreate(ipam=models.Ipam(config=(convert(pool, models.IpamPool),))))


@pytest.mark.parametrize("path", ["/root/.ssh", "/dev/../root", "/dev", "dev/sda", ""])
def test_only_devices_are_throttled(path: str) -> None:
    """The engine tells whether the path is there."""
    assert update(BlkioDeviceReadBps=[{"Path": "/dev/sda", "Rate": 1}]) == []
    with pytest.raises(Malformed, match="the device"):
        update(BlkioWeightDevice=[{"Path": path, "Weight": 100}])


@pytest.mark.parametrize(
    "device", ["/srv/data/../../etc", "/srv//data", "/srv/data/", "../etc", "./etc", "a/../../etc"]
)
def test_devices_of_volumes_are_written_in_one_way(device: str) -> None:
    """They are mounted as they are written."""
    with pytest.raises(Malformed, match="shortest form"):
        asks.volume_asks(models.VolumeCreate(driver_opts={"device": device}))


def test_joining_a_network() -> None:
    model = models.NetworkConnect(container="web", endpoint_config=models.Endpoint(driver_opts={"a": "b"}))
    assert shown(asks.connect_asks("back", model)) == ["endpoint-option=a=b"]
    assert shown(asks.connect_asks("host", models.NetworkConnect(container="web"))) == ["network-mode=host"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Driver": "local", "Name": "data"}, []),
        ({"Driver": "nfs"}, ["volume-driver=nfs"]),
        ({"DriverOpts": {"type": "none", "o": "bind,password=secret", "device": "/etc"}},
         ["volume-option=type=none", "volume-option=o", "volume-option=device=/etc"]),
        ({"DriverOpts": {"type": "overlay", "o": "ro,lowerdir=/a:b::/c,upperdir=/d,workdir=/e", "device": "overlay"}},
         ["volume-option=type=overlay", "volume-option=o",
          *(f"volume-option=device={path}" for path in ("/a", "b", "/c", "/d", "/e", "overlay"))]),
        ({"Labels": {"io.pytrust.x": ""}}, ["label=io.pytrust.x"]),
    ],
)  # fmt: skip
def test_volumes(config: dict[str, Any], expected: list[str]) -> None:
    model = decode(Body.VOLUME, json.dumps(config).encode())
    assert isinstance(model, models.VolumeCreate)
    assert shown(asks.volume_asks(model)) == expected


# -- properties -------------------------------------------------------------------------------------------------------

SEGMENTS = st.lists(st.sampled_from(["", ".", "..", "...", "a", "b c", "etc"]), max_size=6).map("/".join)


@given(SEGMENTS)
def test_a_clean_path_has_one_spelling(path: str) -> None:
    done = clean(f"/{path}")
    assert done.startswith("/")
    assert not {"", ".", ".."} & set(done[1:].split("/")) or done == "/"
    assert clean(done) == done
    assert clean(f"/x/..//.{done}/") == done


@given(SEGMENTS, st.sampled_from(["", ":ro", ":rw,z"]))
def test_a_bind_is_written_as_it_was_judged(path: str, mode: str) -> None:
    bind = parse_bind(f"/{path}:/h{mode}")
    assert parse_bind(str(bind)) == bind
    assert bind.source == clean(f"/{path}")


@given(st.integers(-5, 5), st.integers(0, 3))
def test_numbers_of_accounts_have_one_spelling(number: int, zeros: int) -> None:
    sign = "-" if number < 0 else ""
    assert account(f"{sign}{'0' * zeros}{abs(number)}") == str(number)


@settings(deadline=None)
@given(st.from_type(models.ContainerCreate))
def test_asks_are_made_or_refused_each_once(model: models.ContainerCreate) -> None:
    try:
        found = asks.container_asks(model)
    except Malformed as error:
        assert error.status == 400
    else:
        assert len(set(found)) == len(found)
