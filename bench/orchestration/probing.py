"""Probes: who measures what a node can do at most, and when."""

from collections.abc import Sequence

from bench.orchestration.limits import Limits
from bench.orchestration.pool import Pool
from bench.orchestration.recording import Recording
from bench.orchestration.runs import Watcher
from bench.orchestration.scheduling.scheduler import Clock
from bench.orchestration.scheduling.slots import Slot, State
from bench.records.kinds import DeviceKind
from bench.records.probe import Moment, Probe

PROBE_SECONDS: dict[DeviceKind, float] = {"cpu": 120.0, "gpu": 300.0}
"""Given to a probe; a GPU's large products may be tuned for tens of seconds each before they are timed."""


class Probing:
    """Has slots probed, once for each kind of request on each node, and records what they found."""

    def __init__(
        self, limits: Limits, pool: Pool, recording: Recording, watcher: Watcher, clock: Clock
    ) -> None:
        self._limits, self._pool, self._recording, self._watcher = limits, pool, recording, watcher
        self._clock = clock

    def wanted(self, slot: Slot) -> bool:
        """Whether nobody has probed the slot's nodes for its kind of request."""
        return self._limits.wanted(slot.allocations, slot.request)

    def begin(self, slot: Slot, moment: Moment) -> None:
        """Have processes in `slot` measure."""
        slot.state, slot.moment, slot.asked = State.STARTING_PROBE, moment, self._clock()
        self._limits.asked(slot.allocations, slot.request)
        self._pool.probe(slot.slot_id, self._limits.precisions(slot.request), moment)

    def done(self, slot: Slot, probes: Sequence[Probe | None]) -> None:
        """They have measured, or could not."""
        moment, seconds = self._over(slot), self._clock() - slot.asked
        self._limits.add(slot.allocations, slot.request, probes)
        answers = list(zip(slot.allocations, probes, strict=True))
        answered = [(allocation, probe) for allocation, probe in answers if probe is not None]
        self._recording.add_probes(answered, slot.request, moment, seconds)
        for allocation, probe in answers:
            if probe is not None:
                self._watcher.probed(allocation, probe, moment)
            else:
                self._watcher.unprobed((allocation,), moment, "the probe failed")

    def failed(self, slot: Slot, why: str) -> None:
        """There will be nothing from them."""
        self._watcher.unprobed(slot.allocations, self._over(slot), why)

    @staticmethod
    def _over(slot: Slot) -> Moment:
        moment, slot.moment = slot.moment, None
        assert moment is not None
        return moment


def too_long(kind: DeviceKind) -> str:
    """Why a probe was given up at its deadline."""
    tuning = ", the tuning of a GPU's large products included" if kind == "gpu" else ""
    return f"the probe was not done after {PROBE_SECONDS[kind]:g} s{tuning}"
