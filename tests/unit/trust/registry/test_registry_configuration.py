"""Which image is it? Its configuration says so, where it is the one that the manifest names."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import BadContent
from pytrust.trust.limits import MANIFEST_MAX_BYTES
from pytrust.trust.names import Digest
from pytrust.trust.registry.configuration import (
    LAYERS_MAX,
    Configuration,
    configuration_named,
    read_configuration,
)

LAYER, OTHER = Digest("a1" * 32), Digest("a2" * 32)


def configuration(**changes: Any) -> bytes:
    usual = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [str(LAYER), str(OTHER)]},
        "config": {"Env": ["A=\x1b[2J"]},
        "history": [{"created_by": "x"}],
    }
    return json.dumps({key: value for key, value in {**usual, **changes}.items() if value is not None}).encode()


def digest(data: bytes) -> Digest:
    return Digest(sha256(data).hexdigest())


def read(data: bytes) -> Configuration:
    return read_configuration(data, digest(data))


def test_platform_and_layers() -> None:
    data = configuration()
    assert read(data) == Configuration(digest(data), "linux/amd64", (LAYER, OTHER))
    assert read(configuration(architecture="arm64", variant="v8")).platform == "linux/arm64/v8"
    assert read(configuration(variant="")).platform == "linux/amd64"
    assert read(configuration(rootfs={"diff_ids": []})).layers == ()


def test_other_bytes_than_those_named() -> None:
    with pytest.raises(BadContent, match="was expected"):
        read_configuration(configuration(), digest(configuration(os="windows")))


WRONG = {
    "nothing": b"",
    "no json": b"{",
    "a list": b"[]",
    "no utf-8": b'{"os":"\xff"}',
    "deep": b"[" * 100_000,
    "deep where nobody looks": configuration()[:-1] + b',"x":' + b"[" * 100_000,
    "no os": configuration(os=None),
    "os a number": configuration(os=1),
    "no architecture": configuration(architecture=None),
    "no rootfs": configuration(rootfs=None),
    "rootfs a list": configuration(rootfs=[]),
    "no layers": configuration(rootfs={}),
    "layers a text": configuration(rootfs={"diff_ids": str(LAYER)}),
    "layer a number": configuration(rootfs={"diff_ids": [1]}),
    "layer of another kind": configuration(rootfs={"diff_ids": ["sha512:" + "a" * 128]}),
    "layer by half": configuration(rootfs={"diff_ids": ["sha256:a1a1"]}),
    "layer in capitals": configuration(rootfs={"diff_ids": ["sha256:" + "A1" * 32]}),
    "layer to be shown": configuration(rootfs={"diff_ids": ["\x1b[2J" * 1000]}),
    "platform to be shown": configuration(os="\x1b[2J"),
    "platform in two lines": configuration(architecture="amd64\nx"),
    "platform without end": configuration(architecture="a" * 200),
    "layers without end": configuration(rootfs={"diff_ids": [str(LAYER)] * (LAYERS_MAX + 1)}),
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG.keys())
def test_no_configuration_of_an_image(data: bytes) -> None:
    with pytest.raises(BadContent) as error:
        read(data)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


def manifest(config: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()


def named(size: object = 100, of: str = str(LAYER)) -> dict[str, object]:
    return {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": of, "size": size}


def test_the_manifest_names_it() -> None:
    assert configuration_named(manifest(named())) == (LAYER, 100)
    assert configuration_named(manifest(named(MANIFEST_MAX_BYTES))) == (LAYER, MANIFEST_MAX_BYTES)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        manifest(None),
        manifest([]),
        manifest({"digest": str(LAYER)}),
        *[manifest(named(size)) for size in (0, -1, MANIFEST_MAX_BYTES + 1, 10**30, 1.5, "100", True, None)],
        *[manifest(named(of=of)) for of in ("", "sha256:", "md5:12", "a1" * 32, "sha256:" + "A1" * 32, "\x1b[2J" * 99)],
    ],
)
def test_a_manifest_that_names_none(data: bytes) -> None:
    with pytest.raises(BadContent) as error:
        configuration_named(data)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


@given(st.binary(max_size=100))
def test_whatever_is_served(data: bytes) -> None:
    for reads in (read, configuration_named):
        with pytest.raises(BadContent):
            reads(data)
