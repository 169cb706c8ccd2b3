"""The three tables: their columns, and how a record becomes a row of one."""

import dataclasses
import datetime
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import pyarrow as pa

from bench.errors import StoreError
from bench.machine.fingerprint import GPU_FACTS, Fingerprint
from bench.machine.hardware import Hardware
from bench.machine.nvml import Gpu
from bench.machine.software import Software
from bench.records.measurement import Epoch, Measurement
from bench.records.net import model_flops_per_step
from bench.records.probe import ProbeColumns
from bench.records.scenario import Scenario

SCHEMA_VERSION = 1
"""Of the columns of the tables."""
JOURNAL_VERSION = 2
"""Of a session's journal, and of what is beside it; sessions of the first have a journal without seals."""
TableName = Literal["runs", "epochs", "machines"]
TABLE_NAMES: tuple[TableName, ...] = typing.get_args(TableName)
NOT_PROBED = ProbeColumns()
Row = dict[str, Any]
_MOST_DIGITS = 9  # of a version: Python refuses to read numbers of thousands
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Identity:
    """Which run it was, and where it ran: what the driver knows of it.

    `wanted_precision` is the suite's `[measure] precision`; `precision` is the name of a setting.
    `queue_seconds` is how long the run waited for its slot, until `started_at`, `occupied_seconds` how long
    it held it from then on. `machine` and `node` are those of the run's first process, `machines` and `nodes`
    those of each of its workers.
    """

    run_id: str
    session_id: str
    suite: str
    sweep: str
    scenario_id: str
    label: str
    round: int
    order: int
    attempt: int
    started_at: datetime.datetime | None
    machine_id: str | None = None
    software_id: str | None = None
    machine: str | None = None
    node: str | None = None
    machines: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None
    dataset_sha256: str | None = None
    queue_seconds: float | None = None
    occupied_seconds: float | None = None
    wanted_precision: float | None = None
    max_rounds: int | None = None


def run_row(identity: Identity, scenario: Scenario, seed: int, measurement: Measurement) -> Row:
    """A row of `runs`; `seed` is the run's own (the scenario's plus the round), under the setting's name."""
    return {
        **_values(identity),
        **{name: getattr(scenario, name) for name in Scenario.model_fields},
        "seed": seed,
        "model_flops_per_step": model_flops_per_step(scenario.widths, scenario.global_batch),
        **_values(measurement),
    }


def epoch_row(run_id: str, epoch: Epoch) -> Row:
    """A row of `epochs`."""
    return {"run_id": run_id, **_values(epoch)}


def machine_row(session_id: str, fingerprint: Fingerprint, probe: ProbeColumns = NOT_PROBED) -> Row:
    """A row of `machines`: a column per fact, the whole fingerprint as JSON, and the figures of a probe."""
    whole = json.dumps(dataclasses.asdict(fingerprint), sort_keys=True)
    return {
        "session_id": session_id,
        **fingerprint.facts(),
        "fingerprint": whole,
        **dataclasses.asdict(probe),
    }


def runs_schema() -> pa.Schema:
    """Columns of `runs`: who and where, every setting under its own name, what was measured."""
    settings = [pa.field(name, _arrow(field.annotation)) for name, field in Scenario.model_fields.items()]
    flops = [pa.field("model_flops_per_step", pa.int64())]
    return _schema([*_fields(Identity), *settings, *flops, *_fields(Measurement)])


def epochs_schema() -> pa.Schema:
    """Columns of `epochs`."""
    return _schema([pa.field("run_id", pa.string()), *_fields(Epoch)])


def machines_schema() -> pa.Schema:
    """Columns of `machines`, as `Fingerprint.facts` and `ProbeColumns` name them."""
    ids = [pa.field(n, pa.string()) for n in ("session_id", "machine_id", "software_id", "machine", "node")]
    gpus = {field.name: field.type for field in _fields(Gpu)}
    per_gpu = [pa.field(f"gpu_{name}", pa.list_(gpus[name])) for name in GPU_FACTS]
    built = _fields(Hardware, without="gpus")
    running = _fields(Software, without="environment")
    environment = [pa.field("environment", pa.list_(pa.string())), pa.field("fingerprint", pa.string())]
    count = pa.field("gpu_count", pa.int64())
    return _schema([*ids, *built, count, *per_gpu, *running, *environment, *_fields(ProbeColumns)])


@lru_cache(maxsize=len(TABLE_NAMES))
def schema_of(name: TableName) -> pa.Schema:
    """The columns of a table, by its name."""
    return {"runs": runs_schema, "epochs": epochs_schema, "machines": machines_schema}[name]()


def to_table(name: TableName, rows: list[Row]) -> pa.Table:
    """Rows as a table of the schema that `name` has; keys that the schema lacks are an error."""
    schema, known = schema_of(name), _columns(name)
    for row in rows:
        if not row.keys() <= known:
            raise KeyError(f"{name} has no column {', '.join(sorted(row.keys() - known))}")
    if not rows:  # made from lists, even of nothing, it would import pandas, which `bench show` does without
        return pa.Table.from_batches([], schema=schema)
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError:
        return pa.Table.from_pylist([_storable(row) for row in rows], schema=schema)


@lru_cache(maxsize=len(TABLE_NAMES))
def _columns(name: TableName) -> frozenset[str]:
    return frozenset(schema_of(name).names)


def _storable(value: Any) -> Any:  # noqa: ANN401 -- whatever a row holds
    """`value` with a question mark for what UTF-8 lacks: halves of characters, as a file's name may hold."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def version_of(schema: pa.Schema) -> int | None:
    """The schema version that a table's metadata names; None where it is not a table of this program."""
    text = (schema.metadata or {}).get(b"bench_schema_version")
    return int(text) if text and text.isdigit() and len(text) <= _MOST_DIGITS else None


def check_version(version: object, where: str, newest: int = SCHEMA_VERSION) -> None:
    """Raises StoreError where `version`, which `where` names as its schema's, is not one that can be read."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise StoreError(f"{where}: names no schema version; give a session that bench wrote")
    if version > newest:
        raise StoreError(f"{where}: schema version {version}, this bench reads up to {newest}; upgrade bench")


def _values(record: Identity | Measurement | Epoch) -> Row:
    """Its fields as they are: `asdict` would copy each, and takes ten times as long."""
    return dict(vars(record))


def _metadata() -> Mapping[bytes, bytes]:
    return {b"bench_schema_version": str(SCHEMA_VERSION).encode()}


def _schema(fields: list[pa.Field]) -> pa.Schema:
    return pa.schema(fields, metadata=_metadata())


def _fields(record: type, without: str = "") -> list[pa.Field]:
    hints = typing.get_type_hints(record)
    names = [f.name for f in dataclasses.fields(record) if f.name != without]
    return [pa.field(name, _arrow(hints[name])) for name in names]


def _arrow(hint: Any) -> pa.DataType:  # noqa: ANN401 -- a type annotation
    """The Arrow type of a field's annotation: scalars, tuples of one type, and any of them or None.

    Raises TypeError for any other.
    """
    plain: dict[Any, pa.DataType] = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime.datetime: pa.timestamp("us", tz="UTC"),
    }
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in plain:
        return plain[hint]
    if origin is Literal:
        return pa.string()
    if origin is Annotated:
        return _arrow(arguments[0])
    if origin is tuple:
        return pa.list_(_arrow(arguments[0]))
    if origin in (types.UnionType, typing.Union):
        return _arrow(next(a for a in arguments if a is not type(None)))
    raise TypeError(f"no Arrow type for {hint}")
