import datetime
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records.arrow_columns import Codes, codes, items, numbers
from bench.records.run_table import RunRecord, RunTable, grouped
from bench.records.scenario import OLDER
from bench.records.tables import schema_of, to_table
from tests.runs import arrow_table, run_table

TIMES = st.one_of(st.none(), st.floats(allow_nan=False))
TEXTS = st.one_of(st.none(), st.text(max_size=2))
VALUES = {
    pa.int64(): st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    pa.float64(): TIMES,
    pa.bool_(): st.one_of(st.none(), st.booleans()),
    pa.string(): TEXTS,
    pa.list_(pa.string()): st.one_of(st.none(), st.lists(TEXTS, max_size=3)),
    pa.list_(pa.int64()): st.one_of(st.none(), st.lists(st.integers(0, 2), max_size=3)),
}
"""What columns of each type may hold."""


@st.composite
def columns(draw, kinds=tuple(VALUES)):
    """A column in chunks, some of which begin within their buffers, and its values."""
    kind = draw(st.sampled_from(kinds))
    parts = draw(st.lists(st.lists(VALUES[kind], max_size=6), max_size=3))
    skipped = draw(st.integers(0, 2))
    chunks = [pa.array([*part[:1] * skipped, *part], kind)[skipped * bool(part) :] for part in parts]
    return pa.chunked_array(chunks, kind), list(itertools.chain.from_iterable(parts))


def plain(values):
    return [tuple(value) if isinstance(value, list) else value for value in values]


@given(columns())
def test_codes_give_each_row_its_value(column):
    column, values = column
    found = codes(column)
    assert found.of(np.arange(len(values))) == plain(values)
    assert [found[row] for row in range(len(values))] == plain(values)
    assert sorted(map(repr, found.distinct())) == sorted({repr(v) for v in plain(values) if v is not None})


@given(columns(kinds=[pa.string()]))
def test_texts_may_come_as_dictionaries(column):
    column, values = column
    assert codes(column.dictionary_encode()).of(np.arange(len(values))) == values


@given(columns(kinds=[pa.int64(), pa.float64(), pa.bool_()]))
def test_numbers_give_each_row_its_value_and_whether_it_is_known(column):
    column, values = column
    found = numbers(column)
    assert found.known.tolist() == [value is not None for value in values]
    assert found.of(np.arange(len(values))).tolist() == [value for value in values if value is not None]


@given(columns(kinds=[pa.list_(pa.string()), pa.list_(pa.int64())]))
def test_lists_have_lengths(column):
    column, values = column
    assert items(column).lengths.tolist() == [len(value or ()) for value in values]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=20))
def test_groups_are_alike_in_all_columns_and_in_order(pairs):
    table = pa.table(
        {"a": pa.array([a for a, _ in pairs], pa.string()), "b": pa.array([b for _, b in pairs], pa.int64())}
    )
    found = grouped([codes(table.column(name)) for name in "ab"], np.arange(len(pairs)))
    expected = {}
    for row, pair in enumerate(pairs):
        expected.setdefault(pair, []).append(row)
    assert [rows.tolist() for rows in found] == list(expected.values())


@pytest.mark.parametrize(("columns", "values", "rows"), [(6, 2_000, 3_000), (5, 70_000, 3_000)])
def test_groups_of_many_columns_of_many_values_are_as_many_as_there_are(columns, values, rows):
    drawn = np.random.default_rng(0).integers(0, values, (columns, rows), np.int32)
    found = grouped([Codes(indices, range(values)) for indices in drawn], np.arange(rows))
    assert len(found) == len(set(zip(*drawn.tolist(), strict=True))) == rows


def test_of_a_run_with_several_rows_the_last_counts_where_the_first_stands():
    rows = [{"run_id": run_id, "round": n} for n, run_id in enumerate(["a", "b", "a", "c", "b"])]
    runs = run_table(rows)
    assert len(runs) == 3
    assert runs.codes("run_id").of(runs.rows) == ["a", "b", "c"]
    assert runs.numbers("round").values.tolist() == [2, 4, 3]
    assert [runs.value("round", row) for row in runs.rows] == [2, 4, 3]
    assert runs.take(np.array([2, 0])).numbers("round").values.tolist() == [3, 2]
    assert runs.take(np.array([False, True, False])).codes("round").of(np.arange(1)) == [4]


def test_a_column_that_is_missing_is_missing_in_every_row():
    runs = run_table([{"run_id": "a"}])
    assert "label" not in runs
    assert runs.codes("label")[0] is None
    assert runs.codes("hidden")[0] is None
    assert not runs.numbers("step_seconds").known.any()
    assert not runs.is_ok().any()


def test_a_setting_that_an_older_table_lacks_has_its_default():
    given = {
        "servers": 2,
        "placement": "spread",
        "deterministic": True,
        "cpus": 4,
        "dropout": 0.5,
        "shift": 1,
    }
    given |= {"standardize": True, "label_smoothing": 0.1, "schedule": "cosine", "warmup_fraction": 0.1}
    lacking = dict.fromkeys(given)
    runs = run_table([{"run_id": "a", **lacking}, {"run_id": "b", **given}])
    found = {name: runs.codes(name).of(runs.rows) for name in given}
    defaults = {**OLDER, "cpus": None}
    assert found == {name: [defaults[name], given[name]] for name in given}
    assert {name: [runs.value(name, row) for row in runs.rows] for name in given} == found
    assert runs.numbers("servers").values.tolist() == [1, 2]
    assert runs.numbers("dropout").values.tolist() == [0, 0.5]
    assert runs.numbers("deterministic").values.tolist() == [0, 1]


def test_texts_of_lists_are_counted_by_groups():
    flags = [["a", "b"], [], None, ["a"], ["c", "a"]]
    runs = run_table([{"run_id": str(n), "flags": of} for n, of in enumerate(flags)])
    found = runs.counts("flags", [np.array([0, 1, 3]), np.array([2]), np.array([4, 0])])
    assert [dict(counts) for counts in found] == [{"a": 2, "b": 1}, {}, {"a": 2, "b": 1, "c": 1}]


@pytest.mark.parametrize("hours", [0, -5])
def test_a_record_tells_of_one_run(hours):
    zone = datetime.timezone(datetime.timedelta(hours=hours))
    began = datetime.datetime(2026, 1, 31, 14, 25, 30, 123456, zone)
    known = {"sweep": "s", "label": "l", "round": 2, "machine": "m", "node": "n", "status": "lost"}
    more = {"error": "an error", "flags": ["retried"], "started_at": began, "step_seconds": 0.5}
    rows = [{"run_id": "a", "status": "ok"}, {"run_id": "b", **known, **more}]
    nothing, found = run_table(rows).records([0, 1])
    assert found == RunRecord(**{**known, **more, "flags": ("retried",)})
    assert found.started_at.tzinfo is datetime.UTC
    assert (nothing.label, nothing.flags, nothing.started_at) == (None, (), None)


def test_no_run_is_a_table_too():
    runs = RunTable(to_table("runs", []))
    assert (len(runs), runs.groups("session_id"), list(runs.records([]))) == (0, [], [])
    assert RunTable(arrow_table("runs", [])).counts("flags", []) == []
    assert not RunTable(pa.Table.from_batches([], schema=schema_of("runs"))).is_ok().any()
