import datetime

import pyarrow as pa
import pytest

from bench.errors import StoreError
from bench.records.cast import NEEDED, cast, impossible_note, union
from bench.records.tables import TABLE_NAMES, schema_of, to_table

WHEN = datetime.datetime(2026, 1, 31, 14, 25, 30, 123456, tzinfo=datetime.UTC)


@pytest.fixture
def runs(content):
    """A table of two runs; keywords are columns in place of its own, of any type."""

    def make(**columns):
        table = to_table("runs", content(2).runs)
        for name, values in columns.items():
            table = table.set_column(table.schema.get_field_index(name), name, values)
        return table

    return make


def refusal(name, table):
    """The one line that a table is refused with."""
    with pytest.raises(StoreError) as caught:
        cast(name, table, "s1/runs.parquet")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("s1/runs.parquet: ")
    return line.removeprefix("s1/runs.parquet: ")


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_table_of_the_schema_stays_as_it_is(name, content):
    table = to_table(name, getattr(content(2), name))
    made = cast(name, table, "s1")
    assert made.table.equals(table)
    assert made.impossible == {}


@pytest.mark.parametrize(
    ("column", "values", "read"),
    [
        ("started_at", pa.array([WHEN, None], pa.timestamp("ns", tz="UTC")), [WHEN, None]),
        ("started_at", pa.array([WHEN, None], pa.timestamp("us", tz="Europe/Berlin")), [WHEN, None]),
        ("started_at", pa.array([WHEN.replace(tzinfo=None)] * 2, pa.timestamp("us")), [WHEN, WHEN]),
        ("started_at", pa.array([WHEN] * 2, pa.timestamp("s")), [WHEN.replace(microsecond=0)] * 2),
        ("started_at", pa.array([WHEN.isoformat(), None]), [WHEN, None]),
        ("label", pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        ("label", pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        ("label", pa.array(["a", "b"], pa.string_view()), ["a", "b"]),
        ("label", pa.array([b"a", b"b"], pa.binary()), ["a", "b"]),
        ("label", pa.array([1, 2]), ["1", "2"]),
        ("round", pa.array([1, 2], pa.int8()), [1, 2]),
        ("round", pa.array([1.0, 2.0]), [1, 2]),
        ("round", pa.array(["1", "2"]), [1, 2]),
        ("cpus", pa.array([4.0, float("nan")]), [4, None]),
        ("cpus", pa.array([None, None]), [None, None]),
        ("step_seconds", pa.array([1, 2]), [1.0, 2.0]),
        ("step_seconds", pa.array([0.5, 0.25], pa.float32()), [0.5, 0.25]),
        ("step_seconds", pa.array(["0.5", "1e-3"]), [0.5, 0.001]),
        ("jit", pa.array([1, 0]), [True, False]),
        ("hidden", pa.array([[50], None], pa.large_list(pa.int32())), [[50], None]),
        ("hidden", pa.array([[50], [20]], pa.list_(pa.int64(), 1)), [[50], [20]]),
        ("flags", pa.array([None, None]), [None, None]),
    ],
)
def test_other_units_encodings_and_widths_are_converted(runs, column, values, read):
    made = cast("runs", runs(**{column: values}), "s1")
    assert made.table.column(column).to_pylist() == read
    assert made.table.schema.field(column).type == schema_of("runs").field(column).type
    assert made.impossible == {}


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("round", pa.array(["one", "two"]), "round cannot be read as int64 (Failed to parse"),
        ("round", pa.array([1.5, 2.0]), "round cannot be read as int64 (Float value 1.5"),
        ("round", pa.array([2**63, 1], pa.uint64()), "round cannot be read as int64 (Integer value"),
        ("step_seconds", pa.array([[1.0], [2.0]]), "step_seconds cannot be read as double ("),
        ("hidden", pa.array(["50-50", "20"]), "hidden cannot be read as list<item: int64> ("),
        ("hidden", pa.array([[[50]], [[20]]]), "hidden cannot be read as list<item: int64> ("),
        ("label", pa.array([{"a": 1}, {"a": 2}]), "label cannot be read as string ("),
        ("label", pa.array([b"\xff", b"b"]), "label cannot be read as string (Invalid UTF8"),
        ("started_at", pa.array(["soon", "later"]), "started_at cannot be read as timestamp[us, tz=UTC] ("),
        ("started_at", pa.array([True, False]), "started_at cannot be read as timestamp[us, tz=UTC] ("),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(runs, column, values, reason):
    line = refusal("runs", runs(**{column: values}))
    assert line.startswith(reason)
    assert line.endswith("; give a table that bench wrote")


def test_text_that_is_not_utf_8_is_refused(runs):
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff", b"b"]).buffers())
    assert refusal("runs", runs(label=broken)).startswith("label cannot be read as string (In chunk 0")


def test_of_two_columns_of_one_name_neither_is_taken(runs):
    table = runs().append_column("label", pa.array(["a", "b"]))
    assert refusal("runs", table) == "two columns are named 'label'; give a table that bench wrote"


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_row_has_to_tell_what_it_is_and_may_lack_all_else(name, content):
    table = to_table(name, getattr(content(2), name))
    made = cast(name, table.select(list(NEEDED[name])), "s1").table
    assert made.schema.equals(table.schema)
    assert made.num_rows == table.num_rows
    for column in NEEDED[name]:
        assert refusal(name, table.drop_columns([column])) == (
            f"a row without {column}; give a table that bench wrote"
        )
        place, kind = table.schema.get_field_index(column), table.schema.field(column).type
        some = pa.array([None, *table.column(column).to_pylist()[1:]], kind)
        assert "a row without" in refusal(name, table.set_column(place, column, some))


def test_a_table_without_rows_needs_no_columns():
    assert cast("runs", pa.table({}), "s1").table.schema.equals(schema_of("runs").remove_metadata())


def test_values_that_cannot_be_are_missing_flagged_and_named(runs):
    table = runs(
        step_seconds=pa.array([float("nan"), 0.5]),
        train_seconds=pa.array([-1.0, float("inf")]),
        val_accuracy=pa.array([0.9, 1.5]),
        flags=pa.array([["unstable"], None]),
    )
    made = cast("runs", table, "s1/runs.parquet")
    assert made.table.column("step_seconds").to_pylist() == [None, 0.5]
    assert made.table.column("train_seconds").to_pylist() == [None, None]
    assert made.table.column("val_accuracy").to_pylist() == [0.9, None]
    assert made.table.column("flags").to_pylist() == [["unstable", "implausible"], ["implausible"]]
    assert impossible_note("s1/runs.parquet", made.impossible) == (
        "s1/runs.parquet: values that cannot be count as missing: "
        "train_seconds in 2 rows, step_seconds in 1 row, val_accuracy in 1 row"
    )


def test_a_loss_that_is_not_finite_is_what_was_measured(runs):
    made = cast("runs", runs(train_loss=pa.array([float("nan"), float("inf")])), "s1")
    assert str(made.table.column("train_loss").to_pylist()) == "[nan, inf]"
    assert made.impossible == {}


def test_further_columns_are_kept_where_they_are_plain(runs):
    table = (
        runs()
        .append_column("note", pa.array(["a", "b"]).dictionary_encode())
        .append_column("rank", pa.array([1, 2], pa.int8()))
        .append_column("nested", pa.array([{"a": 1}, {"a": 2}]))
        .append_column("when", pa.array([WHEN] * 2, pa.timestamp("ns")))
    )
    made = cast("runs", table, "s1").table
    assert made.schema.names == [*schema_of("runs").names, "note", "rank", "when"]
    assert made.schema.field("rank").type == pa.int64()


def test_further_columns_of_unlike_types_are_left_out_of_a_union(runs):
    tables = [
        cast(
            "runs", runs().append_column("rank", values).append_column("note", pa.array(["a", "b"])), "s1"
        ).table
        for values in (pa.array([1, 2]), pa.array(["first", "second"]))
    ]
    united = union("runs", tables)
    assert united.schema.names == [*schema_of("runs").names, "note"]
    assert united.num_rows == 4
