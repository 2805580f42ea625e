"""What is taken for canonical at a glance is canonical by the library."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.scanner.purls import canonical
from pytrust.scanner.trivy import purl

# Of real reports.
TRIVYS = [
    "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12.7",
    "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12.7&epoch=1",
    "pkg:deb/ubuntu/e2fsprogs@1.44.1-1ubuntu1.1?arch=amd64&distro=ubuntu-18.04",
    "pkg:apk/alpine/libcrypto1.1@1.1.1b-r1?arch=x86_64&distro=3.9.4",
    "pkg:rpm/centos/bash@4.2.46-31.el7?arch=x86_64&distro=centos-7.6.1810&epoch=0",
    "pkg:npm/lodash@4.17.20",
    "pkg:npm/%40babel/core@7.0.0",
    "pkg:pypi/werkzeug@0.14",
    "pkg:golang/golang.org/x/crypto@v0.0.0-20200820211705-5c72a883971a",
    "pkg:golang/stdlib@1.19",
    "pkg:maven/org.springframework/spring-beans@5.3.15",
    "pkg:gem/activesupport@6.0.2.1",
]
OTHERS = [
    "pkg:DEB/debian/a@1",
    "pkg:deb/debian/A@1",
    "pkg:deb/debian/a",
    "pkg:deb/debian/a@1?distro=b&arch=c",
    "pkg:deb/debian/a@1?arch=b&arch=c",
    "pkg:deb//debian/a@1",
    "pkg:pypi/zope_interface@1",
    "pkg:apk/alpine/libstdc%2B%2B@1",
    "pkg:deb/debian/%61@1",
    "pkg:deb/debian/a@1#src",
    "pkg:deb/debian/a@1\n",
    "pkg://deb/debian/a@1",
    "",
]


@pytest.mark.parametrize("text", TRIVYS)
def test_those_of_trivy(text: str) -> None:
    assert purl.is_plain(text)
    assert purl.spelled(text) == canonical(text) == text
    for written in (text, text.replace("&", "\\u0026")):
        assert purl.identified(b'{\n  "PURL": "%s",\n  "UID": "a9ed9c990b55c97e"\n}' % written.encode()) == text
        assert purl.identified(b'{"PURL":"%s"}' % written.encode()) == text


@pytest.mark.parametrize("text", OTHERS)
def test_others_are_asked_about(text: str) -> None:
    assert not purl.is_plain(text)
    assert purl.spelled(text) == canonical(text)
    assert purl.identified(json.dumps({"PURL": text}).encode()) == ""


@settings(max_examples=150)
@given(st.from_regex(purl._PLAIN, fullmatch=True))
def test_what_is_plain_is_canonical(text: str) -> None:
    assert canonical(text) in {text, ""}
    assert canonical(text) == text or len(text) > 4_096


@pytest.mark.parametrize(
    "text",
    [
        b'{"PURL":"pkg:npm/a@1","PURL":"pkg:npm/b@1"}',
        b'{"PURL":"pkg:npm/a@1","UID":"1","PURL":"pkg:npm/b@1"}',
        b'{"PURL":"pkg:npm/a@1","purl":"pkg:npm/b@1"}',
        b'{"PURL":"pkg:npm/a@1","BOMRef":"x"}',
        b'{"PURL":"pkg:npm/\\u0061@1"}',
        b'{"PURL":"pkg:npm/a@1\\\\u0026"}',
        b'{"UID":"1","PURL":"pkg:npm/a@1"}',
        b'{"PURL":"pkg:npm/%s@1"}' % (b"a" * 5_000),
    ],
)
def test_an_identifier_with_more_is_looked_at(text: bytes) -> None:
    assert purl.identified(text) == ""
