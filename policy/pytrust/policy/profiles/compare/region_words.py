"""Regions of arguments in words: ``, argument 0 = 40``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytrust.policy.profiles.model import Arg
from pytrust.policy.profiles.names import Op

_PLAIN_MAX: Final = 4096  # above, numbers are sets of bits, and told as such
_RANGES_TOLD: Final = 4


def region_words(
    where: Sequence[tuple[int, ...]],
    everywhere: Sequence[tuple[int, ...]],
    conditions: Sequence[Arg],
    bits: int,
) -> str:
    """The regions of ``where`` among all, as what follows the name of a call."""
    indexes = sorted({arg.index for arg in conditions})
    masks = [arg for arg in conditions if arg.op is Op.MASKED_EQ]
    if len(indexes) == 1 and not masks:
        (index,) = indexes
        lows = [args[index] for args in everywhere]
        return f", argument {index} {_ranges([args[index] for args in where], lows, 2**bits)}"
    if len(conditions) == 1:
        return f", {_masked(masks[0], where[0])}"
    return ", such as " + ", ".join(f"argument {index} = {number(where[0][index])}" for index in indexes)


def number(value: int) -> str:
    """A number as people read it: flags in hexadecimal."""
    return str(value) if value <= _PLAIN_MAX else hex(value)


def _masked(arg: Arg, args: Sequence[int]) -> str:
    datum = arg.second & arg.value
    word = "=" if args[arg.index] & arg.value == datum else "is not"
    return f"argument {arg.index} & {number(arg.value)} {word} {number(datum)}"


def _ranges(starts: Sequence[int], lows: Sequence[int], end: int) -> str:
    """Intervals by their lowest numbers; neighbours become one."""
    following = dict(zip(lows, [*lows[1:], end], strict=True))
    spans: list[tuple[int, int]] = []
    for low in starts:
        if spans and spans[-1][1] == low - 1:
            spans[-1] = (spans[-1][0], following[low] - 1)
        else:
            spans.append((low, following[low] - 1))
    told = " or ".join(_span(low, high, end) for low, high in spans[:_RANGES_TOLD])
    return told if len(spans) <= _RANGES_TOLD else f"{told} or others"


def _span(low: int, high: int, end: int) -> str:
    if low == high:
        return f"= {number(low)}"
    if high == end - 1:
        return f"from {number(low)}"
    return f"from {number(low)} to {number(high)}"
