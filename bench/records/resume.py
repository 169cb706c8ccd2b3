"""Which session goes on where it was left, and whether it may."""

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from bench.errors import StoreError, reason
from bench.paths import is_file
from bench.records.earlier import ANEW, EarlierSession
from bench.records.folders import Folder, Local, by_lines
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE
from bench.records.pieces import read_manifest
from bench.records.seal import BEGINNING, unsealed
from bench.records.suite import Suite
from bench.records.tables import JOURNAL_VERSION, Row, check_version


def session_to_resume(results: Path, suite: Suite, every_node: bool) -> Path | None:
    """The folder of the newest session in `results` that all scenarios of `suite` belong to.

    None where no session there is of a suite of that name. Raises StoreError where those that are have other
    scenarios, ran on each node where this one does not, or the reverse, or are a newer bench's.
    """
    found = sorted(_sessions(results, suite.name), key=lambda pair: pair[1]["session_id"], reverse=True)
    for folder, header in found:
        if not _others(suite, header):
            _check(folder, header, every_node)
            return folder
    if found:
        folder, header = found[0]
        if refused := lacking(str(folder), suite, header):
            raise refused
    return None


def lacking(where: str, suite: Suite, header: Row) -> StoreError | None:
    """The error for a session, named as `where`, that not all scenarios of `suite` belong to; None else."""
    labels = _others(suite, header)
    if not labels:
        return None
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return StoreError(
        f"{where}: has no scenario {labels[0]}{more}; give the suite and settings that it was begun "
        f"with, or {ANEW}"
    )


def check_data(folder: Path, earlier: EarlierSession, dataset_sha256: Mapping[str, str]) -> None:
    """Raises StoreError where a run of the `earlier` session saw other data than `dataset_sha256` names."""
    for name, seen in earlier.datasets:
        if dataset_sha256.get(name, seen) != seen:
            raise StoreError(
                f"{folder}: its runs saw another {name} ({seen[:12]}, not {dataset_sha256[name][:12]}); "
                f"give that one by --data, or {ANEW}"
            )


def check_machines(folder: Path, earlier: EarlierSession, machine_ids: Collection[str]) -> None:
    """Raises StoreError where none of `machine_ids` took part in the `earlier` session.

    Else a folder that was copied here to be compared would pass for runs of this machine.
    """
    seen = earlier.machines
    if seen and not any(one.machine_id in machine_ids for one in seen):
        machines = ", ".join(dict.fromkeys(one.machine or "unknown" for one in seen))
        raise StoreError(f"{folder}: ran on other machines ({machines}); {ANEW}, or give another --results")


def _sessions(results: Path, suite_name: str) -> Iterator[tuple[Path, Row]]:
    try:
        folders = {path.parent for name in (FILE_NAME, MANIFEST_FILE) for path in results.glob(f"*/{name}")}
    except OSError as error:
        message = f"{results}: cannot be searched: {reason(error)}; give another --results"
        raise StoreError(message) from error
    for folder in sorted(folders):
        header = _header(folder)
        if header.get("suite") == suite_name and isinstance(header.get("session_id"), str):
            yield folder, header


def header_in(folder: Folder) -> Row:
    """The first entry of the journal in a session's `folder`, else what its manifest says of the session.

    Empty where neither can be read, which `bench show` explains.
    """
    with (
        contextlib.suppress(OSError, pa.ArrowException, StoreError),
        by_lines(folder.open(FILE_NAME)) as file,
    ):
        if header := header_of(file.readline()):
            return header
    with contextlib.suppress(StoreError):
        if manifest := read_manifest(folder):
            return dict(manifest.session)
    return {}


def header_of(line: bytes) -> Row:
    """What the first line of a journal says; empty where it is none."""
    with contextlib.suppress(StoreError, ValueError, RecursionError):
        entry = unsealed(line) if line.startswith(BEGINNING) else json.loads(line)
        if isinstance(entry, dict) and "suite" in entry:
            return entry
    return {}


def _header(folder: Path) -> Row:
    """Of a folder of this machine, where a pipe would be waited for."""
    if any((folder / name).exists() and not is_file(folder / name) for name in (FILE_NAME, MANIFEST_FILE)):
        return {}
    return header_in(Local(str(folder)))


def _others(suite: Suite, header: Row) -> list[str]:
    """The scenarios that the session was not begun with, by sweep and label."""
    begun = header.get("scenarios")
    known = frozenset(map(str, begun)) if isinstance(begun, list) else frozenset()
    return [f"{p.sweep}/{p.label}" for p in suite.points if p.scenario.scenario_id not in known]


def _check(folder: Path, header: Row, every_node: bool) -> None:
    check_version(header.get("schema_version", 1), str(folder), JOURNAL_VERSION)
    if header.get("every_node", False) != every_node:
        begun = "with --every-node: give it, too" if not every_node else "without --every-node: leave it out"
        raise StoreError(f"{folder}: was begun {begun}, or {ANEW}")
