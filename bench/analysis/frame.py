"""The `runs` table, filtered by what people call things."""

import contextlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from bench.analysis.condition import Condition
from bench.errors import BenchError, ConditionError

_LONGEST = 500  # characters of a condition that a message repeats


def where(runs: pa.Table, expression: str) -> pa.Table:
    """The rows of `runs` for which `expression` holds, in the part of pandas' query language that is safe.

    `batch_size >= 100 and loop == "fit"`, `started_at >= "2026-01-31"`, `"unstable" in flags`; lists of
    settings are text there: hidden "200-200", activation "relu" or "relu-tanh". Raises BenchError, one line,
    where it cannot be evaluated or holds for no run.
    """
    with told(expression):
        held = Condition(expression).rows_held(runs)
    if not pc.any(held).as_py():
        raise holds_for_none(expression)
    return runs.filter(held)


@contextlib.contextmanager
def told(expression: str, option: str = "--where") -> Iterator[None]:
    """Raises BenchError, one line with a remedy, where what is asked of `expression` finds it meaningless.

    `option` is how it was given.
    """
    try:
        yield
    except ConditionError as refused:
        hint = "write it like 'batch_size >= 100 and loop == \"fit\"'"
        raise BenchError(f"{option} {_cut(expression)!r}: {refused}; {hint}") from refused


def holds_for_none(expression: str) -> BenchError:
    """The error for a condition that holds for no run."""
    return BenchError(f"--where {_cut(expression)!r}: holds for no run; leave it out to see them all")


def _cut(expression: str) -> str:
    return expression if len(expression) <= _LONGEST else f"{expression[:_LONGEST]}…"
