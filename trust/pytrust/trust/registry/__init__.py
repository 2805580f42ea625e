"""The OCI distribution client: what does a registry serve under a name?

Nothing a registry says is believed but bytes that were hashed here (OCI distribution specification 1.1). Pure rules
lie in ``challenge``, ``tokens``, ``manifest``, ``dockerconfig``, ``places`` and ``answers``; sockets in ``session``
and ``client``; the one child process in ``helper``.
"""

from pytrust.trust.image import Platform
from pytrust.trust.registry.client import Registry
from pytrust.trust.registry.credentials import Anonymous, CredentialSource, DockerCredentials, engine_auth
from pytrust.trust.registry.manifest import Descriptor

__all__ = [
    "Anonymous",
    "CredentialSource",
    "Descriptor",
    "DockerCredentials",
    "Platform",
    "Registry",
    "engine_auth",
]
