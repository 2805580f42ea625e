"""The page: nothing from metadata becomes markup, nothing is loaded, what is over is shown so."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.server.backend import CollectionRow, RoleRow
from pytrust.trust.server.page import POLICY, render_page

NOW = datetime(2026, 12, 8, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=30), NOW + timedelta(days=1000)


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def row(
    name: str = "docker.io/foo/web", role: str = "targets", ends: datetime = LATER, signer: str = "alice"
) -> CollectionRow:
    return CollectionRow(name, (RoleRow(role, 3, ends),), (signer,))


_TEXTS = st.text(max_size=60) | st.sampled_from(
    ["<i>x", "</td><img src=x>", "<script>alert(1)</script>", "&lt;u&gt;", "<!--"]
)


@given(_TEXTS, _TEXTS, _TEXTS)
def test_no_name_becomes_markup(name: str, role: str, signer: str) -> None:
    plain, seen = Seen(render_page([row()], 5, NOW)), Seen(render_page([row(name, role, signer=signer)], 5, NOW))
    assert seen.tags == plain.tags
    assert seen.attributes == plain.attributes
    shown = "".join(seen.texts)
    assert all(text in shown for text in (name, role, signer) if text.isprintable())


def test_what_is_shown() -> None:
    text = render_page([row("registry.example.com/<b>&'\"")], 5, NOW)
    assert "registry.example.com/<b>&'\"" in unescape(text)
    assert "targets 3, expires 2029-09-03" in text
    assert "alice" in text


def test_nothing_is_loaded_and_the_style_is_the_one_allowed() -> None:
    text = render_page([row()], 5, NOW)
    assert not re.search(r"(?:src|href|url\(|@import|<script|<link|<img|https?:)", text)
    (style,) = re.findall(r"<style>(.*?)</style>", text)
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert " style=" not in text


def test_ends() -> None:
    assert 'class="over">expired 2026-12-08' in render_page([row(ends=NOW)], 5, NOW)
    assert 'class="soon">expires 2027-01-07' in render_page([row(ends=SOON)], 5, NOW)
    assert 'class="soon"' not in render_page([row(role="timestamp", ends=SOON)], 5, NOW)


def test_the_bound_and_the_empty_page() -> None:
    names = [f"n{number}" for number in range(6)]
    text = render_page([row(name) for name in names], 5, NOW)
    assert "n4" in text
    assert "n5" not in text
    assert "only the first 5 are shown" in text
    assert "only the first" not in render_page([row(name) for name in names[:5]], 5, NOW)
    assert "nothing is published yet" in render_page([], 5, NOW)
    many = CollectionRow("x", (), tuple(f"signer{number}" for number in range(100)))
    assert "and 72 more" in render_page([many], 5, NOW)
