"""Rows of a table of which many columns hold one value in all of them, as those of a session do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from bench.records.arrays import Value, repeated
from bench.records.asked import Condition

DIFFERENT = frozenset({"run_id"})
"""Texts that are different in each row: a dictionary of them takes more than they do."""


@dataclass(frozen=True)
class Rows:
    """Rows of `read`, and of further columns the value that they hold in each; of `length` rows those `kept`.

    What is left out stays in the columns until rows of several sessions are united: to filter each column of
    each session by itself takes longer than to read them.
    """

    length: int
    read: pa.Table
    constants: Mapping[str, tuple[Value, pa.DataType]] = field(default_factory=dict)
    kept: pa.ChunkedArray | None = None

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Those of a table."""
        return cls(table.num_rows, table)

    @cached_property
    def names(self) -> Sequence[str]:
        """Of all columns."""
        return [*self.read.schema.names, *self.constants]

    @cached_property
    def number(self) -> int:
        """How many rows there are."""
        return self.length if self.kept is None else pc.sum(self.kept).as_py() or 0

    def select(self, names: Iterable[str] | None) -> "Rows":
        """Of these columns, or of all."""
        if names is None:
            return self
        wanted = set(names)
        read = self.read.select([name for name in self.read.schema.names if name in wanted])
        constants = {name: it for name, it in self.constants.items() if name in wanted}
        return replace(self, read=read, constants=constants)

    @property
    def mask(self) -> pa.ChunkedArray:
        """Which of all rows are kept."""
        return pa.chunked_array([repeated(True, self.length, pa.bool_())]) if self.kept is None else self.kept

    def held(self, condition: Condition | None) -> "Rows":
        """Of all rows those for which `condition` holds."""
        if condition is None:
            return self
        known = self.names
        names = condition.names if condition.names <= set(known) else known  # of which the nearest is told
        columns = [plain(self.whole_column(name)) for name in names]
        return replace(self, kept=condition.rows_held(pa.Table.from_arrays(columns, names=list(names))))

    def whole_column(self, name: str) -> pa.ChunkedArray:
        """One of them in all rows; of a text that is always the same a dictionary."""
        if name not in self.constants:
            return self.read.column(name)
        value, kind = self.constants[name]
        return pa.chunked_array([repeated(value, self.length, kind)])

    def column(self, name: str) -> pa.ChunkedArray:
        """The same in the rows that are kept."""
        if name in self.constants:
            value, kind = self.constants[name]
            return pa.chunked_array([repeated(value, self.number, kind)])
        column = self.read.column(name)
        return column if self.kept is None else column.filter(self.kept)

    def table(self, names: Sequence[str] | None = None) -> pa.Table:
        """They as a table of these columns, or of all; texts are no dictionaries."""
        names = self.names if names is None else names
        return pa.Table.from_arrays([plain(self.column(name)) for name in names], names=list(names))


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column that is no dictionary."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
