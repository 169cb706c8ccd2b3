"""A process of a run, as a Ray actor: imports TensorFlow once, then trains one run after another."""

import queue
import socket
import threading
from collections.abc import Iterator, Mapping

from bench.data.datasets import Dataset
from bench.machine.modules import check_same_bench
from bench.orchestration.pool import Task
from bench.orchestration.processes.death import Birth, birth
from bench.records.kinds import DeviceKind
from bench.records.measurement import Epoch, Measurement, Phase
from bench.records.probe import Probe
from bench.records.scenario import Precision
from bench.training.role import Role

Report = Phase | Epoch | tuple[Measurement, tuple[Epoch, ...]]


class RayWorker:
    """Plain class; `ray_pool` makes it an actor, so that Ray is imported there alone."""

    def introduce(self, reserve: bool) -> tuple[Birth, int]:
        """What is to be known of this process in case it dies, and the port that it reserves, or 0."""
        return birth(), self._reserve() if reserve else 0

    def _reserve(self) -> int:
        """A TCP port that is this process's alone until it ends.

        A port that is only looked for and let go again can be somebody else's when TensorFlow's server binds
        it. This one stays bound, and TensorFlow is told to share it (SO_REUSEPORT, see socket(7): only
        sockets of one user that all ask for it may).
        """
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("", 0))
        return int(self._reserved.getsockname()[1])

    def start(
        self,
        kind: DeviceKind,
        cores: tuple[int, ...],
        role: Role,
        deterministic: bool,
        sources: Mapping[str, str],
    ) -> None:
        """Pin, import TensorFlow, set devices and threads, and find the others. Once per process.

        Raises BenchError where this is not the `bench` whose `sources` these are.
        """
        check_same_bench(sources)
        from bench.training import runtime

        self._runtime = runtime.start(kind, cores, role, deterministic)

    def live(self) -> None:
        """Never returns: its end is the process's, whatever else the process is asked for."""
        threading.Event().wait()

    def probe(self, precisions: tuple[Precision, ...]) -> Probe:
        """The limits of this process's device and cores."""
        from bench.training.probe import probe

        return probe(self._runtime, precisions)

    def run(self, task: Task, dataset: Dataset) -> Iterator[Report]:
        """Each phase as it begins, each epoch as it ends, then the measurement with all epochs.

        Of a gang, those that do not lead it yield their measurement alone. Training has a thread of its own,
        since neither `model.fit` nor a callback can yield; this one only waits. Epochs leave between timed
        windows.
        """
        from bench.training.run import train_run

        events: queue.SimpleQueue[Report] = queue.SimpleQueue()
        leads = self._runtime.role.leads

        def report(event: Phase | Epoch) -> None:
            if leads:
                events.put(event)

        def train() -> None:
            measurement, epochs = train_run(task.scenario, task.seed, dataset, self._runtime, report)
            events.put((measurement, tuple(epochs)))

        threading.Thread(target=train, name="train", daemon=True).start()
        while True:
            event = events.get()
            yield event
            if isinstance(event, tuple):
                return
