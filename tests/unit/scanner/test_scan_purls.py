"""Package URLs: every spelling of one is one, and what is none fits nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.scanner.limits import PURL_MAX_CHARS
from pytrust.scanner.purls import canonical, check_pattern, fits
from pytrust.trust.errors import UsageError

NONE = [
    "",
    "openssl",
    "pkg:",
    "pkg:deb",
    "pkg:deb/debian/openssl\n",
    "pkg:deb/debian/open\x1bssl",
    "pkg:deb/debian/open ssl",
    "pkg:deb/debian/openssl?arch=amd64&arch=arm64",
    "pkg:deb/debian/openssl?arch=amd64&ARCH=arm64",
    "pkg:deb/debian/open\u202essl",
    f"pkg:deb/debian/{'x' * PURL_MAX_CHARS}",
    "\ud800",
]
SAME = [
    (
        "pkg:deb/debian/openssl@3.0?distro=debian-12&arch=amd64",
        "pkg:deb/debian/openssl@3.0?arch=amd64&distro=debian-12",
    ),
    ("pkg:pypi/Django_Rest", "pkg:pypi/django-rest"),
    ("pkg:npm/%40angular/core", "pkg:npm/@angular/core"),
    ("pkg://npm/x", "pkg:npm/x"),
]
FITTING = [
    ("pkg:deb/debian/openssl@3.0.1-1?arch=amd64", "pkg:deb/debian/openssl", True),
    ("pkg:deb/debian/openssl@3.0.1-1?arch=amd64", "pkg:deb/debian/openssl@3.0.1-1", True),
    ("pkg:deb/debian/openssl@3.0.1-1?arch=amd64", "pkg:deb/debian/openssl?arch=amd64", True),
    ("pkg:deb/debian/openssl@3.0.1-1?arch=amd64", "pkg:deb/debian/openssl?arch=arm64", False),
    ("pkg:deb/debian/openssl@3.0.1-1", "pkg:deb/debian/openssl?arch=amd64", False),
    ("pkg:deb/debian/openssl@3.0.1-1", "pkg:deb/debian/openssl@3.0.1", False),
    ("pkg:deb/debian/openssl", "pkg:deb/debian/openssl@3.0.1", False),
    ("pkg:deb/debian/openssl", "pkg:deb/ubuntu/openssl", False),
    ("pkg:deb/debian/openssl", "pkg:rpm/debian/openssl", False),
    ("pkg:deb/debian/openssl-doc", "pkg:deb/debian/openssl", False),
    ("pkg:golang/g/x@1#sub", "pkg:golang/g/x", True),
    ("pkg:golang/g/x@1", "pkg:golang/g/x#sub", False),
    ("pkg:npm/lodash@4", "pkg:npm/lodash", True),
    ("pkg:npm/%40a/lodash@4", "pkg:npm/lodash", False),
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_none_fits_nothing(text: str) -> None:
    assert canonical(text) == ""
    assert not fits(text, text)
    assert not fits("pkg:deb/debian/openssl", text)
    assert not fits(text, "pkg:deb/debian/openssl")
    with pytest.raises(UsageError, match="no package URL") as caught:
        check_pattern(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_spelling_for_each(one: str, other: str) -> None:
    assert canonical(one) == canonical(other) == check_pattern(one)
    assert fits(one, other)
    assert fits(other, one)


@pytest.mark.parametrize(("purl", "pattern", "answer"), FITTING)
def test_what_a_pattern_leaves_out_may_be_anything(purl: str, pattern: str, answer: bool) -> None:
    assert fits(purl, pattern) is answer


@given(
    st.text(max_size=60)
    | st.text(max_size=60).map("pkg:deb/debian/".__add__)
    | st.text(max_size=60).map("pkg:".__add__)
)
def test_any_text_has_one_spelling_or_none(text: str) -> None:
    spelled = canonical(text)
    assert spelled.isprintable()
    assert canonical(spelled) == spelled
    assert fits(text, text) is bool(spelled)
