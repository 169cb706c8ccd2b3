"""Rows of a table of which many columns hold one value in all of them, as those of a session do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from bench.records.asked import Condition
from bench.records.constants import Value, repeated


@dataclass(frozen=True)
class Rows:
    """So many rows: their `columns`, and of further ones the value that they hold in each of the rows."""

    number: int
    columns: Mapping[str, pa.ChunkedArray]
    constants: Mapping[str, tuple[Value, pa.DataType]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Those of a table."""
        return cls(table.num_rows, dict(zip(table.schema.names, table.columns, strict=True)))

    def select(self, names: Iterable[str] | None) -> "Rows":
        """Of these columns, or of all."""
        if names is None:
            return self
        wanted = set(names)
        columns = {name: column for name, column in self.columns.items() if name in wanted}
        return Rows(self.number, columns, {n: it for n, it in self.constants.items() if n in wanted})

    def held(self, condition: Condition | None) -> "Rows":
        """Those for which `condition` holds."""
        if condition is None:
            return self
        names = condition.names & (self.columns.keys() | self.constants.keys())
        keep = condition.rows_held(self.table(sorted(names)))
        number = pc.sum(keep).as_py() or 0
        if number == self.number:
            return self
        columns = {name: column.filter(keep) for name, column in self.columns.items()} if number else {}
        return Rows(number, columns, self.constants)

    def column(self, name: str) -> pa.ChunkedArray:
        """One of them; of a text that is always the same a dictionary."""
        if name in self.columns:
            return self.columns[name]
        value, kind = self.constants[name]
        return pa.chunked_array([repeated(value, self.number, kind)])

    def table(self, names: Sequence[str] | None = None) -> pa.Table:
        """They as a table of these columns, or of all; texts are no dictionaries."""
        names = [*self.columns, *self.constants] if names is None else names
        return pa.Table.from_arrays([plain(self.column(name)) for name in names], names=list(names))


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column that is no dictionary."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
