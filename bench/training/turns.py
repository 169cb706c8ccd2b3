"""How long one turn of a compiled loop takes, when neither its launch nor its end condition is in the figure.

Two things beside the work itself take time. The launch: a call has enough turns to drown it. And on a GPU
the end of a loop whose number of turns is a tensor: XLA copies the condition to the host and waits for it,
every turn. A loop whose number of turns the compiler knows (`known_trip_count` in the compiled program) is
run without asking, so such a loop stands inside the one that is calibrated. Source: XLA's WhileThunk and
WhileLoopTripCountAnnotator.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf  # noqa: TID253 -- only training modules import this file

from bench.records.kinds import DeviceKind

SECONDS = 0.15  # of repetition per figure, beside the calls that compile it
TURN_SECONDS = 0.03  # of one call of a compiled loop: its launch is lost in it
CHUNK_SECONDS = 0.005  # of one chunk on a GPU: the 20 µs of its end condition are lost in it
UNROLLED = 8  # bodies one after the other, so that the loop's own counter is lost in them
CALIBRATION_CALLS = 2
CALIBRATION_GROWTH = 1.1
State = tuple[Any, ...]
"""Tensors that a loop carries."""


@dataclass(frozen=True)
class Chunk:
    """The inner loop: so many trips, a constant of the program, of so many bodies one after the other."""

    trips: int = 1
    bodies: int = 1

    @property
    def turns(self) -> int:
        """How often a chunk does the work that is measured."""
        return self.trips * self.bodies


ONE = Chunk()
"""No inner loop."""


def chunk_for(kind: DeviceKind, least_seconds: float) -> Chunk:
    """So many turns, none of which is quicker than `least_seconds`, that a chunk takes CHUNK_SECONDS.

    On a CPU the end condition costs nothing that a chunk would save.
    """
    turns = math.ceil(CHUNK_SECONDS / least_seconds)
    if kind == "cpu" or turns == 1:
        return ONE
    bodies = min(turns, UNROLLED)
    return Chunk(math.ceil(turns / bodies), bodies)


def seconds_per_turn(body: Callable[..., State], start: State, chunk: Chunk = ONE) -> float:
    """Seconds in which `body` makes the next state of a state; enough turns drown what is beside it."""
    loop = looped(body, chunk)

    def call(count: int) -> Any:  # noqa: ANN401
        return loop(start, tf.constant(count))

    chunks, times = _chunks(call)
    return min(_times(partial(call, chunks), SECONDS, known=times)) / (chunks * chunk.turns)


def looped(body: Callable[..., State], chunk: Chunk = ONE) -> Any:  # noqa: ANN401 -- a tf.function
    """(state, chunks) → one number of the last tensor of what becomes of the state in so many, compiled."""

    def trip(number: Any, *state: Any) -> State:  # noqa: ANN401
        for _ in range(chunk.bodies):
            state = body(*state) if chunk.bodies == 1 else _apart(body(*state))
        return number + 1, *state

    def chunks(number: Any, *state: Any) -> State:  # noqa: ANN401
        if chunk.trips == 1:  # XLA would make one loop of the two, but not always as quick a one
            return trip(number, *state)
        _, *state_then = _while(lambda done, *_: done < chunk.trips, trip, state)
        return number + 1, *state_then

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
    def loop(state: State, count: Any) -> Any:  # noqa: ANN401
        state = _while(lambda done, *_: done < count, chunks, state)
        return tf.reshape(state[-1], [-1])[0]

    return loop


def _while(condition: Callable[..., Any], body: Callable[..., State], state: State) -> State:
    """Without `maximum_iterations`, which joins the condition and hides the number of trips from XLA."""
    return tuple(tf.while_loop(condition, body, (tf.constant(0), *state), parallel_iterations=1))


def _apart(state: State) -> State:
    """`state`, but XLA does not see through it: two bodies in a row are not made one, nor parts left out."""
    from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_optimization_barrier

    return tuple(xla_optimization_barrier(list(state)))


def _chunks(call: Callable[[int], Any]) -> tuple[int, list[float]]:
    """So many that a call of them takes TURN_SECONDS even when nothing disturbs it; seconds of such calls.

    The best of several calls counts: by a single one that something held up, a few turns would do, and the
    launch would be most of what is measured.
    """
    count = 1
    _wait(call(count))  # compiles
    while (best := min(times := _times(partial(call, count), least=CALIBRATION_CALLS))) < TURN_SECONDS:
        count = math.ceil(count * max(CALIBRATION_GROWTH * TURN_SECONDS / best, CALIBRATION_GROWTH))
    return count, times


def shortest_seconds(function: Callable[..., Any], *arguments: Any) -> float:  # noqa: ANN401
    """The shortest of the calls that fill SECONDS, after one that compiles."""
    _wait(function(*arguments))
    return min(_times(partial(function, *arguments), SECONDS))


def _times(
    call: Callable[[], Any], seconds: float = 0.0, least: int = 1, known: Iterable[float] = ()
) -> list[float]:
    """Seconds of each of so many calls that they fill `seconds`, beside those that are `known`."""
    times = list(known)
    while len(times) < least or sum(times) < seconds:
        start = time.perf_counter_ns()
        _wait(call())
        times.append((time.perf_counter_ns() - start) / 1e9)
    return times


def _wait(result: Any) -> None:  # noqa: ANN401
    """Read one number of the result: the device has finished when it is here."""
    tf.reshape(result, [-1])[0].numpy()
