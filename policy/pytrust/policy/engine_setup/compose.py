"""Compose services of an engine in a container, and of its client, that take pytrust's folders. Pure.

The dind image makes a CA of its own, and leaves its key in the container, unless it is told the whole command: its
entry point looks after TLS only where the first word is not ``dockerd``. So the command is written out, and the
folders are mounted where the image would have put its own: ``/certs/server`` and ``/certs/client``.
"""

from __future__ import annotations

import json
from typing import Final

SERVICE: Final = "engine"
"""What the engine is called in the file, and dialled by there."""
_SERVER: Final = "/certs/server"
_CLIENT: Final = "/certs/client"
_COMPOSE: Final = """\
# an engine in a container, with certificates of pytrust ca; the key of no CA is in it
# restart it after each renewal: an engine reads its certificate at start only
services:
  engine:
    image: docker:dind
    privileged: true
    environment:
      DOCKER_TLS_CERTDIR: ""
    command:
{command}
    ports:
      - "{port}:{port}"
    volumes:
      - {server}
      - engine:/var/lib/docker
"""
_WITH_CLIENT: Final = """\
  client:
    image: docker:cli
    environment:
      DOCKER_HOST: {host}
      DOCKER_TLS_VERIFY: "1"
      DOCKER_CERT_PATH: {inside}
    command: [docker, version]
    depends_on: [engine]
    volumes:
      - {client}
"""
_VOLUMES: Final = """\
volumes:
  engine: {}
"""


def compose(server: str, *, port: int, client: str = "") -> str:
    """A Compose file.

    Args:
        server: absolute path of the server folder.
        port: where the engine listens, in the container and outside.
        client: absolute path of a client's folder, for a second service; its certificate's holder may dial the engine
            as ``engine``, so that name has to be in the server's certificate.
    """
    words = "\n".join(f"      - {json.dumps(word)}" for word in engine_command(port))
    text = _COMPOSE.format(command=words, port=port, server=_mount(server, _SERVER))
    if client:
        host = json.dumps(f"tcp://{SERVICE}:{port}")
        text += _WITH_CLIENT.format(host=host, inside=_CLIENT, client=_mount(client, _CLIENT))
    return text + _VOLUMES


def engine_command(port: int) -> tuple[str, ...]:
    """How dockerd is started in the container."""
    return (
        "dockerd",
        "--host=unix:///var/run/docker.sock",
        f"--host=tcp://0.0.0.0:{port}",
        "--tlsverify",
        f"--tlscacert={_SERVER}/ca.pem",
        f"--tlscert={_SERVER}/cert.pem",
        f"--tlskey={_SERVER}/key.pem",
    )


def _mount(outside: str, inside: str) -> str:
    """One line of JSON, which is YAML: a path may hold anything; ``$`` is Compose's own sign for variables."""
    source = outside.replace("$", "$$")
    return json.dumps({"type": "bind", "source": source, "target": inside, "read_only": True}, ensure_ascii=False)
