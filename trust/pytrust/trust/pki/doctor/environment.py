"""What docker's environment variables mean, which is not what they look like. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pytrust.trust.pki.doctor.telling import note, warning
from pytrust.trust.pki.finding import Finding

CERT_PATH: Final = "DOCKER_CERT_PATH"
TLS_VERIFY: Final = "DOCKER_TLS_VERIFY"
_SOUNDS_OFF: Final = {"0", "false", "no", "off"}


def lint_environment(variables: Mapping[str, str]) -> Iterator[Finding]:
    """The traps in ``DOCKER_TLS_VERIFY`` and ``DOCKER_CERT_PATH`` as docker's clients read them."""
    verify, folder = variables.get(TLS_VERIFY, ""), variables.get(CERT_PATH, "")
    if verify.lower() in _SOUNDS_OFF:
        text = f"{verify!r} switches verification on: any value that is not empty does"
        yield warning("tls-verify-word", TLS_VERIFY, text, f"unset {TLS_VERIFY}, or say 1")
    if folder and not verify:
        text = f"with it set and {TLS_VERIFY} empty, programs of docker's go library do not verify the server at all"
        yield warning("server-not-verified", CERT_PATH, text, f"export {TLS_VERIFY}=1")
    elif folder:
        text = "programs of docker's go library trust the system's authorities besides its ca.pem"
        yield note("system-authorities", CERT_PATH, text, "a docker context trusts ca.pem alone: docker context create")
