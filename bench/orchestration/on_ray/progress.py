"""What the processes of a slot's job have told of it so far, and what that makes of it. No Ray here."""

from collections.abc import Iterable, Sequence

from bench.orchestration.on_ray.endings import End, Ending, problem, results
from bench.orchestration.pool import EpochDone, Event, Finished, Job, PhaseBegan, Probed, SlotId
from bench.orchestration.pool import Started as AllStarted
from bench.orchestration.processes.group import ProcessSpec
from bench.orchestration.processes.work import Limits, Probing, Report, Results, Started
from bench.orchestration.scheduling.request import Request
from bench.records.measurement import Epoch


class Progress:
    """Of `what` a slot does, as number `number` of its jobs and probes, in processes as they are `specified`.

    Who tells of a run is the first of them.
    """

    def __init__(
        self,
        slot: SlotId,
        number: int,
        what: Job | Probing,
        request: Request,
        specified: Sequence[ProcessSpec],
    ) -> None:
        self.number, self.what = number, what
        self._slot, self._request, self._specs = slot, request, specified
        self._started = set[ProcessSpec]()
        self._early = list[Event]()
        self._epochs = list[Epoch]()
        self._ends = dict[ProcessSpec, End]()

    def takes_part(self, spec: ProcessSpec) -> bool:
        """Whether the process ends by itself: of a parameter server's job the one that coordinates alone."""
        if isinstance(self.what, Probing):
            return spec.trains
        return self._request.strategy != "parameter_server" or spec == self._specs[0]

    def told(self, spec: ProcessSpec, reports: Iterable[Report]) -> list[Event]:
        """What it means that the process reports this.

        What is told before all processes are up waits for that: what several of them tell overtakes another.
        """
        events = list[Event]()
        for report in reports:
            if isinstance(report, Started):
                self._started.add(spec)
                if len(self._started) == len(self._specs):
                    events += [AllStarted(self._slot), *self._early]
                continue
            event: Event
            if isinstance(report, Epoch):
                self._epochs.append(report)
                event = EpochDone(self._slot, report)
            else:
                assert isinstance(report, str)
                event = PhaseBegan(self._slot, report)
            (events if len(self._started) == len(self._specs) else self._early).append(event)
        return events

    def ended(self, spec: ProcessSpec, end: End) -> None:
        """How the process ended."""
        self._ends[spec] = end

    @property
    def open(self) -> list[ProcessSpec]:
        """The processes that have not ended."""
        return [spec for spec in self._specs if spec not in self._ends]

    @property
    def needless(self) -> bool:
        """Whether those that are open need not go on: one broke, or all that take part have done theirs."""
        broke = any(problem(end) is not None for end in self._ends.values())
        return broke or not any(map(self.takes_part, self.open))

    @property
    def lost(self) -> bool:
        """Whether one of several was lost, or has lost another."""
        return len(self._specs) > 1 and any(problem(end) == "lost" for end in self._ends.values())

    @property
    def decided(self) -> bool:
        """Whether no further end changes what came of a run: it was over, or broke for a reason."""
        leader = self._ends.get(self._specs[0])
        over = isinstance(leader, Results) and problem(leader) is None
        return over or any(problem(end) not in (None, "lost") for end in self._ends.values())

    def conclusion(self, broken: bool = False, node_id: str | None = None) -> Event:
        """What came of it all, from those processes that have ended."""
        if isinstance(self.what, Probing):
            ends = [self._ends.get(spec) for spec in self._specs if spec.trains]
            return Probed(self._slot, tuple(end.probe if isinstance(end, Limits) else None for end in ends))
        ended = {spec: self._ending(spec, end) for spec, end in self._ends.items()}
        leader = ended.get(self._specs[0])
        told = results(len(self.what.tasks), list(ended.values()), leader, self._epochs)
        return Finished(self._slot, told, broken, node_id)

    def _ending(self, spec: ProcessSpec, end: End) -> Ending:
        return Ending(title(self._request, spec), spec.allocation.node.node_id, end)


def title(request: Request, spec: ProcessSpec) -> str:
    """Which process of several it is, before a text about it; empty where there is but one."""
    return f"{spec.task_type} {spec.index} on {spec.allocation.node.name}: " if request.grouped else ""
