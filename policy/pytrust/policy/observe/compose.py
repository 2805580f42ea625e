"""The options of a trial from a Compose file."""

from __future__ import annotations

from pathlib import Path

from pytrust.policy.observe.compose_services import Service, read_services
from pytrust.policy.observe.trial import RunOptions
from pytrust.policy.strictyaml import MAX_BYTES
from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.names import ImageRef


def service_of(path: str, image: str) -> Service:
    """The service of the file at ``path`` that runs ``image``.

    Raises:
        UsageError: the file cannot be read, is none, or none or several of its services run that image.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the compose file {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    services = read_services(data, path, Path(path).absolute().parent)
    found = [service for service in services if _same(service.image, image)]
    if len(found) != 1:
        images = ", ".join(sorted({service.image for service in services})) or "none"
        many = "several services run" if found else "no service runs"
        raise UsageError(f"{path}: {many} {image}", hint=f"its images: {images}")
    return found[0]


def options_of(path: str, image: str) -> RunOptions:
    """The options of that service; errors as of ``service_of``."""
    return service_of(path, image).options


def _same(one: str, other: str) -> bool:
    try:
        return ImageRef.parse(one) == ImageRef.parse(other)
    except InvalidName:
        return one == other
