"""A real engine as the judge of bodies: what we accept and write anew means to it what the client's own bytes mean.

Where we refuse, there is nothing to compare; that we refuse what would change the meaning is shown one by one below.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.rig import dockerd, images
from tests.rig.dockerd import _UnixConnection
from tests.rig.needs import need

from pytrust.policy.core.decision import Allow, Injection, Mutation, Pin
from pytrust.policy.core.request import Create
from pytrust.policy.engine.body import Model, decode, encode
from pytrust.policy.engine.call import Body, Malformed
from pytrust.policy.engine.compare import differences
from pytrust.policy.engine.models import ContainerCreate
from pytrust.policy.engine.normalise import normalise
from pytrust.policy.engine.rewrite import Outgoing, rewrite
from pytrust.policy.engine.routes import match
from pytrust.trust.names import ImageRef

VERSION: Final = "1.41"  # of the engine
IMAGE: Final = "oracle/web:v1"
SAMPLES: Final = sorted((Path(__file__).parents[1] / "vectors/engine_bodies").glob("container-*.json"))
WORKING = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


class Judge:
    """An engine that makes containers of bodies, shows them, and forgets them."""

    def __init__(self, socket: Path, image_id: str) -> None:
        self._connection: HTTPConnection = _UnixConnection(socket)
        self._connection.timeout = 30
        self.image_id = image_id

    def make(self, body: bytes, target: str = f"/v{VERSION}/containers/create") -> tuple[int, bytes]:
        """The status, and the description of the new container or the engine's complaint."""
        status, answer = self._ask("POST", target, body)
        if status != 201:
            return status, answer
        path = f"/v{VERSION}/containers/{json.loads(answer)['Id']}"
        try:
            return status, self._ask("GET", f"{path}/json")[1]
        finally:
            self._ask("DELETE", f"{path}?force=1&v=1")

    def meaning(self, body: bytes) -> tuple[int, Any]:
        """What the engine makes of a body, without what is new in every container."""
        status, answer = self.make(body)
        if status != 201:
            return status, None
        shown = json.loads(answer)
        anonymous = ({**mount, "Name": "", "Source": ""} for mount in shown["Mounts"] if mount["Type"] == "volume")
        mounts = sorted(anonymous, key=lambda mount: str(mount["Destination"]))  # they come out of a Go map
        return status, (shown["Config"], shown["HostConfig"], mounts, list(shown["NetworkSettings"]["Networks"]))

    def close(self) -> None:
        """Leave the engine."""
        self._connection.close()

    def _ask(self, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
        self._connection.request(method, target, body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def judge(engine: dockerd.PrivateEngine, docker: images.Docker) -> Iterator[Judge]:
    need(images.missing())
    judge = Judge(engine.socket, docker.make_image(IMAGE))
    yield judge
    judge.close()


# -- what clients send, and what they could -------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "A=1", "ü", "\U0001f600", "a b", "", "x\\u0000", '"', "<&>", "\u2028", "\x7f"])


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def many(*values: Any) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(st.sampled_from(values), max_size=3)


HOST = st.fixed_dictionaries(
    {},
    optional={
        "Privileged": st.booleans() | st.none(),
        "CapAdd": many("SYS_ADMIN", "cap_net_raw", "ALL", "Kill"),
        "CapDrop": many("ALL", "CAP_MKNOD"),
        "SecurityOpt": many("no-new-privileges", "no-new-privileges=false", "seccomp:unconfined", "disable", "label=a:b"),
        "PidMode": some("", "host"),
        "IpcMode": some("", "private", "none", "shareable", "host"),
        "UsernsMode": some("", "host"),
        "CgroupnsMode": some("", "host", "private"),
        "NetworkMode": some("", "default", "none", "host", "bridge"),
        "Binds": many("/tmp:/a", "/tmp:/b:ro", "/srv/..//tmp/:/c:rslave", "data:/d", "/e"),
        "Mounts": many(
            {"Type": "bind", "Source": "/tmp/../tmp", "Target": "/f", "ReadOnly": True},
            {"Type": "volume", "Target": "/g", "VolumeOptions": {"NoCopy": True, "DriverConfig": None}},
            {"Type": "tmpfs", "Target": "/h", "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 511}},
        ),
        "Tmpfs": st.dictionaries(some("/i", "/j"), some("", "exec,suid", "size=1m,noexec"), max_size=2) | st.none(),
        "Devices": many({"PathOnHost": "/dev//null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}),
        "DeviceCgroupRules": many("c 1:3 rwm"),
        "MaskedPaths": many("/proc/kcore"),
        "ReadonlyPaths": many("/proc/sys"),
        "PidsLimit": some(None, -1, 0, 1, 100),
        "Memory": some(0, 67108864),
        "MemorySwap": some(0, -1),
        "CpuShares": st.integers(0, 5),
        "OomScoreAdj": st.integers(-3, 3),
        "Sysctls": some({}, None, {"net.ipv4.ip_forward": "1"}),
        "Ulimits": many({"Name": "nofile", "Soft": 1, "Hard": 2}),
        "RestartPolicy": some({"Name": "on-failure", "MaximumRetryCount": 2}, {"Name": "no"}, {}),
        "LogConfig": some({}, {"Type": "local", "Config": {"max-size": "1m"}}, {"Type": "", "Config": None}),
        "PortBindings": some({}, {"80/tcp": None}, {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "1024"}]}),
        "GroupAdd": many("1", "audio"),
        "ReadonlyRootfs": st.booleans(),
        "Runtime": some("", "runc"),
        "ShmSize": some(0, 1048576),
        "Init": some(None, True, False),
        "ConsoleSize": some([1, 2]),
        "DnsSearch": many("example.com"),
    },
)  # fmt: skip
CONFIG = st.fixed_dictionaries(
    {"Image": st.just(IMAGE), "Hostname": st.just("web")},
    optional={
        "HostConfig": HOST | st.none(),
        "Env": st.none() | st.lists(WORDS, max_size=3),
        "Cmd": st.none() | st.lists(WORDS, max_size=3),
        "Entrypoint": st.none() | st.lists(WORDS, max_size=2),
        "User": some("", "0", "1000:1000", "+0"),
        "WorkingDir": some("", "/srv/../x"),
        "Labels": st.none() | st.dictionaries(WORDS, WORDS, max_size=2),
        "Tty": st.booleans() | st.none(),
        "Volumes": some(None, {}, {"/v": {}}),
        "ExposedPorts": some(None, {"80/tcp": {}}),
        "StopTimeout": some(None, 0, 3),
        "StopSignal": some("", "SIGINT"),
        "Healthcheck": some(None, {"Test": ["NONE"]}, {"Test": ["CMD", "true"], "Interval": 10**9, "Retries": 2}),
        "NetworkingConfig": some(None, {}, {"EndpointsConfig": {"none": None}}, {"EndpointsConfig": {"none": {}}}),
    },
)


@st.composite
def written(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> str:
    """A value as JSON in one of the many ways of writing it: spaces, escapes, the order of keys."""
    text = json.dumps(draw(values), ensure_ascii=draw(st.booleans()), indent=draw(some(None, 1)))
    for key in draw(st.lists(some("HostConfig", "Privileged", "Binds", "Env"), max_size=2, unique=True)):
        text = text.replace(f'"{key}"', f'"\\u{ord(key[0]):04x}{key[1:]}"')
    return text


@WORKING
@given(written(CONFIG))
def test_the_engine_reads_our_bytes_as_the_clients(judge: Judge, text: str) -> None:
    model = decode(Body.CONTAINER, text.encode())
    assert model is not None
    assert judge.meaning(encode(model)) == judge.meaning(text.encode())


# -- what would mean something else to the engine ---------------------------------------------------------------------

PRIVILEGED: Final = [
    '"HostConfig":{"Privileged":true},"HostConfig":{"Memory":0}',
    '"HostConfig":{"Memory":0},"hostconfig":{"Privileged":true}',
    '"HostConfig":{"Privileged":false,"privileged":true}',
    '"HostConfig":{"Privileged":true,"Privileged":null}',
    '"Ho\u017ftConfig":{"Privileged":true}',
    '"HOSTCONFIG":{"PRIVILEGED":true}',
    '"Privileged":true',
    '"privileged":true',
    '"HostConfig":{"Privileged":true,"Capabilities":null}',
]


@pytest.mark.parametrize("text", PRIVILEGED, ids=ascii)
def test_what_the_engine_takes_for_privileged_is_read_so_or_refused(judge: Judge, text: str) -> None:
    data = f'{{"Image":"{IMAGE}",{text}}}'.encode()
    status, shown = judge.meaning(data)
    assert status == 201
    assert shown[1]["Privileged"] is True
    with pytest.raises(Malformed):
        decode(Body.CONTAINER, data)


Pairs = list[tuple[str, Any]]
"""An object whose keys may stand twice."""


RIGHT: Final = {"HostConfig": {}, "Privileged": True, "Binds": ["/tmp:/h"], "PidsLimit": 5}
WRONG: Final[tuple[Any, ...]] = (None, True, 1, [], [None], 1e2, "true", {}, "\ud800")
TAILS: Final = (b"}}", b" {}", b"]", b"\n", b"\0", b"")


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """A body with one thing wrong, or one that only looks so."""
    root: Pairs = [(name, value) for name, value in draw(CONFIG).items() if name != "HostConfig"]
    host: Pairs = list(draw(HOST).items())
    key, fault = draw(some(*RIGHT)), draw(st.integers(0, 8))
    value = draw(some(*WRONG)) if fault == 0 else RIGHT[key]
    there: Pairs = [*(pair for pair in (root if key == "HostConfig" else host) if pair[0] != key), (key, value)]
    match fault:
        case 1:
            there = draw(st.permutations([*there, (folded(draw, key), value)]))
        case 2:
            there = [*there, ("Unknown", 1)]
        case 3:
            there = [*there, *host]
        case 4:
            there = [(folded(draw, name), value) for name, value in there]
        case _:
            there = draw(st.permutations(there))
    root = there if key == "HostConfig" else [*root, ("HostConfig", Nested(there))]
    return dump(root).encode() + bytes(draw(some(*TAILS)) if fault == 5 else b"")


class Nested:
    """An object among values."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs


def dump(pairs: Pairs) -> str:
    inner = (dump(value.pairs) if isinstance(value, Nested) else json.dumps(value) for _, value in pairs)
    return "{" + ",".join(f"{json.dumps(key)}:{text}" for (key, _), text in zip(pairs, inner, strict=True)) + "}"


def folded(draw: st.DrawFn, key: str) -> str:
    kelvin = key.replace("s", "\u017f").replace("k", "\u212a").replace("K", "\u212a")
    return str(draw(st.sampled_from([key, key.lower(), key.upper(), kelvin])))


@settings(WORKING, max_examples=200)
@given(hostile())
def test_what_is_wrong_is_refused_or_means_the_same(judge: Judge, data: bytes) -> None:
    try:
        model = decode(Body.CONTAINER, data)
    except Malformed:
        return
    assert model is not None
    assert judge.meaning(encode(model)) == judge.meaning(data)


# -- what is made of it -----------------------------------------------------------------------------------------------


def sent_on(data: bytes, *injections: Injection) -> Outgoing:
    """As it leaves us, where an unsigned image was allowed."""
    call = match("POST", "/containers/create")
    assert call is not None
    model = decode(Body.CONTAINER, data)
    request = normalise(call, model)
    assert isinstance(request, Create)
    pins = tuple(Pin(image=image, ref=ImageRef.parse(IMAGE)) for image in (request.image, *request.mounts))
    mutations = tuple(Mutation(injection=item, value=64 * 1024**2) for item in injections)
    return rewrite(call, model, request, Allow(pins=pins, mutations=mutations), VERSION)


def made(judge: Judge, out: Outgoing) -> tuple[int, tuple[str, ...], dict[str, Any]]:
    assert out.body is not None
    assert isinstance(out.model, ContainerCreate)
    status, answer = judge.make(out.body, out.target)
    wrong = differences(out.model, answer, judge.image_id) if status == 201 else ()
    return status, wrong, json.loads(answer)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_the_stock_clients_containers_are_made_as_sent(judge: Judge, sample: Path) -> None:
    """20.10 has no image mounts; what it refuses, it refuses by itself, and not for the way in which we write."""
    status, wrong, shown = made(judge, sent_on(sample.read_bytes()))
    assert not wrong
    assert status == 201 or not any(word in shown["message"] for word in ("JSON", "json", "unmarshal", "decod"))


@WORKING
@given(written(CONFIG), st.sets(st.sampled_from(Injection)))
def test_what_was_sent_is_what_was_made(judge: Judge, text: str, injections: set[Injection]) -> None:
    status, wrong, shown = made(judge, sent_on(text.encode(), *injections))
    assert not wrong
    if status == 201:
        host = shown["HostConfig"]
        assert host["IpcMode"] == (json.loads(text).get("HostConfig") or {}).get("IpcMode", "") or "private"
        assert Injection.PIDS not in injections or host["PidsLimit"] == 64 * 1024**2
        assert Injection.DROP_CAPABILITIES not in injections or host["CapDrop"] == ["ALL"]
        assert Injection.NO_NEW_PRIVILEGES not in injections or "no-new-privileges" in host["SecurityOpt"]
        flags = [set(words.split(",")) for words in (host.get("Tmpfs") or {}).values()]
        assert Injection.TMPFS_FLAGS not in injections or all({"noexec", "nosuid", "nodev"} <= each for each in flags)


@WORKING
@given(
    HOST, st.sampled_from(["Privileged", "CapAdd", "PidMode", "IpcMode", "Binds", "Devices", "SecurityOpt"]), st.data()
)
def test_a_container_that_was_made_otherwise_is_told(
    judge: Judge, host: dict[str, Any], key: str, data: st.DataObject
) -> None:
    other = {"Privileged": True, "PidMode": "host", "IpcMode": "host", "Binds": ["/:/h"], "CapAdd": ["SYS_TIME"],
             "Devices": [{"PathOnHost": "/dev/zero"}], "SecurityOpt": ["seccomp=unconfined"]}  # fmt: skip
    assume((host.get(key) or None) != other[key])
    assume(not (key == "SecurityOpt" and "seccomp:unconfined" in (host.get(key) or ())))
    right = sent_on(json.dumps({"Image": IMAGE, "HostConfig": host}).encode())
    wrong = sent_on(json.dumps({"Image": IMAGE, "HostConfig": {**host, key: other[key]}}).encode())
    status, answer = judge.make(wrong.body or b"")
    assume(status == 201)
    assert isinstance(right.model, Model)
    assert any(key in text for text in differences(right.model, answer, judge.image_id))
