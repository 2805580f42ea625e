"""Programs in images made from Debian's packages, to be recorded and confined: servers, interpreters, static ones.

Each listens on a port of loopback, in the network of the host. ``record`` does what an operator would do once;
``accept`` does more, in another order, and what nobody recorded in that way.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.rig import program_work as work
from tests.rig.images import Docker
from tests.rig.ports import free_port
from tests.rig.processes import RigError, environment, find
from tests.rig.program_work import Site, Workload, judged
from tests.rig.root_files import USERS, RootFiles

from pytrust.policy.observe.containers import Containers
from pytrust.policy.observe.trial import Live, RunOptions

SERVER_CALLS: Final = 60  # that a C server may be allowed
INTERPRETER_CALLS: Final = 80
_SOURCES: Final = Path(__file__).parent / "program_sources"
_PAGE: Final = b"<p>a page</p>\n"
_BIG: Final = b"g" * (1 << 20)
_SERVE: Final = """
import signal, sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("127.0.0.1", PORT), partial(SimpleHTTPRequestHandler, directory="/www")).serve_forever()
"""
_NEEDED: Final = {
    "nginx": "nginx-light",
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "memcached": "memcached",
    "busybox": "busybox-static",
    "gcc": "gcc",
    "musl-gcc": "musl-tools",
    "go": "golang-go",
}


class Program(NamedTuple):
    """One image, how it is run, and the two workloads.

    At most ``most`` calls may be open to it under runc 1.1; ``goal`` is what was asked for its kind.
    """

    name: str
    image: str
    options: RunOptions
    record: Workload
    accept: Workload
    most: int
    goal: int


class _Made(NamedTuple):
    """``changes`` are Dockerfile instructions."""

    files: RootFiles
    changes: tuple[str, ...]


class _Kind(NamedTuple):
    make: Callable[[int], _Made]
    record: Callable[[Site, Live], None]
    accept: Callable[[Site, Live], None]
    most: int
    goal: int = SERVER_CALLS


def missing() -> str:
    """Why the programs cannot be had here, as a sentence; empty if they can."""
    lacking = sorted({package for name, package in _NEEDED.items() if find(name) is None})
    lacking += [] if _postgres_folder() else ["postgresql"]
    lacking += [] if _PYTHON.is_file() else ["python3"]
    return f"programs to confine need {' '.join(lacking)}: scripts/install-packages" if lacking else ""


def make_program(name: str, docker: Docker, containers: Containers) -> Program:
    """Make the image of one of ``NAMES``."""
    kind, port = _KINDS[name], free_port()
    made = kind.make(port)
    changes = [word for change in made.changes for word in ("--change", change)]
    docker.run("import", *changes, "-", f"rig/{name}:1", stdin=made.files.tar())
    site = Site(port, containers)
    record, accept = judged(site, kind.record), judged(site, kind.accept)
    return Program(name, f"rig/{name}:1", RunOptions(network="host"), record, accept, kind.most, kind.goal)


def _nginx(port: int) -> _Made:
    files = RootFiles()
    files.program("nginx")
    settings = f"""
user www-data; worker_processes 2; pid /run/nginx.pid; error_log /var/log/nginx/error.log; daemon off;
events {{ worker_connections 256; }}
http {{ access_log /var/log/nginx/access.log; sendfile on; types {{ text/html html; }}
  server {{ listen 127.0.0.1:{port}; root /www; autoindex on; client_max_body_size 1m; }} }}
"""
    files.file("etc/nginx/nginx.conf", settings.encode())
    for folder in ("var/log/nginx", "var/lib/nginx", "var/lib", "usr/share/nginx"):
        files.folder(folder)
    _pages(files)
    return _Made(files, ('CMD ["nginx"]',))


def _redis(port: int) -> _Made:
    files = RootFiles()
    files.program("redis-server")
    files.program("redis-cli")
    files.folder("data", owner="app")
    command = f'CMD ["redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--dir", "/data"]'
    return _Made(files, (command, "USER 1000:1000", "WORKDIR /data"))


def _memcached(port: int) -> _Made:
    files = RootFiles()
    files.program("memcached")
    return _Made(files, (f'CMD ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", "{port}", "-m", "32"]',))


def _httpd(port: int) -> _Made:
    """A shell as the first process, which passes on what it is told, as in many images."""
    files = RootFiles()
    files.program("busybox")
    for applet in ("sh", "cat", "ls", "ps", "sort", "wc"):
        files.link(f"usr/bin/{applet}", "busybox")
    _pages(files)
    files.file("www/cgi-bin/hello", b'#!/bin/sh\nprintf "\\r\\n"\necho "hello $(cat)"\n', mode=0o755)
    script = f"trap 'kill $p; exit 0' TERM; busybox httpd -f -p 127.0.0.1:{port} -h /www & p=$!; wait $p"
    files.file("start", f"#!/bin/sh\n{script}\n".encode(), mode=0o755)
    return _Made(files, ('CMD ["/start"]',))


def _python(port: int) -> _Made:
    files = RootFiles()
    files.program(str(_PYTHON))
    files.link("usr/bin/python3", _PYTHON.name)
    leave = ("test", "idlelib", "lib2to3", "ensurepip", "distutils", "config-3.11-x86_64-linux-gnu", "dist-packages")
    files.tree(Path("/usr/lib") / _PYTHON.name, f"usr/lib/{_PYTHON.name}", leave=leave)
    for library in sorted(Path("/usr/lib", _PYTHON.name, "lib-dynload").glob("*.so")):
        files.libraries(library)
    _pages(files, index=False)
    files.file("serve.py", _SERVE.replace("PORT", str(port)).encode())
    return _Made(files, ('CMD ["python3", "/serve.py"]', "USER 1000:1000"))


def _static(compiler: str) -> Callable[[int], _Made]:
    def make(port: int) -> _Made:
        with tempfile.TemporaryDirectory(prefix="pytrust-program-") as folder:
            program = Path(folder, "answers")
            _build([compiler, "-static", "-O1", "-o", program, _SOURCES / "answers.c"])
            return _alone(program, port)

    return make


def _go(port: int) -> _Made:
    with tempfile.TemporaryDirectory(prefix="pytrust-program-") as folder:
        program = Path(folder, "answers")
        settings = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GO111MODULE": "off", "GOCACHE": f"{folder}/cache"}
        _build(["go", "build", "-o", program, _SOURCES / "answers.go"], settings)
        return _alone(program, port)


def _postgres(port: int) -> _Made:
    files = RootFiles()
    home = _postgres_folder()
    assert home is not None
    for name in ("postgres", "psql"):
        files.program(str(home / "bin" / name))
        files.link(f"usr/bin/{name}", str(home / "bin" / name))
    files.tree(home / "lib", str(home / "lib")[1:], leave=("bitcode", "pgxs", "llvmjit.so"))
    files.tree(Path("/usr/share/postgresql", home.name), f"usr/share/postgresql/{home.name}", leave=("man",))
    files.copy(Path("/usr/share/zoneinfo/Etc/UTC"), "usr/share/zoneinfo/Etc/UTC")
    with tempfile.TemporaryDirectory(prefix="pytrust-program-") as folder:
        data = _new_cluster(Path(folder), home)
        files.tree(data, "data", owner="postgres")
    settings = (
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=/tmp",
        "jit=off",
        "fsync=off",
        "timezone=Etc/UTC",
    )
    given = ", ".join(f'"-c", "{setting}"' for setting in (*settings, "log_timezone=Etc/UTC", "logging_collector=on"))
    return _Made(
        files,
        (f'CMD ["postgres", "-D", "/data", "-p", "{port}", {given}]', "USER 70:70"),
    )


def _new_cluster(folder: Path, home: Path) -> Path:
    """An empty database; who makes it may not be root."""
    os.chown(folder, USERS["nobody"], USERS["nobody"])
    data = folder / "data"
    words = f"setpriv --reuid={USERS['nobody']} --regid={USERS['nobody']} --clear-groups {home}/bin/initdb -D {data}"
    _build(f"{words} -U postgres -A trust --no-sync -E UTF8 --locale=C".split())
    return data


def _alone(program: Path, port: int) -> _Made:
    files = RootFiles()
    files.file("answers", program.read_bytes(), mode=0o755)
    files.file("data/word", b"first\n")
    return _Made(files, (f'CMD ["/answers", "{port}"]', "USER 1000:1000"))


def _pages(files: RootFiles, index: bool = True) -> None:
    if index:
        files.file("www/index.html", _PAGE)
    files.file("www/page", _PAGE)
    files.file("www/big", _BIG)
    files.file("www/folder/inside", _PAGE)
    if index:
        files.file("www/folder/index.html", _PAGE)


def _build(words: Sequence[str | Path], settings: dict[str, str] | None = None) -> None:
    done = subprocess.run(words, env=environment(settings), capture_output=True, check=False, timeout=120)
    if done.returncode:
        raise RigError(f"{words[0]}: {(done.stderr + done.stdout).decode(errors='replace')[-2000:]}")


def _postgres_folder() -> Path | None:
    return max(
        (path.parent.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")),
        key=lambda path: int(path.name),
        default=None,
    )


_PYTHON: Final = Path("/usr/bin/python3").resolve()
_KINDS: Final = {  # some of what is open is the floor: ten calls or so that the program itself does not make
    "nginx": _Kind(_nginx, work.record_nginx, work.accept_nginx, 78),
    "redis": _Kind(_redis, work.record_redis, work.accept_redis, 75),
    "postgres": _Kind(_postgres, work.record_postgres, work.accept_postgres, 90),
    "memcached": _Kind(_memcached, work.record_memcached, work.accept_memcached, 66),
    "httpd": _Kind(_httpd, work.record_httpd, work.accept_httpd, 63),
    "python": _Kind(_python, work.record_python, work.accept_python, 68, INTERPRETER_CALLS),
    "static-c": _Kind(_static("gcc"), work.record_answers, work.accept_answers, 50),
    "static-musl": _Kind(_static("musl-gcc"), work.record_answers, work.accept_answers, 46),
    "static-go": _Kind(_go, work.record_go, work.accept_go, 48),
}
NAMES: Final = tuple(_KINDS)
