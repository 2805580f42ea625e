"""How much of the host a container may have, level by level."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.policy_core.core_case import (
    D1,
    DEV,
    DOWN,
    GOOD,
    GOOD_HELD,
    SIGNED_RULE,
    World,
    ask,
    codes,
    create,
    judged,
    lift,
    policy,
    reasons,
    written,
)

from pytrust.policy.core.decision import Allow, Injection
from pytrust.policy.core.facts import (
    Container,
    ContainerQuery,
    EngineInfo,
    EngineQuery,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    PathQuery,
    Volume,
    VolumeQuery,
)
from pytrust.policy.core.levels import CHOSEN, INJECTED, TABLE
from pytrust.policy.core.request import Field, NetworkCreate, VolumeCreate
from pytrust.policy.core.rules import ImageRule, Isolation, Lift, Mode, Trust

BASELINE, RESTRICTED, PRIVILEGED = Isolation.BASELINE, Isolation.RESTRICTED, Isolation.PRIVILEGED
GIB = 1024**3

# field, what baseline and restricted let through, what only baseline does, what neither does
LEVELS: list[tuple[Field, list[str], list[str], list[str]]] = [
    (Field.PRIVILEGED, [], [], ["true"]),
    (
        Field.CAPABILITY,
        ["NET_BIND_SERVICE"],
        ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
        ["NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "BPF", "ALL", "chown", "CAP_CHOWN", ""],
    ),
    (Field.SECCOMP, ["builtin"], [], ["unconfined", "custom", ""]),
    (Field.APPARMOR, ["docker-default"], [], ["unconfined", "lax"]),
    (Field.SELINUX, ["type:container_t", "type:container_engine_t"], [], ["disable", "type:spc_t", "level:s0", "user:root"]),
    (Field.NEW_PRIVILEGES, [], [], ["allowed"]),
    (Field.SYSTEM_PATHS, [], [], ["masked", "readonly"]),
    (Field.SECURITY_OPTION, [], [], ["writable-cgroups", "new-thing"]),
    (Field.PID_MODE, [], [], ["host", "container:web"]),
    (Field.IPC_MODE, [], [], ["host", "shareable", "container:web"]),
    (Field.NETWORK_MODE, [], [], ["host", "container:web"]),
    (Field.UTS_MODE, [], [], ["host"]),
    (Field.USERNS_MODE, [], [], ["host"]),
    (Field.CGROUPNS_MODE, [], [], ["host"]),
    (Field.CGROUP_PARENT, [], [], ["/system.slice"]),
    (Field.DEVICE, [], [], ["/dev/null", "/dev/sda"]),
    (Field.DEVICE_RULE, [], [], ["a *:* rwm"]),
    (Field.DEVICE_REQUEST, [], [], ["cdi", "nvidia"]),
    (Field.BIND, [], [], ["/", "/tmp"]),
    (Field.WRITABLE_BIND, [], [], ["/tmp"]),
    (Field.BIND_OPTION, [], [], ["z", "Z", "shared", "rshared", "slave", "ReadOnlyNonRecursive"]),
    (Field.VOLUME, ["plain", "new"], [], ["disk", "driven"]),
    (Field.VOLUME_DRIVER, [], [], ["nfs"]),
    (Field.VOLUME_OPTION, [], [], ["type=ext4", "device=/dev/sda1", "o"]),
    (Field.VOLUMES_FROM, [], [], ["web"]),
    (Field.MOUNT_TYPE, [], [], ["cluster", "npipe"]),
    (
        Field.USER,
        ["1", "1000", "2147483647"],
        ["0", "", "root", "web", "00", "+0", "-0", "01", "2147483648", "99999999999999999999", "1000 ", "١"],
        [],
    ),
    (Field.GROUP, ["1000", "audio"], ["0", "00", "+0", "root", "docker", "", "4294967296"], []),
    (
        Field.SYSCTL,
        ["kernel.shm_rmid_forced", "net.ipv4.tcp_syncookies", "net.ipv4.ip_unprivileged_port_start"],
        [],
        ["kernel.core_pattern", "net.ipv4.ip_forward", "net/ipv4/tcp_syncookies", "kernel.shmmax"],
    ),
    (
        Field.ULIMIT,
        ["nofile=1024:65536", "nproc=64:128", "core=0:0", "cpu=-1:-1", "memlock=1024:1024"],
        ["nofile=1048576:1048576", "core=-1:-1", "memlock=-1:-1", "nproc=-1:-1", "stack=-1:-1"],
        ["nofile=-1:-1", "nofile=1:1048577", "nofile=1048577:1", "rtprio=0:0", "nice=1:1", "odd=1:1", "nofile=1", "nofile=1:-2"],
    ),
    (Field.SHM_SIZE, ["1", str(2 * GIB)], [str(2 * GIB + 1)], ["0", "-1", "64m"]),
    (Field.STORAGE_OPTION, ["size=100G", "size=10485760", "size=5GiB"], ["size=101G", "size=1T", "size=x"], ["dm.fs=xfs", "Size=1"]),
    (Field.PIDS, ["1", "512"], ["513"], ["0", "-1", "unlimited", "1e3"]),
    (Field.MEMORY, ["1", str(2 * GIB)], [str(2 * GIB + 1)], ["0", "-1", "1g"]),
    (Field.SWAP, ["1", str(4 * GIB)], [str(4 * GIB + 1), "unlimited", "0", "-1"], []),
    (Field.CPU_REALTIME, [], [], ["CpuRealtimeRuntime"]),
    (Field.OOM, [], [], ["kill-disabled", "-500"]),
    (Field.RUNTIME, [], [], ["runc", "runsc"]),
    (Field.WINDOWS, [], [], ["Isolation"]),
    (Field.ANNOTATION, [], [], ["run.oci.handler"]),
    (
        Field.PORT,
        ["127.0.0.1:8080", "::1:1024", "[::1]:8080", "10.0.0.1:", "10.0.0.1:0", "127.0.0.1:8000-8010"],
        [":8080", "0.0.0.0:8080", ":::8080", "[::]:8080", "::ffff:0.0.0.0:8080", "127.0.0.1:80", "127.0.0.1:1023",
         "127.0.0.1:1000-2000", "127.0.0.1:2000-1500", "127.0.0.1:65536", "0:8080", "host:8080", "8080", ":", "127.0.0.1:-1", "127.0.0.1:http"],
        [],
    ),
    (Field.PUBLISH_ALL, [], ["true"], []),
    (Field.RESTART, ["on-failure:1", "on-failure:5"], ["always", "unless-stopped", "on-failure:0", "on-failure:6", "on-failure:15"], []),
    (Field.LOG_DRIVER, ["json-file", "local"], ["none"], ["syslog", "gelf", "journald", "default"]),
    (Field.WORKING_DIR, [], [], ["/proc/self/fd/8"]),
    (Field.NETWORK_DRIVER, [], [], ["macvlan", "ipvlan", "host", "overlay"]),
    (
        Field.NETWORK_OPTION,
        ["com.docker.network.driver.mtu=1400", "com.docker.network.bridge.enable_icc=false"],
        [],
        ["parent=eth0", "com.docker.network.bridge.name=br0", "com.docker.network.bridge.host_binding_ipv4=0.0.0.0"],
    ),
    (Field.NETWORK_SCOPE, [], [], ["swarm", "ingress", "config-only"]),
    (Field.ENDPOINT_OPTION, [], [], ["com.docker.network.endpoint.sysctls=x"]),
    (Field.CHECKPOINT, [], [], ["c1"]),
]  # fmt: skip
ROWS = [
    (field, value, level, value in both or (value in lower and level is BASELINE))
    for field, both, lower, none in LEVELS
    for value in (*both, *lower, *none)
    for level in (BASELINE, RESTRICTED)
]
VOLUMES: World = {
    VolumeQuery(name="plain"): Volume(driver="local"),
    VolumeQuery(name="new"): Missing(),
    VolumeQuery(name="disk"): Volume(driver="local", options=(("device", "/dev/sda1"), ("o", ""), ("type", "ext4"))),
    VolumeQuery(name="driven"): Volume(driver="nfs"),
}


@pytest.mark.parametrize(("field", "value", "level", "allowed"), ROWS)
def test_the_table(field: Field, value: str, level: Isolation, allowed: bool) -> None:
    decision = judged(create(ask(field, value)), policy(isolation=level), VOLUMES)
    assert codes(decision) == ([] if allowed else [field.value])


def test_the_table_and_its_tests_know_every_field() -> None:
    assert set(TABLE) == set(Field)
    assert {row[0] for row in LEVELS} == set(Field) - {Field.LABEL}
    assert set(CHOSEN) == set(Injection)
    assert set(INJECTED) == set(Isolation)


@pytest.mark.parametrize("field", set(Field) - {Field.LABEL})
def test_privileged_lets_everything_through(field: Field) -> None:
    decision = judged(
        create(ask(field, "host")), policy(isolation=PRIVILEGED), {EngineQuery(): EngineInfo(seccomp=False)}
    )
    assert written(decision) == {}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("level", Isolation)
def test_labels_of_our_own_are_nobodys(level: Isolation, mode: Mode) -> None:
    under = policy(isolation=level, lifts=[lift(Field.LABEL)], mode=mode)
    (reason,) = reasons(judged(create(ask(Field.LABEL, "io.pytrust.guarded")), under))
    assert (reason.code, reason.firm) == ("label", True)
    assert "allow it" not in reason.hint


def test_the_level_of_an_image_comes_before_that_of_all() -> None:
    own = ImageRule(match=GOOD.collection, where="policy.yaml:5", trust=Trust(), isolation=PRIVILEGED)
    assert codes(judged(create(ask(Field.PRIVILEGED)), policy(own, isolation=RESTRICTED))) == []
    strict = ImageRule(match=GOOD.collection, where="policy.yaml:5", trust=Trust(), isolation=BASELINE)
    (reason,) = reasons(judged(create(ask(Field.PRIVILEGED)), policy(strict, isolation=PRIVILEGED)))
    assert reason.rule == "isolation baseline: privileged (policy.yaml:5)"


SENTENCES = [
    (
        Field.PRIVILEGED, "true",
        "privileged containers are not allowed",
        'drop --privileged, or allow it: containers.allow: [{rule: privileged, match: "registry.example.com/foo/good"}]',
    ),
    (
        Field.CAPABILITY, "SYS_ADMIN",
        "the capability SYS_ADMIN may not be added",
        'drop --cap-add=SYS_ADMIN, or allow it: containers.allow: [{rule: capability, match: "registry.example.com/foo/good", values: ["SYS_ADMIN"]}]',
    ),
    (
        Field.PID_MODE, "host",
        "the pid namespace of host may not be joined",
        'drop --pid=host, or allow it: containers.allow: [{rule: pid-mode, match: "registry.example.com/foo/good", values: ["host"]}]',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "text", "hint"), SENTENCES)
def test_a_refusal_in_words(field: Field, value: str, text: str, hint: str) -> None:
    (reason,) = reasons(judged(create(ask(field, value))))
    assert (reason.text, reason.hint) == (text, hint)
    assert reason.rule == f"isolation baseline: {field} (policy.yaml:9)"
    assert not reason.firm


def test_values_with_braces_are_only_text() -> None:
    (reason,) = reasons(judged(create(ask(Field.ANNOTATION, "{value}{0}{x.y}"))))
    assert reason.text == "the annotation {value}{0}{x.y} is not allowed"


@pytest.mark.parametrize("field", [field for field, *_, none in LEVELS if none])
def test_the_way_out_that_is_told_works(field: Field) -> None:
    value = next(none[0] for name, *_, none in LEVELS if name is field)
    (reason,) = reasons(judged(create(ask(field, value)), world=VOLUMES))
    assert f"{{rule: {field}, " in reason.hint
    paths: World = {PathQuery(path=value): HostPath(real=value)}
    values = [] if value == "true" else [value]
    lifted = policy(lifts=[lift(field, *values, match=GOOD.collection)])
    assert codes(judged(create(ask(field, value)), lifted, {**VOLUMES, **paths})) == []


LIFTS = [
    (lift(Field.CAPABILITY), "SYS_ADMIN", True),
    (lift(Field.CAPABILITY, "SYS_ADMIN"), "SYS_ADMIN", True),
    (lift(Field.CAPABILITY, "NET_ADMIN", "SYS_*"), "SYS_ADMIN", True),
    (lift(Field.CAPABILITY, "SYS_ADMIN"), "SYS_PTRACE", False),
    (lift(Field.CAPABILITY, "SYS"), "SYS_ADMIN", False),
    (lift(Field.SYSCTL), "SYS_ADMIN", False),
    (lift(Field.CAPABILITY, match="registry.example.com/foo/*"), "SYS_ADMIN", True),
    (lift(Field.CAPABILITY, match="registry.example.com/bar/*"), "SYS_ADMIN", False),
]


@pytest.mark.parametrize(("exception", "value", "allowed"), LIFTS)
def test_exceptions(exception: Lift, value: str, allowed: bool) -> None:
    decision = judged(create(ask(Field.CAPABILITY, value)), policy(lifts=[exception]))
    assert codes(decision) == ([] if allowed else ["capability"])


REQUESTS = [
    (VolumeCreate(asks=(ask(Field.VOLUME_DRIVER, "nfs"),)), Field.VOLUME_DRIVER),
    (NetworkCreate(name="n", asks=(ask(Field.NETWORK_DRIVER, "macvlan"),)), Field.NETWORK_DRIVER),
]


@pytest.mark.parametrize(("request_", "field"), REQUESTS)
def test_what_has_no_image_needs_an_exception_for_all(request_: VolumeCreate | NetworkCreate, field: Field) -> None:
    (reason,) = reasons(judged(request_))
    assert 'match: "**"' in reason.hint
    assert codes(judged(request_, policy(lifts=[lift(field)]))) == []
    for narrow in ("*", "docker.io/**", GOOD.collection):
        assert codes(judged(request_, policy(lifts=[lift(field, match=narrow)]))) == [field.value]


def test_plain_networks_and_volumes() -> None:
    assert judged(NetworkCreate(name="n")) == Allow()
    assert judged(VolumeCreate(name="v")) == Allow()


PATHS: World = {
    PathQuery(path="/srv/data/a"): HostPath(real="/srv/data/a"),
    PathQuery(path="/srv/data/link"): HostPath(real="/etc"),
    PathQuery(path="/srv/data/sock"): HostPath(real="/srv/data/sock", guarded=True),
    PathQuery(path="/srv/data/../../etc"): HostPath(real="/etc"),
    PathQuery(path="/srv/data/gone"): Missing(),
    PathQuery(path="/srv/data/far"): DOWN,
}
BINDS = [
    ("/srv/data/a", []),
    ("/srv/data/link", ["bind"]),
    ("/srv/data/../../etc", ["bind"]),
    ("/srv/data/sock", ["guarded-path"]),
    ("/srv/data/gone", ["no-such-path"]),
    ("/srv/data/far", ["unreachable"]),
    ("/srv/data", ["bind"]),
    ("/etc", ["bind"]),
]


@pytest.mark.parametrize("level", [BASELINE, RESTRICTED])
@pytest.mark.parametrize(("path", "expected"), BINDS)
def test_a_path_is_judged_where_it_leads(path: str, expected: list[str], level: Isolation) -> None:
    under = policy(isolation=level, lifts=[lift(Field.BIND, "/srv/data/**")])
    assert codes(judged(create(ask(Field.BIND, path)), under, PATHS)) == expected


@pytest.mark.parametrize(("path", "expected"), BINDS)
def test_a_folder_behind_a_volume_is_judged_where_it_leads(path: str, expected: list[str]) -> None:
    under = policy(lifts=[lift(Field.VOLUME_OPTION, "type=none", "o", "device=/srv/data/**", "device=:/export")])
    options = [ask(Field.VOLUME_OPTION, text) for text in ("type=none", "o", f"device={path}")]
    renamed = [code.replace("bind", "volume-option") for code in expected]
    assert codes(judged(VolumeCreate(asks=tuple(options)), under, PATHS)) == renamed
    assert codes(judged(create(*options), under, PATHS)) == renamed
    export: World = {PathQuery(path="/:/export"): Missing()}
    assert codes(judged(create(ask(Field.VOLUME_OPTION, "device=:/export")), under, export)) == []


def test_a_device_without_a_slash_is_a_path_where_the_engine_stands() -> None:
    """dockerd stands in the root folder; a file system's name, or a server's export, is no path."""
    under = policy(lifts=[lift(Field.VOLUME_OPTION)])
    world: World = {
        PathQuery(path="/run/docker"): HostPath(real="/run/docker", guarded=True),
        PathQuery(path="/srv/data"): HostPath(real="/srv/data"),
        PathQuery(path="/overlay"): Missing(),
        PathQuery(path="/dead"): DOWN,
    }
    for device, expected in (
        ("run/docker", ["guarded-path"]),
        ("srv/data", []),
        ("overlay", []),
        ("dead", ["unreachable"]),
    ):
        option = ask(Field.VOLUME_OPTION, f"device={device}")
        assert codes(judged(create(option), under, world)) == expected, device
        assert codes(judged(VolumeCreate(asks=(option,)), under, world)) == expected, device


def test_a_link_is_told_of() -> None:
    under = policy(lifts=[lift(Field.BIND, "/srv/data/**")])
    (reason,) = reasons(judged(create(ask(Field.BIND, "/srv/data/link")), under, PATHS))
    assert reason.text == "the host path /srv/data/link leads to /etc, which may not be mounted"
    assert 'values: ["/etc"]' in reason.hint


def test_writing_needs_an_exception_of_its_own() -> None:
    asks = ask(Field.BIND, "/srv/data/a"), ask(Field.WRITABLE_BIND, "/srv/data/a")
    readable = lift(Field.BIND, "/srv/data/**")
    assert codes(judged(create(*asks), policy(lifts=[readable]), PATHS)) == ["writable-bind"]
    both = [readable, lift(Field.WRITABLE_BIND, "/srv/data/*")]
    assert codes(judged(create(*asks), policy(lifts=both), PATHS)) == []


def test_no_exception_covers_a_guarded_path() -> None:
    asks = ask(Field.BIND, "/srv/data/sock"), ask(Field.WRITABLE_BIND, "/srv/data/sock")
    under = policy(lifts=[lift(Field.BIND), lift(Field.WRITABLE_BIND)])
    (reason,) = reasons(judged(create(*asks), under, PATHS))
    assert (reason.code, reason.firm) == ("guarded-path", False)
    assert reason.rule == "isolation baseline: guarded-path (policy.yaml:9)"


def test_a_volume_made_of_a_disk_is_told_of() -> None:
    (reason,) = reasons(judged(create(ask(Field.VOLUME, "disk")), world=VOLUMES))
    assert reason.text == (
        "the volume disk may not be mounted: it is made with driver=local, device=/dev/sda1, o, type=ext4"
    )
    assert codes(judged(create(ask(Field.VOLUME, "disk")), policy(lifts=[lift(Field.VOLUME, "disk")]), VOLUMES)) == []


@pytest.mark.parametrize("lifts", [[], [lift(Field.VOLUME)]])
@pytest.mark.parametrize("driver", ["local", "nfs"])
def test_no_exception_covers_a_volume_of_a_guarded_container(driver: str, lifts: list[Lift]) -> None:
    world: World = {VolumeQuery(name="home"): Volume(driver=driver, guarded=True)}
    (reason,) = reasons(judged(create(ask(Field.VOLUME, "home")), policy(lifts=lifts), world))
    assert (reason.code, reason.rule) == ("guarded-volume", "isolation baseline: guarded-volume (policy.yaml:9)")


JOINED = [
    (Field.PID_MODE, "container:web"), (Field.IPC_MODE, "container:web"), (Field.NETWORK_MODE, "container:web"),
    (Field.VOLUMES_FROM, "web"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), JOINED)
def test_no_exception_lets_a_guarded_container_be_joined(field: Field, value: str) -> None:
    under = policy(lifts=[lift(field)])
    assert codes(judged(create(ask(field, value)), under)) == []
    guarded: World = {ContainerQuery(name="web"): Container(id="5" * 64, image_id=GOOD_HELD.id, guarded=True)}
    assert codes(judged(create(ask(field, value)), under, guarded)) == ["guarded"]
    assert codes(judged(create(ask(field, value)), under, {ContainerQuery(name="web"): Missing()})) == [
        "no-such-container"
    ]
    assert codes(judged(create(ask(field, value)), under, {ContainerQuery(name="web"): DOWN})) == ["unreachable"]


def test_a_volume_that_is_not_known() -> None:
    assert codes(judged(create(ask(Field.VOLUME, "x")), world={VolumeQuery(name="x"): DOWN})) == ["unreachable"]


@pytest.mark.parametrize("level", [BASELINE, RESTRICTED])
def test_an_engine_without_seccomp(level: Isolation) -> None:
    world: World = {EngineQuery(): EngineInfo(seccomp=False)}
    assert codes(judged(create(), policy(isolation=level), world)) == ["seccomp"]
    assert codes(judged(create(), policy(isolation=level, lifts=[lift(Field.SECCOMP, "custom")]), world)) == ["seccomp"]
    assert codes(judged(create(), policy(isolation=level, lifts=[lift(Field.SECCOMP, "unconfined")]), world)) == []
    assert codes(judged(create(), policy(isolation=level), {EngineQuery(): DOWN})) == ["unreachable"]


USERS = [("", False), ("0", False), ("root", False), ("web", False), (":1000", False), ("0:1000", False), ("1000", True), ("1000:0", True)]  # fmt: skip


@pytest.mark.parametrize(("user", "allowed"), USERS)
def test_the_images_own_user(user: str, allowed: bool) -> None:
    world: World = {
        ImageQuery(name=f"{GOOD.collection}@{D1}"): msgspec.structs.replace(GOOD_HELD, user=user),
    }
    assert codes(judged(create(), policy(isolation=RESTRICTED), world)) == ([] if allowed else ["user"])
    assert codes(judged(create(ask(Field.USER, "1000")), policy(isolation=RESTRICTED), world)) == []
    assert codes(judged(create(), policy(isolation=BASELINE), world)) == []


def test_root_by_default_can_be_allowed() -> None:
    world: World = {ImageQuery(name=str(DEV)): HeldImage(id="i")}
    (reason,) = reasons(judged(create(image=DEV), policy(isolation=RESTRICTED), world))
    assert reason.text == "the image runs as user 0: it has to be a number above zero"
    assert reason.hint.startswith("name one with --user UID:GID, or allow it: ")
    lifted = policy(isolation=RESTRICTED, lifts=[lift(Field.USER, "0")])
    assert codes(judged(create(image=DEV), lifted, world)) == []


def test_what_is_written_in() -> None:
    everywhere = {
        Injection.PIDS: 512,
        Injection.PRIVATE_IPC: 0,
        Injection.PRIVATE_CGROUPNS: 0,
        Injection.TMPFS_FLAGS: 0,
    }
    assert written(judged(create())) == everywhere
    assert written(judged(create(), policy(isolation=RESTRICTED))) == {
        **everywhere,
        Injection.DROP_CAPABILITIES: 0,
        Injection.NO_NEW_PRIVILEGES: 0,
        Injection.MEMORY: 2 * GIB,
    }


CHOICES = [
    (Field.PIDS, "100", Injection.PIDS),
    (Field.MEMORY, "1048576", Injection.MEMORY),
    (Field.IPC_MODE, "host", Injection.PRIVATE_IPC),
    (Field.CGROUPNS_MODE, "host", Injection.PRIVATE_CGROUPNS),
    (Field.NEW_PRIVILEGES, "allowed", Injection.NO_NEW_PRIVILEGES),
]


@pytest.mark.parametrize(("field", "value", "injection"), CHOICES)
def test_what_was_chosen_and_allowed_stays(field: Field, value: str, injection: Injection) -> None:
    under = policy(isolation=RESTRICTED, lifts=[lift(field)])
    all_of_them = set(written(judged(create(), under)))
    assert set(written(judged(create(ask(field, value)), under))) == all_of_them - {injection}


def test_an_image_without_a_rule_is_judged_by_the_level_of_all() -> None:
    other = create(ask(Field.PRIVILEGED), image=DEV)
    assert codes(judged(other, policy(SIGNED_RULE))) == ["no-rule", "privileged"]
