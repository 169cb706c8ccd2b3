"""Which values of a table cannot have been measured: what no clock, counter or score gives."""

import datetime
import functools
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_ABOVE_ZERO = frozenset(
    {
        "step_seconds",
        "train_seconds",
        "wall_seconds",
        "target_seconds",
        "samples_per_second",
        "flops_per_second",
        "limit_seconds",
        "batch_size",
        "batch_per_replica",
        "epochs",
        "workers",
        "devices",
        "servers",
        "cpus",
        "hidden",
        "probe_bytes_per_second",
        "probe_working_set_bytes",
    }
)
_WITHOUT_GAPS = frozenset(
    {
        "hidden",
        "activation",
        "flags",
        "machines",
        "nodes",
        "affinity",
        "gpu_throttle_reasons",
        "window_seconds",
        "window_steps",
        "environment",
        "probe_bytes_per_second",
        "probe_working_set_bytes",
    }
)
"""Lists of which every item is known, unlike facts of several GPUs."""
_NOT_BELOW_ZERO = ("_seconds", "_bytes", "_joules", "_hertz", "_watts", "_per_second", "learning_rate")
_SHARES = ("_accuracy",)
_MOST_OF_A_SHARE = 1 + 1e-6  # means in float32 may be a little above 1
_MAY_BE_INFINITE = ("_loss",)
"""A loss that is not finite is what diverging means."""
_LAST = (datetime.date(2262, 1, 1) - datetime.date(1970, 1, 1)) // datetime.timedelta(microseconds=1)
"""Microseconds from 1970 to where times no longer fit the nanoseconds that pandas may count in."""


def can_be_time(microseconds: int) -> bool:
    """Whether a clock can have told it, in microseconds from 1970."""
    return 0 <= microseconds < _LAST


@dataclass(frozen=True)
class _Range:
    """The numbers from `low` to `high` (None: no bound), `low` left out where they are `above` it."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    finite: bool = True

    def holds(self, column: pa.ChunkedArray) -> bool:
        """Whether it holds all of `column`: told without scalars, since to make one imports pandas."""
        if self.finite and pc.all(pc.is_finite(column)).as_py() is False:
            return False
        ends = pc.min_max(column).as_py()
        if ends["min"] is None or self.low is None:
            return True
        low_enough = ends["min"] > self.low if self.above else ends["min"] >= self.low
        return low_enough and (self.high is None or ends["max"] <= self.high)

    def outside(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which of `column` it does not hold."""
        found = [pc.invert(pc.is_finite(column))] if self.finite else []
        if self.low is not None:
            found.append((pc.less_equal if self.above else pc.less)(column, self.low))
        if self.high is not None:
            found.append(pc.greater(column, self.high))
        return functools.reduce(pc.or_, [pc.fill_null(wrong, False) for wrong in found])


def impossible(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Which rows of the column `name` hold a value that cannot be, true or false; None where none does.

    Of a list that is any of its items, or a gap in a list that has none.
    """
    kind = column.type
    if pa.types.is_list(kind):
        return _lists(name, column)
    if pa.types.is_timestamp(kind):
        return _outside(_Range(0, _LAST - 1), column.cast(pa.int64()))
    return _outside(_range(name), column) if _is_number(kind) else None


def _lists(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """By rows, from what is wrong with their items."""
    items = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type)
    gaps = pc.is_null(items) if name in _WITHOUT_GAPS and items.null_count else None
    numbers = _outside(_range(name), items) if _is_number(items.type) else None
    found = [wrong for wrong in (gaps, numbers) if wrong is not None]
    if not found:
        return None
    left = iter(functools.reduce(pc.or_, found).to_pylist())
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    rows = [any([next(left) for _ in range(length)]) for length in lengths]
    return pa.chunked_array([pa.array(rows, pa.bool_())])


def _range(name: str) -> _Range:
    """What a column's numbers can be."""
    finite = not name.endswith(_MAY_BE_INFINITE)
    if name in _ABOVE_ZERO:
        return _Range(0, above=True)
    if name.endswith(_NOT_BELOW_ZERO):
        return _Range(0)
    return _Range(0, _MOST_OF_A_SHARE) if name.endswith(_SHARES) else _Range(finite=finite)


def _outside(numbers: _Range, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    return None if numbers.holds(column) else numbers.outside(column)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
