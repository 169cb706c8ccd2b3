"""A pool of slots that nobody holds, on a clock of its own: a session without processes."""

import dataclasses
import heapq
import itertools
import time

from bench.orchestration.pool import EpochDone, Finished, PhaseBegan, Probed, Ready, Result, Started
from bench.records.measurement import Epoch, Measurement

WINDOWS = 4
EPOCHS = tuple(
    Epoch(
        epoch=number,
        steps=500,
        train_seconds=0.512,
        eval_seconds=0.0256,
        elapsed_seconds=0.5376 * number,
        learning_rate=0.001,
        train_loss=0.4375,
        train_accuracy=0.875,
        val_loss=0.25,
        val_accuracy=0.9375,
        window_seconds=(0.128,) * WINDOWS,
        window_steps=(125,) * WINDOWS,
    )
    for number in range(1, 6)
)
WORK = ("build", "compile", "warm-up", "stage", "train", "evaluate")
EVENTS_OF_A_RUN = 1 + len(WORK) + len(EPOCHS) + 1


def measurement():
    """Of a run that ended ok, with a value in most columns: rows of the usual length."""
    values = {}
    for field in dataclasses.fields(Measurement):
        kind = str(field.type)
        if kind.startswith("float"):
            values[field.name] = 0.123456789012345
        elif kind.startswith("int"):
            values[field.name] = 123456
    return Measurement(**values | {"status": "ok", "device_name": "A CPU", "step_seconds": 0.001024})


class Clock:
    """Seconds that pass only while somebody waits."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class SimulatedPool:
    """A `Pool` whose slots open at once and whose runs take as long as `seconds` has for their scenario's id.

    `events`, `opened`, `submitted` and `waits` are how many there were, and `cpu_seconds` what the simulation
    itself took.
    """

    def __init__(self, clock, seconds):
        self._clock, self._seconds, self._measurement = clock, seconds, measurement()
        self._allocations, self._ahead, self._numbers = {}, [], itertools.count()
        self._busy = set()
        self.events = self.opened = self.submitted = self.waits = 0
        self.cpu_seconds = 0.0

    def open(self, allocations, request):  # noqa: ARG002 -- a pool's
        self.opened += 1
        self._allocations[self.opened] = allocations
        self._plan(0.0, Ready(self.opened))
        return self.opened

    def awaits(self, slot):
        return f"slot {slot}"

    def probe(self, slot, precisions, moment):  # noqa: ARG002 -- a pool's
        self._plan(0.0, Started(slot))
        self._plan(0.0, Probed(slot, (None,) * len(self._allocations[slot])))

    def submit(self, slot, job):
        began = time.process_time()
        assert slot in self._allocations, "was closed"
        assert slot not in self._busy, "has a job"
        self._busy.add(slot)
        self.submitted += 1
        (task,) = job.tasks
        seconds = self._seconds[task.scenario.scenario_id]
        result = Result(self._measurement, EPOCHS)
        events = (
            Started(slot),
            *(PhaseBegan(slot, phase) for phase in WORK[:5]),
            *(EpochDone(slot, epoch) for epoch in EPOCHS),
            PhaseBegan(slot, WORK[5]),
            Finished(slot, (result,)),
        )
        for number, event in enumerate(events, start=1):
            self._plan(seconds * number / len(events), event)
        self.cpu_seconds += time.process_time() - began

    def wait(self, seconds):
        """All events of the moment that is next."""
        began = time.process_time()
        self.waits += 1
        until, ahead = self._clock.now + seconds, self._ahead
        assert ahead, "nothing would ever happen"
        if ahead[0][0] > until:
            self._clock.now = until
            return []
        self._clock.now, found = ahead[0][0], []
        while ahead and ahead[0][0] == self._clock.now:
            event = heapq.heappop(ahead)[2]
            if event.slot in self._allocations:
                found.append(event)
                if type(event) is Finished:
                    self._busy.discard(event.slot)
        self.events += len(found)
        self.cpu_seconds += time.process_time() - began
        return found

    def close(self, slot):
        self._allocations.pop(slot, None)
        self._busy.discard(slot)

    def _plan(self, seconds, event):
        heapq.heappush(self._ahead, (self._clock.now + seconds, next(self._numbers), event))
