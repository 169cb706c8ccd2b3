"""Who is who among the processes of one run. No Ray here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.orchestration.placement import Need, Place, Places
from bench.records.kinds import DeviceKind
from bench.training.member import Member, Role


@dataclass(frozen=True)
class Seat:
    """A process of a run: its part, and where it sits. `bundle` is the number of the worker beside it.

    What `trains` holds its place's cores and GPUs. The chief and the servers of parameter_server train
    nothing: they share the cores of the workers on their node.
    """

    role: Role
    index: int
    place: Place
    bundle: int

    @property
    def trains(self) -> bool:
        """Whether it computes gradients, on devices of its own."""
        return self.role == "worker"

    def kind(self, need: Need) -> DeviceKind:
        """What its TensorFlow sees: a GPU's memory is only for those that train on it."""
        return need.kind if self.trains else "cpu"


def seats(need: Need, places: Places) -> tuple[Seat, ...]:
    """The processes of a run on `places`, which has one for each worker; who reports comes first."""
    workers = tuple(Seat("worker", number, place, number) for number, place in enumerate(places))
    if need.strategy != "parameter_server":
        return workers
    chief = Seat("chief", 0, _beside(places, 0), 0)
    # From the last worker's node on backwards, since the chief is on the first's.
    numbers = [-1 - number % len(places) for number in range(need.servers)]
    servers = (
        Seat("ps", index, _beside(places, number), number % len(places))
        for index, number in enumerate(numbers)
    )
    return (chief, *workers, *servers)


def member(need: Need, seat: Seat, addresses: Mapping[Role, tuple[str, ...]]) -> Member:
    """What the process at `seat` is told of itself and the others."""
    return Member(need.strategy, need.devices, seat.role, seat.index, addresses)


def by_role(seated: Sequence[Seat], addresses: Sequence[str]) -> dict[Role, tuple[str, ...]]:
    """The address of each of `seated`, by role and in order."""
    found: dict[Role, tuple[str, ...]] = {}
    for seat, address in zip(seated, addresses, strict=True):
        found[seat.role] = (*found.get(seat.role, ()), address)
    return found


def _beside(places: Places, number: int) -> Place:
    """All cores of the workers on the node of worker `number`, and none of their GPUs."""
    node = places[number].node
    cores = {core for place in places if place.node == node for core in place.cores}
    return Place(node, tuple(sorted(cores)))
