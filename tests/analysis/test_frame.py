import datetime

import pyarrow as pa
import pytest

from bench.analysis.frame import where
from bench.errors import BenchError
from bench.records.tables import schema_of

DAYS = [datetime.datetime(2026, 1, day, 12, tzinfo=datetime.UTC) for day in (1, 2, 3)]
RUNS = pa.table(
    {
        "batch_size": [1, 100, None, 10_000],
        "loop": ["fit", "fused", "fused", "fit"],
        "hidden": [[50, 50], [200, 200], [1024], [50, 20]],
        "activation": [["relu", "relu"], ["relu", "tanh"], ["sigmoid"], None],
        "jit": [True, False, True, None],
        "flags": [["unstable"], [], None, ["unstable", "retried"]],
        "started_at": pa.array([*DAYS, None], pa.timestamp("us", tz="UTC")),
        "step_seconds": [0.5, 0.25, None, 2.0],
    }
)


def rows_for(expression):
    """Which rows of `RUNS` are kept, from 0."""
    return [RUNS.to_pylist().index(row) for row in where(RUNS, expression).to_pylist()]


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("batch_size >= 100", [1, 3]),
        ("1 <= batch_size < 1000", [0, 1]),
        ('batch_size < 1000 and loop == "fit"', [0]),
        ('loop == "fused" or batch_size == 1', [0, 1, 2]),
        ('batch_size < 1000 & loop == "fit"', [0]),
        ('(loop == "fused") | (batch_size == 1)', [0, 1, 2]),
        ('loop == "a & b" | `batch_size` == 1', [0]),
        ("~(batch_size > 1)", [0, 2]),
        ("not batch_size > 1", [0, 2]),
        ("batch_size in [1, 100]", [0, 1]),
        ("batch_size == [1, 100]", [0, 1]),
        ("[1, 100] == batch_size", [0, 1]),
        ("batch_size not in (1, 100)", [2, 3]),
        ("batch_size.isin([1])", [0]),
        ("batch_size in [1, None]", [0, 2]),
        ("batch_size == 1_0000", [3]),
        ("batch_size != 1", [1, 2, 3]),
        ("batch_size * step_seconds > 24.5", [1, 3]),
        ("batch_size % 3 == 1 and batch_size // 100 == 1", [1]),
        ("-batch_size <= -100", [1, 3]),
        ("abs(step_seconds - 1) >= 0.75 and log2(step_seconds) < 0", [1]),
        ("step_seconds / 0 > 1", [0, 1, 3]),
        ('hidden == "50-50"', [0]),
        ('hidden == "1024"', [2]),
        ('activation == "relu"', [0]),
        ('activation == "relu-tanh"', [1]),
        ("jit", [0, 2]),
        ("jit == True and jit == true", [0, 2]),
        ("jit == 1", [0, 2]),
        ("not jit", [1, 3]),
        ("jit == False", [1]),
        ("batch_size.isna()", [2]),
        ('jit != "a".isna()', [0, 2, 3]),
        ("batch_size.notnull()", [0, 1, 3]),
        ("batch_size == None or jit is None", [2, 3]),
        ("batch_size != None", [0, 1, 3]),
        ("step_seconds == step_seconds", [0, 1, 3]),
        ("loop in ['fit']", [0, 3]),
        ('"us" in loop', [1, 2]),
        ('loop.str.contains("^f.t")', [0, 3]),
        (r'loop.str.contains("\w{5}")', [1, 2]),
        ('loop.str.startswith("fu") and not loop.str.endswith("t")', [1, 2]),
        ('"unstable" in flags', [0, 3]),
        ('"unstable" not in flags', [1, 2]),
        ("len(flags) == 2", [3]),
        ('started_at >= "2026-01-02"', [1, 2]),
        ('started_at < "2026-01-02T12:00+01:00" or started_at > "2026-01-03"', [0, 2]),
        ('"2026" < started_at < "2026-01-02" and started_at < "2026-02"', [0]),
    ],
)
def test_the_rows_for_which_it_holds_are_kept_as_they_were(expression, rows):
    assert rows_for(expression) == rows
    assert where(RUNS, expression).schema == RUNS.schema


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("servers == 1", [0, 1]),
        ("servers > 1", [2]),
        ("placement == 'pack'", [0, 1]),
        ("not deterministic", [0, 1]),
        ("servers.notnull() and dropout == 0", [0, 1, 2]),
    ],
)
def test_older_tables_hold_a_setting_that_they_lack_as_they_were_made(expression, rows):
    found = {
        "servers": [None, 1, 2],
        "placement": [None, "pack", "spread"],
        "deterministic": [None, False, True],
    }
    kinds = [schema_of("runs").field(name) for name in (*found, "dropout")]
    table = pa.table({**found, "dropout": [None] * 3}, pa.schema(kinds)).append_column("row", [[0, 1, 2]])
    assert where(table, expression).column("row").to_pylist() == rows


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("batch_sizes > 1", "no column 'batch_sizes', did you mean batch_size?"),
        ("zzz > 1", "no column 'zzz', there are batch_size, loop and others"),
        ("batch_size >", "invalid syntax"),
        ("", "invalid syntax"),
        ("\0", "null bytes"),
        ("batch_size", "not a condition"),
        ("loop == started_at", "a column of texts == a column of times: a text beside a time"),
        (r'loop == "\ud800"', "half a character in a text"),
        (r'loop in ["\ud800"]', "half a character in a text"),
        ("1 == 1", "not a condition"),
        ("jit and batch_size", "a column of numbers is not a condition"),
        ("batch_size = 1", "invalid syntax; == compares"),
        ("new = batch_size > 1", "invalid syntax; == compares"),
        ("loop > 1", "a column of texts > 1: a text beside a number"),
        ('batch_size == "100"', "a column of numbers == '100': a number beside a text"),
        ('flags == "unstable"', "write TEXT in COLUMN"),
        ("1 in batch_size", "a number holds no number"),
        ("batch_size in 1", "write COLUMN in [LIST], or ITEM in COLUMN"),
        ("batch_size in [[1]]", "a list holds numbers and texts"),
        ("batch_size > None", "> None: use == None or != None"),
        ('started_at > "soon"', "'soon' is no date, write it like 2026-01-31"),
        ("-loop > 1", "arithmetic is for numbers"),
        ('"a" * 10**9 == loop', "arithmetic is for numbers"),
        ("batch_size < 1" + "0" * 400, "a number that is too large"),
        ("1" * 5000 + " < batch_size", "Exceeds the limit"),
        ("10 ** 10 ** 10 > 1", "not a condition"),
        ('loop.str.contains("(")', "'(': Invalid regular expression"),
        ("loop.str.contains(1)", "it is for a column of texts"),
        ("abs() > 1", "'abs()' takes other arguments"),
        ("sqrt(loop) > 1", "a column of texts is no number"),
        ("len(loop) > 1", "a column of texts has no length"),
        ("not " * 5000 + "jit", "too deep"),
        ("(" * 500 + "jit" + ")" * 500, "too many nested parentheses"),
        ("batch_size >\n1", "invalid syntax"),
        ('loop == "\ud800"', "can't encode"),
    ],
)
def test_what_cannot_be_a_condition_is_an_error_of_one_line_with_an_example(expression, reason):
    with pytest.raises(BenchError) as caught:
        where(RUNS, expression)
    message = str(caught.value)
    assert message.startswith(f"--where {expression!r}: "[:400])
    assert reason in message
    assert message.endswith("; write it like 'batch_size >= 100 and loop == \"fit\"'")
    assert "\n" not in message


@pytest.mark.parametrize(
    "expression",
    [
        "@pd.io.common.os.system('touch ran')",
        "@__builtins__",
        "__import__('os').system('touch ran')",
        "loop.__class__.__mro__",
        "loop.str.__class__",
        "loop.map(print)",
        "loop.str.contains(loop.__class__)",
        "batch_size.isin.__globals__",
        "exec('1')",
        "(lambda: 1)()",
        "[x for x in loop]",
        "{'a': 1}",
        "f'{loop}' == loop",
        "batch_size[0] == 1",
        "1 if jit else 2",
        "(n := 1) == batch_size",
        "abs(*[1])",
        "abs(x=batch_size)",
        "b'fit' == loop",
        "... == loop",
        "1j == batch_size",
        "batch_size << 1 == 2",
        "batch_size @ 1 == 2",
        "await loop",
        "print('x')",
        "jit; print('x')",
    ],
)
def test_nothing_in_a_condition_runs_code(expression, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=r"not allowed, only|is not allowed; |invalid syntax"):
        where(RUNS, expression)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_condition_that_never_holds_is_an_error():
    for expression in ("batch_size > 10_000", "batch_size in []", "batch_size == 10 ** 4000"):
        with pytest.raises(BenchError, match="holds for no run; leave it out to see them all"):
            where(RUNS, expression)


def test_a_long_condition_is_repeated_in_part():
    with pytest.raises(BenchError) as caught:
        where(RUNS, f"batch_size == 1 or {'x' * 10_000} == 1")
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).startswith("--where 'batch_size == 1 or xxx")
