"""What holds an allocation on Ray: an actor that gives each job a process of its own. No TensorFlow here."""

import os
import queue
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ray  # noqa: TID253 -- one of the modules that own Ray

from bench.data.datasets import Dataset
from bench.errors import BenchError
from bench.orchestration.on_ray.endings import Broken, End
from bench.orchestration.processes.death import Birth, birth
from bench.orchestration.processes.launch import Process, ProcessDied, launch
from bench.orchestration.processes.lifeline import die_with_parent
from bench.orchestration.processes.work import Limits, Report, Results, Work

Told = Report | Broken
"""What a process tells of its job: that it has started first, and its `End` last, once it is gone."""


class SlotActor:
    """Plain class; `part` makes it an actor, whose methods Ray calls in threads, several at a time.

    `datasets` are references, by name. Of Ray's own accord its process would outlive the node's daemon, by
    half a minute and more.
    """

    def __init__(self, datasets: Mapping[str, Any]) -> None:
        die_with_parent(os.getppid())
        self._datasets = datasets
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._stopped = 0
        self._reserved: socket.socket | None = None
        self._told = queue.SimpleQueue[Told]()

    def introduce(self) -> Birth:
        """What is to be known of this process in case it dies."""
        return birth()

    def live(self) -> None:
        """Never returns: its end is this process's, whatever else is asked of it."""
        threading.Event().wait()

    def reserve(self) -> int:
        """A TCP port that is the next process's alone until the one after it is reserved.

        A port that is only looked for and let go again can be somebody else's when TensorFlow's server binds
        it. This one stays bound, and TensorFlow is told to share it (SO_REUSEPORT, see socket(7): only
        sockets of one user that all ask for it may).
        """
        if self._reserved is not None:
            self._reserved.close()
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("", 0))
        return int(self._reserved.getsockname()[1])

    def work(self, number: int, work: Work, address: str | None) -> list[Told]:
        """Do `work`, the slot's job of that `number`, in a process of its own; gives what `hear` does.

        `address` is that of the node's fork server.
        """
        self._told = queue.SimpleQueue()
        threading.Thread(target=self._follow, args=(number, work, address), name="run", daemon=True).start()
        return self.hear()

    def hear(self) -> list[Told]:
        """What the process has told since it was heard last, once there is something."""
        told = [self._told.get()]
        while not self._told.empty():
            told.append(self._told.get())
        return told

    def stop(self, number: int) -> None:
        """End the process of job `number`, be it still to come."""
        with self._lock:
            self._stopped = number
            if self._process is not None:
                self._process.kill()

    def _follow(self, number: int, work: Work, address: str | None) -> None:
        tell: End = Broken("failed", "its process ended without a word of how")
        try:
            process = launch(address, replace(work, environ=_devices()), self._reserved, self._dataset)
            with self._lock:
                self._process = process
            if number <= self._stopped:
                process.kill()
            for report in process.reports():
                if isinstance(report, Results | Limits):
                    tell = report
                else:
                    self._told.put(report)
            process.kill()  # its end is not told before it has ended
        except ProcessDied as died:
            tell = Broken(died.status, died.error, stopped=number <= self._stopped)
        except BenchError as error:
            tell = Broken("failed", str(error))
        except Exception as error:  # as unforeseen as it may be, the slot goes on
            tell = Broken("failed", f"{type(error).__name__}: {error}")
        self._told.put(tell)

    def _dataset(self, name: str) -> Dataset:
        found: Dataset = ray.get(self._datasets[name])
        return found


def _devices() -> dict[str, str]:
    """The variables by which Ray has told this process which GPUs and the like are its own."""
    from ray._private.accelerators import get_all_accelerator_managers

    names = {manager.get_visible_accelerator_ids_env_var() for manager in get_all_accelerator_managers()}
    return {name: os.environ[name] for name in names if name and name in os.environ}
