"""Of which image is a report? By whole digests, and by nothing that looks like one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytrust.scanner.binding import Pushed, assert_bound, bind
from pytrust.scanner.errors import OtherImage
from pytrust.scanner.report import Image, Report
from pytrust.trust.names import CollectionName, Digest

NAME = CollectionName("docker.io/foo/web")
INDEX = Digest("00" * 32)
LAYERS = (Digest("a1" * 32), Digest("a2" * 32))
AMD = Pushed(NAME, Digest("b1" * 32), Digest("c1" * 32), LAYERS, "linux/amd64", INDEX)
ARM = Pushed(NAME, Digest("b2" * 32), Digest("c2" * 32), LAYERS[:1], "linux/arm64/v8", INDEX)
ALONE = replace(AMD, index=None)
ELSE = Digest("ee" * 32)


def report(config: Digest | None = AMD.config, **said: object) -> Report:
    return Report(schema=2, image=Image(config=config, **said))  # type: ignore[arg-type]


BOUND = [
    report(),
    report(layers=LAYERS),
    report(platform="linux/amd64"),
    report(names=(f"foo/web@{AMD.manifest}",)),
    report(names=(f"docker.io/foo/web@{INDEX}",)),
    report(names=(f"foo/web@{ELSE}", f"foo/web@{AMD.manifest}")),
    report(names=(f"registry.example.com/foo/web@{ELSE}",)),  # known there under another digest: another compression
    report(names=("", "\x00", "foo/web@sha256:12")),
    report(names=("foo/web",)),
]


@pytest.mark.parametrize("one", BOUND)
def test_by_its_configuration(one: Report) -> None:
    assert bind(one, [ARM, AMD], "r.json") == AMD


def test_a_variant_may_be_left_out_and_not_be_wrong() -> None:
    for platform in ("linux/arm64", "linux/arm64/v8"):
        assert bind(report(ARM.config, platform=platform), [AMD, ARM], "r") == ARM
    for platform in ("linux/arm", "linux/arm64/v", "linux/arm64/v7", "arm64"):
        with pytest.raises(OtherImage, match="is for linux/arm64/v8"):
            bind(report(ARM.config, platform=platform), [AMD, ARM], "r")


OTHERS = [
    (report(None), "no image id"),
    (Report(schema=2), "no image id"),
    (report(ELSE), "what is signed is"),
    (report(AMD.manifest), "what is signed is"),  # a manifest's digest is no image id
    (report(INDEX), "what is signed is"),
    (report(layers=LAYERS[:1]), "other layers"),
    (report(layers=LAYERS[::-1]), "other layers"),
    (report(layers=(*LAYERS, ELSE)), "other layers"),
    (report(names=(f"foo/web@{ELSE}",)), "what is signed is"),
    (report(names=(f"foo/web@{ARM.manifest}",)), "what is signed is"),
    (report(platform="linux/arm64"), "is for linux/amd64"),
]


@pytest.mark.parametrize(("one", "words"), OTHERS)
def test_of_another_image(one: Report, words: str) -> None:
    with pytest.raises(OtherImage, match=words):
        bind(one, [AMD, ARM], "r.json")


def test_a_name_without_a_digest_stands_for_none() -> None:
    """Least of all for an image that is in no index."""
    assert bind(report(names=("foo/web", f"foo/web@{ALONE.manifest}")), [ALONE], "r") == ALONE
    with pytest.raises(OtherImage, match=str(ELSE)):
        bind(report(names=("foo/web", "foo/web:v1", f"foo/web@{ELSE}")), [ALONE], "r")


def test_nothing_is_signed() -> None:
    with pytest.raises(OtherImage):
        bind(report(), [], "r")
    with pytest.raises(OtherImage):
        assert_bound([], None)


def test_an_operator_s_word_has_to_name_one() -> None:
    assert assert_bound([AMD], None) == AMD
    assert assert_bound([AMD, ARM], "linux/arm64/v8") == ARM
    for platform in (None, "linux/arm64", "linux", ""):
        with pytest.raises(OtherImage, match="linux/amd64, linux/arm64/v8") as error:
            assert_bound([AMD, ARM], platform)
        assert "--platform" in error.value.hint


def test_what_it_is_of_is_one_platform_s_manifest() -> None:
    subject = AMD.subject
    assert (subject.digest, subject.config, subject.platform) == (AMD.manifest, AMD.config, "linux/amd64")
