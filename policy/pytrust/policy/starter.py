"""The policy file to begin with. Pure."""

from __future__ import annotations

from pytrust.policy.core.rules import Isolation

_TEXT = """\
# What may run on this host. The manual is docs/policy.md; after a change, run: pytrust policy lint
version: 1

# The first rule that fits decides. An image that no rule fits does not run.
images:
  # Rules for some images go above the one that fits all, for example:
  #
  # - match: registry.example.com/foo/**
  #   trust: {{signers: {{any_of: [alice, bob], threshold: 2}}}}
  #   scan: {{max_age: 7d, fail_on: [{{severity: high, fix: available}}, {{kev: true}}]}}
  # - match: localhost/dev/**
  #   unsigned: allow

  # Every image has to be signed. Whose signatures count is pinned in config.toml.
  - match: "**"

containers:
  # How much of the host a container may have: restricted, baseline or privileged.
  isolation: {isolation}

  # Exceptions, for example:
  #
  # allow:
  #   - {{rule: capability, match: registry.example.com/foo/**, values: [NET_RAW]}}
  #   - {{rule: bind, values: [/srv/data, /srv/data/**]}}

# What was found in an image, and may be there until a day, for example:
#
# exceptions:
#   - id: CVE-2024-1234
#     match: registry.example.com/foo/**
#     purl: pkg:deb/debian/openssl
#     reason: the server is never a client
#     owner: alice@example.com
#     expires: 2030-12-31

# enforce; or warn, to learn: what would be denied runs, and is journalled.
mode: enforce
"""


def starter(isolation: Isolation) -> str:
    """A policy that runs what the host's own pins vouch for, and explains itself."""
    return _TEXT.format(isolation=isolation)
