"""``Registry``: from names to descriptors whose bytes were hashed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytrust.trust.errors import BadContent, InvalidName, PytrustError
from pytrust.trust.http import Deadline, Response
from pytrust.trust.limits import RESOLVE_CONCURRENCY
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.registry.answers import check
from pytrust.trust.registry.credentials import CredentialSource
from pytrust.trust.registry.manifest import ACCEPTED, OCI_INDEX, Descriptor, describe
from pytrust.trust.registry.session import Session

if TYPE_CHECKING:
    from pytrust.trust.registry.configuration import Configuration

# All four, always: a registry that is not offered an index type answers with one platform's manifest instead.
_ACCEPT: Final = ", ".join(ACCEPTED)
_DIGEST_HEADER: Final = "docker-content-digest"


class Registry:
    """Asks registries; safe to share between threads, and meant to be: connections and tokens are kept.

    Args:
        credentials: knows logins.
        insecure: hosts (``HOST[:PORT]``) that may be spoken to without TLS; loopback always may. Logins are never
            sent to them in the clear.
        certs_dir: holds a folder a host with ``*.crt`` files that are trusted for it (docker's layout).
    """

    def __init__(
        self,
        credentials: CredentialSource,
        *,
        insecure: frozenset[str] = frozenset(),
        certs_dir: Path = Path("/etc/docker/certs.d"),
    ) -> None:
        self._session = Session(credentials, insecure, certs_dir)

    def resolve(self, ref: ImageRef, deadline: Deadline) -> Descriptor:
        """Fetch the manifest that ``ref`` names: by digest if it has one, else by tag.

        Raises:
            NotFound: the registry has no such image.
            AccessDenied: it wants another login, or none helps.
            BadContent: other bytes, another type or more of them than may be.
            Unreachable, TooSlow, RateLimited, ServerError: it could not be found out.
            Unsound: docker's configuration, a credential helper or a CA file on this machine does not work.
        """
        with _naming(ref):
            answer = self._ask("GET", ref, deadline)
            expected = ref.digest or _promised(answer)
            return describe(answer.body, answer.headers.get("content-type", ""), expected)

    def head(self, ref: ImageRef, deadline: Deadline) -> Digest | None:
        """What the registry says ``ref`` points to: a hint that costs no quota, and never a decision.

        Returns:
            None where the registry does not say, or says it in another algorithm.

        Raises:
            PytrustError: as ``resolve``.
        """
        with _naming(ref):
            text = self._ask("HEAD", ref, deadline).headers.get(_DIGEST_HEADER, "")
        try:
            return Digest.parse(text)
        except InvalidName:
            return None

    def resolve_all(self, refs: Sequence[ImageRef], deadline: Deadline) -> list[Descriptor | PytrustError]:
        """``resolve`` for many names at once; results, or what was raised, in the order of ``refs``."""
        if len(refs) <= 1:
            return [self._attempt(ref, deadline) for ref in refs]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(RESOLVE_CONCURRENCY, len(refs)), "pytrust-resolve") as pool:
            return list(pool.map(lambda ref: self._attempt(ref, deadline), refs))

    def referrers(self, ref: ImageRef, deadline: Deadline) -> list[Descriptor]:
        """The manifests whose ``subject`` is what ``ref`` names, each fetched by digest, hashed and checked.

        Raises:
            PytrustError: as ``resolve``; ``BadContent`` also for more of them than may be.
        """
        from pytrust.trust.registry.referrers import find

        subject = ref.digest or self.resolve(ref, deadline).digest
        with _naming(ref):
            return find(
                lambda path: self._session.exchange("GET", ref, path, OCI_INDEX, deadline),
                lambda refs: self.resolve_all(refs, deadline),
                ref,
                subject,
            )

    def configuration(self, ref: ImageRef, manifest: Descriptor, deadline: Deadline) -> Configuration:
        """The configuration that ``manifest`` (of one platform, from the repository of ``ref``) names, hashed here.

        Raises:
            PytrustError: as ``resolve``.
        """
        from pytrust.trust.registry.configuration import configuration_named, read_configuration

        with _naming(ref):
            digest, _ = configuration_named(manifest.data)
            answer = self._session.exchange("GET", ref, f"blobs/{digest}", "*/*", deadline)
            check(answer, "the registry", ref.registry)
            return read_configuration(answer.body, digest)

    def _attempt(self, ref: ImageRef, deadline: Deadline) -> Descriptor | PytrustError:
        try:
            return self.resolve(ref, deadline)
        except PytrustError as error:
            return error

    def _ask(self, method: str, ref: ImageRef, deadline: Deadline) -> Response:
        answer = self._session.exchange(method, ref, f"manifests/{ref.digest or ref.tag}", _ACCEPT, deadline)
        check(answer, "the registry", ref.registry)
        return answer


def _promised(answer: Response) -> Digest | None:
    text = answer.headers.get(_DIGEST_HEADER)
    if text is None:
        return None
    try:
        return Digest.parse(text)
    except InvalidName as error:
        raise BadContent(f"the registry's Docker-Content-Digest reads {text[:100]!r}") from error


@contextmanager
def _naming(ref: ImageRef) -> Iterator[None]:
    """Put the image in front of every error, and keep what a peer wrote from moving the reader's cursor."""
    try:
        yield
    except PytrustError as error:
        text = "".join(char if char.isprintable() else "?" for char in f"{ref}: {error}")
        raise type(error)(text, hint=error.hint) from error
