"""Counters: what is counted where, that processes add up, and that Prometheus can read it."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.server.exposition import exposition
from pytrust.trust.server.meter import BUCKETS, ROW_LENGTH, STATUSES, Counted, Meter, Tally
from pytrust.trust.server.routes import OPERATIONS
from pytrust.trust.server.rows import Rows, make_rows

_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)')


def samples(text: str) -> dict[str, float]:
    """Every series of a text in Prometheus' format, which each is announced by its type."""
    found: dict[str, float] = {}
    announced = set(re.findall(r"# TYPE (\S+) (?:counter|summary|histogram)", text))
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert match[1] in announced or re.sub(r"_(sum|count|bucket)$", "", match[1]) in announced, line
        key = f"{match[1]}{{{match[2] or ''}}}"
        assert key not in found
        found[key] = float(match[3])
    assert text.endswith("\n")
    return found


def counted(*requests: tuple[str, int, float, int]) -> dict[str, float]:
    row = [0.0] * ROW_LENGTH
    meter = Meter(row)
    for request in requests:
        meter.request(*request)
    return samples(exposition(Counted(row)))


def test_requests() -> None:
    found = counted(
        ("GetRole", 200, 0.003, 500),
        ("GetRole", 200, 0.02, 500),
        ("GetRole", 404, 0.0001, 100),
        ("UpdateTUF", 200, 3, 0),
    )
    assert found['notary_server_http_requests_total{code="200",method="get",operation="GetRole"}'] == 2
    assert found['notary_server_http_requests_total{code="404",method="get",operation="GetRole"}'] == 1
    assert found['notary_server_http_requests_total{code="200",method="post",operation="UpdateTUF"}'] == 1
    assert found['notary_server_http_request_duration_microseconds_sum{operation="GetRole"}'] == 23100
    assert found['notary_server_http_request_duration_microseconds_count{operation="GetRole"}'] == 3
    assert found['notary_server_http_response_size_bytes_sum{operation="GetRole"}'] == 1100
    name = "pytrust_http_request_duration_seconds"
    assert found[f'{name}_bucket{{operation="GetRole",le="0.0005"}}'] == 1
    assert found[f'{name}_bucket{{operation="GetRole",le="0.005"}}'] == 2
    assert found[f'{name}_bucket{{operation="GetRole",le="0.025"}}'] == 3
    assert found[f'{name}_bucket{{operation="UpdateTUF",le="2.5"}}'] == 0
    assert found[f'{name}_bucket{{operation="UpdateTUF",le="+Inf"}}'] == 1
    assert found[f'{name}_sum{{operation="UpdateTUF"}}'] == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(OPERATIONS),
            st.sampled_from([*STATUSES, 418]),
            st.floats(0, 100, allow_subnormal=False),
            st.integers(0, 10**7),
        ),
        max_size=30,
    )
)
def test_sums_agree(requests: list[tuple[str, int, float, int]]) -> None:
    row = [0.0] * ROW_LENGTH
    meter = Meter(row)
    for request in requests:
        meter.request(*request)
    found = Counted(row)
    for operation in OPERATIONS:
        ours = [request for request in requests if request[0] == operation]
        buckets = found.buckets(operation)
        assert buckets == [sum(1 for request in ours if request[2] <= end) for end in BUCKETS]
        assert sum(found.requests(operation).values()) == len(ours)
        assert found.size(operation) == sum(request[3] for request in ours)
        assert math.isclose(found.seconds(operation), sum(request[2] for request in ours), abs_tol=1e-9)


def test_the_rest() -> None:
    row = [0.0] * ROW_LENGTH
    meter = Meter(row)
    meter.add(Tally.PUBLISHED)
    meter.add(Tally.REFUSED)
    meter.add(Tally.REFUSED)
    meter.add(Tally.TIMESTAMPS)
    meter.add(Tally.TIMESTAMP_AGE, 61.6)
    found = samples(exposition(Counted(row)))
    assert [found[f'pytrust_publishes_total{{outcome="{word}"}}'] for word in ("accepted", "refused", "failed")] == [
        1,
        2,
        0,
    ]
    assert (found["pytrust_timestamp_age_seconds_sum{}"], found["pytrust_timestamp_age_seconds_count{}"]) == (62, 1)


_OTHER = """
import sys
from pathlib import Path
from pytrust.trust.server.rows import Rows
rows = Rows(Path(sys.argv[1]))
rows.meter.request("Ping", 200, 0.1, 2)
print("counted", flush=True)
sys.stdin.read()
"""


def _used(path: Path) -> list[int]:
    """The rows of the file in which anything was counted."""
    numbers = memoryview(path.read_bytes()).cast("d").tolist()
    return [row for row in range(len(numbers) // ROW_LENGTH) if any(numbers[row * ROW_LENGTH : (row + 1) * ROW_LENGTH])]


def test_processes_add_up_and_a_row_outlives_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    make_rows(path)
    ours = Rows(path)
    assert ours.counted().requests("Ping")[200] == 0
    ours.meter.request("Ping", 200, 0.1, 2)
    for round_ in (1, 2):
        with subprocess.Popen(
            [sys.executable, "-c", _OTHER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdin is not None
            assert other.stdout.readline() == b"counted\n"
            assert ours.counted().requests("Ping")[200] == 1 + round_
            assert len(_used(path)) == 2
            other.stdin.close()
    ours.meter.request("Ping", 200, 0.1, 2)
    assert ours.counted().requests("Ping")[200] == 4
    assert path.stat().st_mode & 0o077 == 0


def test_the_file_is_made_once(tmp_path: Path) -> None:
    make_rows(tmp_path / "counters")
    with pytest.raises(FileExistsError):
        make_rows(tmp_path / "counters")
