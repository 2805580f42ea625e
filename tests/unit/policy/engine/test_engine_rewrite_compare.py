"""A new container held against what was sent: engines' own ways are no difference, everything else is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Body
from pytrust.policy.engine.compare import differences

ID = "sha256:" + "1" * 64
SENT: dict[str, Any] = {
    "Image": "docker.io/foo/web@sha256:1",
    "HostConfig": {
        "IpcMode": "private",
        "NetworkMode": "default",
        "CapAdd": ["net_bind_service"],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": 512,
        "Binds": ["/srv:/srv:ro"],
        "Devices": [],
        "Mounts": [{"Type": "volume", "Source": "data", "Target": "/x", "VolumeOptions": {"NoCopy": True}}],
        "Tmpfs": {"/run": "noexec,nosuid,nodev"},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "Sysctls": {"net.ipv4.tcp_syncookies": "1"},
        "Annotations": None,
        "OomKillDisable": False,
    },
}
# What an engine makes of it: 20.10.24 as it was seen, with a few liberties of newer ones.
SHOWN: dict[str, Any] = {
    "Id": "c" * 64,
    "Image": ID,
    "State": {"Pid": 0, "New": 1.5},
    "Config": {"Image": "docker.io/foo/web@sha256:1", "User": "1000", "Env": ["PATH=/bin"], "Labels": {}},
    "HostConfig": {
        "Binds": ["/srv:/srv:ro"],
        "NetworkMode": "bridge",
        "CapAdd": ["CAP_NET_BIND_SERVICE"],
        "CapDrop": ["CAP_ALL"],
        "CgroupnsMode": "host",
        "IpcMode": "private",
        "SecurityOpt": ["no-new-privileges=true"],
        "PidsLimit": 512,
        "Runtime": "runc",
        "Devices": None,
        "Mounts": [
            {"Type": "volume", "Source": "data", "Target": "/x", "VolumeOptions": {"NoCopy": True, "DriverConfig": {}}}
        ],
        "Tmpfs": {"/run": "noexec,nosuid,nodev"},
        "Sysctls": {},
        "LogConfig": {"Type": "json-file", "Config": {}},
        "MaskedPaths": ["/proc/kcore"],
        "ReadonlyPaths": ["/proc/sys"],
        "ShmSize": 67108864,
        "FromTheFuture": {"a": 1.5},
        "Privileged": False,
        "PidMode": "",
        "OomScoreAdj": 0,
        "VolumeDriver": "",
    },
}


def compare(sent: dict[str, Any], shown: Any) -> tuple[str, ...]:
    model = decode(Body.CONTAINER, json.dumps(sent).encode())
    assert model is not None
    return differences(model, json.dumps(shown).encode(), ID)


def shown(**changes: Any) -> dict[str, Any]:
    other = copy.deepcopy(SHOWN)
    other["HostConfig"].update(changes)
    return other


def sent(**changes: Any) -> dict[str, Any]:
    return {**SENT, "HostConfig": {**SENT["HostConfig"], **changes}}


def test_an_engine_has_its_own_ways() -> None:
    assert compare(SENT, SHOWN) == ()
    assert compare({"Image": SENT["Image"]}, {**SHOWN, "HostConfig": {"NetworkMode": "default"}}) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"Privileged": True},
        {"CapAdd": ["CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN"]},
        {"CapDrop": None},
        {"SecurityOpt": None},
        {"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]},
        {"SecurityOpt": ["no-new-privileges", "label=disable"]},
        {"SecurityOpt": ["nonsense"]},
        {"SecurityOpt": 1},
        {"PidMode": "host"},
        {"PidMode": "container:x"},
        {"IpcMode": "shareable"},
        {"NetworkMode": "host"},
        {"NetworkMode": "container:x"},
        {"UTSMode": "host"},
        {"UsernsMode": "host"},
        {"CgroupParent": "/x"},
        {"Devices": [{"PathOnHost": "/dev/sda"}]},
        {"DeviceCgroupRules": ["a *:* rwm"]},
        {"DeviceRequests": [{"Driver": "cdi"}]},
        {"Binds": ["/srv:/srv"]},
        {"Binds": ["/srv:/srv:ro", "/:/h"]},
        {"Mounts": []},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/x"}]},
        {"Mounts": [{**SHOWN["HostConfig"]["Mounts"][0], "VolumeOptions": {"DriverConfig": {"Name": "nfs"}}}]},
        {"Tmpfs": {"/run": "exec"}},
        {"VolumesFrom": ["x"]},
        {"VolumeDriver": "nfs"},
        {"Sysctls": {"kernel.core_pattern": "x"}},
        {"Sysctls": {"net.ipv4.tcp_syncookies": "0"}},
        {"Annotations": {"a": "b"}},
        {"PidsLimit": None},
        {"PidsLimit": -1},
        {"PidsLimit": 5000},
        {"GroupAdd": ["0"]},
        {"OomScoreAdj": -500},
        {"PublishAllPorts": True},
        {"ReadonlyRootfs": True},
    ],
    ids=str,
)
def test_a_difference_is_told(changes: dict[str, Any]) -> None:
    assert len(compare(SENT, shown(**changes))) == 1


@pytest.mark.parametrize(
    ("key", "value", "other"),
    [
        ("Runtime", "runsc", "runc"),
        ("CgroupnsMode", "private", "host"),
        ("MaskedPaths", ["/proc/kcore"], []),
        ("LogConfig", {"Type": "local"}, {"Type": "syslog"}),
        ("ReadonlyRootfs", True, False),
        ("NetworkMode", "none", "bridge"),
    ],
)
def test_what_was_chosen_has_to_be_there(key: str, value: Any, other: Any) -> None:
    assert compare(sent(**{key: value}), shown(**{key: value})) == ()
    assert len(compare(sent(**{key: value}), shown(**{key: other}))) == 1


@pytest.mark.parametrize(
    ("key", "value", "other"),
    [
        ("PidMode", "container:web", f"container:{'c' * 64}"),
        ("NetworkMode", "back", "n" * 64),
        ("PidsLimit", 0, None),
        ("PidsLimit", -1, 0),
        ("Runtime", "", "other"),
        ("CgroupnsMode", "", "private"),
        ("DeviceRequests", [{"Driver": "cdi", "Options": None}], [{"Driver": "cdi", "Options": {}, "Count": 0}]),
    ],
)
def test_two_spellings_of_one_thing(key: str, value: Any, other: Any) -> None:
    assert compare(sent(**{key: value}), shown(**{key: other})) == ()


@pytest.mark.parametrize("sharing", [{"Privileged": True}, {"PidMode": "host"}, {"IpcMode": "container:web"}])
@pytest.mark.parametrize("options", [[], ["no-new-privileges"], ["label=level:s0"]])
def test_a_container_that_shares_loses_its_labels(sharing: dict[str, Any], options: list[str]) -> None:
    changed = {**sharing, "SecurityOpt": [*options, "label=disable"]}
    assert compare(sent(**sharing, SecurityOpt=options), shown(**changed)) == ()
    assert len(compare(sent(SecurityOpt=options), shown(SecurityOpt=changed["SecurityOpt"]))) == 1
    assert len(compare(sent(**sharing, SecurityOpt=["label=level:s1"]), shown(**changed))) == 1


def test_another_image_is_told() -> None:
    other = "sha256:" + "2" * 64
    assert compare(SENT, {**SHOWN, "Image": other}) == (f"the image is '{other}', not '{ID}'",)
    config = {**SHOWN["Config"], "Image": "foo/evil"}
    assert len(compare(SENT, {**SHOWN, "Config": config})) == 1


def test_another_user_is_told() -> None:
    chosen = {**SENT, "User": "1000"}
    assert compare(chosen, SHOWN) == ()
    assert len(compare(chosen, {**SHOWN, "Config": {**SHOWN["Config"], "User": "0"}})) == 1


@pytest.mark.parametrize("answer", [None, [], {}, {"Image": ID}, {**SHOWN, "HostConfig": None}, {**SHOWN, "Image": 1}])
def test_what_cannot_be_read_is_a_difference(answer: Any) -> None:
    assert compare(SENT, answer) == ("the engine's description of it cannot be read",)


def test_long_values_are_cut() -> None:
    (text,) = compare(SENT, shown(Binds=["x" * 5000]))
    assert len(text) < 300


def _with_secrets(config: dict[str, Any], **changed: Any) -> dict[str, Any]:
    options = {"Propagation": "rprivate", "NonRecursive": True}
    mount = {"Type": "bind", "Source": "/s/0", "Target": "/run/secrets", "ReadOnly": True, "BindOptions": options}
    again = copy.deepcopy(config)
    again["HostConfig"]["Mounts"].append({**mount, **changed})
    return again


@pytest.mark.parametrize(
    "changed",
    [
        {"ReadOnly": False},
        {"Source": "/s/1"},
        {"Target": "/run"},
        {"BindOptions": {"Propagation": "rshared"}},
        {"Type": "volume"},
    ],
)
def test_the_mount_of_secrets_is_as_it_was_sent(changed: dict[str, Any]) -> None:
    sent = decode(Body.CONTAINER, json.dumps(_with_secrets(SENT)).encode())
    assert sent is not None
    assert differences(sent, json.dumps(_with_secrets(SHOWN)).encode(), ID) == ()
    assert differences(sent, json.dumps(_with_secrets(SHOWN, **changed)).encode(), ID)
    assert differences(sent, json.dumps(SHOWN).encode(), ID)
