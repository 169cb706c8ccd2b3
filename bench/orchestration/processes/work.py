"""What a process of a run is told to do, what it reports, and the doing itself."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from bench.data.datasets import Dataset
from bench.machine.modules import check_same_bench
from bench.orchestration.pool import Job, Result
from bench.records.kinds import DeviceKind
from bench.records.measurement import Epoch, Phase, StartMethod, Status
from bench.records.probe import Moment, Probe
from bench.records.scenario import Precision
from bench.training import runtime
from bench.training.compile_cache import CompileCache, open_cache
from bench.training.failure import describe, status_of
from bench.training.role import Role
from bench.training.run import train_run
from bench.training.runtime import Runtime


@dataclass(frozen=True)
class Probing:
    """Measure the limits of the process's device and cores, before the session's runs or after them."""

    precisions: tuple[Precision, ...]
    moment: Moment = "start"


@dataclass(frozen=True)
class Work:
    """All that a process of a run is told.

    `sources` are those of the command's `bench`, and `environ` the variables to set in the process beside
    those that it has, such as CUDA_VISIBLE_DEVICES.
    """

    do: Job | Probing
    kind: DeviceKind
    cores: tuple[int, ...]
    role: Role
    deterministic: bool
    sources: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """TensorFlow has started in the process, and all processes of the run have found each other."""


@dataclass(frozen=True)
class Limits:
    """The end of a probe; None where it could not be made."""

    probe: Probe | None


@dataclass(frozen=True)
class Results:
    """The end of a job: a result for each of its tasks."""

    results: tuple[Result, ...]


Report = Started | Phase | Epoch | Results | Limits


@dataclass(frozen=True)
class Failed:
    """The process could not start to do its work."""

    status: Status
    error: str


@dataclass(frozen=True)
class Start:
    """How a process came to be, and when it was asked for, by the host's `time.monotonic_ns`.

    `folder` is that of its node's fork server, None where there is none.
    """

    method: StartMethod
    asked_ns: int
    folder: str | None = None


Tell = Callable[[Report | Failed], None]


def perform(work: Work, start: Start, datasets: Mapping[str, Dataset], tell: Tell) -> None:
    """Do `work` in this process, which is fit for nothing else afterwards; `tell` takes what comes of it.

    Of several processes only the one that leads tells phases and epochs. Those of parameter_server that have
    nothing to do but to answer others do not return.
    """
    try:
        check_same_bench(work.sources)
        started = runtime.start(
            work.kind, work.cores, work.role, work.deterministic, _compile_cache(work, start.folder)
        )
    except Exception as problem:
        tell(Failed(status_of(problem, work.kind, bool(work.role.addresses)), describe(problem)))
        return
    seconds = (time.monotonic_ns() - start.asked_ns) / 1e9
    tell(Started())
    if _only_answers(work):
        _answer()
    elif isinstance(work.do, Probing):
        tell(Limits(_probe(work.do, started)))
    else:
        tell(Results(_train(work.do, started, datasets, tell, start.method, seconds)))


def _compile_cache(work: Work, folder: str | None) -> CompileCache | None:
    """Of the first task: a process has but one. What is kept lives in `folder`, and as long as that."""
    if folder is None or isinstance(work.do, Probing) or work.do.tasks[0].cold_compile:
        return None
    scenario = work.do.tasks[0].scenario
    return open_cache(Path(folder) / "xla", scenario, work.kind, work.cores, os.environ)


def _only_answers(work: Work) -> bool:
    """Of a parameter server's job whoever does not coordinate it, of a probe whoever does not train."""
    if work.role.strategy != "parameter_server":
        return False
    return work.role.task_type != "worker" if isinstance(work.do, Probing) else not work.role.leads


def _probe(probing: Probing, started: Runtime) -> Probe | None:
    from bench.training.probe import probe

    with contextlib.suppress(Exception):
        return probe(started, probing.precisions, probing.moment)
    return None


def _answer() -> NoReturn:
    """TensorFlow's own threads do."""
    while True:
        signal.pause()


def _train(
    job: Job,
    started: Runtime,
    datasets: Mapping[str, Dataset],
    tell: Tell,
    method: StartMethod,
    seconds: float,
) -> tuple[Result, ...]:
    def report(event: Phase | Epoch) -> None:
        if started.role.leads:
            tell(event)

    results = list[Result]()
    for task in job.tasks:
        dataset = datasets[task.scenario.dataset]
        measured, epochs = train_run(task.scenario, task.seed, dataset, started, report)
        measured = replace(measured, start_method=method, start_seconds=seconds)
        results.append(Result(measured, tuple(epochs)))
    return tuple(results)
