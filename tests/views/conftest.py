"""Renderables as text, summaries to render, and the progress of a session."""

import io

import pytest
from rich.console import Console

from bench.analysis.summary import ScenarioSummary
from bench.views.progress import Progress

SUMMARY = ScenarioSummary(
    suite="a suite",
    sweep="batch-size",
    label="batch_size=10000 loop=fused",
    scenario_id="0123456789ab",
    session_id="session",
    machine="AMD EPYC 7763, 64 cores",
    machine_id="aaaaaaaaaaaa",
    software_id="77aa02bbbbbb",
    sessions=1,
    runs=3,
    rounds=3,
    ok=3,
    step_seconds=0.0169,
    step_seconds_low=None,
    step_seconds_high=None,
    step_precision=None,
    wanted_precision=None,
    precision_reached=None,
    max_rounds=None,
    spread=0.0123,
    samples_per_second=591_000.0,
    train_seconds=0.42,
    wall_seconds=1.97,
    compile_seconds=0.905,
    train_accuracy=0.7662,
    val_accuracy=0.8109,
    best_val_accuracy=0.8110,
    test_accuracy=0.7898,
    flops_per_second=150e9,
    limit_fraction=0.62,
    bound_by="compute",
    peak_host_bytes=2.0**30,
    peak_device_bytes=None,
    energy_joules=None,
    target_accuracy=None,
    target_reached=0,
    target_runs=0,
    target_seconds=None,
    failures=(),
    flags=(("unstable", 2), ("contended", 1)),
    error=None,
)


@pytest.fixture
def summary():
    """A summary of three ok runs, two of them flagged."""
    return SUMMARY


@pytest.fixture
def rendered():
    """Call with a renderable and a width; gives the lines that a terminal shows, without styles."""

    def render(renderable, width):
        console = Console(width=width, file=io.StringIO())
        console.print(renderable)
        return console.file.getvalue().splitlines()

    return render


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    """A session of the scenarios a and b in three rounds, just begun."""
    begun = Progress("A title", clock=clock)
    begun.begin({"a": 3, "b": 3}, 3)
    return begun
