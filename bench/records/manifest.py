"""What belongs to a session: its segments and its tables, each with its size and hash, in one small file.

`manifest.json` is one sealed line (see `seal`), replaced in one step: whoever reads it sees the session as it
was before a segment was closed, or as it is after. Entries of the journal are numbered from 1; those before
`next_entry` are in segments, and the journal holds the others.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, ValidationError

from bench.errors import DamagedError, StoreError, reason
from bench.files import replacing
from bench.records.arrays import Value
from bench.records.seal import BrokenSealError, sealed, unsealed
from bench.records.tables import Row, TableName

MANIFEST_FILE = "manifest.json"
VERSION = 1
_NAME = r"^(segments/[0-9]+\.)?(runs|epochs|machines)\.parquet$"
_Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class StoredFile:
    """A Parquet file: its name, from the session's folder on, its rows, its size in bytes and its SHA-256.

    `clean` tells that it has been looked at as it was written: each column is of the schema's type, no value
    is one that cannot be, and `constants` has the columns that hold one value in all rows, None where it is
    missing in all. Such columns need not be read, nor those that `told` has, as of a table of few rows: the
    value of each row.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    rows: _Count
    bytes: _Count
    sha256: str
    clean: bool = False
    constants: Mapping[str, Value] = field(default_factory=dict)
    told: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Segment:
    """Finished runs that no longer change: the journal's entries `first` to `last`, as tables.

    Each run is in it once. `files` lacks a table of which it has no rows.
    """

    first: _Count
    last: _Count
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

    @property
    def taken(self) -> int:
        """The highest number of a segment's file; those of segments that were damaged may be lacking."""
        names = [file.name for segment in self.segments for file in segment.files.values()]
        return max((int(name.split("/")[1].split(".")[0]) for name in names), default=0)

    def as_bytes(self) -> bytes:
        """The content of its file."""
        return sealed(json.dumps({"version": VERSION, **asdict(self)}))

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """That of a file, named as `where`.

        Raises DamagedError where it is damaged, and another StoreError where it is a newer bench's.
        """
        try:
            entry = unsealed(content)
            version = entry.pop("version")
            if version == VERSION:
                parsed: Self = _form().validate_python(entry)
                return parsed
        except (BrokenSealError, ValidationError, ValueError, KeyError, RecursionError) as error:
            raise DamagedError(f"{where}: damaged; `bench check --repair` makes it anew") from error
        raise StoreError(f"{where}: version {version}, this bench reads up to {VERSION}; upgrade bench")


@functools.cache
def _form() -> TypeAdapter[Any]:
    return TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Puts it in the session's `folder` in place of the one there; on the disk when this returns.

    Raises StoreError where it cannot be written; then the one there is as it was.
    """
    try:
        with replacing(folder / MANIFEST_FILE, durable=True) as file:
            file.write(manifest.as_bytes())
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {reason(error)}; make room there") from error
