"""When a session began, as cheaply as that can be told."""

from bench.records.find import RUNS_FILE, SessionFolder
from bench.records.listing import Told, from_pieces, from_tables, has_ended, is_usual, least, opened_runs
from bench.records.manifest import Manifest
from bench.records.pieces import read_manifest
from bench.records.plausible import can_be_time
from bench.records.stored import place_of

EARLIEST = -(2**63)
"""When a session began that does not say it."""


def began(session: SessionFolder) -> tuple[str, int] | None:
    """What a session is called, and the microseconds from 1970 until its first run began; None without a run.

    As cheaply as that can be told: of one that has ended by the footer of a table. Published results say no
    time, and count as older than all others. Raises StoreError for one that is damaged.
    """
    manifest = read_manifest(session.folder)
    told = _from_footer(session, manifest) if manifest and manifest.tables else None
    if told is None:
        told = from_tables(session, manifest) if has_ended(session, manifest) else from_pieces(session.folder)
    if not told.runs:
        return None
    return told.session_id or "", EARLIEST if told.began is None else told.began


def _from_footer(session: SessionFolder, manifest: Manifest) -> Told | None:
    """The name and the time alone; None where the footer does not tell it."""
    told = Told()
    told.named(manifest.session.get("session_id"), manifest.session.get("suite"))
    with opened_runs(session, place_of(session.folder, RUNS_FILE)) as file:
        told.runs, told.began = file.metadata.num_rows, least(file.metadata, "started_at")
        is_clear = is_usual(file.schema_arrow) and told.began is not None and can_be_time(told.began)
    return told if is_clear and told.session_id else None
