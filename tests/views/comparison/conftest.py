"""Comparisons to say something of, built by hand."""

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from bench.analysis.comparison import (
    Difference,
    Overall,
    ScenarioComparison,
    Side,
    SideOfScenario,
    compare,
)
from bench.analysis.estimates import OneFigure
from tests.runs import run_table

SIDE = SideOfScenario(4, 4, 4, 1, seconds=0.00123, val_accuracy=0.9773, flags=(), statuses=())


@cache
def usual(scenarios):
    """Two sides of one session, with so many scenarios of one run each."""
    a, b = (Side(f"results/of-{name}", run_table(runs(name, scenarios))) for name in ("monday", "tuesday"))
    return compare(a, [b])[0]


def runs(side, scenarios):
    """A run of each scenario, that says of itself only that it ended ok."""
    return [
        {"session_id": "s", "status": "ok", "run_id": f"{side} {number}", "scenario_id": f"scenario {number}"}
        for number in range(scenarios)
    ]


class Built:
    """Makes the parts of a comparison; what is not given is usual."""

    side = SIDE
    figure = OneFigure

    @staticmethod
    def row(label="batch 1", ratio=1.3, verdict="slower", half=0.02, settings=None, **changes):
        """A scenario with an interval of `half` times the ratio to either side."""
        known = ratio is not None and half is not None
        return replace(
            ScenarioComparison(
                label=label,
                settings=settings or {},
                setting_differences=(),
                metric="step_seconds",
                a=SIDE,
                b=replace(SIDE, seconds=0.00123 * ratio) if ratio else SIDE,
                verdict=verdict,
                reason="",
                ratio=ratio,
                low=ratio * (1 - half) if known else None,
                high=ratio * (1 + half) if known else None,
                p=0.001 if known else None,
                q=0.012 if known else None,
                smallest_difference=0.064 if known else None,
            ),
            **changes,
        )

    @staticmethod
    def failed(label="batch 7"):
        """A scenario that no run of B ended ok of."""
        b = SideOfScenario(3, 0, 0, 0, None, None, (), (("timeout", 3),))
        reason = "no run of B ended ok (3 timeout)"
        return ScenarioComparison(label, {}, (), "step_seconds", SIDE, b, "failed", reason)

    @staticmethod
    def overall(
        rows, ratio=1.3, low=1.26, high=1.34, verdict="slower", reason="", metric="step_seconds", first=0
    ):
        """The mean of `rows`, as given, of which the first is at that place of the comparison."""
        counts = Counter(row.verdict for row in rows)
        return Overall(
            metric,
            len(rows),
            ratio,
            low,
            high,
            verdict,
            reason,
            counts,
            tuple(range(first, first + len(rows))),
        )

    @staticmethod
    def basis(unit, sessions_a=1, sessions_b=1, **changes):
        """What a comparison rests on."""
        return replace(usual(1).basis, unit=unit, sessions_a=sessions_a, sessions_b=sessions_b, **changes)

    @staticmethod
    def comparison(rows, overall=None, **changes):
        """Of the sides "results/of-monday" and "results/of-tuesday", too long names for a sentence."""
        own = [row for row in rows if row.ratio is not None and row.one_figure is None]
        if overall is None:
            overall = [Built.overall(own)] if own else []
        parts = {"scenarios": tuple(rows), "overall": tuple(overall), "tested": len(rows)}
        return replace(usual(len(rows)), **parts | changes)

    @staticmethod
    def figured(label, verdict, below, above, least, most, a_times=1, b_times=4):
        """Several runs against one."""
        figure = OneFigure(max(a_times, b_times), below, above, least, most)
        a, b = (replace(SIDE, times=times) for times in (a_times, b_times))
        return Built.row(label, least, verdict, None, one_figure=figure, a=a, b=b)

    @staticmethod
    def quality(comparison, accuracies, **changes):
        """That of `comparison`, with these accuracies in place of what there is."""
        pairs = zip(comparison.quality.scenarios, accuracies, strict=True)
        told = tuple(replace(one, accuracy=accuracy) for one, accuracy in pairs)
        return replace(comparison.quality, scenarios=told, **changes)

    @staticmethod
    def difference(kind, name, a, b):
        """A fact or setting with one value on either side; None where one tells none."""
        return Difference(kind, name, *(() if value is None else (value,) for value in (a, b)))


@pytest.fixture
def built():
    """What makes the parts of a comparison."""
    return Built


@pytest.fixture
def mixed(built):
    """A comparison with something of everything."""
    faster = built.row(
        "batch 1 fused",
        0.87,
        "faster",
        setting_differences=(built.difference("settings", "loop", "fit", "fused"),),
        b=replace(SIDE, seconds=0.00107, flags=("contended",)),
    )
    unclear = built.row("batch 10 fused", 0.99, "unclear", b=SIDE)
    few = built.row(
        "batch 100 fused",
        0.99,
        "no verdict",
        None,
        reason="3 and 3 rounds reach 90 % at most, 4 and 4 needed",
    )
    rows = (faster, unclear, few, built.failed("batch 1000 fused"))
    return built.comparison(
        rows,
        [built.overall(rows[:3], 0.95, 0.94, 0.96, "faster")],
        differences=(
            built.difference("hardware", "machine", None, "H100 box"),
            built.difference("hardware", "memory_bytes", 16 * 2**30, 128 * 2**30),
            Difference("software", "tensorflow_version", ("2.20.0", "2.21.0"), ("2.21.0",)),
            built.difference("settings", "jit", True, False),
        ),
        only_a=("batch 7 fit",),
        only_b=("batch [8] fit",),
        tested=2,
    )
