"""Two copies of one session: which of them holds what the other one does."""

from typing import Literal

import pyarrow as pa

from bench.records.cast import NEEDED, cast
from bench.records.find import RUNS_FILE, SessionFolder
from bench.records.listing import state_of
from bench.records.measurement import UNFINISHED
from bench.records.pieces import read_manifest, read_pieces
from bench.records.stored import content_of, place_of, table_in, verified

Comparison = Literal["same", "longer", "shorter", "forked"]
_COLUMNS = tuple(dict.fromkeys((*NEEDED["runs"], "attempt", "started_at")))
_Fates = dict[str, tuple[int | None, int | None, str]]


def compare_copies(session: SessionFolder, other: SessionFolder) -> Comparison:
    """Whether `session` is longer than the `other` copy: holds each run of it, and more.

    A run that a resumed session tried again counts as held. Of copies that hold the same, the one that has
    ended is longer, and of two that have, the one whose manifest tells. Where each holds a run that the other
    lacks, they are forked: both were resumed.

    Raises DamagedError where bytes of the runs are not those that were written, and another StoreError where
    they cannot be read.
    """
    here, there = _fates(session), _fates(other)
    holds, is_held = _covers(here, there), _covers(there, here)
    if holds and is_held:
        far, other_far = _how_far(session), _how_far(other)
        return "same" if far == other_far else "longer" if far > other_far else "shorter"
    return "longer" if holds else "shorter" if is_held else "forked"


def _covers(one: _Fates, other: _Fates) -> bool:
    return all(
        one.get(run_id) == fate or (run_id in one and fate[2] in UNFINISHED) for run_id, fate in other.items()
    )


def _how_far(session: SessionFolder) -> int:
    """Whether it has ended, which its manifest tells last."""
    manifest = read_manifest(session.folder)
    return (state_of(session, manifest) == "ended") + bool(manifest and manifest.tables)


def _fates(session: SessionFolder) -> _Fates:
    """What became of each run: its attempt, when that began, and how it ended."""
    if _how_far(session):
        parts = [_table(session)]
    else:
        parts = read_pieces(session.folder, {"runs": _COLUMNS}).tables["runs"]
    fates: _Fates = {}
    for part in parts:
        began = part.column("started_at").cast(pa.int64()).to_pylist()
        rest = (part.column(name).to_pylist() for name in ("run_id", "attempt", "status"))
        for run_id, attempt, status, at in zip(*rest, began, strict=True):
            fates[run_id] = attempt, at, status
    return fates


def _table(session: SessionFolder) -> pa.Table:
    """Its runs, of which an older table may not tell the attempt nor when it began."""
    where, manifest = place_of(session.folder, RUNS_FILE), read_manifest(session.folder)
    stored = manifest.tables.get("runs") if manifest else None
    content = verified(session.folder, stored) if stored else content_of(session.folder, RUNS_FILE)
    return cast("runs", table_in(content, where, _COLUMNS), where).table
