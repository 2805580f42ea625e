"""The page of a profile: whatever stands in the document, the page runs nothing, loads nothing, and says it all."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.model import AppArmor, Evidence, FileRule, Profile, Recording, Rule, Seccomp, Why
from pytrust.policy.profiles.names import X86_64, Action, Generation, GoArch, Syscall
from pytrust.policy.profiles.seccomp.resolve import Host
from pytrust.policy.profiles.view.look import look
from pytrust.policy.profiles.view.page import page

HOST = Host(GoArch("amd64"), (6, 1), frozenset(), Generation.FROM_23)
ATTRIBUTES = {
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "viewbox",
    "preserveaspectratio",
    "role",
    "aria-label",
    "width",
    "height",
    "open",
    "scope",
}
TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "h1",
        "h2",
        "p",
        "strong",
        "svg",
        "rect",
        "ul",
        "li",
    ),
    *("dl", "div", "dt", "dd", "details", "summary", "span", "code", "table", "thead", "tbody", "tr", "th", "td"),
}
EMPTY = {"meta", "rect"}
HOSTILE = "</style><script>alert(1)</script>\"'&<img src=x onerror=y>"


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text: list[str] = []
        self.metas: list[dict[str, str | None]] = []
        self.style = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "meta":
            self.metas.append(dict(attrs))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)


def full(text: str) -> Profile:
    return Profile(
        name=text[:512],
        seccomp=Seccomp(
            default=Action.ERRNO,
            architectures=(X86_64,),
            rules=(
                Rule(names=(Syscall("read"), Syscall("bpf")), action=Action.ALLOW),
                Rule(names=(Syscall("clone3"),), action=Action.ERRNO, comment=text),
            ),
        ),
        user=text,
        apparmor=AppArmor(files=(FileRule(path=f"/{text}"[:4096], modes="r"),)),
        evidence=(
            Evidence(subject="syscall:read", why=Why.RECORDED, count=3, note=text[:500]),
            Evidence(subject=f"file:/{text}"[:4000], why=Why.GIVEN, note=text[:500]),
        ),
        recordings=(Recording(method="audit", records=3, lost=1, image=text, workload=text, engine=text, kernel=text),),
    )


def read(profile: Profile) -> tuple[str, Reader]:
    text = page(look(profile, HOST))
    reader = Reader(text)
    assert reader.open == []
    return text, reader


def test_what_a_hostile_profile_says_is_text() -> None:
    text, reader = read(full(HOSTILE))
    assert reader.tags <= TAGS
    assert reader.attributes <= ATTRIBUTES
    assert "".join(reader.text).count(HOSTILE) >= 7
    assert "<script" not in text


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_text_makes_a_tag_or_an_attribute(text: str) -> None:
    _, reader = read(full(text))
    assert reader.tags <= TAGS
    assert reader.attributes <= ATTRIBUTES


def test_characters_that_turn_or_hide_text_are_replaced() -> None:
    text, _ = read(full("a\u202egnp.exe\x1b[2J\x00"))
    assert not {"\u202e", "\x1b", "\x00"} & set(text)


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    text, reader = read(full("web"))
    (policy,) = (meta["content"] for meta in reader.metas if meta.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "style=" not in text
    assert not [
        word
        for word in ("http:", "https:", "url(", "@import", "src=", "href=")
        if word in text.replace("http-equiv", "")
    ]


def test_all_that_is_open_stands_there_with_its_reason() -> None:
    _, reader = read(full("web"))
    said = " ".join(reader.text)
    for words in (
        "read",
        "recorded 3 times (web)",
        "bpf",
        "CVE-2022-23222",
        "beyond docker's default",
        "clone3",
        "/web",
        "3 records, 1 lost",
        "ERRNO(1)",
    ):
        assert words in said
