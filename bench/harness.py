"""Measuring: always alternately in one run, always as a ratio in which more is better."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROUNDS: Final = 15


def report(
    bench: str, unit: str, ours: float, goal: float, *, peer: float | None = None, peer_name: str = "", ratio: float
) -> None:
    """Print one result."""
    figures = {"bench": bench, "unit": unit, "ours": round(ours, 3), "peer": None if peer is None else round(peer, 3)}
    line = {**figures, "peer_name": peer_name, "ratio": round(ratio, 3), "goal": goal}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def alternate(*work: Callable[[], object], rounds: int = ROUNDS, pause: float = 0.0) -> list[float]:
    """The median seconds of each piece of work, run in turns after one round to warm up.

    Before each there is a ``pause`` of so many seconds, in which what the last one left behind is finished.
    """
    samples: list[list[float]] = [[] for _ in work]
    for number in range(rounds + 1):
        for sample, piece in zip(samples, work, strict=True):
            time.sleep(pause)
            started = time.perf_counter()
            piece()
            if number:
                sample.append(time.perf_counter() - started)
    return [statistics.median(sample) for sample in samples]


def command(words: Sequence[str | Path], environment: Mapping[str, str]) -> Callable[[], object]:
    """A command to be timed; it has to succeed."""
    return lambda: subprocess.run(
        words, env=dict(environment), check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )


def installed(program: str) -> Path:
    """A program of the environment that runs this."""
    return Path(sys.executable).with_name(program)
