"""Images as a client names them, and as the engine is asked for them. Pure."""

from __future__ import annotations

import re

from pytrust.policy.core.request import Held, Image, Named
from pytrust.policy.engine.call import Malformed
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import ImageRef

_LIKE_AN_ID = re.compile(r"(?:sha256:)?[0-9a-f]{4,64}")
"""An engine takes any beginning of an id; shorter ones are read as names here, which never reach it in short form."""


def read_image(text: str) -> Image:
    """What a container is to be made of; raises ``Malformed`` where it is neither a name nor an id."""
    return Held(text=text) if _LIKE_AN_ID.fullmatch(text) else Named(ref=read_reference(text))


def read_reference(text: str) -> ImageRef:
    """An image by name; raises ``Malformed``."""
    try:
        return ImageRef.parse(text)
    except InvalidName as error:
        raise Malformed(400, f"{error}: {error.hint}" if error.hint else str(error)) from error


def sendable(ref: ImageRef) -> str:
    """One reading only: by digest where there is one, and always with its registry.

    Docker's short forms would be nicer to look at, but ``sha256:feed`` is a tag of the image ``library/sha256`` to a
    person, and an id to an engine.
    """
    return f"{ref.collection}@{ref.digest}" if ref.digest else str(ref)


def as_written(image: Image) -> str:
    """For an image without a pin, which only learning mode lets through."""
    return image.text if isinstance(image, Held) else sendable(image.ref)
