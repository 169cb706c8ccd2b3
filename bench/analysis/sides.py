"""Sides of a comparison: sets of runs, and what of them is independent where two are held together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bench.analysis.decision import FEWEST_SESSIONS, level_of_runs, level_of_sessions
from bench.errors import BenchError
from bench.records.run_table import RunTable
from bench.records.tables import Row

Unit = Literal["run", "session", "pair of sessions", "none"]

_HARDWARE = ("machine_id", "node")


@dataclass(frozen=True, eq=False)
class Side:
    """Runs that are compared as one, the rows of `machines` that they ran on, and what people call them."""

    name: str
    runs: RunTable
    machines: Sequence[Row] = field(default=())


@dataclass(frozen=True)
class Basis:
    """What the verdicts of a comparison rest on.

    `unit` is what counts as one independent look. "run": the runs of the `sessions_a` sessions that hold both
    sides. "session": the sessions of each side. "pair of sessions": sessions that hold both sides, which ran
    on different hardware. "none": fewer sessions than `FEWEST_SESSIONS` a side, which tell of no machine.
    `left_out_a` and `left_out_b` are the runs of sessions that only one side has, where others hold both.
    `apart` says that all runs of one side had begun before the other side's did, None where times are not
    known or the sides share sessions. `level` is the false discovery rate at which verdicts hold.
    """

    unit: Unit
    level: float
    sessions_a: int
    sessions_b: int
    left_out_a: int = 0
    left_out_b: int = 0
    apart: bool | None = None


@dataclass(frozen=True)
class Held:
    """Two sides held together: the runs of each that count, and what they can tell."""

    basis: Basis
    a: RunTable
    b: RunTable


def held_together(a: Side, b: Side, confidence: float) -> Held:
    """The runs of `a` and `b` that are compared; BenchError where a run is on both sides."""
    both = set(a.runs.codes("run_id").distinct()) & set(b.runs.codes("run_id").distinct())
    if both:
        raise BenchError(
            f"{a.name} and {b.name} have {len(both):,} run{'s' if len(both) > 1 else ''} in common; "
            "choose sides that exclude each other"
        )
    sessions = [set(side.runs.codes("session_id").distinct()) for side in (a, b)]
    shared = sessions[0] & sessions[1]
    if not shared:
        enough = min(map(len, sessions)) >= FEWEST_SESSIONS
        apart = _apart(a.runs, b.runs)
        unit: Unit = "session" if enough else "none"
        level = level_of_sessions(confidence)
        basis = Basis(unit, level, len(sessions[0]), len(sessions[1]), apart=apart)
        return Held(basis, a.runs, b.runs)
    runs = [_of_sessions(side.runs, shared) for side in (a, b)]
    pairs = len(shared) >= FEWEST_SESSIONS and _differ_in_hardware(*runs)
    basis = Basis(
        "pair of sessions" if pairs else "run",
        level_of_sessions(confidence) if pairs else level_of_runs(confidence),
        len(shared),
        len(shared),
        len(a.runs) - len(runs[0]),
        len(b.runs) - len(runs[1]),
    )
    return Held(basis, *runs)


def _of_sessions(runs: RunTable, sessions: set[Any]) -> RunTable:
    return runs.take(runs.codes("session_id").among(sorted(sessions)))


def _differ_in_hardware(a: RunTable, b: RunTable) -> bool:
    """Whether the two sides have no machine, or no node, in common."""
    known = [[set(side.codes(name).distinct()) for side in (a, b)] for name in _HARDWARE]
    return any(own and other and not own & other for own, other in known)


def _apart(a: RunTable, b: RunTable) -> bool | None:
    times = [side.numbers("started_at") for side in (a, b)]
    if not all(column.known.any() for column in times):
        return None
    (first_a, last_a), (first_b, last_b) = (_ends(column.values[column.known]) for column in times)
    return bool(last_a < first_b or last_b < first_a)


def _ends(values: np.ndarray[Any, Any]) -> tuple[int, int]:
    return int(values.min()), int(values.max())
