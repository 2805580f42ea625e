"""What a docker client is told so that it finds an engine and its own certificate. Pure."""

from __future__ import annotations

import re
import shlex
from typing import Final

_OTHER: Final = re.compile(r"[^a-zA-Z0-9_.+-]+")  # docker's own rule for the name of a context
_NAME_MIN: Final = 2  # as docker's rule has it
_DEFAULT: Final = "default"  # taken by docker


def engine_url(host: str, port: int) -> str:
    """``tcp://HOST:PORT``, as ``DOCKER_HOST`` takes it; ``host`` is a DNS name or an address without brackets."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def context_name(host: str) -> str:
    """A name that docker takes for the context of an engine, such as ``docker1.example.com`` or ``2001-db8-1``."""
    name = _OTHER.sub("-", host).strip("-._+")
    return name if len(name) >= _NAME_MIN and name != _DEFAULT else f"engine-{name}".rstrip("-")


def context_command(url: str, folder: str, *, name: str) -> str:
    """The line for a shell that makes a docker context.

    Args:
        url: as ``engine_url`` gives it.
        folder: absolute path with the client's ``ca.pem``, ``cert.pem`` and ``key.pem``; docker copies them.
        name: of the context.
    """
    fields = [f"host={url}", *(f"{key}={folder}/{key}.pem" for key in ("ca", "cert", "key"))]
    words = ["docker", "context", "create", name, "--docker", ",".join(map(_csv, fields))]
    return shlex.join(words)


def environment_lines(url: str, folder: str) -> tuple[str, ...]:
    """Lines for a shell that point docker at an engine.

    ``DOCKER_TLS_VERIFY`` is set for good reason: with the path alone, clients made with Docker's Go library speak TLS
    to whoever answers.
    """
    return (
        f"export DOCKER_HOST={shlex.quote(url)}",
        "export DOCKER_TLS_VERIFY=1",
        f"export DOCKER_CERT_PATH={shlex.quote(folder)}",
        "unset DOCKER_CONTEXT",
    )


def _csv(field: str) -> str:
    """Docker reads the value of ``--docker`` as a line of CSV."""
    doubled = field.replace('"', '""')
    return f'"{doubled}"' if set(field) & set(',"\r\n') else field
