"""The real Docker registry, with its files in a folder."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bcrypt
from tests.fakes.registry import OCI_MANIFEST, oci_manifest
from tests.rig.ports import answers, free_port
from tests.rig.processes import RigError, Running, find, running

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
_MANIFESTS: Final = (
    _MANIFEST,
    _LIST,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry at ``host``, such as ``127.0.0.1:40123``; images are named ``{host}/foo/web``."""

    host: str
    folder: Path
    daemon: Running

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def digest(self, repository: str, tag: str, login: tuple[str, str] | None = None) -> str:
        """The digest the registry gives for a tag; raises ``RigError`` if it has none."""
        status, headers = self._ask("HEAD", f"/v2/{repository}/manifests/{tag}", login)
        if status != 200:
            raise RigError(f"registry: {repository}:{tag}: status {status}")
        return headers["Docker-Content-Digest"]

    def delete(self, repository: str, digest: str, login: tuple[str, str] | None = None) -> None:
        """Delete one manifest and every tag on it."""
        status, _ = self._ask("DELETE", f"/v2/{repository}/manifests/{digest}", login)
        if status != 202:
            raise RigError(f"registry: deleting {repository}@{digest}: status {status}")

    def _ask(self, method: str, path: str, login: tuple[str, str] | None) -> tuple[int, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        headers = {"Accept": ", ".join(_MANIFESTS)}
        if login:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers
        finally:
            connection.close()


def push_image(registry: Registry, repository: str, tag: str) -> str:
    """Push a tiny manifest and its blob without an engine; gives the image's name."""
    base = f"{registry.url}/v2/{repository}"
    _push_blob(base, tag.encode())
    _put(f"{base}/manifests/{tag}", oci_manifest(tag), OCI_MANIFEST)
    return f"{registry.host}/{repository}:{tag}"


def push_index(registry: Registry, repository: str, tag: str, source: str) -> dict[str, str]:
    """Push an index under ``tag``: the image ``source`` (a digest) for amd64, and the same layers for arm64.

    Gives the digests of manifests by platform, and that of the index under an empty name.
    """
    base = f"{registry.url}/v2/{repository}"
    manifest = _get(f"{base}/manifests/{source}", _MANIFEST)
    other = json.loads(manifest)
    config = json.loads(_get(f"{base}/blobs/{other['config']['digest']}", "*/*"))
    blob = json.dumps({**config, "architecture": "arm64"}).encode()
    other["config"] |= {"digest": _push_blob(base, blob), "size": len(blob)}
    children = {"linux/amd64": manifest, "linux/arm64": json.dumps(other).encode()}
    digests = {platform: f"sha256:{hashlib.sha256(data).hexdigest()}" for platform, data in children.items()}
    for platform, data in children.items():
        _put(f"{base}/manifests/{digests[platform]}", data, _MANIFEST)
    listed = [
        {
            "mediaType": _MANIFEST,
            "digest": digests[platform],
            "size": len(data),
            "platform": dict(zip(("os", "architecture"), platform.split("/"), strict=True)),
        }
        for platform, data in children.items()
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": _LIST, "manifests": listed}).encode()
    _put(f"{base}/manifests/{tag}", index, _LIST)
    return {**digests, "": f"sha256:{hashlib.sha256(index).hexdigest()}"}


def _push_blob(base: str, data: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    with _send("POST", f"{base}/blobs/uploads/", b"", "application/octet-stream") as answer:
        place = answer.headers["Location"]
    _put(f"{place}{'&' if '?' in place else '?'}digest={digest}", data, "application/octet-stream")
    return digest


def _put(url: str, data: bytes, kind: str) -> None:
    with _send("PUT", url, data, kind) as answer:
        if answer.status != 201:
            raise RigError(f"PUT {url}: {answer.status}")


def _get(url: str, accept: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=10) as answer:
        data: bytes = answer.read()
        return data


def _send(method: str, url: str, body: bytes, kind: str) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=10)
    return answer


def missing() -> str:
    """Why no registry can run here, as a sentence; empty if one can."""
    if find("docker-registry") is None:
        return "a real registry needs docker-registry: scripts/install-packages"
    return ""


@contextmanager
def private_registry(folder: Path, users: Mapping[str, str] | None = None) -> Iterator[Registry]:
    """Run a registry with its files in ``folder``.

    Args:
        users: name -> password; with them it asks for a login, without it lets anybody in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "config.yml"
    config.write_text(json.dumps(_config(folder, port, users)))  # JSON is YAML
    command = ["docker-registry", "serve", str(config)]
    with running(command, log=folder / "registry.log", ready=lambda: answers(port)) as daemon:
        yield Registry(f"127.0.0.1:{port}", folder, daemon)


def _config(folder: Path, port: int, users: Mapping[str, str] | None) -> dict[str, object]:
    storage = {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}}
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": storage,
        "http": {"addr": f"127.0.0.1:{port}", "secret": "for tests only"},
    }
    if users:
        config["auth"] = {"htpasswd": {"realm": "rig", "path": str(_htpasswd(folder, users))}}
    return config


def _htpasswd(folder: Path, users: Mapping[str, str]) -> Path:
    path = folder / "htpasswd"
    path.write_text("".join(f"{name}:{_hash(password)}\n" for name, password in users.items()))
    return path


def _hash(password: str) -> str:
    """The cheapest cost there is: the registry checks it on every request."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
