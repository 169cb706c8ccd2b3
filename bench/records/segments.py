"""Segments of a session: runs that have ended, as small tables that no longer change."""

import contextlib
import hashlib
import itertools
import json
import os
import re
import resource
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pyarrow as pa

from bench.errors import StoreError
from bench.files import flush_folder, remove_parts, replacing
from bench.records.columns import Part
from bench.records.folders import Folder, Local, unreadable
from bench.records.manifest import Manifest, Segment, StoredFile
from bench.records.stored import content_of, place_of, table_in
from bench.records.tables import TABLE_NAMES, TableName
from bench.records.writing import write_files

SEGMENTS = "segments"
RUNS_OF_A_SEGMENT = 4_096
BYTES_OF_A_SEGMENT = 16 * 2**20
"""Of the journal; whichever it reaches first."""
ENTRIES_KEY = b"bench_entries"
"""Of a file's metadata: the first and the last entry of the journal in its segment, as a list of JSON."""


def write_segments(folder: Path, taken: int, first: int, parts: Iterable[Part]) -> list[Segment]:
    """The entries from `first` on that `parts` hold as segments of the session in `folder`, on the disk.

    Its segments have taken the numbers up to `taken`. Others that lie there are left as they are: the
    manifest may be an older one. Raises StoreError where there is no room for them; then none is left there.
    """
    made: list[Segment] = []
    with contextlib.ExitStack() as failed:
        taken = max([taken, *(int(name.split(".")[0]) for name in segment_files(Local(str(folder))))])
        for number, some in enumerate(_of_a_segment(parts), start=taken + 1):
            names = {name: f"{SEGMENTS}/{number:06}.{name}.parquet" for name in TABLE_NAMES}
            failed.callback(_remove, folder, names.values())
            made.append(_write(folder, names, first, some))
            first = some[-1].last + 1
        failed.pop_all()
    return made


def remove_left(folder: Path) -> None:
    """Removes what a kill left half written of the session in `folder`, which nobody may be writing."""
    for place in (folder, folder / SEGMENTS):
        remove_parts(place)


def _of_a_segment(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """So many parts that they are a segment."""
    some: list[Part] = []
    for part in parts:
        some.append(part)
        if sum(len(one.entries) for one in some) >= RUNS_OF_A_SEGMENT:
            yield some
            some = []
    if some:
        yield some


def _write(folder: Path, names: dict[TableName, str], first: int, parts: list[Part]) -> Segment:
    try:
        (folder / SEGMENTS).mkdir(exist_ok=True)
        flush_folder(folder)
    except OSError:  # writing tells
        pass
    entries = {ENTRIES_KEY: json.dumps([first, parts[-1].last]).encode()}
    files = write_files(folder, names, (part.tables for part in parts), entries)
    for empty in (name for name in TABLE_NAMES if not files[name].rows):
        _remove(folder, [files.pop(empty).name])
    return Segment(first, parts[-1].last, files)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def found_segments(
    folder: Folder, before: int | None, manifest: Manifest | None = None
) -> tuple[list[Segment], list[StoreError]]:
    """The segments in a session's `folder` as their own files tell them, and what cannot be told.

    Those of entries from `before` on, which the journal holds, are none, and those of a `manifest` are not
    among them. For sessions without a manifest, or with one that is older than their journal.
    """
    known = {file.name for one in (manifest.segments if manifest else ()) for file in one.files.values()}
    since = manifest.next_entry if manifest else 1
    found: dict[tuple[int, int], dict[TableName, StoredFile]] = {}
    unknown: list[StoreError] = []
    for file in segment_files(folder):
        name, where = f"{SEGMENTS}/{file}", place_of(folder, f"{SEGMENTS}/{file}")
        if name in known:
            continue
        try:
            content = content_of(folder, name)
            table = table_in(content, where)
        except StoreError as error:
            unknown.append(error)
            continue
        entries, kind = entries_of(table.schema), file.split(".")[1]
        if entries and since <= entries[0] and (before is None or entries[1] < before):
            stored = StoredFile(name, table.num_rows, content.size, hashlib.sha256(content).hexdigest())
            found.setdefault(entries, {})[kind] = stored  # type: ignore[index]
    return _one_after_the_other(found), unknown


def segment_files(folder: Folder) -> list[str]:
    """The names of the files of segments that lie in a session's `folder`, named by its manifest or not."""
    try:
        names, _ = folder.below(SEGMENTS).entries()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place_of(folder, SEGMENTS), error) from error
    return [name for name in names if re.fullmatch(r"[0-9]+\.(runs|epochs|machines)\.parquet", name)]


def _one_after_the_other(found: Mapping[tuple[int, int], dict[TableName, StoredFile]]) -> list[Segment]:
    """Of two that a kill left beside one another, that of more entries."""
    segments: list[Segment] = []
    for (first, last), files in sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])):
        if not segments or first > segments[-1].last:
            segments.append(Segment(first, last, files))
    return segments


def entries_of(schema: pa.Schema) -> tuple[int, int] | None:
    """The first and the last entry of the segment that a file with this schema is of; None where of none."""
    try:
        first, last = json.loads((schema.metadata or {})[ENTRIES_KEY])
        return int(first), int(last)
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


class Held:
    """The files of segments, kept open: they outlive the folder that they lie in, as the journal does.

    Not so many of them that others lack descriptors: those beyond are lost with their folder. One that was
    missing when it was to be kept is `absent`, and not lost with it.
    """

    def __init__(self) -> None:
        self._files: dict[str, IO[bytes]] = {}
        self.absent = set[str]()
        self._opened = contextlib.ExitStack()

    def close(self) -> None:
        """Let go of all."""
        self._opened.close()

    def keep(self, folder: Path, segments: Iterable[Segment]) -> None:
        """Those of `segments` that are not held yet."""
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4
        names = [file.name for segment in segments for file in segment.files.values()]
        for name in itertools.islice((name for name in names if name not in self._files), most):
            if len(self._files) >= most:
                return
            try:
                self._files[name] = self._opened.enter_context((folder / name).open("rb"))
            except FileNotFoundError:
                self.absent.add(name)
            except OSError:  # it is there, and put back it cannot be
                pass

    def put_back(self, folder: Path, segments: Iterable[Segment]) -> list[Segment]:
        """Each file into its place in `folder` where it no longer is; gives the segments that are lost.

        Raises OSError where one cannot be written.
        """
        lost = []
        for segment in segments:
            names = [file.name for file in segment.files.values() if file.name not in self.absent]
            missing = [name for name in names if not self._is_there(folder / name, self._files.get(name))]
            if all(name in self._files for name in missing):
                for name in missing:
                    self._write(folder / name, self._files[name])
            else:
                lost.append(segment)
        return lost

    @staticmethod
    def _is_there(path: Path, held: IO[bytes] | None) -> bool:
        try:
            found = path.stat()
        except OSError:
            return False
        return held is None or found.st_size == os.fstat(held.fileno()).st_size

    @staticmethod
    def _write(path: Path, held: IO[bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        held.seek(0)
        with replacing(path, durable=True) as file:
            shutil.copyfileobj(held, file)


def full(runs: int, size: int) -> bool:
    """Whether a journal of so many runs and bytes is worth a segment."""
    return runs >= RUNS_OF_A_SEGMENT or size >= BYTES_OF_A_SEGMENT


def lost_with(folder: Path, segments: list[Segment]) -> StoreError:
    """The error for `segments` whose files are gone with the folder that they lay in."""
    runs = sum(segment.files["runs"].rows for segment in segments if "runs" in segment.files)
    return StoreError(
        f"{folder}: was deleted or moved while its session went on, and {runs} runs of its segments "
        "with it; put them back from where they are now, or run them again with --resume"
    )
