"""Sheets for the tests of formats: an ordinary one, and one in which every text is hostile."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

from hypothesis import strategies as st

from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Remark, Sheet

OPENSSL: Final = Line(
    id="CVE-2026-0001",
    mark=Mark.FAIL,
    severity=Severity.CRITICAL,
    title="openssl: a flaw",
    subject="openssl",
    version="3.0.1-1",
    fixed="3.0.2-1",
    place="usr/lib/libssl.so.3",
    links=("https://avd.example/CVE-2026-0001",),
    why="fail_on severity high (policy.yaml:6)",
    hint="upgrade it",
    text="A long story.",
    kind="vulnerability",
    score=98,
)
SHEET: Final = Sheet(
    title="scan of foo/web:v2",
    tool="pytrust scan show",
    mark=Mark.FAIL,
    facts=(("image", "docker.io/foo/web:v2"), ("scanned", "2 h ago")),
    remarks=(Remark(Mark.FAIL, "the scan is old", "scan again"), Remark(Mark.NOTE, "an exception ends soon")),
    lines=(
        OPENSSL,
        replace(OPENSSL, id="CVE-2026-0002", severity=Severity.HIGH),
        replace(OPENSSL, id="CVE-2026-0003", severity=Severity.HIGH, fixed="3.0.9-1"),
        replace(OPENSSL, id="CVE-2026-0004", mark=Mark.WARN, severity=Severity.MEDIUM, subject="bash", fixed=""),
        replace(OPENSSL, id="CVE-2026-0005", mark=Mark.WAIVED, why="exception of alice", until="2026-12-31"),
        Line(
            id="5.4", mark=Mark.WARN, title="no added capabilities", subject="web", why="adds SYS_ADMIN", hint="drop it"
        ),
        Line(id="4.3", mark=Mark.MANUAL, title="no needless packages"),
        replace(OPENSSL, id="CVE-2026-0006", mark=Mark.PASS, severity=Severity.LOW, why=""),
    ),
)
HOSTILE: Final = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "</title></style></script><script>window.hacked=1</script>",
    "javascript:alert(1)",
    "\x1b[2J\x1b]8;;http://evil\x07link\x1b]52;c;AAAA\x07\r\b\x9b1m",
    "a\u202eb\u200bc\u2066d",
    "| `x` \n# head\n@org/team <!-- [a](http://evil) www.evil.example ~~x~~ :smile:",
    "::error file=x::y%0A%25\r\n::warning::z",
    "]]>&amp;\x00\x0b\ufffe",
    "=cmd()|' /C calc'!A0",
    "\ud800 half",
    "../../../../etc/passwd",
    "{{ 7 * 7 }}{% raw %}",
    "x" * 5000,
)


def hostile(text: str) -> Sheet:
    """Every text of every line is this one."""
    texts: dict[str, Any] = {
        item.name: text for item in fields(Line) if item.name not in {"mark", "severity", "links", "score"}
    }
    lines = tuple(
        replace(OPENSSL, mark=mark, links=(text, f"https://{text}", f"javascript:{text}"), **texts) for mark in Mark
    )
    bare = tuple(replace(line, version="", fixed="") for line in lines)
    remarks = tuple(Remark(mark, text, text) for mark in (Mark.FAIL, Mark.WARN, Mark.NOTE))
    return Sheet(title=text, tool="pytrust", mark=Mark.FAIL, facts=((text, text),), remarks=remarks, lines=lines + bare)


anything: Final = st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE), st.characters(codec=None).map(str))
