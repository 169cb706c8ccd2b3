"""The `runs` table, filtered by what people call things."""

import pyarrow as pa

from bench.errors import BenchError


def where(runs: pa.Table, expression: str) -> pa.Table:
    """The rows of `runs` for which `expression` holds, in pandas' query language.

    `batch_size >= 100 and loop == "fit"`; lists of settings are text there: hidden "200-200", activation
    "relu" or "relu-tanh". Raises BenchError, one line, where it cannot be evaluated or holds for no run.
    """
    import pandas as pd  # takes longer to import than all the rest of `bench show`

    frame = runs.to_pandas()
    for name in ("hidden", "activation"):
        if name in frame:
            frame[name] = [_joined(values) for values in frame[name]]
    hint = "write it like 'batch_size >= 100 and loop == \"fit\"'"
    try:
        held = frame.eval(expression, engine="python")
    except Exception as error:  # pandas raises whatever Python's parser and its own do
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(f"--where {expression!r}: {reason}; {hint}") from error
    if not isinstance(held, pd.Series) or held.dtype != bool:
        raise BenchError(f"--where {expression!r}: not a condition; {hint}")
    if not held.any():
        raise BenchError(f"--where {expression!r}: holds for no run; leave it out to see them all")
    return runs.filter(pa.array(held))


def _joined(values: object) -> str | None:
    if values is None:
        return None
    names = [str(value) for value in values]  # type: ignore[attr-defined]  # a list, or pandas' array of one
    return names[0] if len(set(names)) == 1 and not names[0].isdigit() else "-".join(names)
