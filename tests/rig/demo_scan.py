"""The sixth part of the demo: what was found in an image decides whether it runs.

Reports are made by hand, about the image that is really in the registry; who owns it signs them, and the host of the
second part follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from tests.rig.demo_proxy import Guarded, expect, pytrust
from tests.rig.images import Docker
from tests.rig.reports import Flaw, asserted, write_report

_FLAW: Final = Flaw("CVE-2026-0001")
_RULES: Final = "{max_age: 7d, fail_on: {severity: high, fix: available}}"


class Owner(Protocol):
    """Who owns the image, with the engine at hand."""

    folder: Path
    docker: Docker

    @property
    def image(self) -> str:
        """Without tag."""

    def must(self, *words: str) -> str:
        """Run a command that has to work; gives its output."""

    def pytrust(self, *words: str) -> object:
        """Run a command, however it ends."""


Check = Callable[[Owner, Guarded], None]


def refuses(owner: Owner, host: Guarded) -> None:
    """Under a rule on scans an image without one is refused, and one with a hole that could be mended, by its CVE."""
    image = f"{owner.image}:v2"
    _rule(host, _RULES)
    host.refused("run", "--rm", image, "true", why="has no signed scan")
    _scan(owner, image, [_FLAW], age=timedelta(hours=2))
    said = host.refused("run", "--rm", image, "true", why="CVE-2026-0001")
    expect("upgrade openssl to 3.0.2-1" in said and "policy.yaml:" in said, said)


def excuses(owner: Owner, host: Guarded) -> None:
    """An exception with an owner and an end lets it run; so does a later scan that finds nothing, and no older one."""
    image = f"{owner.image}:v2"
    _rule(
        host,
        _RULES,
        "exceptions:\n  - {id: CVE-2026-0001, purl: pkg:deb/debian/openssl, reason: not reachable, owner: alice,"
        " expires: 2999-12-31}\n",
    )
    expect(host.run(image, "cat", "/content") == "v2", "an exception does not count")
    _rule(host, _RULES)
    host.refused("run", "--rm", image, "true", why="CVE-2026-0001")
    _scan(owner, image, [], age=timedelta(hours=1))
    expect(host.run(image, "cat", "/content") == "v2", "a mended image does not run")


def tells(owner: Owner, host: Guarded) -> None:
    """The fleet at a glance, and the engine held against CIS Docker: with what is signed and scanned."""
    rows = json.loads(pytrust(host.home, "scan", "status", "--json", owner.image))["images"]
    found = {row["tag"]: row["verdict"] for row in rows}
    expect(found["v2"] == "allowed", str(rows))
    audit = owner.folder / "audit.json"
    owner.pytrust("audit", "--only", "4.2,4.4,5.5", "--json", "--output", str(audit))
    lines = json.loads(audit.read_text())["lines"]
    expect({line["id"] for line in lines} == {"4.2", "4.4", "5.5"}, str(lines))
    _rule(host, None)


def _scan(owner: Owner, image: str, flaws: list[Flaw], age: timedelta) -> None:
    report = write_report(owner.folder / "report.json", owner.docker, image, flaws, age=age)
    owner.must("scan", "add", image, str(report), *asserted(age))


def _rule(host: Guarded, rules: str | None, more: str = "") -> None:
    """Replace the policy by the one with these rules, and wait until it holds."""
    path = host.home / "policy.yaml"
    plain = path.with_name("plain-policy.yaml")
    if not plain.exists():
        plain.write_bytes(path.read_bytes())
    text = plain.read_text()
    if rules is not None:
        text = text.replace('  - match: "**"\n', f'  - match: "**"\n    scan: {rules}\n', 1) + more
    host.replace_policy(text)
