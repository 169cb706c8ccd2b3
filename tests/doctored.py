"""Sessions as other tools, other versions and bad luck may leave them; `tests.fuzz` has random ones."""

import datetime
import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.records.cast import NEEDED
from bench.records.entries import JournalContent
from bench.records.journal import FILE_NAME, Journal
from bench.records.measurement import Epoch, Measurement
from bench.records.suite import parse_suite
from bench.records.tables import TABLE_NAMES, Identity, epoch_row, run_row, to_table

Tables = dict[str, pa.Table]

SUITE = {
    "measure": {"rounds": 3},
    "sweep": [
        {
            "name": "sizes",
            "hidden": [50, 50],
            "target_accuracy": 0.9,
            "matrix": {"batch_size": [10, 100, 1000], "learning_rate": [0.001, 0.01]},
        },
        {
            "name": "replicas",
            "hidden": [50, 50],
            "batch_size": 100,
            "strategy": "mirrored",
            "matrix": {"devices": [1, 2]},
        },
        {"name": "one", "hidden": [50, 50], "batch_size": 100},
    ],
}
STARTED = datetime.datetime(2026, 1, 31, 14, 25, 30, tzinfo=datetime.UTC)
HEADER = {"session_id": "doctored", "suite": "doctored"}


def content() -> JournalContent:
    """A session with something for every view: three rounds on two nodes, a grid, replicas, probes."""
    points = parse_suite(SUITE, "doctored.toml", "doctored", "", {}, {}).points
    ids = [point.scenario.scenario_id for point in points]
    made = JournalContent({**HEADER, "scenarios": ids})
    for number, (point, node) in itertools.product((1, 2, 3), itertools.product(points, ("a", "b"))):
        scenario, step = point.scenario, 0.001 * (1 + 0.01 * number)
        identity = Identity(
            run_id=f"doctored-{scenario.scenario_id}-{number}-{node}",
            session_id="doctored",
            suite="doctored",
            sweep=point.sweep,
            scenario_id=scenario.scenario_id,
            label=point.label,
            round=number,
            order=1,
            attempt=1,
            started_at=STARTED,
            machine_id="aaaaaaaaaaaa",
            software_id="bbbbbbbbbbbb",
            machine="A CPU, 2 cores",
            node=node,
            machines=("A CPU, 2 cores",),
            nodes=(node,),
            queue_seconds=4.0 * number,
            occupied_seconds=3.0,
        )
        measured = Measurement(
            status="ok",
            flags=("unstable",) if number == 2 else (),
            device_name="A CPU",
            start_seconds=0.25,
            import_seconds=0.125,
            compile_seconds=0.5,
            compile_cached=number > 1,
            train_seconds=1.0,
            test_seconds=0.125,
            metered_seconds=2.5,
            wall_seconds=2.0,
            target_seconds=0.5,
            step_seconds=step,
            all_reduce_seconds=step / 10,
            samples_per_second=100 / step,
            val_accuracy=0.95,
            best_val_accuracy=0.96,
            limit_fraction=0.5,
            bound_by="compute",
            affinity=(0, 1),
        )
        epochs = [
            Epoch(epoch, 5, 0.5, 0.1, 0.7 * epoch, 0.001, 0.5, 0.9, 0.2, 0.95, (0.25, 0.25), (2, 3))
            for epoch in (1, 2)
        ]
        made.add_run(
            run_row(identity, scenario, number, measured), [epoch_row(identity.run_id, e) for e in epochs]
        )
    described = {"session_id": "doctored", "machine_id": "aaaaaaaaaaaa", "machine": "A CPU, 2 cores"}
    probed = {"probe_device_kind": "cpu", "probe_cores": 2, "probe_strategy": "one_device"}
    probed |= {"probe_workers": 1, "probe_seconds": 5.0}
    for node, (moment, rate) in itertools.product(("a", "b"), (("start", 1e9), ("end", 2e9))):
        figures = {"probe_float32_flops_per_second": rate, "probe_bytes_per_second": [1e9, rate]}
        row = {**described, **probed, **figures, "probe_working_set_bytes": [1, 2]}
        made.machines.append({**row, "node": node, "probe_moment": moment})
    return made


def whole() -> Tables:
    """Its tables."""
    made = content()
    return {name: to_table(name, getattr(made, name)) for name in TABLE_NAMES}


def write(tables: Tables, folder: Path) -> Path:
    """The tables as a session's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def write_journal(folder: Path, **changes: object) -> Path:
    """The session as a journal alone; `changes` are columns of each run that differ."""
    made = content()
    with Journal(folder) as journal:
        journal.append("session", **made.header)
        journal.extend({"kind": "machine", "row": row} for row in made.machines)
        for row in made.runs:
            epochs = [epoch for epoch in made.epochs if epoch["run_id"] == row["run_id"]]
            journal.append("run", row=row | changes, epochs=epochs)
    return folder / FILE_NAME


def each(
    change: Callable[[pa.ChunkedArray, str], pa.ChunkedArray | None], *names: str
) -> Callable[[], Tables]:
    """The tables (or those named) with `change` made to each column that tells no row what it is."""

    def doctored() -> Tables:
        tables = whole()
        for name in names or TABLE_NAMES:
            for place, column in enumerate(tables[name].schema.names):
                if column not in NEEDED[name]:
                    values = change(tables[name].column(column), column)
                    if values is not None:
                        tables[name] = tables[name].set_column(place, column, values)
        return tables

    return doctored


def instead(name: str, **columns: object) -> Callable[[], Tables]:
    """The tables with other values in some columns of one: a value for every row, or a whole array."""

    def doctored() -> Tables:
        tables = whole()
        table = tables[name]
        for column, value in columns.items():
            values = value if isinstance(value, pa.Array) else pa.array([value] * table.num_rows)
            table = table.set_column(table.schema.get_field_index(column), column, values)
        return {**tables, name: table}

    return doctored


def number(value: float) -> Callable[[], Tables]:
    """The tables with `value` in every column of numbers."""

    def change(column: pa.ChunkedArray, _name: str) -> pa.ChunkedArray | None:
        kind = column.type
        if pa.types.is_list(kind) and pa.types.is_floating(kind.value_type):
            return pa.chunked_array([pa.array([[value, value]] * len(column), kind)])
        if pa.types.is_integer(kind) and value != value // 1:
            return None
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return pa.chunked_array([pa.array([value] * len(column), pa.float64()).cast(kind)])
        return None

    return each(change)


def nulls(of: Callable[[int], bool]) -> Callable[[], Tables]:
    """The tables with nulls in the rows for which `of` holds, in every column that may have some."""

    def change(column: pa.ChunkedArray, _name: str) -> pa.ChunkedArray:
        values = [None if of(row) else value for row, value in enumerate(column.to_pylist())]
        return pa.chunked_array([pa.array(values, column.type)])

    return each(change)


def some_columns_null(seed: int) -> Callable[[], Tables]:
    """The tables with every other column null, by chance."""
    chance = random.Random(seed)

    def change(column: pa.ChunkedArray, _name: str) -> pa.ChunkedArray | None:
        return pa.chunked_array([pa.nulls(len(column), column.type)]) if chance.random() < 0.5 else None

    return each(change)


def dictionary(column: pa.ChunkedArray, _name: str) -> pa.ChunkedArray | None:
    """As pandas writes its categories."""
    return None if pa.types.is_nested(column.type) else column.dictionary_encode()


def large(column: pa.ChunkedArray, _name: str) -> pa.ChunkedArray | None:
    """As polars writes texts and lists."""
    if pa.types.is_string(column.type):
        return column.cast(pa.large_string())
    return column.cast(pa.large_list(column.type.value_type)) if pa.types.is_list(column.type) else None


def coarse(column: pa.ChunkedArray, _name: str) -> pa.ChunkedArray | None:
    """Times in nanoseconds, without a time zone."""
    return column.cast(pa.timestamp("ns")) if pa.types.is_timestamp(column.type) else None


def only_needed() -> Tables:
    """The columns that tell what a row is, and no other."""
    return {name: table.select(list(NEEDED[name])) for name, table in whole().items()}


def without_rows(*names: str) -> Callable[[], Tables]:
    """Tables with all columns and no rows, in no row group."""
    return lambda: {name: t.slice(0, 0) if name in names else t for name, t in whole().items()}


READABLE: dict[str, Callable[[], Tables]] = {
    "whole": whole,
    "all that may be null is": nulls(lambda _row: True),
    "every other row is null where it may be": nulls(lambda row: row % 2 == 0),
    **{f"some columns are null, {seed}": some_columns_null(seed) for seed in range(6)},
    "numbers are NaN": number(float("nan")),
    "numbers are infinite": number(float("inf")),
    "numbers are negative": number(-1.0),
    "numbers are zero": number(0.0),
    "numbers are huge": number(1e18),
    "numbers are tiny": number(1e-300),
    "columns are dictionaries": each(dictionary),
    "columns are large": each(large),
    "times are naive nanoseconds": each(coarse),
    "no columns but those needed": only_needed,
    "no epochs and no machines": without_rows("epochs", "machines"),
    "all failed": instead("runs", status="failed", error="it did\nnot work"),
    "a status to come": instead("runs", status="melted"),
    "empty names": instead("runs", suite="", sweep="", label="", machine="", node=""),
    "one name for all": instead("runs", label="1e999 nan", scenario_id="x", run_id="x", round=1),
    "times far apart": instead("runs", started_at=datetime.datetime(2500, 1, 1, tzinfo=datetime.UTC)),
    "lists are empty": each(
        lambda c, _n: (
            pa.chunked_array([pa.array([[]] * len(c), c.type)]) if pa.types.is_list(c.type) else None
        )
    ),
    "lists of unlike lengths": instead("machines", probe_working_set_bytes=[1, 2, 3]),
    "further columns": lambda: {
        name: table.append_column("note", pa.array([{"a": 1}] * table.num_rows)).append_column(
            "also", pa.array(["x"] * table.num_rows)
        )
        for name, table in whole().items()
    },
}
"""What can be read, at least in part."""

REFUSED: dict[str, Callable[[], Tables]] = {
    "null names": instead("runs", label=None),
    "null ids": instead("runs", run_id=None),
    "no status": lambda: {**whole(), "runs": whole()["runs"].drop_columns(["status"])},
    "words for numbers": instead("runs", step_seconds="fast"),
    "numbers for lists": instead("runs", hidden=50),
    "lists in lists": instead("runs", hidden=[[50]]),
    "structures": instead("runs", label={"a": 1}),
    "fractions for counts": instead("runs", batch_size=1.5),
    "two columns of one name": lambda: {
        **whole(),
        "runs": whole()["runs"].append_column("label", whole()["runs"].column("label")),
    },
    "somebody else's": lambda: {**whole(), "runs": pa.table({"x": [1]})},
    "a version to come": lambda: {
        **whole(),
        "runs": whole()["runs"].replace_schema_metadata({"bench_schema_version": "99"}),
    },
    "a version that is none": lambda: {
        **whole(),
        "runs": whole()["runs"].replace_schema_metadata({"bench_schema_version": "-1"}),
    },
}
"""What cannot be read at all: one line says why."""


PUBLISHED = Path(__file__).parents[1] / "results" / "notebook-published"
COMMANDS = (
    ("show", "{}"),
    ("show", "{}", "--format", "csv"),
    ("show", "{}", "--format", "md", "--sort", "step_seconds"),
    ("show", "{}", "--format", "json", "--where", "batch_size > 0 or batch_size == None"),
    ("show", "{}", "--overhead"),
    ("report", "{}", "-o", "{}/report.html"),
    ("compare", str(PUBLISHED), "{}"),
)
