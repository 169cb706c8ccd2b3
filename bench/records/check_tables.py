"""The tables of a session, read whole: which of them are damaged, and where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import DamagedError, StoreError, reason
from bench.records.cast import cast, impossible_note
from bench.records.find import SessionFolder
from bench.records.folders import Folder
from bench.records.manifest import StoredFile
from bench.records.stored import content_of, place_of, table_in, verified
from bench.records.tables import TABLE_NAMES, TableName


@dataclass
class TablesFound:
    """What the tables hold.

    `damage` has lines on each that is damaged or missing, `notes` on values that cannot be. `runs` are the
    names of the runs, None where their table is damaged; `whole` has the tables that are not.
    """

    damage: dict[TableName, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    runs: set[str] | None = None
    rows: int = 0

    @property
    def whole(self) -> bool:
        """Whether they are all there, and nothing of them is damaged."""
        return not self.damage and self.runs is not None


def check_tables(session: SessionFolder, stored: Mapping[TableName, StoredFile]) -> TablesFound:
    """All three tables in the folder of `session`, held against those that are `stored`, if any.

    Raises StoreError where one is a newer bench's.
    """
    found = TablesFound()
    for name in TABLE_NAMES:
        file = stored.get(name)
        try:
            _check(session.folder, name, file, found)
        except DamagedError as error:
            where = place_of(session.folder, f"{name}.parquet")
            found.damage[name] = list(_damaged_parts(session.folder, f"{name}.parquet", where)) or [
                str(error)
            ]
    return found


def _check(folder: Folder, name: TableName, stored: StoredFile | None, found: TablesFound) -> None:
    file = f"{name}.parquet"
    where = place_of(folder, file)
    content = verified(folder, stored) if stored else content_of(folder, file)
    if stored:  # what was written, no more has to be known of it than which runs
        table = table_in(content, where, ["run_id"]) if name == "runs" else None
    else:
        table = _read_whole(content, name, where, found)
    if name == "runs" and table is not None:
        found.runs, found.rows = set(table.column("run_id").to_pylist()), table.num_rows


def _read_whole(content: pa.Buffer, name: TableName, where: str, found: TablesFound) -> pa.Table:
    try:
        made = cast(name, table_in(content, where), where)
    except StoreError as error:
        if "upgrade bench" in str(error):
            raise
        raise DamagedError(str(error)) from error
    if note := impossible_note(where, made.impossible):
        found.notes.append(note)
    return made.table


def _damaged_parts(folder: Folder, file: str, where: str) -> Iterator[str]:
    """Lines on which row groups of a damaged file cannot be read; nothing where it is missing."""
    try:
        content = content_of(folder, file)
    except StoreError:
        return
    try:
        parquet = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        groups = parquet.metadata.num_row_groups
    except (pa.ArrowException, OSError, ValueError) as error:
        yield f"{where}: damaged, all of it: {reason(error)}"
        return
    damaged = [number for number in range(groups) if not _is_readable(parquet, number)]
    for number in damaged:
        yield f"{where}: row group {number + 1} of {groups} is damaged"
    if not damaged:
        yield f"{where}: damaged, in its footer or between its {groups} row groups"


def _is_readable(parquet: pq.ParquetFile, number: int) -> bool:
    try:
        parquet.read_row_group(number, use_threads=False).validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True
