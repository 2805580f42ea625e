"""Bodies: what has one reading gets through unchanged, and nothing else gets through."""

from __future__ import annotations

import json
import timeit
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytrust.policy.engine import body, models, models_host
from pytrust.policy.engine.body import decode, encode
from pytrust.policy.engine.call import Body, Malformed
from pytrust.policy.engine.shapes import Part, wire_name

SAMPLES = sorted((Path(__file__).parents[3] / "vectors/engine_bodies").glob("*.json"))
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def kind_of(sample: Path) -> Body:
    return Body[sample.stem.partition("-")[0].upper()]


def container(text: str) -> Any:
    return decode(Body.CONTAINER, text.encode())


def names(sample: Path) -> str:
    return sample.stem


# -- what the stock client sends --------------------------------------------------------------------------------------


def test_there_are_samples_of_every_kind_that_the_client_sends() -> None:
    assert len(SAMPLES) > 40
    assert {kind_of(sample) for sample in SAMPLES} == set(Body) - {Body.NONE, Body.CLOSED, Body.EXEC_START}


@pytest.mark.parametrize("sample", SAMPLES, ids=names)
def test_the_stock_client_is_understood_and_nothing_is_lost(sample: Path) -> None:
    data = sample.read_bytes()
    model = decode(kind_of(sample), data)
    assert model is not None
    assert json.loads(encode(model)) == json.loads(data)


def test_reading_costs_less_than_a_millisecond() -> None:
    data = max((sample.read_bytes() for sample in SAMPLES), key=len)
    assert min(timeit.repeat(lambda: decode(Body.CONTAINER, data), number=10, repeat=5)) / 10 < 0.005  # honest: 0.0002


# -- absent, null and empty -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["{}", '{"MaskedPaths":null}', '{"MaskedPaths":[]}', '{"MaskedPaths":["/proc/kcore"]}']
)
def test_absent_null_and_empty_stay_apart(text: str) -> None:
    whole = f'{{"HostConfig":{text}}}'
    assert encode(container(whole)) == whole.encode()


@pytest.mark.parametrize("kind", [Body.NONE, Body.CLOSED])
def test_where_there_is_no_body_there_may_be_none(kind: Body) -> None:
    assert decode(kind, b"") is None
    with pytest.raises(Malformed, match="takes no body") as caught:
        decode(kind, b"{}")
    assert caught.value.status == 400


@pytest.mark.parametrize("kind", [kind for kind in Body if kind not in {Body.NONE, Body.CLOSED}])
def test_a_missing_body_is_refused_except_where_engines_take_it(kind: Body) -> None:
    """CVE-2024-41110 was a body that the checker did not see."""
    if kind in {Body.EXEC_START, Body.VOLUME}:
        assert decode(kind, b"") == decode(kind, b"{}")
    else:
        with pytest.raises(Malformed, match="missing"):
            decode(kind, b"")


# -- one reading ------------------------------------------------------------------------------------------------------

REFUSED = [
    # keys
    '{"Privileged":true}',
    '{"Binds":["/:/h"]}',
    '{"hostconfig":{}}',
    '{"HOSTCONFIG":{}}',
    '{"Ho\u017ftConfig":{"Privileged":true}}',
    '{"HostConfig":{"Networ\u212aMode":"host"}}',
    '{"HostConfig":{"Bind\\u017f":["/:/h"]}}',
    '{"HostConfig":{"Privileged":true},"HostConfig":{"Memory":0}}',
    '{"HostConfig":{"Privileged":true},"\\u0048ostConfig":{"Memory":0}}',
    '{"Image":"a","Image":"b"}',
    '{"Image":"a","image":"b"}',
    '{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/"}],"Mounts":[{"Target":"/x"}]}}',
    '{"HostConfig":{"Mounts":[{"Type":"bind","source":"/","Target":"/x"}]}}',
    '{"Labels":{"a":"1","a":"2"}}',
    '{"HostConfig":{"Capabilities":["CAP_SYS_ADMIN"]}}',
    '{"Foo":1}',
    '{"Foo":null}',
    '{"HostConfig":{"Foo":1}}',
    '{"HostConfig":{"LogConfig":{"Foo":1}}}',
    '{"HostConfig":{"Mounts":[{"VolumeOptions":{"DriverConfig":{"Foo":1}}}]}}',
    '{"NetworkingConfig":{"EndpointsConfig":{"a":{"Foo":1}}}}',
    '{"Volumes":{"/x":{"Foo":1}}}',
    # types
    '{"HostConfig":{"Privileged":"true"}}',
    '{"HostConfig":{"Privileged":1}}',
    '{"HostConfig":{"PidsLimit":1e3}}',
    '{"HostConfig":{"PidsLimit":100.0}}',
    '{"HostConfig":{"PidsLimit":"100"}}',
    '{"HostConfig":{"PidsLimit":true}}',
    '{"HostConfig":{"Memory":1000000000000000000000}}',
    '{"HostConfig":{"BlkioWeight":-1}}',
    '{"HostConfig":{"BlkioWeight":65536}}',
    '{"HostConfig":{"Binds":"/:/h"}}',
    '{"HostConfig":{"Binds":[null]}}',
    '{"HostConfig":{"Mounts":[null]}}',
    '{"HostConfig":{"Devices":[null]}}',
    '{"HostConfig":{"Sysctls":{"a":1}}}',
    '{"HostConfig":{"Sysctls":{"a":null}}}',
    '{"HostConfig":{"ConsoleSize":[1]}}',
    '{"HostConfig":[]}',
    '{"Env":{"A":"1"}}',
    '{"Env":[1]}',
    '{"Cmd":"sh"}',
    '{"Image":["a"]}',
    # the document
    "",
    " ",
    "null",
    "[]",
    '"a"',
    "{}{}",
    "{} {}",
    "{}}",
    "{}]",
    "\ufeff{}",
    "{'Image':'a'}",
    '{"Image":NaN}',
    '{"StopTimeout":Infinity}',
    '{"Image":"\\ud800"}',
    '{"Image":"\\udc00\\ud800"}',
    '{"Image":"a\\u0000b"}',
    '{"Labels":{"a\\u0000":"b"}}',
    '{"Image":"a\nb"}',
    '{"Image":"a",}',
    '{"Env":' + "[" * 10_000 + "]" * 10_000 + "}",
    '{"StopTimeout":' + "9" * 5_000 + "}",
    '{"Image":"' + "a" * 5_000 + '"}',
    '{"HostConfig":{"Binds":[' + ",".join(['"a:/b"'] * 1_001) + "]}}",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:60])
def test_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        container(text)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "data", ['{"Image":"a"}'.encode("utf-16"), '{"Image":"a"}'.encode("utf-32-be"), b'{"Image":"\xff"}']
)
def test_other_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="not strict JSON"):
        decode(Body.CONTAINER, data)


def test_a_body_beyond_the_limit_is_refused_however_it_is_filled() -> None:
    padding = b" " * (body.BODY_MAX_BYTES - 1)
    assert decode(Body.CONTAINER, b"{" + padding[:-1] + b"}") == models.ContainerCreate()
    with pytest.raises(Malformed, match="larger"):
        decode(Body.CONTAINER, b"{" + padding + b"}")


def test_what_stands_behind_a_megabyte_counts() -> None:
    """CVE-2026-34040 was a body of which the checker saw nothing from there on."""
    text = '{"Labels":{"a":"' + "x" * 2**20 + '"},"HostConfig":{"Privileged":true}}'
    assert container(text).host_config.privileged is True
    with pytest.raises(Malformed, match=r"length <= 1048576 - at `\$.Labels"):
        container(text.replace("xxx", "xxxx", 1))


def test_escapes_in_keys_are_read() -> None:
    assert container('{"HostConfig":{"\\u0050rivileged":true}}').host_config.privileged is True


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert container('{"Image":"a\\\\u0000"}').image == "a\\u0000"
    with pytest.raises(Malformed, match="NUL"):
        container('{"Image":"a\\\\\\u0000"}')


def test_a_refusal_names_the_place_and_keeps_the_values_to_itself() -> None:
    with pytest.raises(Malformed, match=r"unknown field `Foo` - at `\$.HostConfig.Mounts\[1\].BindOptions`"):
        container('{"HostConfig":{"Mounts":[{},{"BindOptions":{"Foo":1}}]}}')
    with pytest.raises(Malformed) as caught:
        container('{"Env":["PASSWORD=hunter2"],"HostConfig":{"Binds":{"hunter2":"hunter2"}}}')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['{"Name":"data","ClusterVolumeSpec":{}}', '{"name":"data"}', '{"DriverOpts":{"o":1}}']
)
def test_other_bodies_are_as_strict(text: str) -> None:
    with pytest.raises(Malformed):
        decode(Body.VOLUME, text.encode())


# -- properties -------------------------------------------------------------------------------------------------------


@RELAXED
@given(st.sampled_from(Body), st.binary(max_size=200))
def test_bytes_are_read_or_refused(kind: Body, data: bytes) -> None:
    try:
        decode(kind, data)
    except Malformed as error:
        assert error.status == 400


@RELAXED
@given(st.sampled_from(sorted(body._MODELS, key=lambda kind: kind.name)), JSON)
def test_json_is_read_or_refused(kind: Body, value: Any) -> None:
    try:
        decode(kind, json.dumps(value).encode())
    except Malformed as error:
        assert error.status == 400


@RELAXED
@given(st.from_type(models.ContainerCreate))
def test_what_is_written_is_read_as_the_same(model: models.ContainerCreate) -> None:
    try:
        read = decode(Body.CONTAINER, encode(model))
    except Malformed:
        return  # made up beyond the bounds, which only reading holds
    assert read == model


@RELAXED
@given(st.sampled_from(SAMPLES), st.data())
def test_no_other_spelling_of_a_known_key_is_taken(sample: Path, data: st.DataObject) -> None:
    """Go would take every one of these for the key itself."""
    value = json.loads(sample.read_bytes())
    key = data.draw(st.sampled_from(sorted(value)))
    other = data.draw(st.sampled_from([key.lower(), key.upper(), key.swapcase(), folded(key)]))
    if other != key:
        value[other] = value.pop(key)
        with pytest.raises(Malformed, match="unknown field"):
            decode(kind_of(sample), json.dumps(value).encode())


def folded(key: str) -> str:
    return key.replace("s", "\u017f").replace("S", "\u017f").replace("k", "\u212a").replace("K", "\u212a")


def test_every_key_has_one_spelling() -> None:
    """Two attributes that Go would take for one key could be set against each other."""
    for model in parts():
        spellings = [field.encode_name for field in msgspec.structs.fields(model)]
        assert len({spelling.casefold() for spelling in spellings}) == len(spellings), model


@pytest.mark.parametrize(
    ("attribute", "spelling"),
    [
        ("image", "Image"), ("host_config", "HostConfig"), ("uts_mode", "UTSMode"), ("cpuset_cpus", "CpusetCpus"),
        ("oom_score_adj", "OomScoreAdj"), ("host_ip", "HostIp"), ("ipv4_address", "IPv4Address"),
        ("dns_options", "DnsOptions"), ("blkio_device_read_iops", "BlkioDeviceReadIOps"), ("nano_cpus", "NanoCpus"),
    ],
)  # fmt: skip
def test_spellings(attribute: str, spelling: str) -> None:
    assert wire_name(attribute) == spelling


def parts() -> list[type[Part]]:
    found = [*vars(models).values(), *vars(models_host).values()]
    return [item for item in found if isinstance(item, type) and issubclass(item, Part)]
