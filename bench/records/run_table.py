"""Recorded runs as columns, and one of them as a record: how everything that reads runs gets at them."""

import copy
import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.records.arrow_columns import Codes, Items, Mask, Numbers, Rows, codes, items, numbers
from bench.records.scenario import OLDER
from bench.records.tables import EPOCH, schema_of

__all__ = ["Codes", "Items", "Mask", "Numbers", "Rows", "RunRecord", "RunTable", "grouped"]


@dataclass(frozen=True)
class RunRecord:
    """What people are told of one run; see the columns of `runs`."""

    sweep: str
    label: str
    round: int
    machine: str | None
    node: str | None
    status: str
    error: str | None
    flags: tuple[str, ...]
    started_at: datetime.datetime | None
    step_seconds: float | None


class RunTable:
    """Runs, each once, by their columns: of rows with one `run_id` the last counts, where the first stands.

    Takes a table of the columns of `runs`, not necessarily all: one that it lacks is missing in every row.
    A setting that an older table lacks has the value that it was made with.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._rows: Rows | None = None  # None: all, as they are
        self._whole: dict[str, Codes] = {}  # of all rows of the table; shared with what is taken from it
        self._numbers: dict[str, Numbers] = {}  # likewise
        self._codes: dict[str, Codes] = {}
        if "run_id" in table.schema.names and not _all_differ(table.column("run_id")):
            self._rows = _once(codes(table.column("run_id")))

    def __len__(self) -> int:
        return self._table.num_rows if self._rows is None else len(self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self._table.schema.names

    @property
    def rows(self) -> Rows:
        """The numbers of all rows."""
        return np.arange(len(self))

    def take(self, rows: Rows | Mask) -> "RunTable":
        """The runs of these rows, in this order."""
        chosen = copy.copy(self)
        chosen._rows = (self.rows if self._rows is None else self._rows)[rows]
        chosen._codes = {}
        return chosen

    def codes(self, name: str) -> Codes:
        """A column, of any type, by its distinct values; kept, since most are asked for again."""
        if name not in self._codes:
            if name not in self._whole:
                self._whole[name] = self._by_value(name)
            whole = self._whole[name]
            self._codes[name] = whole if self._rows is None else whole.take(self._rows)
        return self._codes[name]

    def _by_value(self, name: str) -> Codes:
        found = codes(self._column(name))
        if name not in OLDER or (found.indices >= 0).all():
            return found
        return found.otherwise(Codes(np.zeros(len(found.indices), np.int32), [OLDER[name]]))

    def value(self, name: str, row: int) -> Any:  # noqa: ANN401 -- whatever the column holds
        """What a column holds in one row, a list as a tuple: for a few rows, without a look at the others."""
        if name in self._codes:
            return self._codes[name][row]
        at = row if self._rows is None else int(self._rows[row])
        (found,) = self._column(name).slice(at, 1).to_pylist()
        found = OLDER.get(name) if found is None else found
        return tuple(found) if isinstance(found, list) else found

    def numbers(self, name: str) -> Numbers:
        """A column of numbers, truth values or times; times are microseconds since 1970."""
        if self._rows is None:
            return self._all_numbers(name)
        if name not in self._numbers:
            self._numbers[name] = self._all_numbers(name)
        return self._numbers[name].take(self._rows)

    def _all_numbers(self, name: str) -> Numbers:
        found = numbers(self._column(name))
        if name not in OLDER:
            return found
        return Numbers(np.where(found.known, found.values, OLDER[name]), np.ones_like(found.known))

    def counts(self, name: str, groups: Sequence[Rows]) -> list[list[tuple[str, int]]]:
        """Of a column of lists of texts, for each group of rows how often each text stands in them."""
        found = items(self._column(name))
        of_row = found.lengths if self._rows is None else found.lengths[self._rows]
        starts = found.starts[:-1] if self._rows is None else found.starts[:-1][self._rows]
        counted = []
        for rows in groups:
            rows = rows[of_row[rows] > 0]
            places = _ranges(starts[rows], of_row[rows])
            texts, times = np.unique(found.items.indices[places], return_counts=True)
            counted.append(
                [(found.items.values[t], n) for t, n in zip(texts.tolist(), times.tolist(), strict=True)]
            )
        return counted

    def is_ok(self) -> Mask:
        """Which of them ended ok."""
        return self.codes("status").among(["ok"])

    def groups(self, *names: str, rows: Rows | None = None) -> list[Rows]:
        """The rows, or those of `rows`, that are alike in all these columns; see `grouped`."""
        return grouped([self.codes(name) for name in names], self.rows if rows is None else rows)

    def records(self, rows: Iterable[int]) -> Iterator[RunRecord]:
        """These runs, one by one."""
        chosen = self.take(np.fromiter(rows, np.intp))
        began = chosen.numbers("started_at")
        names = [field.name for field in fields(RunRecord) if field.name != "started_at"]
        columns = {name: chosen.codes(name) for name in names}
        for row in range(len(chosen)):
            values: dict[str, Any] = {name: column[row] for name, column in columns.items()}
            values["flags"] = values["flags"] or ()
            values["started_at"] = moment(began.values[row]) if began.known[row] else None
            yield RunRecord(**values)

    def _column(self, name: str) -> pa.ChunkedArray:
        if name in self._table.schema.names:
            return self._table.column(name)
        return pa.chunked_array([pa.nulls(self._table.num_rows, schema_of("runs").field(name).type)])


def moment(microseconds: int | np.int64) -> datetime.datetime:
    """The time, in UTC, that is so long after 1970."""
    return EPOCH + datetime.timedelta(microseconds=int(microseconds))


def grouped(columns: Sequence[Codes], rows: Rows) -> list[Rows]:
    """Groups of `rows` that are alike in all of `columns`, in order, also of the first row of each."""
    key = np.zeros(len(rows), np.int64)
    number = 1
    for column in columns:
        size = len(column.values) + 1
        if number * size >= 2**62:
            number, key = _denser(key)
        key = key.astype(np.int64, copy=False) * size + (column.indices[rows] + 1)
        number *= size
    if not len(rows):
        return []
    _, key = _denser(key)
    order = np.argsort(key, kind="stable")
    found = np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1)
    first = np.argsort([order[at] for at in np.cumsum([0, *map(len, found[:-1])])], kind="stable")
    return [found[group] for group in first]


def _denser(key: np.ndarray[Any, Any]) -> tuple[int, np.ndarray[Any, Any]]:
    distinct, dense = np.unique(key, return_inverse=True)
    small = dense.astype(np.uint16) if len(distinct) < 2**16 else dense  # which NumPy sorts in linear time
    return len(distinct), small


def _all_differ(column: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return bool(pc.count_distinct(column).as_py() == len(column))


def _once(run_ids: Codes) -> Rows:
    """The last row of each run, as their first ones stand."""
    number = len(run_ids.values)
    last, first = np.empty(number, np.intp), np.empty(number, np.intp)
    every = np.arange(len(run_ids.indices))
    last[run_ids.indices] = every
    first[run_ids.indices[::-1]] = every[::-1]
    return last[np.argsort(first, kind="stable")]


def _ranges(starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]) -> Rows:
    """The whole numbers from each start on, as many as its length."""
    before = np.cumsum(lengths) - lengths
    places: Rows = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    return places
