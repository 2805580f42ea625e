"""Counters in Prometheus' text format, version 0.0.4. Pure.

The ``notary_server_http_`` series are those of notary-server, so that its dashboards go on working; names of
collections and users are in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isinf
from typing import Final

from pytrust.trust.server.meter import BUCKETS, Counted, Tally
from pytrust.trust.server.routes import OPERATIONS

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_METHODS: Final = {"UpdateTUF": "post", "RotateKey": "post", "DeleteTUF": "delete", "Other": "any", "Token": "any"}
_OUTCOMES: Final = {Tally.PUBLISHED: "accepted", Tally.REFUSED: "refused", Tally.FAILED: "failed"}
_MICRO: Final = 1e6


def exposition(counted: Counted) -> str:
    """The whole text."""
    lines = [
        *_requests(counted),
        *_summary("notary_server_http_request_duration_microseconds", "How long requests took.", counted),
        *_sizes(counted),
        *_histogram(counted),
        *_publishes(counted),
        *_timestamps(counted),
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _requests(counted: Counted) -> Iterator[str]:
    name = "notary_server_http_requests_total"
    yield from _head(name, "counter", "Requests by operation, method and status.")
    for operation in OPERATIONS:
        method = _METHODS.get(operation, "get")
        for status, count in counted.requests(operation).items():
            if count:
                yield f'{name}{{code="{status}",method="{method}",operation="{operation}"}} {count}'


def _summary(name: str, text: str, counted: Counted) -> Iterator[str]:
    yield from _head(name, "summary", text)
    for operation in OPERATIONS:
        yield f'{name}_sum{{operation="{operation}"}} {counted.seconds(operation) * _MICRO:.0f}'
        yield f'{name}_count{{operation="{operation}"}} {counted.buckets(operation)[-1]}'


def _sizes(counted: Counted) -> Iterator[str]:
    name = "notary_server_http_response_size_bytes"
    yield from _head(name, "summary", "How long answers were.")
    for operation in OPERATIONS:
        yield f'{name}_sum{{operation="{operation}"}} {counted.size(operation)}'
        yield f'{name}_count{{operation="{operation}"}} {counted.buckets(operation)[-1]}'


def _histogram(counted: Counted) -> Iterator[str]:
    name = "pytrust_http_request_duration_seconds"
    yield from _head(name, "histogram", "How long requests took, uploads included.")
    for operation in OPERATIONS:
        for end, count in zip(BUCKETS, counted.buckets(operation), strict=True):
            le = "+Inf" if isinf(end) else f"{end:g}"
            yield f'{name}_bucket{{operation="{operation}",le="{le}"}} {count}'
        yield f'{name}_sum{{operation="{operation}"}} {counted.seconds(operation):.6f}'
        yield f'{name}_count{{operation="{operation}"}} {counted.buckets(operation)[-1]}'


def _publishes(counted: Counted) -> Iterator[str]:
    name = "pytrust_publishes_total"
    yield from _head(name, "counter", "Publishes of Notary v1 metadata by outcome.")
    for tally, outcome in _OUTCOMES.items():
        yield f'{name}{{outcome="{outcome}"}} {counted.of(tally):.0f}'


def _timestamps(counted: Counted) -> Iterator[str]:
    name = "pytrust_timestamp_age_seconds"
    yield from _head(name, "summary", "How old timestamps were when they were served.")
    yield f"{name}_sum {counted.of(Tally.TIMESTAMP_AGE):.0f}"
    yield f"{name}_count {counted.of(Tally.TIMESTAMPS):.0f}"
