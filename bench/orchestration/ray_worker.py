"""The process of a run, as a Ray actor: imports TensorFlow once, then trains one run after another."""

import queue
import threading
from collections.abc import Iterator

from bench.data.datasets import Dataset
from bench.orchestration.pool import Task
from bench.records.kinds import DeviceKind
from bench.records.measurement import Epoch, Measurement
from bench.records.probe import Probe
from bench.records.scenario import Precision


class RayWorker:
    """Plain class; `ray_pool` makes it an actor, so that Ray is imported there alone."""

    def start(self, kind: DeviceKind, cores: tuple[int, ...]) -> None:
        """Pin, import TensorFlow, and set devices and threads. Once per process."""
        from bench.training import runtime

        self._runtime = runtime.start(kind, cores)

    def probe(self, precisions: tuple[Precision, ...]) -> Probe:
        """The limits of this process's device and cores."""
        from bench.training.probe import probe

        return probe(self._runtime, precisions)

    def run(self, task: Task, dataset: Dataset) -> Iterator[Epoch | tuple[Measurement, tuple[Epoch, ...]]]:
        """Each epoch as it ends, then the measurement with all epochs.

        Training has a thread of its own, since neither `model.fit` nor a callback can yield; this one only
        waits. Epochs leave between timed windows.
        """
        from bench.training.run import train_run

        events: queue.SimpleQueue[Epoch | tuple[Measurement, tuple[Epoch, ...]]] = queue.SimpleQueue()

        def train() -> None:
            measurement, epochs = train_run(task.scenario, task.seed, dataset, self._runtime, events.put)
            events.put((measurement, tuple(epochs)))

        threading.Thread(target=train, name="train", daemon=True).start()
        while True:
            event = events.get()
            yield event
            if isinstance(event, tuple):
                return
