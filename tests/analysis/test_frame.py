import pyarrow as pa
import pytest

from bench.analysis.frame import where
from bench.errors import BenchError

RUNS = pa.table(
    {
        "batch_size": [1, 100, None, 10_000],
        "loop": ["fit", "fused", "fused", "fit"],
        "hidden": [[50, 50], [200, 200], [1024], [50, 20]],
        "activation": [["relu", "relu"], ["relu", "tanh"], ["sigmoid"], None],
        "jit": [True, False, True, True],
        "flags": [["unstable"], [], None, ["unstable", "retried"]],
    }
)


def rows_for(expression):
    """Which rows of `RUNS` are kept, from 0."""
    return [RUNS.to_pylist().index(row) for row in where(RUNS, expression).to_pylist()]


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("batch_size >= 100", [1, 3]),
        ('batch_size < 1000 and loop == "fit"', [0]),
        ('loop == "fused" or batch_size == 1', [0, 1, 2]),
        ('hidden == "50-50"', [0]),
        ('hidden == "1024"', [2]),
        ('activation == "relu"', [0]),
        ('activation == "relu-tanh"', [1]),
        ("jit", [0, 2, 3]),
        ("not jit", [1]),
        ("batch_size.isna()", [2]),
        ("loop in ['fit']", [0, 3]),
    ],
)
def test_the_rows_for_which_it_holds_are_kept_as_they_were(expression, rows):
    assert rows_for(expression) == rows
    assert where(RUNS, expression).schema == RUNS.schema


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("batch_sizes > 1", "name 'batch_sizes' is not defined"),
        ("batch_size >", "invalid syntax"),
        ("", "cannot be an empty string"),
        ("batch_size", "not a condition"),
        ("1 == 1", "not a condition"),
        ("new = batch_size > 1", "not a condition"),
        ("loop > 1", "Invalid comparison"),
        ("@RUNS", "'RUNS' is not defined"),
    ],
)
def test_what_cannot_be_a_condition_is_an_error_of_one_line_with_an_example(expression, reason):
    with pytest.raises(BenchError) as caught:
        where(RUNS, expression)
    message = str(caught.value)
    assert message.startswith(f"--where {expression!r}: ")
    assert reason in message
    assert message.endswith("; write it like 'batch_size >= 100 and loop == \"fit\"'")
    assert "\n" not in message


def test_a_condition_that_never_holds_is_an_error():
    with pytest.raises(BenchError, match="holds for no run; leave it out to see them all"):
        where(RUNS, "batch_size > 10_000")
