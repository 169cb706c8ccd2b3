"""The segments and the journal of a session, read whole: which of them are damaged, and where."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import pyarrow as pa

from bench.errors import DamagedError, StoreError
from bench.records.columns import journal_parts
from bench.records.find import SessionFolder
from bench.records.folders import Folder, by_lines, unreadable
from bench.records.journal import FILE_NAME
from bench.records.lines import Damage, Lines
from bench.records.manifest import MANIFEST_FILE, Manifest, Segment
from bench.records.pieces import older_note, read_manifest, without_gap
from bench.records.seal import BEGINNING
from bench.records.segments import SEGMENTS, found_segments
from bench.records.stored import place_of, table_in, verified
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, check_version

MOST_NAMED = 8
_TRIES = 8
_PART = re.compile(r"\.[0-9a-f]+\.part|\..+\.parquet\.[0-9]+")
"""How bench calls what is not whole yet, and how it once did."""


@dataclass
class PiecesFound:
    """What segments and journal hold.

    `damage` has lines on what is damaged, `segments` those that are, at least in part,
    `unknown` how many files of segments tell nothing of themselves, where no manifest does, and `lines` how
    many lines of the journal are; it may also be `journal_damaged` by what is missing in it, or be missing
    whole: `journal_gone`.
    `manifest` is the one that was read, or what the segments themselves tell where it is damaged, of which
    `manifest_damage` is a line. `runs` are the names of the runs that can be read; `sealed` tells whether the
    journal has checksums, None where there is none.
    """

    manifest: Manifest | None = None
    manifest_damage: str | None = None
    damage: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    lines: int = 0
    unknown: int = 0
    journal_damaged: bool = False
    journal_gone: bool = False
    runs: set[str] = field(default_factory=set)
    sealed: bool | None = None


def check_pieces(session: SessionFolder) -> PiecesFound:
    """All segments and the whole journal in the folder of `session`.

    Raises StoreError where they are a newer bench's, or cannot be read at all.
    """
    for _ in range(_TRIES):
        found = _read(session)
        if found.manifest_damage or _manifest_now(session.folder) == found.manifest:
            break  # else a segment was closed meanwhile: what was read is of no one moment
    return found


def _read(session: SessionFolder) -> PiecesFound:
    found, folder = PiecesFound(), session.folder
    first = _first_entry(folder) if FILE_NAME in session.files else None
    try:
        found.manifest = read_manifest(folder)
        if found.manifest is None and first is not None and first > 1:
            raise DamagedError(
                f"{place_of(folder, MANIFEST_FILE)}: missing, though its journal goes on from one"
            )
        if found.manifest and first is not None and first > found.manifest.next_entry:
            _go_on_behind(folder, found, found.manifest, first)
    except DamagedError as error:
        found.manifest_damage = str(error).partition(";")[0]
        segments, unknown = found_segments(folder, first)
        found.damage += [str(error).partition(";")[0] for error in unknown]
        found.unknown = len(unknown)
        found.manifest = Manifest({}, tuple(segments))
    if found.manifest:
        version = found.manifest.session.get("schema_version", 1)
        check_version(version, place_of(folder, MANIFEST_FILE), JOURNAL_VERSION)
        for segment in found.manifest.segments:
            _check_segment(folder, segment, found)
    if FILE_NAME in session.files:
        _check_journal(folder, found)
    elif found.manifest:
        found.journal_gone = True
        found.damage.append(f"{place_of(folder, FILE_NAME)}: missing")
    return found


def _go_on_behind(folder: Folder, found: PiecesFound, manifest: Manifest, first: int) -> None:
    segments, unknown = found_segments(folder, first, manifest)
    found.manifest_damage = older_note(folder)
    found.damage += [str(error).partition(";")[0] for error in unknown]
    found.unknown = len(unknown)
    found.manifest = without_gap(manifest, segments)


def _manifest_now(folder: Folder) -> Manifest | None:
    try:
        return read_manifest(folder)
    except DamagedError:
        return None


def _check_segment(folder: Folder, segment: Segment, found: PiecesFound) -> None:
    for name in TABLE_NAMES:
        if name not in segment.files:
            continue
        try:
            content = verified(folder, segment.files[name])
            if name == "runs":
                runs = table_in(content, place_of(folder, segment.files[name].name), ["run_id"])
                found.runs |= set(runs.column("run_id").to_pylist())
        except DamagedError as error:
            found.damage.append(str(error))
            if segment not in found.segments:
                found.segments.append(segment)


def _check_journal(folder: Folder, found: PiecesFound) -> None:
    where = place_of(folder, FILE_NAME)
    try:
        with _opened(folder) as file:
            begins = file.readline()
            found.sealed = not begins or begins.startswith(BEGINNING)
            if not begins and found.manifest:  # beside one it begins with what its session is
                found.journal_gone = found.journal_damaged = True
                found.damage.append(f"{where}: empty")
            file.seek(0)
            lines = Lines(file, where, found.manifest.next_entry if found.manifest else 1)
            for part in journal_parts(lines, {}):
                check_version(part.header.get("schema_version", 1), where, JOURNAL_VERSION)
                found.runs |= set(part.tables["runs"].column("run_id").to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise unreadable(where, error) from error
    found.lines = len(lines.damage.lines)
    found.journal_damaged = bool(lines.damage.lines or lines.damage.missing)
    found.damage += _lines(lines.damage)


def _lines(damage: Damage) -> Iterator[str]:
    for number in damage.lines[:MOST_NAMED]:
        yield f"{damage.where}:{number}: damaged"
    if (more := len(damage.lines) - MOST_NAMED) > 0:
        yield f"{damage.where}: {more} more damaged lines, to line {damage.lines[-1]}"
    for number, count in damage.missing:
        yield f"{damage.where}:{number}: {count} {'entry' if count == 1 else 'entries'} before it missing"


def _first_entry(folder: Folder) -> int | None:
    try:
        with _opened(folder) as file:
            lines = Lines(file, "")
            next(iter(lines), None)
            return lines.first
    except (pa.ArrowException, OSError) as error:
        raise unreadable(place_of(folder, FILE_NAME), error) from error


def _opened(folder: Folder) -> IO[bytes]:
    file = folder.open(FILE_NAME)
    return by_lines(file)


def strays(session: SessionFolder, manifest: Manifest | None) -> Iterator[str]:
    """The files in its folder that a kill left there, and segments that its `manifest` does not name."""
    folder = session.folder
    for name in sorted(session.files):
        if _PART.fullmatch(name):
            yield place_of(folder, name)
    known = {file.name for one in (manifest.segments if manifest else ()) for file in one.files.values()}
    try:
        names, _ = folder.below(SEGMENTS).entries()
    except (pa.ArrowException, OSError, StoreError):
        return
    for name in names:
        is_segment = re.fullmatch(r"[0-9]+\.[a-z]+\.parquet", name)
        if _PART.fullmatch(name) or (is_segment and f"{SEGMENTS}/{name}" not in known):
            yield place_of(folder, f"{SEGMENTS}/{name}")
