"""The collections on one page, for people. Pure.

The page loads nothing, from here or elsewhere: its style is inside, and the policy that goes with it allows that style
by its hash and nothing else. All that comes from metadata is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import Final

from pytrust.trust.limits import WARN_BEFORE
from pytrust.trust.server.backend import CollectionRow, RoleRow

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;"
    "background:#fff}h1{font-size:1.3rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd}"
    "code{font-size:.95em;overflow-wrap:anywhere}.over{color:#b00020;font-weight:600}.soon{color:#8a5a00}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}th,td{border-color:#444}"
    ".over{color:#ff8a80}.soon{color:#ffca66}}"
)
_HASH: Final = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SIGNERS_SHOWN: Final = 28
_ONLINE: Final = frozenset({"snapshot", "timestamp"})


def render_page(rows: Iterable[CollectionRow], limit: int, now: datetime) -> str:
    """The whole document; ``rows`` may be one more than ``limit``, which says that there are more."""
    found = list(rows)
    body = "".join(_row(row, now) for row in found[:limit]) or '<tr><td colspan="3">nothing is published yet</td></tr>'
    more = f"<p>only the first {limit} are shown</p>" if len(found) > limit else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>trust server</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>trust server</h1><p>what is published here, {now:%Y-%m-%d %H:%M} UTC</p><table><thead><tr>"
        f'<th scope="col">collection</th><th scope="col">roles</th><th scope="col">signers</th></tr></thead>'
        f"<tbody>{body}</tbody></table>{more}</body></html>\n"
    )


def _row(row: CollectionRow, now: datetime) -> str:
    roles = "<br>".join(_role(role, now) for role in row.roles)
    shown = ", ".join(f"<code>{escape(signer)}</code>" for signer in row.signers[:_SIGNERS_SHOWN])
    more = f" and {len(row.signers) - _SIGNERS_SHOWN} more" if len(row.signers) > _SIGNERS_SHOWN else ""
    return f"<tr><td><code>{escape(row.name)}</code></td><td>{roles}</td><td>{shown}{more}</td></tr>"


def _role(role: RoleRow, now: datetime) -> str:
    text = f"{escape(role.role)} {role.version}, "
    if role.expires <= now:
        return f'{text}<span class="over">expired {role.expires:%Y-%m-%d}</span>'
    if role.role not in _ONLINE and role.expires <= now + WARN_BEFORE:
        return f'{text}<span class="soon">expires {role.expires:%Y-%m-%d}</span>'
    return f"{text}expires {role.expires:%Y-%m-%d}"
