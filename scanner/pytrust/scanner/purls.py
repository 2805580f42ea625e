"""Package URLs: one spelling for each, and whether one fits what somebody wrote about it.

Source: the package-url specification (ECMA-427), through its authors' library; nothing else here imports that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from packageurl import PackageURL

from pytrust.scanner.limits import CACHED_MAX_CHARS, PURL_MAX_CHARS
from pytrust.trust.errors import UsageError

_KEPT: Final = 65_536  # package URLs that are remembered; a large image has some thousands


def canonical(purl: str) -> str:
    """The canonical spelling; empty for what is no package URL, or has more than one reading."""
    parsed = _parse(purl)
    return "" if parsed is None else parsed.to_string()


def fits(purl: str, pattern: str) -> bool:
    """Whether ``purl`` is what ``pattern`` names: what that leaves out (version, qualifiers, subpath) may be anything.

    What is no package URL fits nothing, and nothing fits it.
    """
    one, other = _parse(purl), _parse(pattern)
    if one is None or other is None or (one.type, one.namespace, one.name) != (other.type, other.namespace, other.name):
        return False
    if other.version not in {None, one.version} or other.subpath not in {None, one.subpath}:
        return False
    return other.qualifiers.items() <= one.qualifiers.items()


class Package(NamedTuple):
    """A package; ``version`` is None for every version."""

    type: str
    namespace: str | None
    name: str
    version: str | None


def package_of(purl: str) -> Package | None:
    """The package that it names; None for what is no package URL. What ``fits`` differs in the version at most."""
    parsed = _parse(purl)
    return None if parsed is None else Package(parsed.type, parsed.namespace, parsed.name, parsed.version)


class ImagePurl(NamedTuple):
    """A package URL of an image; ``version`` (a digest or a tag), ``repository`` and ``arch`` are empty if not said."""

    name: str
    version: str
    repository: str
    arch: str


def oci_image(purl: str) -> ImagePurl | None:
    """None for the purl of anything else. One of type docker is always in a repository: Docker's own, or another's."""
    parsed = _parse(purl)
    if parsed is None or parsed.type not in {"oci", "docker"}:
        return None
    repository = parsed.qualifiers.get("repository_url", "")
    if parsed.type == "docker":
        whole = (repository or "docker.io", parsed.namespace or ("" if repository else "library"), parsed.name)
        repository = "/".join(part for part in whole if part)
    return ImagePurl(parsed.name, parsed.version or "", repository, parsed.qualifiers.get("arch", ""))


def check_pattern(text: str) -> str:
    """``text`` in its canonical spelling; raises ``UsageError`` for what is no package URL."""
    if spelled := canonical(text):
        return spelled
    shown = text[:80].encode("unicode_escape").decode("ascii")
    raise UsageError(f"{shown} is no package URL", hint="write pkg:TYPE/NAMESPACE/NAME, such as pkg:deb/debian/openssl")


def _parse(purl: str) -> PackageURL | None:
    return _read(purl) if len(purl) <= CACHED_MAX_CHARS else _read.__wrapped__(purl)


@lru_cache(_KEPT)
def _read(purl: str) -> PackageURL | None:
    if not 0 < len(purl) <= PURL_MAX_CHARS or not purl.isprintable() or " " in purl or _repeats(purl):
        return None
    try:
        parsed = PackageURL.from_string(purl)
    except (ValueError, TypeError, AttributeError):
        return None
    return parsed if parsed.to_string().isprintable() else None


def _repeats(purl: str) -> bool:
    """Whether a qualifier stands twice: readers keep the first or the last, and so it means two things."""
    keys = [pair.partition("=")[0].lower() for pair in purl.partition("?")[2].partition("#")[0].split("&")]
    return len(set(keys)) != len(keys)
