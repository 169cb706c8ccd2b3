"""A driver that keeps its results elsewhere, as `bench run --resume --results s3://…` does."""

import datetime
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.fs

from bench.errors import BenchError
from bench.records import claims, part_folders
from bench.records.remote import results, trial, upload
from bench.records.remote.mirror import Mirror
from bench.records.remote.place import Place
from bench.records.remote.results import RemoteResults
from bench.records.remote.spool import VARIABLE
from tests.scale.cases import Case, suite_of
from tests.store.driver import recorder_of, run

FEW = Case(scenarios=8, rounds=4, nodes=4, lengths="lognormal")
RUN_SECONDS = 0.01
"""So that there is a while in which they are recorded."""
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Machine:
    """One of some name, with a folder of sessions that are to be elsewhere."""

    name: str
    spool: Path


def drive_elsewhere(uri, machine, session, tell, tries=3):
    """Go on with the newest session there or here, else begin `session`, up to its end.

    `tell` gets pairs: what of a run counts as "done", how many of those told are "there", lines that a user
    is "told", the error that "refused" all, and at last the name of the session that has "ended", and a line
    on what of it is "left" here. The client of the place `tries` what fails so often.
    """
    hurry()
    claims._boot = lambda: machine.name
    try:
        place, environ = place_at(uri, tries), {VARIABLE: str(machine.spool)}
        _drive(RemoteResults(place, lambda line: tell(("told", line)), environ), session, tell)
    except BenchError as error:
        tell(("refused", str(error)))


def _drive(remote, session, tell):
    suite, _ = suite_of(FEW)
    begun = remote.session_to_resume(suite, False)
    remote.upload_left()
    recorder = recorder_of(begun, remote.folder / session, FEW)
    done = []

    def tell_runs(rows):
        fates = [fate(row) for row in rows]
        done.extend(fates)
        time.sleep(RUN_SECONDS)
        tell(("done", (recorder.session_id, fates)))

    class TellingMirror(Mirror):
        def copy(self, **options):
            known = len(done)
            super().copy(**options)
            if self.folder == recorder.folder:
                tell(("there", known))

    results.Mirror = TellingMirror
    recorder.tell = tell_runs
    remote.begin(recorder.folder)
    with recorder:
        run(recorder, FEW)
    tell(("ended", recorder.session_id))
    tell(("left", remote.finish()))


def fate(row):
    """What tells an attempt of a run from all others."""
    began = (row["started_at"] - EPOCH) // datetime.timedelta(microseconds=1)
    return fate_of(row["run_id"], row["attempt"], row["status"], began)


def fate_of(run_id, attempt, status, microseconds):
    return f"{run_id} {attempt} {status} {microseconds}"


def place_at(uri, tries):
    endpoint = uri.rpartition("=")[2]
    retrying = pyarrow.fs.AwsStandardS3RetryStrategy(max_attempts=tries)
    client = pyarrow.fs.S3FileSystem(
        scheme="http", endpoint_override=endpoint, retry_strategy=retrying, allow_delayed_open=True
    )
    return replace(Place.of(uri), filesystem=client)


def hurry():
    """Looks are close together, and what another machine left counts as left at once."""
    upload.LOOK_SECONDS, upload.JOURNAL_SECONDS, upload.LONGEST_PAUSE_SECONDS = 0.01, 0.0, 0.05
    claims.STALE_SECONDS, trial.LEFT_SECONDS, part_folders.LEFT_SECONDS = -1.0, -1.0, -1.0
