"""What is told of rows without a look at them is never against what a look at them finds."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.condition import Condition
from bench.records.asked import Known

TYPES = {"batch_size": pa.int64(), "learning_rate": pa.float64(), "loop": pa.string(), "jit": pa.bool_()}
TYPES |= {"servers": pa.int64(), "placement": pa.string(), "deterministic": pa.bool_()}  # may be older tables
VALUES = {
    "batch_size": st.sampled_from([1, 10, 100, -5, 2**53, 2**53 + 1, 2**63 - 1]),
    "learning_rate": st.sampled_from([0.0, -0.0, 0.1, 1e-3, float("inf"), float("nan")]),
    "loop": st.sampled_from(["fit", "fused", "", "fi", "ä"]),
    "jit": st.booleans(),
    "servers": st.sampled_from([1, 2, 3]),
    "placement": st.sampled_from(["pack", "spread"]),
    "deterministic": st.booleans(),
}
LITERALS = {
    "batch_size": st.sampled_from(["1", "10", "99.5", "-5", "9007199254740993", "True", "1e999", "None"]),
    "learning_rate": st.sampled_from(["0", "0.1", "-0.0", "1e-3", "1e999", "None"]),
    "loop": st.sampled_from(["'fit'", "'fused'", "''", "'g'", "None"]),
    "jit": st.sampled_from(["True", "false", "1", "0.5", "None"]),
    "servers": st.sampled_from(["0", "1", "2", "None"]),
    "placement": st.sampled_from(["'pack'", "'spread'", "'a'", "None"]),
    "deterministic": st.sampled_from(["True", "false", "None"]),
}


@st.composite
def comparisons(draw):
    name = draw(st.sampled_from(list(TYPES)))
    literal = draw(LITERALS[name])
    how = draw(st.integers(0, 5))
    if how == 0:
        return f"{name} {draw(st.sampled_from(['in', 'not in']))} [{literal}, {draw(LITERALS[name])}]"
    if how == 1 and name == "batch_size":
        return f"1 <= {name} < 100"
    if how == 2:
        return draw(st.sampled_from(["jit", f"{name}.isna()", "not jit", "batch_size > learning_rate"]))
    signs = ["==", "!=", "is", "is not"] if literal == "None" else ["==", "!=", "<", "<=", ">", ">="]
    sign = draw(st.sampled_from(signs))
    return f"{literal} {sign} {name}" if how == 3 else f"{name} {sign} {literal}"


def negated_or_joined(parts):
    joined = st.tuples(parts, st.sampled_from(["and", "or"]), parts)
    return parts.map("not ({})".format) | joined.map(lambda it: f"({it[0]}) {it[1]} ({it[2]})")


CONDITIONS = st.recursive(comparisons(), negated_or_joined, max_leaves=4)
TABLES = st.lists(st.fixed_dictionaries({name: st.none() | VALUES[name] for name in TYPES}), min_size=1)


def known(column):
    """As the manifest or a row group of a Parquet file tells it: nothing of what is no number."""
    values = [value for value in column if value is not None and value == value]
    null = len(values) < len(column)
    return Known(min(values), max(values), null=null) if values else None


@given(TABLES, CONDITIONS)
def test_rows_that_hold_may_hold(rows, expression):
    table = pa.Table.from_pylist(rows, pa.schema(TYPES))
    condition = Condition(expression)
    told = {name: known([row[name] for row in rows]) for name in TYPES}
    may = condition.may_hold({name: it for name, it in told.items() if it is not None})
    assert may or not any(condition.rows_held(table).to_pylist())


@given(st.fixed_dictionaries({name: st.none() | VALUES[name] for name in TYPES}), CONDITIONS)
def test_of_values_that_are_always_the_same_it_is_told_whether_it_holds(row, expression):
    table = pa.Table.from_pylist([row, row], pa.schema(TYPES))
    held = Condition(expression).rows_held(table).to_pylist()
    constants = {name: Known.always(value) for name, value in row.items() if value == value}
    assert Condition(expression).may_hold(constants) or not any(held)


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("batch_size == 100", True),
        ("batch_size == 99", False),
        ("batch_size != 100", False),
        ("batch_size < 100 or loop == 'fit'", False),
        ("100 > batch_size", False),
        ("batch_size in [1, 10]", False),
        ("batch_size not in [1, 100]", False),
        ("loop in ['fused']", True),
        ("not loop == 'fused'", False),
        ("jit == None", True),
        ("jit != None", False),
        ("jit == True", False),
        ("servers == 1", True),
        ("servers != 1", False),
        ("servers == None", False),
        ("batch_size == 1 and no_column_that_is_known == 1", False),
        ("batch_size == 100 and no_column_that_is_known == 1", True),
        ("batch_size * 2 == 100", True),
        ("loop.str.contains('x')", True),
    ],
)
def test_what_cannot_hold_is_told(expression, may):
    constants = {"batch_size": 100, "loop": "fused", "jit": None, "servers": None}
    told = {name: Known.always(value) for name, value in constants.items()}
    assert Condition(expression).may_hold(told) is may


def test_the_columns_that_it_reads_are_known():
    assert Condition("abs(batch_size) > 1 and jit == true and `loop` == 'batch'").names == {
        "batch_size",
        "jit",
        "loop",
    }
