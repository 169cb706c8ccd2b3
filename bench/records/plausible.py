"""Which values of a table cannot have been measured: what no clock, counter or score gives."""

import datetime
import functools

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
_FIRST, _LAST = (
    pa.scalar(datetime.datetime(year, 1, 1, tzinfo=datetime.UTC), pa.timestamp("us", tz="UTC"))
    for year in (1970, 2262)  # later times do not fit the nanoseconds that pandas may count in
)


def impossible(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Which rows of the column `name` hold a value that cannot be, true or false; None where none does.

    Of a list that is any of its items, or a gap in a list that has none.
    """
    kind = column.type
    if pa.types.is_list(kind):
        bad = _lists(name, column)
    elif pa.types.is_timestamp(kind):
        bad = pc.or_(pc.less(column, _FIRST), pc.greater_equal(column, _LAST))
    else:
        bad = _numbers(name, column)
    if bad is None:
        return None
    bad = pc.fill_null(bad, False)
    return bad if pc.any(bad).as_py() else None


def _lists(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """By rows, from what is wrong with their items."""
    items = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type)
    gaps = pc.is_null(items) if name in _WITHOUT_GAPS else None
    numbers = _numbers(name, items)
    found = [pc.fill_null(wrong, False) for wrong in (gaps, numbers) if wrong is not None]
    if not any(pc.any(wrong).as_py() for wrong in found):
        return None
    wrong = functools.reduce(pc.or_, found)
    return pa.chunked_array([pa.array([any(found) for found in _relisted(column, wrong)], pa.bool_())])


def _relisted(column: pa.ChunkedArray, items: pa.ChunkedArray) -> list[list[bool]]:
    """`items`, one for each item of `column`, as lists of the same lengths; an empty one for a null."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    left = iter(items.to_pylist())
    return [[next(left) for _ in range(length)] for length in lengths]


def _numbers(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Which numbers cannot be; None where the column holds none, or any may be."""
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    found = []
    if pa.types.is_floating(column.type) and not name.endswith(_MAY_BE_INFINITE):
        found.append(pc.invert(pc.is_finite(column)))
    if name in _ABOVE_ZERO:
        found.append(pc.less_equal(column, 0))
    elif name.endswith(_NOT_BELOW_ZERO):
        found.append(pc.less(column, 0))
    elif name.endswith(_SHARES):
        found.append(pc.or_(pc.less(column, 0), pc.greater(column, _MOST_OF_A_SHARE)))
    return functools.reduce(pc.or_, found) if found else None
