"""Record what the stock docker client sends: one file for each command below, byte for byte but for the folder.

Run from the root of the repository: ``python tests/vectors/engine_bodies/make.py``. The name of a file begins with the
kind of its body (``call.Body``). The engine here is a stand-in that says yes to everything and keeps the bodies;
recorded with docker 28.2.2, which speaks API 1.50.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Final

HERE: Final = Path(__file__).parent
API: Final = "1.50"

COMMANDS: Final = {
    "container-plain": "create foo/web:v1",
    "container-command": "create -it --name c1 --entrypoint /bin/sh foo/web:v1 -c 'echo <&> \"ü\\u0000\"'",
    "container-run": "run --rm -d foo/web:v1 sleep 10",
    "container-env": "create -e A=1 -e B= --env-file FOLDER/env -l a.b=c --annotation x=y foo/web",
    "container-user": "create -u 1000:1000 --group-add 20 --group-add audio -w /srv -h web --domainname d foo/web",
    "container-privileged": "create --privileged foo/web",
    "container-capabilities": "create --cap-add net_bind_service --cap-add CAP_SYS_PTRACE --cap-drop ALL foo/web",
    "container-security": "create --security-opt no-new-privileges --security-opt apparmor=docker-default "
    "--security-opt label=type:x_t --security-opt label=level:s0 foo/web",
    "container-seccomp": "create --security-opt seccomp=FOLDER/seccomp.json foo/web",
    "container-unconfined": "create --security-opt seccomp=unconfined --security-opt systempaths=unconfined foo/web",
    "container-namespaces": "create --pid host --ipc shareable --uts host --userns host --cgroupns host foo/web",
    "container-network": "create --network back --ip 10.0.0.9 --network-alias db --link other:o --mac-address "
    "02:42:ac:11:00:02 foo/web",
    "container-networks": "create --network name=back,driver-opt=a=b,gw-priority=1 --network front foo/web",
    "container-host-network": "create --network host foo/web",
    "container-dns": "create --dns 1.1.1.1 --dns-search x.y --dns-option ndots:2 --add-host a:1.2.3.4 foo/web",
    "container-ports": "create -p 8080:80 -p 127.0.0.1::53/udp -p [::1]:7000-7001:7000-7001 --expose 9000 -P foo/web",
    "container-binds": "create -v /srv:/srv:ro,z -v data:/data:nocopy -v /anonymous --volumes-from c1:ro "
    "--volume-driver local foo/web",
    "container-mounts": "create --mount type=bind,src=/srv,dst=/srv,readonly,bind-propagation=rslave "
    "--mount type=volume,src=data,dst=/data,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"
    "volume-nocopy,volume-label=a=b,volume-subpath=x --mount type=tmpfs,dst=/run,tmpfs-size=1m,tmpfs-mode=1777 "
    "--mount type=image,src=foo/assets:v1,dst=/assets,image-subpath=x foo/web",
    "container-mount-recursion": "create --mount type=bind,src=/srv,dst=/srv,readonly,bind-recursive=readonly,"
    "bind-propagation=rprivate --mount type=bind,src=/opt,dst=/opt,bind-recursive=disabled foo/web",
    "container-tmpfs": "create --tmpfs /run:rw,exec,size=1m --tmpfs /tmp --read-only --shm-size 1g foo/web",
    "container-devices": "create --device /dev/fuse:/dev/fuse:rw --device vendor.com/class=one --gpus all "
    "--device-cgroup-rule 'c 1:3 rwm' foo/web",
    "container-io": "create --blkio-weight 300 --blkio-weight-device /dev/sda:400 --device-read-bps /dev/sda:1m "
    "--device-write-iops /dev/sda:10 foo/web",
    "container-limits": "create -m 512m --memory-reservation 256m --memory-swap -1 --memory-swappiness 0 "
    "--pids-limit 100 --cpus 1.5 --cpu-shares 10 --cpuset-cpus 0,1 --cpuset-mems 0 --ulimit nofile=1024:2048 "
    "--oom-kill-disable --oom-score-adj -500 foo/web",
    "container-cpu": "create --cpu-period 100000 --cpu-quota 5000 --cpu-rt-period 10 --cpu-rt-runtime 5 foo/web",
    "container-sysctl": "create --sysctl net.core.somaxconn=1 --storage-opt size=1g --cgroup-parent /x foo/web",
    "container-health": "create --health-cmd true --health-interval 5s --health-timeout 1s --health-retries 2 "
    "--health-start-period 1s --health-start-interval 1s foo/web",
    "container-no-health": "create --no-healthcheck --init --stop-signal SIGINT --stop-timeout 3 foo/web",
    "container-restart": "create --restart on-failure:3 --log-driver local --log-opt max-size=1m foo/web",
    "container-runtime": "create --runtime runc --isolation default --platform linux/amd64 foo/web",
    "container-digest": f"create foo/web@sha256:{'1' * 64}",
    "container-cidfile": "create --cidfile FOLDER/cid --pull never foo/web",
    "update-memory": "update -m 512m --memory-swap 1g c1",
    "update-pids": "update --pids-limit -1 --restart always c1",
    "update-cpu": "update --cpus 2 --cpuset-cpus 0 --blkio-weight 10 c1",
    "exec-plain": "exec -d c1 true",
    "exec-full": "exec -d -e A=1 -u 0:0 -w /proc/self/fd/8 --privileged --detach-keys ctrl-x c1 sh -c 'id'",
    "network-plain": "network create back",
    "network-full": "network create -d macvlan --subnet 10.0.0.0/24 --ip-range 10.0.0.0/25 --gateway 10.0.0.1 "
    "--aux-address a=10.0.0.5 -o parent=eth0 --label a=b --internal --attachable --ipv6 --ipam-driver d "
    "--ipam-opt x=y back",
    "network-swarm": "network create --scope swarm --ingress --config-from other back",
    "network-config-only": "network create --config-only --ipv4=false back",
    "network_connect-plain": "network connect back c1",
    "network_connect-full": "network connect --ip 10.0.0.9 --alias db --link c2:x --driver-opt a=b --gw-priority 2 "
    "back c1",
    "network_disconnect-plain": "network disconnect -f back c1",
    "volume-anonymous": "volume create",
    "volume-full": "volume create -d local -o type=ext4 -o device=/dev/sda1 --label a=b data",
    "volume-bind": "volume create -o type=none -o o=bind -o device=/etc data",
}

ENDED: Final = {"State": {"Running": False, "ExitCode": 0}, "Config": {"Tty": False}, "HostConfig": {}}
CREATED: Final = {"Id": "c" * 64, "ID": "c" * 64, "Warnings": [], "Name": "data"}


class _Engine(BaseHTTPRequestHandler):
    """Answers as docker needs it to go on, and keeps the bodies of everything but what is started with them."""

    protocol_version = "HTTP/1.1"
    bodies: Final[list[bytes]] = []

    def address_string(self) -> str:
        return "docker"

    def do_HEAD(self) -> None:
        self._answer(200, None)

    def do_GET(self) -> None:
        self._answer(200, {"ApiVersion": API, **ENDED})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if body and not self.path.endswith("/start"):
            self.bodies.append(body)
        self._answer(201 if "create" in self.path or self.path.endswith("/exec") else 200, CREATED)

    def _answer(self, status: int, value: object) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        headers = {"Api-Version": API, "Ostype": "linux", "Content-Type": "application/json"}
        for name, text in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingUnixStreamServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that leave early."""


def _record(command: str, folder: Path, host: str) -> bytes:
    _Engine.bodies.clear()
    words = shlex.split(command.replace("FOLDER", str(folder)))
    settings = {"DOCKER_CONFIG": str(folder), "PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(["docker", "--host", host, *words], env=settings, capture_output=True, check=False)
    if len(_Engine.bodies) != 1:
        raise SystemExit(f"{command}: {len(_Engine.bodies)} bodies: {done.stderr.decode()}")
    return _Engine.bodies[0].replace(str(folder).encode(), b"/folder")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "env").write_text("C=3\n")
        (folder / "seccomp.json").write_text('{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}')
        with _Server(f"{folder}/s", _Engine) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for title, command in COMMANDS.items():
                body = _record(command, folder, f"unix://{folder}/s")
                (HERE / f"{title}.json").write_bytes(body)
                sys.stdout.write(f"{title}: {len(body)} bytes\n")
            server.shutdown()


if __name__ == "__main__":
    main()
