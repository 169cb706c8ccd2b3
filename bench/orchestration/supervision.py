"""What happens in slots: their starts and ends, deadlines, attempts, and nodes that are lost."""

import datetime
from dataclasses import replace

from bench.orchestration.pool import (
    Died,
    EpochDone,
    Event,
    Finished,
    Job,
    PhaseBegan,
    Pool,
    Probed,
    Ready,
    Result,
    Started,
    Task,
)
from bench.orchestration.probing import PROBE_SECONDS, Probing, too_long
from bench.orchestration.recording import Ended, Recording, Stay
from bench.orchestration.runs import Watcher
from bench.orchestration.scheduling.scheduler import Clock, Scheduler
from bench.orchestration.scheduling.slots import Deadlines, Slot, State
from bench.records.measurement import Measurement, Status
from bench.records.suite import Measure

START_SECONDS = 300.0  # processes that have not imported TensorFlow and found each other by then never will


class Supervisor:
    """Sees every run that has a slot through to its end, or to its next attempt."""

    def __init__(
        self,
        measure: Measure,
        scheduler: Scheduler,
        pool: Pool,
        probing: Probing | None,
        recording: Recording,
        watcher: Watcher,
        clock: Clock,
        cold_compile: bool,
    ) -> None:
        """Without `probing` slots are not probed; with `cold_compile` every run compiles everything."""
        self._cold_compile = cold_compile
        self._measure, self._scheduler, self._pool, self._clock = measure, scheduler, pool, clock
        self._probing, self._recording, self._watcher = probing, recording, watcher
        self._deadlines = Deadlines()
        self._ended: list[Ended] = []
        self._free: list[Slot] = []

    @property
    def next_deadline(self) -> float | None:
        """When something has to be looked at; None where nothing is awaited."""
        return self._deadlines.next()

    def take_ended(self) -> tuple[list[Ended], list[Slot]]:
        """What has ended since the last call, and the slots that are free for it and still open."""
        ended, self._ended = self._ended, []
        free, self._free = self._free, []
        return ended, [slot for slot in free if slot.slot_id in self._scheduler.slots]

    def opened(self, slot: Slot) -> None:
        """`slot` was opened."""
        self._deadlines.set(slot.slot_id, self._clock() + START_SECONDS)

    def submit(self, slot: Slot) -> None:
        """Give the slot's run to processes."""
        run = slot.run
        assert run is not None
        slot.state, slot.began = State.STARTING_RUN, self._clock()
        slot.started_at = datetime.datetime.now(datetime.UTC)
        self._deadlines.set(slot.slot_id, slot.began + START_SECONDS)
        task = Task(self._recording.run_id(run), run.point.scenario, run.seed, self._cold_compile)
        self._pool.submit(slot.slot_id, Job((task,)))
        self._watcher.started(run, slot.allocations)

    def probe(self, slot: Slot) -> None:
        """Have an idle slot measure its limits: before its run, or at the session's end."""
        assert self._probing is not None
        self._probing.begin(slot, "start" if slot.run else "end")
        self._deadlines.set(slot.slot_id, self._clock() + START_SECONDS)

    def handle(self, event: Event) -> None:
        """One thing that happened in a slot."""
        slot = self._scheduler.slots.get(event.slot)
        if slot is None:  # closed while the event was on its way
            return
        match event:
            case Ready():
                self._ready(slot)
            case Started():
                self._started(slot)
            case Probed():
                self._probed(slot, event)
            case PhaseBegan() if slot.run:
                self._watcher.phase(slot.run, event.phase)
            case EpochDone() if slot.run:
                self._watcher.epoch(slot.run, event.epoch)
            case Finished() if slot.trains:
                self._finished(slot, event)
            case Died():
                self._died(slot, event)

    def expire(self) -> None:
        """End what is past its deadline."""
        for slot_id in self._deadlines.passed(self._clock()):
            slot = self._scheduler.slots.get(slot_id)
            if slot is not None:
                self._expired(slot)

    def cancel(self, why: str) -> list[Ended]:
        """Every run that is under way, as cancelled."""
        cancelled = Result(Measurement(status="cancelled", error=why))
        slots = self._scheduler.slots.values()
        return [Ended(slot.run, cancelled, self._stay(slot)) for slot in slots if slot.run and slot.trains]

    def _ready(self, slot: Slot) -> None:
        if slot.run is None or (self._probing and self._probing.wanted(slot)):
            self.probe(slot)
        else:
            self.submit(slot)

    def _started(self, slot: Slot) -> None:
        if slot.probes:
            slot.state, allowed = State.PROBING, PROBE_SECONDS[slot.request.kind]
        else:
            slot.state, allowed = State.RUNNING, self._measure.timeout_seconds
        self._deadlines.set(slot.slot_id, self._clock() + allowed)

    def _probed(self, slot: Slot, event: Probed) -> None:
        assert self._probing is not None
        self._probing.done(slot, event.probes)
        if slot.run is not None:
            self.submit(slot)
        else:
            self._deadlines.clear(slot.slot_id)
            slot.state = State.IDLE

    def _finished(self, slot: Slot, event: Finished) -> None:
        (result,) = event.results
        self._deadlines.clear(slot.slot_id)
        if event.node_id is not None:  # before it is asked where else the run could go
            self._scheduler.drop(event.node_id)
        if not (result.measurement.status == "lost" and self._again(slot)):
            self._end(slot, result)
        self._scheduler.let_go(slot)
        if event.broken:
            self._scheduler.close(slot.slot_id)
        else:
            self._free.append(slot)
        if event.node_id is not None:
            self._lose(event.node_id, "lost", result.measurement.error or "its node was lost")

    def _died(self, slot: Slot, event: Died) -> None:
        if event.node_id is not None:
            self._lose(event.node_id, event.status, event.error)
        if event.slot in self._scheduler.slots:
            self._abandon(slot, event.status, event.error)

    def _lose(self, node_id: str, status: Status, error: str) -> None:
        """A node is gone, and with it every process there, whether it has told so yet or not."""
        self._scheduler.drop(node_id)
        for slot in [s for s in self._scheduler.slots.values() if node_id in s.node_ids]:
            self._abandon(slot, status, error)

    def _expired(self, slot: Slot) -> None:
        if slot.state is State.RUNNING:
            limit = self._measure.timeout_seconds
            error = f"still running after {limit:g} s; raise --timeout or timeout_seconds"
            self._abandon(slot, "timeout", error)
        elif slot.state is State.PROBING:
            self._abandon(slot, "lost", too_long(slot.request.kind))
        else:
            awaited = self._pool.awaits(slot.slot_id)
            self._abandon(slot, "lost", f"not started within {START_SECONDS:g} s: waits for {awaited}")

    def _abandon(self, slot: Slot, status: Status, error: str) -> None:
        """It is gone or must go. A probe that took it along costs the run that waited for it nothing."""
        self._deadlines.clear(slot.slot_id)
        run = slot.run
        if slot.moment is not None and self._probing is not None:
            self._probing.failed(slot, error)
            self._scheduler.close(slot.slot_id)
            if run is not None:
                self._scheduler.add(run)
            return
        if run is not None and not (status == "lost" and self._again(slot)):
            self._end(slot, Result(Measurement(status=status, error=error)))
        self._scheduler.close(slot.slot_id)

    def _again(self, slot: Slot) -> bool:
        """Once more, and first, in fresh processes, as often as the suite says."""
        run = slot.run
        assert run is not None
        if run.attempt > self._measure.retries or self._scheduler.infeasible(run.request):
            return False
        self._scheduler.add(replace(run, attempt=run.attempt + 1))
        return True

    def _end(self, slot: Slot, result: Result) -> None:
        assert slot.run is not None
        self._ended.append(Ended(slot.run, result, self._stay(slot)))

    def _stay(self, slot: Slot) -> Stay:
        if slot.began is None:
            return Stay(slot.allocations)
        waited, held = slot.began - slot.since, self._clock() - slot.began
        return Stay(slot.allocations, slot.started_at, waited, held)
