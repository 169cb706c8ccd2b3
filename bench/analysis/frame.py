"""The `runs` table, filtered by what people call things."""

import pyarrow as pa
import pyarrow.compute as pc

from bench.analysis.condition import rows_held
from bench.errors import BenchError, ConditionError


def where(runs: pa.Table, expression: str) -> pa.Table:
    """The rows of `runs` for which `expression` holds, in the part of pandas' query language that is safe.

    `batch_size >= 100 and loop == "fit"`, `started_at >= "2026-01-31"`, `"unstable" in flags`; lists of
    settings are text there: hidden "200-200", activation "relu" or "relu-tanh". Raises BenchError, one line,
    where it cannot be evaluated or holds for no run.
    """
    hint = "write it like 'batch_size >= 100 and loop == \"fit\"'"
    try:
        held = rows_held(runs, expression)
    except ConditionError as refused:
        raise BenchError(f"--where {expression!r}: {refused}; {hint}") from refused
    if not pc.any(held).as_py():
        raise BenchError(f"--where {expression!r}: holds for no run; leave it out to see them all")
    return runs.filter(held)
