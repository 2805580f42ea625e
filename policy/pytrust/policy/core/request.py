"""What somebody asks a container engine to do, in one vocabulary for every way of asking.

A request is made from an Engine API call (``engine.normalise``), and later from an authorization plugin's or a
Kubernetes API server's question. It holds what the decision needs and nothing else: no environment variable, no
command line, no credential, so that it can be written to the journal whole.
"""

from __future__ import annotations

from enum import StrEnum

from pytrust.policy.core.value import Value
from pytrust.trust.names import ImageRef
from pytrust.trust.vault.names import SecretName


class Field(StrEnum):
    """One way in which a container (network, volume) departs from the safest default; also the name of the rule on it.

    The value of an ``Ask`` is text in one canonical spelling, described beside each member.
    """

    PRIVILEGED = "privileged"  # "true"
    CAPABILITY = "capability"  # added: upper case without CAP_, or ALL
    SECCOMP = "seccomp"  # unconfined | builtin | custom (an inline profile)
    APPARMOR = "apparmor"  # a profile's name, or unconfined
    SELINUX = "selinux"  # the label option: disable, type:spc_t, ...
    NEW_PRIVILEGES = "new-privileges"  # "allowed": no-new-privileges switched off explicitly
    SYSTEM_PATHS = "system-paths"  # MaskedPaths or ReadonlyPaths given: "masked", "readonly"
    SECURITY_OPTION = "security-option"  # writable-cgroups, or one that is not known
    PID_MODE = "pid-mode"  # host | container:<id>
    IPC_MODE = "ipc-mode"  # host | shareable | container:<id>
    NETWORK_MODE = "network-mode"  # host | container:<id>; a network by name, or none, is not asked
    UTS_MODE = "uts-mode"  # host
    USERNS_MODE = "userns-mode"  # host
    CGROUPNS_MODE = "cgroupns-mode"  # host
    CGROUP_PARENT = "cgroup-parent"  # the path
    DEVICE = "device"  # path on the host
    DEVICE_RULE = "device-rule"  # "a *:* rwm"
    DEVICE_REQUEST = "device-request"  # driver, such as cdi or nvidia
    BIND = "bind"  # absolute path on the host, as it was written; see Bind in facts
    WRITABLE_BIND = "writable-bind"  # the same path, where it is not read-only
    BIND_OPTION = "bind-option"  # z, Z, shared, rshared, slave, rslave, or a BindOptions key
    VOLUME = "volume"  # a named volume
    VOLUME_DRIVER = "volume-driver"  # a driver other than local
    VOLUME_OPTION = "volume-option"  # an option of a volume's driver: type=ext4, device=/dev/sda1, o
    VOLUMES_FROM = "volumes-from"  # a container
    MOUNT_TYPE = "mount-type"  # cluster, npipe
    USER = "user"  # uid or name, without group, where one was given
    GROUP = "group"  # additional group
    SYSCTL = "sysctl"  # the name
    ULIMIT = "ulimit"  # name=soft:hard
    SHM_SIZE = "shm-size"  # bytes
    STORAGE_OPTION = "storage-option"  # key=value
    PIDS = "pids"  # a limit above zero; unlimited is not asked, it is replaced
    MEMORY = "memory"  # bytes above zero
    SWAP = "swap"  # bytes of memory and swap together, or unlimited
    CPU_REALTIME = "cpu-realtime"  # the field's name
    OOM = "oom"  # kill-disabled, or a negative score adjustment
    RUNTIME = "runtime"  # its name
    WINDOWS = "windows"  # Isolation, CredentialSpec and the like: the field's name
    ANNOTATION = "annotation"  # the key
    PORT = "port"  # HOSTIP:HOSTPORT as published; an empty address is every address
    PUBLISH_ALL = "publish-all"  # "true"
    RESTART = "restart"  # always, unless-stopped, on-failure:N
    LOG_DRIVER = "log-driver"  # its name
    LABEL = "label"  # a label with the prefix that pytrust keeps for itself
    WORKING_DIR = "working-dir"  # below /proc/self/fd or /proc/<pid>/fd
    NETWORK_DRIVER = "network-driver"  # other than bridge
    NETWORK_OPTION = "network-option"  # key=value of a network's driver; subnet=10.1.0.0/16
    NETWORK_SCOPE = "network-scope"  # swarm scope, ingress, config-only, config-from
    ENDPOINT_OPTION = "endpoint-option"  # a driver option of one container's endpoint
    CHECKPOINT = "checkpoint"  # a checkpoint to start from


class Ask(Value, frozen=True, kw_only=True):
    """One thing asked for, see ``Field``."""

    field: Field
    value: str


class Named(Value, frozen=True, kw_only=True):
    """An image by name: tag, digest or both."""

    ref: ImageRef


class Held(Value, frozen=True, kw_only=True):
    """An image that only the engine can resolve: an id, a prefix of one, or a name that could be one (hex)."""

    text: str


Image = Named | Held


class Look(Value, frozen=True, kw_only=True):
    """Reading; nothing changes, nothing runs. ``what`` names the operation, such as ``container logs``."""

    what: str


class Change(Value, frozen=True, kw_only=True):
    """Something of no risk to isolation or trust, such as ``volume prune`` or ``network rm``."""

    what: str


class Manage(Value, frozen=True, kw_only=True):
    """An operation on the life of a container: kill, stop, pause, rm, resize. ``container`` as it was written."""

    what: str
    container: str


class Pull(Value, frozen=True, kw_only=True):
    """``every_tag``: no tag was given, which the engine reads as all of them."""

    ref: ImageRef
    every_tag: bool = False


class TagImage(Value, frozen=True, kw_only=True):
    """Give ``source`` (as it was written) the name ``target``."""

    source: str
    target: ImageRef


class SecretAsk(Value, frozen=True, kw_only=True):
    """A secret that a new container wants to find as ``/run/secrets/FILE``, with this owner and mode."""

    name: SecretName
    file: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


class Create(Value, frozen=True, kw_only=True):
    """A new container. ``mounts`` are the images to be mounted in it (``Mounts`` of type ``image``).

    ``seccomp`` is the seccomp file that the client brought, in one spelling; empty, too, where it is not understood.
    ``drops`` are the capabilities that it does without (sorted), and the word ALL for every one.
    """

    image: Image
    name: str = ""
    platform: str = ""
    mounts: tuple[Image, ...] = ()
    asks: tuple[Ask, ...] = ()
    secrets: tuple[SecretAsk, ...] = ()
    seccomp: str = ""
    drops: tuple[str, ...] = ()


class Start(Value, frozen=True, kw_only=True):
    """``what``: start, restart or unpause."""

    what: str
    container: str
    asks: tuple[Ask, ...] = ()

    @property
    def fresh(self) -> bool:
        """Whether its processes begin anew, and do not just go on."""
        return "unpause" not in self.what


class Update(Value, frozen=True, kw_only=True):
    """New limits for a container."""

    container: str
    asks: tuple[Ask, ...] = ()


class Rename(Value, frozen=True, kw_only=True):
    """A new name for a container."""

    container: str
    name: str


class Exec(Value, frozen=True, kw_only=True):
    """A process in a running container. ``program`` is the first word of its command."""

    container: str
    program: str = ""
    asks: tuple[Ask, ...] = ()


class ExecUse(Value, frozen=True, kw_only=True):
    """``what``: start, resize or inspect, of an exec instance."""

    what: str
    exec_id: str


class Attach(Value, frozen=True, kw_only=True):
    """``what``: attach, or attach over a websocket."""

    what: str
    container: str


class NetworkCreate(Value, frozen=True, kw_only=True):
    """A new network."""

    name: str
    asks: tuple[Ask, ...] = ()


class NetworkConnect(Value, frozen=True, kw_only=True):
    """A container joins a network."""

    network: str
    container: str
    asks: tuple[Ask, ...] = ()


class VolumeCreate(Value, frozen=True, kw_only=True):
    """A new volume; an empty name lets the engine choose one."""

    name: str = ""
    asks: tuple[Ask, ...] = ()


class Closed(Value, frozen=True, kw_only=True):
    """A known operation that is not let through. ``hint`` says what to do instead."""

    what: str
    hint: str = ""


class Unrecognised(Value, frozen=True, kw_only=True):
    """A call that is in no table."""

    method: str
    path: str


Request = (
    Look
    | Change
    | Manage
    | Pull
    | TagImage
    | Create
    | Start
    | Update
    | Rename
    | Exec
    | ExecUse
    | Attach
    | NetworkCreate
    | NetworkConnect
    | VolumeCreate
    | Closed
    | Unrecognised
)
