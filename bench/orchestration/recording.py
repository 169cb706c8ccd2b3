"""From what a process reports to the rows of a session's tables."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bench.machine.fingerprint import Fingerprint
from bench.orchestration.limits import Limits
from bench.orchestration.pool import Result
from bench.orchestration.runs import Cluster, Run
from bench.orchestration.scheduling.request import Allocation, Allocations, Request
from bench.records.earlier import Earlier
from bench.records.measurement import Measurement
from bench.records.probe import Moment, Probe, probe_columns
from bench.records.recorder import Recorder
from bench.records.suite import Suite
from bench.records.tables import Identity, Row, epoch_row, machine_row, run_row


@dataclass(frozen=True)
class Stay:
    """Where a run was, since when (None: it never began), how long it had waited, and how long it took."""

    allocations: Allocations
    started_at: datetime.datetime | None = None
    queue_seconds: float | None = None
    occupied_seconds: float | None = None


@dataclass(frozen=True)
class Ended:
    """A run that is over, with what came of it; `stay` is None for one that had no slot."""

    run: Run
    result: Result
    stay: Stay | None = None


class Recording:
    """Puts together each row from what the driver knows and what was measured, and records it."""

    def __init__(self, suite: Suite, cluster: Cluster, recorder: Recorder, limits: Limits) -> None:
        self._suite, self._cluster, self._recorder, self._limits = suite, cluster, recorder, limits

    @property
    def session_id(self) -> str:
        """The session's name."""
        return self._recorder.session_id

    def run_id(self, run: Run) -> str:
        """The run's name: the same for all of its attempts."""
        return f"{self.session_id}-{run.key}-{run.round}"

    def earlier(self, run: Run) -> Earlier | None:
        """What became of `run` before the session was resumed."""
        return self._recorder.earlier.get(self.run_id(run))

    def add_probes(
        self,
        probed: Iterable[tuple[Allocation, Probe]],
        request: Request,
        moment: Moment,
        seconds: float | None = None,
    ) -> None:
        """Rows of `machines`, of probes that took so many `seconds` from being asked for to their answer."""
        asked = request.strategy, request.workers, request.deterministic
        self._recorder.add_machines(
            machine_row(
                self.session_id,
                self._cluster.fingerprints[allocation.node.node_id],
                probe_columns(probe, moment, *asked, seconds),
            )
            for allocation, probe in probed
        )

    def add_runs(self, ended: Sequence[Ended]) -> list[Row]:
        """The rows of `runs` for these, which are on the disk when this returns."""
        rows = [self._row(it) for it in ended]
        self._recorder.add_runs(
            [
                (row, [epoch_row(row["run_id"], epoch) for epoch in it.result.epochs])
                for row, it in zip(rows, ended, strict=True)
            ]
        )
        return rows

    def _row(self, ended: Ended) -> Row:
        run, stay = ended.run, ended.stay
        fingerprint = self._cluster.fingerprints.get(stay.allocations[0].node.node_id) if stay else None
        known = self._beside(run, ended.result.measurement, fingerprint, stay)
        return run_row(self._identity(run, fingerprint, stay), run.point.scenario, run.seed, known)

    def _beside(
        self, run: Run, measured: Measurement, fingerprint: Fingerprint | None, stay: Stay | None
    ) -> Measurement:
        """`measured`, with what its process could not know."""
        if run.attempt + run.lost_before > 1:
            measured = replace(measured, flags=(*measured.flags, "retried"))
        if fingerprint and measured.device_name is None:
            measured = replace(measured, device_name=_device_name(run.request, fingerprint))
        return (
            self._limits.beside(measured, run.point.scenario, stay.allocations, run.request)
            if stay
            else measured
        )

    def _identity(self, run: Run, fingerprint: Fingerprint | None, stay: Stay | None) -> Identity:
        scenario, measure = run.point.scenario, self._suite.measure
        allocations = stay.allocations if stay else ()
        nodes = tuple(allocation.node.name for allocation in allocations) or (
            (run.node.name,) if run.node else ()
        )
        return Identity(
            run_id=self.run_id(run),
            session_id=self.session_id,
            suite=self._suite.name,
            sweep=run.point.sweep,
            scenario_id=scenario.scenario_id,
            label=run.point.label,
            round=run.round,
            order=run.order,
            attempt=run.attempt + run.lost_before,
            started_at=(stay and stay.started_at) or datetime.datetime.now(datetime.UTC),
            machine_id=fingerprint.machine_id if fingerprint else None,
            software_id=fingerprint.software_id if fingerprint else None,
            machine=fingerprint.machine if fingerprint else None,
            node=nodes[0] if nodes else None,
            machines=tuple(self._cluster.fingerprints[p.node.node_id].machine for p in allocations) or None,
            nodes=nodes or None,
            dataset_sha256=self._cluster.dataset_sha256.get(scenario.dataset),
            queue_seconds=stay.queue_seconds if stay else None,
            occupied_seconds=stay.occupied_seconds if stay else None,
            wanted_precision=measure.precision,
            max_rounds=measure.max_rounds,
        )


def _device_name(request: Request, fingerprint: Fingerprint) -> str | None:
    """What a run of `request` trained on, where its process did not live to say."""
    built = fingerprint.hardware
    if request.kind == "cpu":
        return built.cpu_name
    return built.gpus[0].name if built.gpus else None
