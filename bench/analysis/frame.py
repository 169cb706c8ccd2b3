"""The `runs` table, filtered by what people call things."""

import pyarrow as pa
import pyarrow.compute as pc

from bench.analysis.condition import rows_held
from bench.errors import BenchError, ConditionError

_LONGEST = 500  # characters of a condition that a message repeats


def where(runs: pa.Table, expression: str) -> pa.Table:
    """The rows of `runs` for which `expression` holds, in the part of pandas' query language that is safe.

    `batch_size >= 100 and loop == "fit"`, `started_at >= "2026-01-31"`, `"unstable" in flags`; lists of
    settings are text there: hidden "200-200", activation "relu" or "relu-tanh". Raises BenchError, one line,
    where it cannot be evaluated or holds for no run.
    """
    hint = "write it like 'batch_size >= 100 and loop == \"fit\"'"
    told = f"--where {_cut(expression)!r}"
    try:
        held = rows_held(runs, expression)
    except ConditionError as refused:
        raise BenchError(f"{told}: {refused}; {hint}") from refused
    if not pc.any(held).as_py():
        raise BenchError(f"{told}: holds for no run; leave it out to see them all")
    return runs.filter(held)


def _cut(expression: str) -> str:
    return expression if len(expression) <= _LONGEST else f"{expression[:_LONGEST]}…"
