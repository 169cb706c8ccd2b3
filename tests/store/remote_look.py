"""What is at a place elsewhere, and in folders here that belong to it."""

import pyarrow as pa

from bench.errors import StoreError
from bench.records.checking import check_session
from bench.records.find import find_sessions
from bench.records.folders import Local
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest, read_pieces
from bench.records.segments import SEGMENTS
from tests.store.kills import mismatches
from tests.store.remote_driver import FEW, fate_of, place_at


def look(uri, folders):
    """Of each session there its runs and what is "wrong" with it; of those in `folders` their runs."""
    there, here = {}, {}
    root = place_at(uri, 3).reading
    try:
        found = find_sessions(root).sessions
    except (pa.ArrowException, OSError, StoreError):
        found = ()
    for session in found:
        wrong = []
        fates = _fates(session.folder, wrong)
        checked = check_session(session)
        wrong += [f"is damaged: {line}" for line in checked.damage]
        there[session.folder.path.rpartition("/")[2]] = {"fates": fates, "wrong": wrong}
    for folder in folders:
        for session in find_sessions(Local(str(folder))).sessions if folder.exists() else ():
            here.setdefault(_name(session.folder), []).extend(_fates(session.folder, []))
    return there, here


def differences(uri, session, undisturbed):
    """What is wrong with the one that has ended, and what lies beside it that belongs to nobody."""
    place = place_at(uri, 3)
    ours = place.below(session)
    yield from mismatches(uri.replace("?", f"/{session}?"), ours.reading, undisturbed, FEW.runs)
    manifest = read_manifest(ours.reading)
    named = {FILE_NAME, MANIFEST_FILE, *(file.name for file in manifest.tables.values())}
    named |= {file.name for one in manifest.segments for file in one.files.values()}
    files = {it.base_name for it in ours.infos()}
    files |= {f"{SEGMENTS}/{it.base_name}" for it in ours.infos(SEGMENTS)}
    yield from (f"{name} is left there" for name in sorted(files - named))
    yield from (f"{it.base_name} is left beside the sessions" for it in place.infos())


def _fates(folder, wrong):
    """Those of its runs, see `fate`; lines on what of it is damaged or twice are added to what is `wrong`."""
    content = read_pieces(folder)
    wrong += content.notes
    fates, names = [], []
    for part in content.tables["runs"]:
        names += part.column("run_id").to_pylist()
        columns = (part.column(name) for name in ("run_id", "attempt", "status"))
        began = part.column("started_at").cast(pa.int64())
        fates += map(fate_of, *(column.to_pylist() for column in (*columns, began)))
    if len(set(names)) < len(names):
        wrong.append(f"has {len(names) - len(set(names))} runs twice")
    return fates


def _name(folder):
    return read_pieces(folder, {"runs": ()}).header.get("session_id")
