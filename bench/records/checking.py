"""What of a session is whole, what is damaged, and what can be made again from what: all of it is read.

A file that a manifest names is held against its hash, a sealed line of a journal against its checksum. Tables
without a manifest and lines without a seal have none: of these it is told that they can be read, and that
nothing stands there that cannot be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.errors import StoreError
from bench.records.check_pieces import PiecesFound, check_pieces, strays
from bench.records.check_tables import TablesFound, check_tables
from bench.records.find import RUNS_FILE, SessionFolder
from bench.records.folders import Folder, Local
from bench.records.journal import FILE_NAME
from bench.records.listing import State, size_of, state_of
from bench.records.manifest import MANIFEST_FILE
from bench.records.stored import place_of
from bench.records.tables import TABLE_NAMES

Verdict = Literal["whole", "no checksums", "damaged"]
Repair = Literal["tables", "manifest", "pieces"]
"""What is to be made anew: the tables, the manifest alone, or segments and journal with all the others."""

_ANOTHER = "copy it again, or look for another copy"


@dataclass(frozen=True)
class Checked:
    """What became of a session.

    One without any checksum that can be read, and holds nothing that cannot be, has "no checksums". `damage`
    has a line for each damaged place, `lost` lines on what nothing holds any more. `remedy` says what can be
    made again from what, or what else to do, None where nothing is to be done; `repair` is which of that
    `repairing` does, and `repaired` lines on what it did. `strays` are files that belong to nobody, `notes`
    lines on all else, and `files` the names of those that are damaged, with all of a damaged segment.
    """

    path: str
    bytes: int
    state: State
    verdict: Verdict
    damage: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    remedy: str | None = None
    repair: Repair | None = None
    strays: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()


def check_session(session: SessionFolder) -> Checked:
    """The session, read whole."""
    path, size, state = session.folder.path, 0, None
    try:
        size = size_of(session)
        pieces = check_pieces(session)
        state = state_of(session, pieces.manifest)
        named = dict(pieces.manifest.tables) if pieces.manifest else {}
        expected = state == "ended" or (pieces.manifest is None and RUNS_FILE in session.files)
        tables = check_tables(session, named) if expected else None
        files = tuple(strays(session, pieces.manifest)) if state != "going on" else ()
    except StoreError as error:
        return Checked(path, size, state or "damaged", "damaged", (str(error),), remedy=_ANOTHER)
    damage = tuple(_damage(session, pieces, tables))
    repair = _repair(session, state, pieces, tables, damage)
    return Checked(
        path,
        size,
        state,
        "damaged" if damage else "whole" if pieces.sealed or named else "no checksums",
        damage,
        tuple(_lost(session, pieces, tables)) if damage else (),
        _remedy(session.folder, state, tables, repair) if damage or repair else None,
        repair,
        files,
        tuple(tables.notes if tables else ()),
        tuple(_files(pieces, tables)) if damage else (),
    )


def _files(pieces: PiecesFound, tables: TablesFound | None) -> Iterator[str]:
    if pieces.manifest_damage:
        yield MANIFEST_FILE
    if pieces.journal_damaged:
        yield FILE_NAME
    yield from (file.name for segment in pieces.segments for file in segment.files.values())
    yield from (f"{name}.parquet" for name in (tables.damage if tables else ()))


def _has_pieces(session: SessionFolder, pieces: PiecesFound) -> bool:
    return FILE_NAME in session.files or pieces.manifest is not None


def _damage(session: SessionFolder, pieces: PiecesFound, tables: TablesFound | None) -> Iterator[str]:
    if pieces.manifest_damage:
        yield pieces.manifest_damage
    yield from pieces.damage
    if tables is None:
        return
    for name in TABLE_NAMES:
        yield from tables.damage.get(name, ())
    if tables.runs is None or not _has_pieces(session, pieces) or pieces.damage:
        return
    if lacking := len(pieces.runs - tables.runs):
        yield f"{place_of(session.folder, RUNS_FILE)}: lacks {_runs(lacking)} that its journal has"
    if lacking := len(tables.runs - pieces.runs):
        yield f"{place_of(session.folder, FILE_NAME)}: lacks {_runs(lacking)} that its table has"


def _repair(
    session: SessionFolder,
    state: State,
    pieces: PiecesFound,
    tables: TablesFound | None,
    damage: Sequence[str],
) -> Repair | None:
    """What is to be made anew; nothing where there is nothing to make it from."""
    if state == "going on" or not _has_pieces(session, pieces):
        return None
    if pieces.damage or (tables and tables.runs is not None and tables.runs - pieces.runs):
        return "pieces"
    if state == "ended" and (damage or (pieces.sealed and pieces.manifest is None)):
        return "tables"
    return "manifest" if damage else None


def _lost(session: SessionFolder, pieces: PiecesFound, tables: TablesFound | None) -> Iterator[str]:
    """What no other file of the session holds."""
    if tables and tables.whole:
        return
    if not _has_pieces(session, pieces):
        yield "what stood in the damaged places"
        return
    named = pieces.manifest.tables.get("runs") if pieces.manifest else None
    known = pieces.runs | ((tables and tables.runs) or set())
    if named and (runs := named.rows - len(known)) > 0:
        yield _runs(runs)
    elif not named and not (tables and tables.runs is not None):
        yield from _lost_places(pieces)
    if pieces.damage and tables and not {"epochs", "machines"}.isdisjoint(tables.damage):
        yield "what the damaged places held of epochs and machines"


def _lost_places(pieces: PiecesFound) -> Iterator[str]:
    if pieces.lines:
        yield f"what stood in {pieces.lines} {'line' if pieces.lines == 1 else 'lines'} of the journal"
    if pieces.journal_gone:
        yield "what stood in the journal"
    for segment in pieces.segments:
        most = segment.files["runs"].rows if "runs" in segment.files else 0
        yield f"what stood in the damaged segment of {_runs(most)}"
    if pieces.unknown:
        yield f"what stood in {pieces.unknown} damaged files of segments"


def _remedy(folder: Folder, state: State, tables: TablesFound | None, repair: Repair | None) -> str:
    if state == "going on":
        return "wait until the session has ended, and check it again"
    if repair is None:
        return _ANOTHER
    from_tables = repair == "pieces" and tables is not None and tables.whole
    source = "its tables" if from_tables else "its segments and its journal"
    again = "" if from_tables or repair != "pieces" else "; bench run --resume runs again what is missing"
    what = {"pieces": "it", "tables": "its tables", "manifest": "its manifest"}[repair]
    where = "" if isinstance(folder, Local) else "on a copy of its folder on this machine, "
    return f"{where}bench check --repair makes {what} anew from {source}{again}"


def _runs(number: int) -> str:
    return f"{number:,} {'run' if number == 1 else 'runs'}"
