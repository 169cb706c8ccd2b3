"""What belongs to a session: its segments and its tables, each with its size and hash, in one small file.

`manifest.json` is one sealed line (see `seal`), replaced in one step: whoever reads it sees the session as it
was before a segment was closed, or as it is after. Entries of the journal are numbered from 1; those before
`next_entry` are in segments, and the journal holds the others.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bench.errors import StoreError
from bench.records.seal import BrokenSealError, sealed, unsealed
from bench.records.tables import Row, TableName

MANIFEST_FILE = "manifest.json"
VERSION = 1


@dataclass(frozen=True)
class StoredFile:
    """A Parquet file: its name, from the session's folder on, its rows, its size in bytes and its SHA-256."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Segment:
    """Finished runs that no longer change: the journal's entries `first` to `last`, as tables.

    `files` lacks a table of which it has no rows.
    """

    first: int
    last: int
    files: Mapping[TableName, StoredFile]


@dataclass(frozen=True)
class Manifest:
    """A session: its header, its segments in the order of their entries, and its tables once it has ended.

    `tables` is empty while the session goes on, and again once it is resumed. Of a run that is in several
    segments, or in the journal too, the last entry counts.
    """

    session: Row
    segments: tuple[Segment, ...] = ()
    tables: Mapping[TableName, StoredFile] = field(default_factory=dict)

    @property
    def next_entry(self) -> int:
        """The number of the first entry that is in no segment."""
        return self.segments[-1].last + 1 if self.segments else 1

    def as_bytes(self) -> bytes:
        """The content of its file."""
        return sealed(json.dumps({"version": VERSION, **asdict(self)}))

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """That of a file, named as `where`. Raises StoreError where it is damaged, or a newer bench's."""
        try:
            entry = unsealed(content)
        except (BrokenSealError, ValueError, RecursionError) as error:
            raise StoreError(f"{where}: damaged; `bench check --repair` makes it anew") from error
        if entry["version"] > VERSION:
            raise StoreError(
                f"{where}: version {entry['version']}, this bench reads up to {VERSION}; upgrade bench"
            )
        return cls(
            session=entry["session"],
            segments=tuple(Segment(it["first"], it["last"], _files(it["files"])) for it in entry["segments"]),
            tables=_files(entry["tables"]),
        )


def _files(found: Mapping[TableName, Mapping[str, Any]]) -> dict[TableName, StoredFile]:
    return {name: StoredFile(**file) for name, file in found.items()}
