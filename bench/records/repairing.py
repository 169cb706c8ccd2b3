"""A damaged session made whole again, from what of it is whole; nothing is thrown away for it."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from bench.errors import StoreError, reason
from bench.records.check_pieces import PiecesFound, check_pieces
from bench.records.checking import Checked, check_session
from bench.records.claims import is_claim
from bench.records.columns import Part
from bench.records.find import SessionFolder, session_in
from bench.records.folders import Local
from bench.records.journal import FILE_NAME, Journal
from bench.records.manifest import Manifest, write_manifest
from bench.records.pieces import RUN_ID, Pieces, names_in, read_manifest, without_others
from bench.records.rebuild import of_schema, rebuild_tables
from bench.records.rescue import (
    OF_RANKS,
    Rank,
    as_part,
    keep_copy,
    machines_in,
    newer_in,
    of_runs,
    other_machines,
    put_in_segments,
    ranks_in,
    read_table,
    restore_pieces,
)
from bench.records.segments import SEGMENTS, remove_left, write_segments
from bench.records.tables import JOURNAL_VERSION, TABLE_NAMES, TableName, schema_of


def repaired(session: SessionFolder, checked: Checked) -> Checked:
    """`session` once more as it was `checked`, repaired where that can be: how it is then, and what was done.

    `lost` stays what it was. Where it cannot be repaired its `remedy` says why.
    """
    if checked.repair is None:
        return _tidied(session, checked)
    if not isinstance(session.folder, Local):
        return replace(checked, remedy="copy the session's folder to this machine, and repair it there")
    folder = Path(session.folder.path)
    try:
        _check_name(folder)
        kept = _keep(folder, checked)
        _make_anew(folder, checked)
        _remove_left(folder)
        left = session_in(session.folder)
    except StoreError as error:
        return replace(checked, remedy=f"not repaired: {error}")
    except (OSError, pa.ArrowException) as error:
        return replace(checked, remedy=f"not repaired: {folder}: cannot be written: {reason(error)}")
    after = check_session(left)
    said = [f"was damaged: {line}" for line in checked.damage]
    said += [f"{old} is kept as {new.name}" for old, new in kept.items()]
    return replace(after, lost=checked.lost, repaired=tuple(said) or ("its manifest was written",))


def _tidied(session: SessionFolder, checked: Checked) -> Checked:
    """A whole one without what a kill left half written; of what is going on, or elsewhere, it stays."""
    left = [*filter(is_claim, session.files), *(it for it in checked.strays if it.endswith(".part"))]
    if not left or checked.state == "going on" or not isinstance(session.folder, Local):
        return checked
    with contextlib.suppress(StoreError):  # such as where another machine writes it
        _remove_left(Path(session.folder.path))
    return replace(checked, strays=tuple(it for it in checked.strays if Path(it).exists()))


def _remove_left(folder: Path) -> None:
    """What a kill left half written; nobody else may be writing the session then."""
    if (folder / FILE_NAME).exists():
        with Journal(folder):
            remove_left(folder)


def _check_name(folder: Path) -> None:
    """Raises StoreError where only tables tell the session: made anew, they may lack what they have now."""
    with Pieces(Local(str(folder))) as pieces:
        for _ in pieces.journal():
            pass  # its header is known once it was read
    if not isinstance(pieces.header.get("session_id"), str):
        raise StoreError(f"{folder}: nothing that is whole tells which session it is; look for another copy")


def _make_anew(folder: Path, checked: Checked) -> None:
    if checked.repair == "manifest":
        _write_manifest(folder)
        return
    ended = checked.state == "ended"
    if checked.repair == "pieces":
        restored = restore_pieces(folder, ended)
        _leave_out(folder, ended, restored)
        _remove_left_out(folder, checked.files)
    if ended:
        rebuild_tables(folder)


def _keep(folder: Path, checked: Checked) -> dict[str, Path]:
    """A copy of each damaged file that may hold what none that will take its place does."""
    if checked.repair != "pieces" and not checked.lost:
        return {}
    kept = {}
    for name in checked.files:
        if (folder / name).is_file():
            kept[name] = keep_copy(folder / name)
    return kept


def _write_manifest(folder: Path) -> None:
    with Journal(folder), Pieces(Local(str(folder))) as pieces:
        for _ in pieces.journal():
            pass  # its header is known once it was read
        write_manifest(folder, replace(pieces.manifest or Manifest({}), session=pieces.header))


def _leave_out(folder: Path, ended: bool, restored: bool) -> None:
    """Segments and a journal without what is damaged: the rest of these is in a segment of its own.

    So is what any table has beyond them.

    That a session has `ended` its journal tells already where something was `restored`.
    """
    found = check_pieces(session_in(Local(str(folder))))
    with Journal(folder) as journal, Pieces(Local(str(folder))) as pieces:
        manifest = pieces.manifest or Manifest({})
        journal.continue_at(manifest.next_entry)
        tables = _readable_tables(pieces)
        missing = newer_in(tables["runs"], _ranks(pieces, {}))
        if found.damage or missing:
            rest = _without_damage(folder, journal, pieces, found, tables)
            rest = replace(rest, tables=manifest.tables if ended else {})
            put_in_segments(folder, journal, rest, len(found.runs.union(missing)) if ended else None)
        elif ended and not restored:
            journal.append("closed", runs=len(found.runs))


def _remove_left_out(folder: Path, damaged: Sequence[str]) -> None:
    """Files of segments that the manifest no longer names, since they are `damaged`: copies are kept."""
    manifest = read_manifest(Local(str(folder)))
    named = {file.name for one in (manifest.segments if manifest else ()) for file in one.files.values()}
    numbers = {name.partition(".")[0] for name in damaged if name.startswith(SEGMENTS)}
    for name in (f"{number}.{table}.parquet" for number in numbers for table in TABLE_NAMES):
        if name not in named:
            (folder / name).unlink(missing_ok=True)


def _ranks(pieces: Pieces, latest: dict[str, int]) -> dict[str, Rank]:
    """Of each run that the pieces have; `latest` gets which entry of it counts."""
    ranks: dict[str, Rank] = {}
    for part in itertools.chain(pieces.segments({"runs": OF_RANKS}), pieces.journal()):
        latest |= zip(names_in(part), part.entries, strict=True)
        ranks |= ranks_in(part.tables["runs"])
    return ranks


def _without_damage(
    folder: Path,
    journal: Journal,
    pieces: Pieces,
    found: PiecesFound,
    tables: Mapping[TableName, pa.Table],
) -> Manifest:
    """All that is whole of its pieces, and what the `tables` that can be read have beyond that."""
    manifest, latest = pieces.manifest or Manifest({}), dict[str, int]()
    missing = newer_in(tables["runs"], _ranks(pieces, latest))
    runs, epochs = (of_runs(tables[name], missing) for name in ("runs", "epochs"))
    entry = journal.next_entry + len(found.segments)
    lacking = as_part({"runs": runs, "epochs": epochs, "machines": _other_machines(tables, pieces)}, entry)
    latest |= dict.fromkeys(missing, entry)
    rests = _rests(pieces, found, latest, tables["epochs"], journal.next_entry)
    parts = itertools.chain(pieces.journal(latest), rests, [lacking])
    made = write_segments(folder, manifest.taken, manifest.next_entry, parts)
    kept = [segment for segment in manifest.segments if segment not in found.segments]
    header = {**pieces.header, "schema_version": JOURNAL_VERSION}
    return Manifest(header, (*kept, *made))


def _rests(
    pieces: Pieces, found: PiecesFound, latest: Mapping[str, int], epochs: pa.Table, entry: int
) -> Iterator[Part]:
    """What can be read of each damaged segment, as one more entry, from `entry` on.

    What one has lost of its epochs is taken from `epochs`, those of the tables.
    """
    manifest, numbers = pieces.manifest or Manifest({}), itertools.count(entry)
    for segment, part in zip(manifest.segments, pieces.segments(), strict=True):
        if segment in found.segments:
            rest = without_others(part, latest).tables
            of_rest = rest["epochs"]
            if not of_rest.num_rows:
                of_rest = of_runs(epochs, rest["runs"].column(RUN_ID).to_pylist())
            yield as_part({**rest, "epochs": of_rest}, next(numbers))


def _readable_tables(pieces: Pieces) -> dict[TableName, pa.Table]:
    """The tables, each verified as well as can be; one that is damaged or missing has no rows."""
    folder, stored = pieces.folder, pieces.manifest.tables if pieces.manifest else {}
    tables = {name: pa.Table.from_batches([], schema=schema_of(name)) for name in TABLE_NAMES}
    for name in TABLE_NAMES:
        with contextlib.suppress(StoreError, KeyError):
            tables[name] = of_schema(name, read_table(folder, name, stored))
    return tables


def _other_machines(tables: Mapping[TableName, pa.Table], pieces: Pieces) -> pa.Table:
    """Those that no piece has."""
    parts = itertools.chain(pieces.segments({"machines": schema_of("machines").names}), pieces.journal())
    return other_machines(tables["machines"], set().union(*map(machines_in, parts)))
