"""What a reader asks of sessions: columns, and rows by a condition; and what is known of rows unread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa

from bench.records.tables import TABLE_NAMES, TableName, schema_of

Plain = bool | int | float | str
Named = tuple[str | None, str | None]


@dataclass(frozen=True)
class Known:
    """What is known of a column's values without a look at them: none is below `low` or above `high`.

    `null` and `value` tell whether any of them may be missing, and whether any may not. `low` and `high` say
    nothing where they are None, as of a column in which all is missing.
    """

    low: Plain | None = None
    high: Plain | None = None
    null: bool = True
    value: bool = True

    @classmethod
    def always(cls, value: Plain | None) -> "Known":
        """Of a column that holds `value` in every row."""
        return cls(value, value, null=value is None, value=value is not None)

    def or_else(self, other: "Known") -> "Known":
        """Of the column with a value of `other`, which has all, wherever one is missing."""
        ends: list[Any] = [self.low, self.high, other.low, other.high]
        if None in ends or len({isinstance(end, str) for end in ends}) > 1:
            return Known(null=False)
        return Known(min(ends), max(ends), null=False)


class Condition(Protocol):
    """A condition on the rows of `runs`; see `bench.analysis.condition`."""

    @property
    def names(self) -> frozenset[str]:
        """The columns that it reads, and whatever else it names."""

    def rows_held(self, table: pa.Table) -> pa.ChunkedArray:
        """For each row of `table` whether it holds."""

    def may_hold(self, known: Mapping[str, Known]) -> bool:
        """Whether it can hold for any row of a table of whose columns that much is `known`."""


@dataclass(frozen=True)
class Asked:
    """Which columns of which tables, and for which rows of `runs`; without a word on either, all.

    A table that `columns` does not name is not asked for.
    """

    columns: Mapping[TableName, Sequence[str]] | None = None
    condition: Condition | None = None

    @cached_property
    def tables(self) -> list[TableName]:
        """Those asked for; `runs` always and first, since they tell what a session is."""
        return [name for name in TABLE_NAMES if self.columns is None or name in ("runs", *self.columns)]

    def of(self, name: TableName) -> tuple[str, ...] | None:
        """The columns of a table that are asked for, each once; None: all."""
        return None if self.columns is None else self._once[name]

    @cached_property
    def _once(self) -> Mapping[TableName, tuple[str, ...]]:
        columns = self.columns or {}
        return {name: tuple(dict.fromkeys(columns.get(name, ()))) for name in TABLE_NAMES}

    def columns_of(self, name: TableName) -> tuple[str, ...] | None:
        """The same, and those that the condition reads."""
        columns = self.of(name)
        if columns is None or name != "runs" or self.condition is None:
            return columns
        return tuple(dict.fromkeys([*columns, *self.read_by_condition]))

    @property
    def names_others(self) -> bool:
        """Whether the condition names a column that the schema lacks."""
        return self.condition is not None and not self.condition.names <= set(schema_of("runs").names)

    @property
    def read_by_condition(self) -> list[str]:
        """The columns of the schema that the condition names."""
        names = self.condition.names if self.condition else frozenset()
        return [name for name in schema_of("runs").names if name in names]


@dataclass(frozen=True)
class Tables:
    """The three tables of one or more sessions, and what to know of them: lines on what was left out.

    `recorded` is how many runs there are, whatever was asked of them, and `others` has the id and the name of
    each machine of those that a condition left out.
    """

    runs: pa.Table
    epochs: pa.Table
    machines: pa.Table
    notes: tuple[str, ...] = ()
    recorded: int = field(default=-1, compare=False)
    others: frozenset[Named] = frozenset()


def nothing(name: TableName, columns: Sequence[str] | None = None) -> pa.Table:
    """A table without rows, of these columns of its schema, or of all."""
    schema = schema_of(name).remove_metadata()
    chosen = schema if columns is None else pa.schema([schema.field(column) for column in columns])
    # Not `empty_table`: it makes columns from lists, even of nothing, and that imports pandas.
    return pa.Table.from_batches([], schema=chosen)
