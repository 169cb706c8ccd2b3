"""Arrays made of Python's values are those that pyarrow makes of them."""

import pyarrow as pa
import pytest

from bench.records.arrays import column_of, repeated, scalar

TEXT = pa.dictionary(pa.int32(), pa.string())


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1, None, -(2**62)), pa.int64()),
        ((1.5, None, -0.0, 3), pa.float64()),
        ((True, None, False, *[True] * 9), pa.bool_()),
        (("a", None, "ñ", "a", ""), pa.string()),
        (([1, 2], None, [], [3, None]), pa.list_(pa.int64())),
        (([0.5], [2, None]), pa.list_(pa.float64())),
        ((["a", "b"], ["a", None], None), pa.list_(pa.string())),
        ((None, None), pa.string()),
        ((), pa.string()),
        ((), pa.list_(pa.int64())),
    ],
)
def test_a_column_of_values(values, kind):
    made = column_of(values, kind)
    made.validate(full=True)
    assert made.type == (TEXT if kind == pa.string() else kind)
    assert made.cast(kind).equals(pa.array(values, kind))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(7, pa.int64()), (0.5, pa.float64()), (True, pa.bool_()), ("ñ", pa.string()), (None, pa.bool_())],
)
def test_a_value_in_each_row(value, kind):
    made = repeated(value, 11, kind)
    made.validate(full=True)
    assert made.cast(kind).equals(pa.array([value] * 11, kind))


@pytest.mark.parametrize("value", [True, 0.5, "ñ"])
def test_a_literal(value):
    assert scalar(value) == pa.scalar(value)
