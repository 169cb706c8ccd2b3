"""Tables whose columns are of other types, units and names, or hold nothing, nonsense, or other bytes."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.fuzz.kinds.sessions import question, session_files, write_session
from tests.fuzz.mutate import NUMBERS, TEXTS, damaged

NAMES = ("runs", "epochs", "machines")
TYPES = (
    *(pa.int8(), pa.int32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_()),
    *(pa.string(), pa.large_string(), pa.binary(), pa.null(), pa.date32(), pa.decimal128(20, 3)),
    *(pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", tz="Europe/Madrid"), pa.duration("s")),
    *(pa.list_(pa.string()), pa.list_(pa.float64()), pa.struct([("a", pa.int64())])),
    pa.dictionary(pa.int32(), pa.string()),
)
VERSIONS = (b"", b"0", b"2", b"-1", b"1.0", b"x", "²".encode(), b"9" * 30, b"\xff")
OTHERS = {
    "status": ("ok", "lost", "cancelled", "nonsense"),
    "strategy": ("mirrored", "multi_worker_mirrored", "parameter_server", "nonsense"),
    "loop": ("fit", "fused"),
    "workers": (1, 2, 4),
    "devices": (1, 2, 8),
    "round": (1, 2, 3),
    "node": ("a", "b", "c"),
    "batch_size": (1, 10, 100, 1_000),
    "learning_rate": (0.1, 0.01, 0.001),
    "target_accuracy": (0.9,),
}
"""Values that bring other tables on: of scaling, of slow nodes, of a surface."""


class ParquetTables:
    name = "parquet"
    short, batch = 60, 50

    def begin(self):
        pa.set_cpu_count(1)
        self.files = session_files()
        self.tables = {name: pq.read_table(pa.BufferReader(self.files[f"{name}.parquet"])) for name in NAMES}

    def case(self, folder, random):
        files = dict(self.files)
        del files["manifest.json"]  # which would tell at once that a table is another one
        if random.random() < 0.8:
            del files["journal.jsonl"]
        for _ in range(random.choice((1, 1, 2))):
            name = random.choice(("runs", "runs", "epochs", "machines"))
            table = odd_table(self.tables[name], random)
            files[f"{name}.parquet"] = written(table)
        if random.random() < 0.15:
            name = f"{random.choice(NAMES)}.parquet"
            files[name] = damaged(files[name], random)
        if random.random() < 0.05:
            files.pop(f"{random.choice(NAMES)}.parquet", None)
        write_session(folder / "results" / "s", files)
        return question(folder, random)


def written(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def odd_table(table, random):
    metadata = table.schema.metadata
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        if table.num_columns:
            table = random.choice((*(odd_column,) * 6, odd_names, odd_rows))(table, random)
    if random.random() < 0.1:
        metadata = random.choice((None, {b"bench_schema_version": random.choice(VERSIONS)}))
    return table.replace_schema_metadata(metadata)


def odd_column(table, random):
    """Other values in one column, of its own type where that can hold them, else of another."""
    place = random.randrange(table.num_columns)
    name, column = table.schema.names[place], table.column(place)
    how = random.randrange(6)
    if how == 0:
        return replaced(table, place, name, pa.nulls(table.num_rows, column.type))
    if how == 1:
        return replaced(table, place, name, cast(column, random.choice(TYPES)))
    if how == 2:
        kind = random.choice(TYPES)
        return replaced(table, place, name, pa.nulls(table.num_rows, kind))
    if how == 3:
        name = random.choice([name for name in OTHERS if name in table.schema.names] or [name])
        place = table.schema.names.index(name)
        column = table.column(place)
    values = column.to_pylist() if not pa.types.is_timestamp(column.type) else [None] * table.num_rows
    share = random.choice((0.2, 1.0))
    for row in range(len(values)):
        if random.random() < share:
            values[row] = odd_value(name, column.type, random)
    return replaced(table, place, name, array_of(values, column.type))


def odd_value(name, kind, random):
    """A value that a column of `kind` can hold, most times."""
    if name in OTHERS and random.random() < 0.5:
        return random.choice(OTHERS[name])
    if random.random() < 0.1:
        return random.choice((None, *NUMBERS, *TEXTS))
    if pa.types.is_list(kind):
        return [odd_value("", kind.value_type, random) for _ in range(random.randint(0, 3))]
    if pa.types.is_boolean(kind):
        return random.choice((None, True, False))
    if pa.types.is_floating(kind):
        return random.choice((None, *map(float, NUMBERS)))
    if pa.types.is_integer(kind):
        return random.choice([number for number in NUMBERS if -(2**63) <= number < 2**63 and number % 1 == 0])
    return random.choice((None, *(text.encode(errors="replace").decode() for text in TEXTS)))


def replaced(table, place, name, column):
    return table.set_column(place, name, column)


def cast(column, kind):
    try:
        return pc.cast(column, kind, safe=False)
    except (pa.ArrowException, NotImplementedError):
        return pa.nulls(len(column), kind)


def array_of(values, kind):
    """An array of `kind`, or of the type of its values, in which no other is found, or of texts."""
    for attempt in (kind, None, pa.string()):
        try:
            return pa.array([_text(v) for v in values] if attempt == pa.string() else values, attempt)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError):
            continue
    return pa.nulls(len(values))


def _text(value):
    return None if value is None else str(value).encode(errors="replace").decode()


def odd_names(table, random):
    place = random.randrange(table.num_columns)
    how = random.randrange(4)
    if how == 0:
        return table.remove_column(place)
    if how == 1:
        return table.append_column(table.schema.names[place], table.column(place))
    if how == 2:
        return table.select(
            random.sample(range(table.num_columns), min(table.num_columns, random.randint(0, 5)))
        )
    name = random.choice(TEXTS).encode(errors="replace").decode()
    return table.rename_columns([name if i == place else old for i, old in enumerate(table.schema.names)])


def odd_rows(table, random):
    how = random.randrange(3)
    if how == 0:
        return table.slice(0, random.randint(0, table.num_rows))
    if how == 1:
        return pa.concat_tables([table, table])
    return table.take(random.choices(range(table.num_rows), k=5)) if table.num_rows else table
