"""Sessions that began when a test says, on machines that it names: the rest is `tests.doctored`'s."""

import datetime
from pathlib import Path

from bench.records.journal import Journal
from bench.records.recorder import Recorder
from tests import doctored

NOON = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)


def session(
    folder: Path, name: str, hours: float | None, ended: bool = True, speed: float = 1.0, **where: str
) -> Path:
    """Writes the session `name` into `folder`, and gives its own.

    It began so many `hours` after noon, or does not say when; its steps take 1 / `speed` times as long, and
    `where` has columns of its runs and its machines, such as `machine_id`.
    """
    made = doctored.content()
    began = None if hours is None else NOON + datetime.timedelta(hours=hours)
    ids = {"session_id": name}
    machines = [{**row, **ids, **where} for row in made.machines]
    runs = [
        {**row, **ids, **where, "run_id": f"{name}-{row['run_id']}", "started_at": began} for row in made.runs
    ]
    for row in runs:
        row["step_seconds"] /= speed
    header = {"suite": "doctored", "scenarios": made.header["scenarios"]}
    if ended:
        with Recorder.begin(folder / name, name, header) as recorder:
            recorder.add_machines(machines)
            recorder.add_runs([(row, []) for row in runs])
        return folder / name
    (folder / name).mkdir(parents=True)
    with Journal(folder / name) as journal:
        journal.append("session", session_id=name, **header)
        journal.extend({"kind": "machine", "row": row} for row in machines)
        journal.extend({"kind": "run", "row": row, "epochs": []} for row in runs)
    return folder / name
